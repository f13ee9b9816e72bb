// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import XMLStream

import struct NIOCore.ByteBuffer

/// What a message stanza turned out to be.
enum MessageReading {
    /// Something to pass on, and the form in which its sender addressed the recipient.
    case envelope(Envelope, AddressForm)
    /// Something that its sender is told we do not take.
    case refused(Outcome)
    /// Something that nobody hears about.
    case dropped(DropKind)
    /// Word that a stanza of ours did not arrive.
    case failure(StanzaFailure)

    /// Why nobody hears about it.
    enum DropKind: Hashable {
        /// A chat state without a message.
        case chatState
        /// A receipt or a marker.
        case report
        /// A stanza whose sender cannot be told anything.
        case malformed
    }
}

/// What decides how a message is read, beside the stanza itself.
struct MessageContext {
    /// Addresses.
    var addresses: AddressMap
    /// The language that the stream's header declares for every stanza (RFC 6120 §4.7.4).
    var language: String?
    /// Makes the identifier of a message whose stanza has this `id`.
    var makeMessageID: (String?) -> MessageID
    /// Makes a trace identifier.
    var makeTraceID: () -> TraceID
}

/// Message stanzas into envelopes (RFC 3922 §3, RFC 6121 §5; standards reference F.1).
enum MessageReader {
    /// The most octets of a subject, a thread or a name for show; they are truncated nowhere, so more is refused.
    static let fieldLimit = 1_024

    /// Reads one message stanza.
    static func read(_ stanza: XMLElement, _ context: MessageContext) -> MessageReading {
        guard let from = stanza.attribute(Names.from).flatMap({ JID($0, names: context.addresses.names) })
        else { return .dropped(.malformed) }  // XEP-0114 §3: every stanza has from and to; nobody to answer
        if stanza.attribute(Names.type, is: "error") {
            return StanzaFailure(stanza, from: from, context.addresses).map(MessageReading.failure)
                ?? .dropped(.malformed)
        }
        if stanza.attribute(Names.type, is: "groupchat") {
            return .refused(Outcome(.notUnderstood, "group chat is not carried"))
        }
        var content = MessageContent(stanza, language: context.language)
        guard !content.parts.isEmpty else { return withoutBody(content) }
        if let fault = content.fault { return .refused(fault) }
        guard let source = context.addresses.localAddress(of: from) else {
            return .refused(Outcome(.addressInvalid, "the sender is no user"))
        }
        guard let to = stanza.attribute(Names.to).flatMap({ JID($0, names: context.addresses.names) }) else {
            return .refused(Outcome(.addressInvalid, "the recipient's address is no JID"))
        }
        guard let (destination, form) = context.addresses.foreignAddress(of: to) else {
            return .refused(Outcome(.noSuchUser, "no such user; write to user\\40domain@this-domain"))
        }
        content.details.sourceInstance = from.resource
        content.details.destinationInstance = to.resource
        let id = nativeID(stanza, &content.details)
        return .envelope(
            Envelope(
                source: source,
                destination: destination,
                messageID: context.makeMessageID(id),
                trace: context.makeTraceID(),
                body: .parts(content.parts),
                details: content.details
            ),
            form
        )
    }

    /// The stanza's id where people can read it; else it goes into the details.
    private static func nativeID(_ stanza: XMLElement, _ details: inout Envelope.Details) -> String? {
        guard let octets = stanza.attribute(Names.id), octets.readableBytes > 0 else { return nil }
        if octets.readableBytes <= 64, octets.readableBytesView.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) {
            return String(decoding: octets.readableBytesView, as: UTF8.self)
        }
        if octets.readableBytes <= fieldLimit {
            details.nativeID = octets
        } else {
            details.losses.append(Loss("xmpp:id", reason: "too long"))
        }
        return nil
    }

    /// Never an empty message (standards reference F.1): chat states and receipts are counted, all else is refused.
    private static func withoutBody(_ content: MessageContent) -> MessageReading {
        if content.hasReport { return .dropped(.report) }
        if content.hasChatState { return .dropped(.chatState) }
        return .refused(Outcome(.notUnderstood, "a message without a body is not carried"))
    }
}
