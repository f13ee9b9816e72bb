// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import MessageFormats
import XMLStream

import struct NIOCore.ByteBuffer

/// Presence documents as bodies.
enum PresenceBody {
    enum Fault: Error {
        /// Another media type (E34).
        case otherType
        /// No presence document, though it is called one.
        case broken
    }

    static func write(_ document: PresenceDocument) -> Body {
        var out = ByteBuffer(string: "<?xml version='1.0' encoding='UTF-8'?><presence xmlns='urn:ietf:params:xml:ns:pidf'")
        out.writeString(" entity='")
        out.writeXMLValue(document.entity)
        out.writeString("'>")
        for tuple in document.tuples {
            out.writeString("<tuple id='")
            out.writeXMLValue(tuple.id)
            out.writeString("'><status>")
            if let basic = tuple.basic { out.writeString("<basic>\(basic.rawValue)</basic>") }
            if let show = tuple.show { out.writeString("<show xmlns='jabber:client'>\(show.rawValue)</show>") }
            out.writeString("</status>")
            for octets in tuple.extensions { out.writeImmutableBuffer(octets) }
            if let contact = tuple.contact {
                out.writeString("<contact")
                if let priority = tuple.contactPriority { out.writeString(" priority='\(priority)'") }
                out.writeString(">")
                out.writeXMLText(contact)
                out.writeString("</contact>")
            }
            for note in tuple.notes {
                out.writeString("<note")
                DetailsWriter.writeLanguage(note.language, to: &out)
                out.writeString(">")
                out.writeXMLText(note.text)
                out.writeString("</note>")
            }
            if let timestamp = tuple.timestamp { out.writeString("<timestamp>\(timestamp)</timestamp>") }
            out.writeString("</tuple>")
        }
        for note in document.notes {
            out.writeString("<note")
            DetailsWriter.writeLanguage(note.language, to: &out)
            out.writeString(">")
            out.writeXMLText(note.text)
            out.writeString("</note>")
        }
        out.writeString("</presence>")
        return .parts([BodyPart(mediaType: PresenceDocument.mediaType, octets: out)])
    }

    static func read(_ body: Body) -> Result<PresenceDocument, Fault> {
        guard case .success(let parts) = MIMEEntity.parts(of: body), let part = parts.first else {
            return .failure(.broken)
        }
        guard MediaType(part.mediaType)?.essence == PresenceDocument.mediaType, !part.isOpaque else {
            return .failure(.otherType)
        }
        let parser = XMLStreamParser(vocabulary: vocabulary)
        parser.feed(ByteBuffer(string: "<x>"))
        var octets = part.octets
        if octets.readableBytesView.starts(with: Array("<?xml".utf8)),
            let end = octets.readableBytesView.firstIndex(of: UInt8(ascii: ">"))
        {
            octets.moveReaderIndex(to: end + 1)
        }
        parser.feed(octets)
        guard parser.failure == nil, case .stanza(let root)? = parser.events.last, root.name == name("presence"),
            let entity = root.string(name("entity"))
        else { return .failure(.broken) }
        var document = PresenceDocument(entity: entity)
        for child in root.children {
            if child.name == name("tuple") { document.tuples.append(tuple(child)) }
            if child.name == name("note") { document.notes.append(note(child)) }
        }
        return .success(document)
    }

    private static func tuple(_ element: XMLElement) -> PresenceTuple {
        var tuple = PresenceTuple(id: element.string(name("id")) ?? "")
        for child in element.children {
            if child.name == name("status") {
                tuple.basic = child.child(name("basic")).flatMap {
                    PresenceTuple.Basic(rawValue: String(buffer: $0.text))
                }
                tuple.show = child.child(name("show")).flatMap { PresenceTuple.Show(rawValue: String(buffer: $0.text)) }
            }
            if child.name == name("note") { tuple.notes.append(note(child)) }
            if child.name == name("timestamp") { tuple.timestamp = String(buffer: child.text) }
            if child.name == name("contact") {
                tuple.contact = String(buffer: child.text)
                tuple.contactPriority = child.string(name("priority"))
            }
        }
        return tuple
    }

    private static func note(_ element: XMLElement) -> LocalizedText {
        LocalizedText(String(buffer: element.text), language: element.string(name("lang")))
    }

    private static let words = [
        "presence", "tuple", "status", "basic", "show", "note", "timestamp", "contact", "entity", "id", "priority", "lang",
    ]

    private static func name(_ word: String) -> XMLName {
        XMLName(rawValue: UInt16((words.firstIndex(of: word) ?? 100) + 1))
    }

    private static let vocabulary = XMLVocabulary(
        words.map { .init(name($0), "urn:ietf:params:xml:ns:pidf", $0) }
            + ["entity", "id", "priority"].map { .init(name($0), "", $0) }
            + [
                .init(name("lang"), "http://www.w3.org/XML/1998/namespace", "lang"),
                .init(name("show"), "jabber:client", "show"),
            ]
    )
}

enum PIDFTupleID {
    static func encode(_ text: String) -> String { "ID-" + text }
    static func decode(_ id: String) -> String { id.hasPrefix("ID-") ? String(id.dropFirst(3)) : id }
}

enum ContactPriority {
    static func literal(for priority: Int8) -> String {
        if priority == 127 { return "1" }
        let thousandths = String(Int(priority) * 1000 / 127)
        return "0." + String(repeating: "0", count: 3 - thousandths.count) + thousandths
    }

    static func priority(of literal: String) -> Int8? {
        guard let value = Double(literal), (0...1).contains(value) else { return nil }
        let thousandths = Int((value * 1000).rounded())
        let found = (0...127).first { $0 * 1000 / 127 >= thousandths } ?? 127
        return Int8(value < 1 ? min(found, 126) : found)
    }
}

enum PresenceURI {
    static func pres(_ address: Address) -> String { "pres:" + encoded(address) }
    static func im(_ address: Address) -> String { "im:" + encoded(address) }

    static func names(_ address: Address, _ uri: String) -> Bool { uri == pres(address) }

    private static func encoded(_ address: Address) -> String {
        String(buffer: address.localPart) + "@" + address.domain.name
    }
}

enum PresenceExtension {
    enum Form {
        case own
        case written(ByteBuffer)
        case refused
    }

    static func octets(of element: XMLElement) -> ByteBuffer? { nil }
    static func stanzaForm(of octets: ByteBuffer) -> Form { .refused }
}

enum PresenceEnvelope {
    static func write(priority: Int8) -> ByteBuffer {
        ByteBuffer(string: "<env xmlns='urn:imx:envelope:0' priority='\(priority)'/>")
    }

    static func priority(_ octets: ByteBuffer) -> Int8? { nil }
}
