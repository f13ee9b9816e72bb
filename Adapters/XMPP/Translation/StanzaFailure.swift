// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import XMLStream

import struct NIOCore.ByteBuffer

/// A stanza of type `error`: word that a message of ours did not arrive. It is never answered (RFC 6120 §8.3.1).
struct StanzaFailure {
    /// The `id` of the stanza that failed.
    var id: ByteBuffer
    /// Whom it was for.
    var destination: Address
    /// Who had sent it.
    var source: Address
    /// The form in which its sender was shown.
    var form: AddressForm
    /// What became of it.
    var outcome: Outcome

    /// The most octets of a text for people that is passed on.
    private static let textLimit = 512
    /// The most seconds that somebody is told to wait: a day.
    private static let retryLimit: UInt32 = 86_400

    /// Reads an error stanza; nil where it names nothing that we could have sent.
    init?(_ stanza: XMLElement, from: JID, _ addresses: AddressMap) {
        guard let id = stanza.attribute(Names.id), id.readableBytes > 0,
            let to = stanza.attribute(Names.to).flatMap({ JID($0, names: addresses.names) }),
            let (source, form) = addresses.foreignAddress(of: to), let destination = addresses.localAddress(of: from)
        else { return nil }
        self.id = id
        self.source = source
        self.destination = destination
        self.form = form
        outcome = StanzaFailure.outcome(of: stanza, addresses)
    }

    /// The outcome that an error stanza means (standards reference F.6).
    static func outcome(of stanza: XMLElement, _ addresses: AddressMap) -> Outcome {
        // What another aggregator had to say.
        let other = stanza.child(Names.outcome)
        let exact = other?.string(Names.code).flatMap { UInt16($0) }
        let retry = other?.string(Names.retryAfter).flatMap { UInt32($0) }
        guard let error = stanza.child(Names.error) else {
            return Outcome(.internalError, "an error without a condition")
        }
        var found = StanzaError("undefined-condition", error.string(Names.type) ?? "")
        var details = Outcome.Details()
        for child in error.children {
            switch child.name {
            case Names.stanzaText:
                details.text = String(decoding: child.text.readableBytesView.prefix(textLimit), as: UTF8.self)
                details.language = child.string(Names.lang)
            case Names.gone, Names.redirect:
                found.condition = child.name == Names.gone ? "gone" : "redirect"
                details.newAddress = newAddress(child.text, addresses)
            default:
                if child.unknownNamespace == Names.stanzas { found.condition = child.unknownLocalName }
            }
        }
        var code = StanzaErrors.code(for: found)
        // An error is no delivery, whatever it claims.
        if let exact, (3_000..<6_000).contains(exact) { code = OutcomeCode(rawValue: exact) }
        if let retry, code.isTemporary {
            details.retryAfter = min(retry, retryLimit)
            details.text = details.text.flatMap { RetryText.removing(retry, from: $0) }
        }
        if details.text == nil { details.text = found.condition }
        return Outcome(code, details: details)
    }

    /// The address in an `xmpp:` or `im:` URI.
    private static func newAddress(_ uri: ByteBuffer, _ addresses: AddressMap) -> Address? {
        let text = String(decoding: uri.readableBytesView, as: UTF8.self)
        guard let colon = text.firstIndex(of: ":"), ["xmpp", "im"].contains(text[..<colon].lowercased()) else {
            return nil
        }
        let path = text[text.index(after: colon)...].prefix { $0 != "?" }
        guard !path.contains("%"), let jid = JID(ByteBuffer(substring: path), names: addresses.names) else {
            return nil
        }
        return addresses.localAddress(of: jid)
    }
}
