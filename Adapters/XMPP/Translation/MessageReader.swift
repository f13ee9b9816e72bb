// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import XMLStream

import struct NIOCore.ByteBuffer

/// What a message stanza turned out to be.
enum MessageReading {
    /// Something to pass on, and the form in which its sender addressed the recipient.
    case envelope(Envelope, AddressForm)
    /// Something to pass on of whose end its sender hears nothing: a receipt, or a chat state without a message.
    case quiet(Envelope, AddressForm)
    /// Something that its sender is told we do not take.
    case refused(Outcome)
    /// Something that nobody hears about.
    case dropped(DropKind)
    /// Word that a stanza of ours did not arrive.
    case failure(StanzaFailure)

    /// Why nobody hears about it.
    enum DropKind: Hashable {
        /// A receipt or a marker that names no message.
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
    /// Finds the identifier of the message that somebody had sent to somebody in a stanza with this `id`.
    var findMessageID: (_ source: Address, _ destination: Address, _ id: ByteBuffer) -> MessageID? = { _, _, _ in nil }
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
        var content = MessageContent(stanza, language: context.language, context.addresses)
        if let reading = unsendable(content) { return reading }
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
        let isMessage = !content.parts.isEmpty || content.payload != nil
        if content.parts.isEmpty { content.requirePayload() }
        guard let operation = readOperation(&content, isMessage: isMessage) else { return .dropped(.report) }
        if let id = content.replaced {
            content.details.replaces = context.findMessageID(source, destination, id)
            if content.details.replaces == nil {
                content.lose(Loss("xmpp:replace", reason: "the message that it replaces is not known any more"))
            }
        }
        let id = nativeID(stanza, &content.details)
        let envelope = Envelope(
            operation: operation,
            source: source,
            destination: destination,
            messageID: context.makeMessageID(id),
            hops: content.hops,
            trace: context.makeTraceID(),
            body: content.parts.isEmpty ? .none : .parts(content.parts),
            details: content.details
        )
        return isMessage ? .envelope(envelope, form) : .quiet(envelope, form)
    }

    /// A message, or a report about one; nil for a report about nothing that we could have written.
    private static func readOperation(_ content: inout MessageContent, isMessage: Bool) -> Envelope.Operation? {
        guard let report = content.report else { return .message }
        if isMessage {
            content.lose(Loss("xmpp:receipt", reason: "it came with a message"))
            return .message
        }
        return StanzaID.messageID(report.id).map { about in
            .report(Envelope.Report(about: about, outcome: .delivered, stage: report.stage))
        }
    }

    /// Why there is nothing to send (standards reference F.1: never an empty message); nil where there is something.
    private static func unsendable(_ content: MessageContent) -> MessageReading? {
        if let fault = content.fault { return .refused(fault) }
        if !content.parts.isEmpty || content.payload != nil || content.report != nil { return nil }
        if content.hasReport { return .dropped(.report) }
        if content.details.chatState != nil { return nil }
        return .refused(Outcome(.notUnderstood, "a message without content is not carried"))
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
}
