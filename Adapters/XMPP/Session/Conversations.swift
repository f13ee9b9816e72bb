// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

import struct NIOCore.ByteBuffer

/// What a link knows of the conversations on it: which ids have become which message identifiers, who understands chat
/// states, and which one was told last.
///
/// All of it is bounded and forgotten with the process. What is forgotten costs a correction its target or delays a
/// typing notice until the next message; it never misleads.
struct Conversations {
    /// The most messages, and the most pairs of people, that are remembered.
    static let limit = 8_192

    private var identifiers = Recent<MessageID>(limit: limit)
    /// The ids that could not become part of the message identifier.
    private var oddities = Recent<ByteBuffer>(limit: 1_024)
    private var sent = Recent<Bool>(limit: 65_536)
    private var told = Recent<ChatState>(limit: limit)
    private var understood = Recent<Bool>(limit: limit)

    // MARK: Identifiers

    /// Notes which identifier the message has got that a local user sent in a stanza with this id.
    mutating func note(_ messageID: MessageID, id: ByteBuffer, isOdd: Bool, from source: Address, to peer: Address) {
        identifiers[Conversations.key(source, peer, id)] = messageID
        if isOdd { oddities[messageID.hashValue] = ByteBuffer(bytes: id.readableBytesView) }
    }

    /// The identifier of the message that a local user had sent in a stanza with this id.
    func messageID(of id: ByteBuffer, from source: Address, to peer: Address) -> MessageID? {
        identifiers[Conversations.key(source, peer, id)]
    }

    /// The id of the stanza that became the message: the core puts its own mark behind it.
    func stanzaID(of messageID: MessageID) -> ByteBuffer {
        if let odd = oddities[messageID.hashValue] { return odd }
        let view = messageID.octets.readableBytesView
        guard let end = view.lastIndex(of: UInt8(ascii: "~")), end > view.startIndex else { return messageID.octets }
        return messageID.octets.getSlice(at: view.startIndex, length: end - view.startIndex) ?? messageID.octets
    }

    /// Notes that a local user sent a message, so that reports about it are believed.
    mutating func noteSent(_ messageID: MessageID, from source: Address, to peer: Address) {
        sent[Conversations.key(source, peer, messageID.octets)] = true
    }

    /// Whether a local user has sent that message to `peer`, as far as is remembered.
    func hasSent(_ messageID: MessageID, from source: Address, to peer: Address) -> Bool {
        sent[Conversations.key(source, peer, messageID.octets)] == true
    }

    // MARK: Chat states

    /// Takes note of a message on its way out; false for a chat state that would only repeat the last one.
    mutating func admit(_ envelope: Envelope) -> Bool {
        let state = envelope.chatState
        if state == nil, understood.isEmpty { return true }
        var hasBody = true
        if case .none = envelope.body { hasBody = false }
        if state == nil, !hasBody { return true }
        let device = Conversations.key(envelope.source, envelope.destination, envelope.details?.sourceInstance)
        if !hasBody, told[device] == state { return false }  // XEP-0085 §5.2: no state is repeated
        told[device] = state
        // XEP-0085 §5.1: whoever sends a message without a state does not want any.
        understood[Conversations.key(envelope.source, envelope.destination, nil)] = state == nil ? nil : true
        return true
    }

    /// Whether a local user's client has shown that it understands chat states of `peer` (XEP-0085 §5.1).
    func understandsStates(_ user: Address, of peer: Address) -> Bool {
        understood[Conversations.key(user, peer, nil)] == true
    }

    /// A hash instead of the names themselves: seeded at every start of the process, so that nobody can aim at it.
    private static func key(_ user: Address, _ peer: Address, _ more: ByteBuffer?) -> Int {
        var hasher = Hasher()
        hasher.combine(user)
        hasher.combine(peer)
        hasher.combine(more)
        return hasher.finalize()
    }
}

extension Envelope {
    /// Whether it says what somebody does at a conversation and nothing else.
    var isMereState: Bool {
        guard case .message = operation, case .none = body, let details else { return false }
        return details.chatState != nil && !details.baggage.contains { $0.isCritical }
    }
}
