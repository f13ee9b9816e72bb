// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

public import struct NIOCore.ByteBuffer

/// Writes presence documents: UTF-8 with an XML declaration, without white space between elements, in the order of the
/// schema (RFC 3863 §4.4).
///
/// Whatever XML cannot hold is written as U+FFFD. A ``PresenceTuple/show`` is told in three ways, for readers of
/// different descent: as `show` of jabber:client (RFC 8048 §6.2), as `im` of pidf:im (RFC 3922 §5.1.4), and by an
/// activity of RPID where it holds for the person and not for one device alone.
public enum PIDFWriter {
    static let declaration: StaticString = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"

    /// The document as octets of its own.
    public static func octets(of document: PresenceDocument) -> ByteBuffer {
        var out = ByteBuffer()
        write(document, into: &out)
        return out
    }

    /// Writes the document behind what stands in `out`.
    public static func write(_ document: PresenceDocument, into out: inout ByteBuffer) {
        out.reserveCapacity(out.writerIndex + 256 + 320 * document.tuples.count)
        out.writeStaticString(
            """
            <?xml version="1.0" encoding="UTF-8"?><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="
            """
        )
        out.writePIDFValue(document.entity)
        out.writeStaticString("\">")
        for tuple in document.tuples { write(tuple, into: &out) }
        for note in document.notes { write(note, into: &out) }
        for element in document.extensions { out.writeImmutableBuffer(element) }
        if let hint = hint(for: document) { out.writeImmutableBuffer(hint.octets) }
        out.writeStaticString("</presence>")
    }

    private static func write(_ tuple: PresenceTuple, into out: inout ByteBuffer) {
        out.writeStaticString("<tuple id=\"")
        out.writePIDFValue(PIDFTupleID.isLegal(tuple.id) ? tuple.id : PIDFTupleID.encode(tuple.id))
        out.writeStaticString("\">")
        writeStatus(tuple, into: &out)
        for element in tuple.extensions { out.writeImmutableBuffer(element) }
        if let contact = tuple.contact {
            if let priority = tuple.contactPriority, ContactPriority.thousandths(priority) != nil {
                out.writeStaticString("<contact priority=\"")
                out.writeString(priority)
                out.writeStaticString("\">")
            } else {
                out.writeStaticString("<contact>")
            }
            out.writePIDFText(contact)
            out.writeStaticString("</contact>")
        }
        for note in tuple.notes { write(note, into: &out) }
        if let timestamp = tuple.timestamp {
            out.writeStaticString("<timestamp>")
            out.writePIDFText(timestamp)
            out.writeStaticString("</timestamp>")
        }
        out.writeStaticString("</tuple>")
    }

    private static func writeStatus(_ tuple: PresenceTuple, into out: inout ByteBuffer) {
        switch tuple.basic {
        case .open: out.writeStaticString("<status><basic>open</basic>")
        case .closed: out.writeStaticString("<status><basic>closed</basic>")
        case nil: out.writeStaticString("<status>")
        }
        switch tuple.show {
        case .away:
            out.writeStaticString(
                """
                <show xmlns="jabber:client">away</show><im xmlns="urn:ietf:params:xml:ns:pidf:im">away</im>
                """
            )
        case .xa:
            out.writeStaticString(
                """
                <show xmlns="jabber:client">xa</show><im xmlns="urn:ietf:params:xml:ns:pidf:im">away</im>
                """
            )
        case .dnd:
            out.writeStaticString(
                """
                <show xmlns="jabber:client">dnd</show><im xmlns="urn:ietf:params:xml:ns:pidf:im">busy</im>
                """
            )
        case .chat: out.writeStaticString("<show xmlns=\"jabber:client\">chat</show>")
        case nil: break
        }
        for element in tuple.statusExtensions { out.writeImmutableBuffer(element) }
        out.writeStaticString("</status>")
    }

    private static func write(_ note: LocalizedText, into out: inout ByteBuffer) {
        out.writeStaticString("<note")
        if let language = note.language {
            out.writeStaticString(" xml:lang=\"")
            out.writePIDFValue(language)
            out.writeStaticString("\"")
        }
        // Or a reader may take white space at its edges for the layout (XML 1.0 §2.10).
        if let first = note.text.utf8.first, let last = note.text.utf8.last, first.isXMLSpace || last.isXMLSpace {
            out.writeStaticString(" xml:space=\"preserve\"")
        }
        out.writeStaticString(">")
        out.writePIDFText(note.text)
        out.writeStaticString("</note>")
    }
}
