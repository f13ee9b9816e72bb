// SPDX-License-Identifier: Apache-2.0
public import struct NIOCore.ByteBuffer

/// The identifier of a subscription: 1 to 255 opaque octets that its watcher's side has chosen (RFC 3859 §3.4.1).
///
/// It decides what a request for no time means: a known one ends that subscription, a new one fetches once.
public struct SubscriptionID: Sendable, Hashable, CustomStringConvertible {
    /// The most octets of an identifier.
    public static let limit = 255

    /// The identifier.
    public let octets: ByteBuffer

    /// The identifier in `octets`; nil where they are none or too many.
    public init?(_ octets: ByteBuffer) {
        guard octets.readableBytes > 0, octets.readableBytes <= SubscriptionID.limit else { return nil }
        self.octets = octets
    }

    /// The identifier that `text` spells; nil where it is empty or too long.
    public init?(_ text: String) {
        self.init(ByteBuffer(string: text))
    }

    /// The identifier for people: as it is where that is safe, else in hexadecimal.
    public var description: String { MessageID(unchecked: octets).description }
}

/// What a subscription is in, as its watcher is told (RFC 2778 §2.3, RFC 2779 5.1.10).
public enum SubscriptionState: Sendable, Hashable {
    /// The watcher is served.
    case active
    /// The presentity has yet to decide.
    case pending
    /// It is over, for the reason that the code gives.
    case ended(OutcomeCode)
}

extension Envelope {
    /// A watcher's wish to be told of a presentity's state: the envelope's source is the watcher, its destination the
    /// presentity (RFC 3859 §3.2).
    public struct Subscribe: Sendable, Hashable {
        /// Which subscription is meant.
        public var id: SubscriptionID
        /// The wished time in seconds. 0 ends the subscription that `id` names, or fetches once where it names none.
        public var seconds: UInt32
        /// Whether the presentity's side is to forget an earlier approval too.
        public var forgets: Bool

        /// Makes a wish.
        public init(id: SubscriptionID, seconds: UInt32, forgets: Bool = false) {
            self.id = id
            self.seconds = seconds
            self.forgets = forgets
        }
    }

    /// A presentity's state for one watcher: the envelope's source is the presentity, its destination the watcher, its
    /// body the presence document. Without a body nothing is known of the presentity, or nothing is told.
    public struct Notification: Sendable, Hashable {
        /// The subscription that it answers.
        public var id: SubscriptionID
        /// What that subscription is in.
        public var state: SubscriptionState
        /// Grows with every notification of the subscription, so that none is taken for newer than it is.
        public var sequence: UInt64

        /// Makes a notification.
        public init(id: SubscriptionID, state: SubscriptionState, sequence: UInt64) {
            self.id = id
            self.state = state
            self.sequence = sequence
        }
    }
}

/// What a person does at a conversation's other end (XEP-0085 §4).
public enum ChatState: String, Sendable, Hashable, CaseIterable {
    /// Attends to the conversation.
    case active
    /// Writes a message.
    case composing
    /// Has stopped writing for now.
    case paused
    /// Has not attended for a while.
    case inactive
    /// Has left the conversation.
    case gone
}
