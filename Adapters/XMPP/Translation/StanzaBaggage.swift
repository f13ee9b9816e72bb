// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import XMLStream

import struct NIOCore.ByteBuffer

/// Extensions that no envelope has a field for: elements of a message stanza that travel as they are from one XMPP
/// server to another.
///
/// What comes from the network is somebody else's octets. Each piece is parsed and written anew, so that it can be
/// nothing but one element inside the stanza, and what the envelope itself says is never said a second time by a piece.
struct StanzaBaggage {
    /// The origin of such baggage.
    static let origin = "xmpp"
    /// The name of the piece that holds the language which the extensions inherit.
    static let language = "xml:lang"
    /// The most octets of one message's pieces; what an adapter hands over is not more.
    private static let octetLimit = 131_072

    private let fragments = XMLFragmentReader(vocabulary: Names.vocabulary)
    let addresses: AddressMap

    init(addresses: AddressMap) {
        self.addresses = addresses
    }

    /// The language that the pieces inherit, if they say so.
    static func language(of details: Envelope.Details) -> String? {
        guard let piece = details.baggage.first(where: { $0.origin == origin && $0.name == language }),
            piece.octets.readableBytes <= 64
        else { return nil }
        return String(buffer: piece.octets)
    }

    /// Writes the pieces of an envelope and returns the names of the fields that they stand for; nil where a piece cannot
    /// be written that must not be left out.
    func write(
        _ details: Envelope.Details,
        of source: Address,
        sealed: BodyPart?,
        to buffer: inout ByteBuffer,
        _ losses: inout [Loss]
    ) -> Set<XMLName>? {
        var covered: Set<XMLName> = []
        let start = buffer.writerIndex
        for piece in details.baggage {
            guard piece.origin == StanzaBaggage.origin else {
                if piece.isCritical { return nil }
                losses.append(Loss("\(piece.origin):\(piece.name)", reason: Losses.notCarried))
                continue
            }
            if piece.name == StanzaBaggage.language { continue }
            guard let element = fragments.read(piece.octets),
                isLegal(element, details, from: source.domain, sealed, &covered),
                buffer.writerIndex - start + piece.octets.readableBytes <= StanzaBaggage.octetLimit
            else {
                if piece.isCritical { return nil }
                losses.append(Loss("xmpp:\(piece.name)", reason: "no element that may stand here"))
                continue
            }
            element.write(to: &buffer, within: Names.client)
        }
        return covered
    }

    /// Whether the element may stand in the stanza.
    private func isLegal(
        _ element: XMLElement,
        _ details: Envelope.Details,
        from source: Domain,
        _ sealed: BodyPart?,
        _ covered: inout Set<XMLName>
    ) -> Bool {
        switch element.name {
        case Names.endToEnd:
            // The body is what was judged, so no other object may stand in its place, or beside it.
            let object = SealedObject.read(element)
            guard object.map({ SealedObject.isSame($0, sealed) }) ?? (sealed == nil) else { return false }
            return covered.insert(Names.endToEnd).inserted
        case Names.delay: return takeDelay(element, details, from: source, &covered)
        case Names.nick:
            guard String(buffer: element.text) == details.sourceName?.text else { return false }
            return covered.insert(Names.nick).inserted
        case Names.addresses:
            guard Recipients.hidden(in: element) == 0 else { return false }
            // A list that no field holds is carried; one that says something else than the field is not.
            if !details.otherRecipients.isEmpty {
                guard Recipients.read(element, addresses) == details.otherRecipients else { return false }
            }
            return covered.insert(Names.addresses).inserted
        case Names.body, Names.subject, Names.thread, Names.error, Names.message, Names.presence, Names.iq,
            Names.chatState, Names.receiptRequest, Names.receipt, Names.marker, Names.markable, Names.replace,
            Names.html, Names.envelope, Names.outcome:
            // The envelope says these, and what it says is checked.
            return false
        default:
            return !Names.isOwn(element.namespace)
        }
    }

    /// XEP-0203 §5: a stamp in somebody else's name than the sender's server is no good.
    private func takeDelay(
        _ element: XMLElement,
        _ details: Envelope.Details,
        from source: Domain,
        _ covered: inout Set<XMLName>
    ) -> Bool {
        if let witness = element.attribute(Names.from) {
            guard let jid = JID(witness, names: addresses.names), jid.domain == source else { return false }
        }
        guard let stamp = element.string(Names.stamp), let utc = Stamp.utc(stamp) else { return false }
        if utc == details.sentAt.flatMap(Stamp.utc) { covered.insert(Names.delay) }
        return true
    }
}
