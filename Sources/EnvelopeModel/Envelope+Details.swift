// SPDX-License-Identifier: Apache-2.0
public import struct NIOCore.ByteBuffer

extension Envelope {
    /// What only some envelopes carry.
    public struct Details: Sendable, Hashable {
        /// The subjects, at most one for each language.
        public var subjects: [LocalizedText] = []
        /// The conversation that the message belongs to.
        public var thread: MessageThread?
        /// The XMPP message type, where it is not `chat`: `normal`, `headline`.
        public var messageType: String?
        /// The sender's device or connection (XMPP resource, PIDF tuple), which is no part of the address.
        public var sourceInstance: ByteBuffer?
        /// The recipient's device or connection that is meant.
        public var destinationInstance: ByteBuffer?
        /// The sender's name for show.
        public var sourceName: DisplayName?
        /// When the author says it was sent, an RFC 3339 text as written.
        public var sentAt: String?
        /// Whether the sender asks for a report of delivery.
        public var wantsReceipt = false
        /// Whether the sender asks to be told when the message has been read (XEP-0333).
        public var wantsReadReport = false
        /// What the sender does at the conversation; a message without a body says nothing else.
        public var chatState: ChatState?
        /// The others that the message is said to be for. Nothing is delivered by this list.
        public var otherRecipients: [OtherRecipient] = []
        /// Attributes of the sender or of the sender's domain that ride along (IMX 4.6.1).
        public var attributes: [Attribute] = []
        /// The identifier of the message that this one replaces.
        public var replaces: MessageID?
        /// The native identifier, where it could not serve as the identifier itself.
        public var nativeID: ByteBuffer?
        /// The aggregators that passed it on, oldest first.
        public var trail: [ServerID] = []
        /// What the envelope carries for its own protocol's other end.
        public var baggage: [Baggage] = []
        /// What a translation could not carry.
        public var losses: [Loss] = []

        /// Makes empty details.
        public init() {}

        /// Whether nothing is said.
        public var isEmpty: Bool { self == Details() }
    }

    // One thing of the details, without a copy of all the others: what every envelope on its way is asked for.

    /// The aggregators that passed it on; none without details.
    public var trail: [ServerID] { storage.fields.box?.value.trail ?? [] }
    /// What a translation could not carry; nothing without details.
    public var losses: [Loss] { storage.fields.box?.value.losses ?? [] }
    /// What the sender does at the conversation.
    public var chatState: ChatState? { storage.fields.box?.value.chatState }
    /// Attributes of the sender that ride along; none without details.
    public var attributes: [Attribute] { storage.fields.box?.value.attributes ?? [] }
    /// The native identifier, where it could not serve as the identifier itself.
    public var nativeID: ByteBuffer? { storage.fields.box?.value.nativeID }

    /// Adds losses to the envelope's list.
    public mutating func add(losses: [Loss]) {
        guard !losses.isEmpty else { return }
        var details = self.details ?? Details()
        details.losses += losses
        self.details = details
    }
}

/// Somebody whom a message is said to be for, beside its destination (RFC 3862 §4.2, XEP-0033).
public struct OtherRecipient: Sendable, Hashable {
    /// How the message is for them.
    public enum Kind: String, Sendable, Hashable {
        case to
        case cc
    }

    /// How the message is for them.
    public var kind: Kind
    /// The address as written, with its scheme: `im:bob@b.example`.
    public var uri: String
    /// The name for show.
    public var name: String?

    /// Makes a further recipient.
    public init(_ kind: Kind, uri: String, name: String? = nil) {
        self.kind = kind
        self.uri = uri
        self.name = name
    }
}

/// A text and its language.
public struct LocalizedText: Sendable, Hashable {
    /// The text.
    public var text: String
    /// The language, a BCP 47 tag, if known.
    public var language: String?

    /// Makes a text in a language.
    public init(_ text: String, language: String? = nil) {
        self.text = text
        self.language = language
    }
}

/// A conversation, and the one that it grew from.
public struct MessageThread: Sendable, Hashable {
    /// The conversation's identifier.
    public var id: String
    /// The identifier of the conversation that it grew from.
    public var parent: String?

    /// Makes a thread.
    public init(id: String, parent: String? = nil) {
        self.id = id
        self.parent = parent
    }
}

/// The identifier of one aggregator process: sixteen random octets, new at every start.
public struct ServerID: Sendable, Hashable, CustomStringConvertible {
    /// The sixteen octets in two halves.
    public let high: UInt64
    /// The second half.
    public let low: UInt64

    /// Makes an identifier of two halves.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// The value for logs.
    public var description: String { TraceID(high: high, low: low).description }
}

/// Something that belongs to one protocol and travels with the envelope unread.
public struct Baggage: Sendable, Hashable {
    /// The protocol it came from, by its adapter's word: `imx`, `xmpp`.
    public var origin: String
    /// What it is in that protocol: a field number, an element name with its namespace, a header name.
    public var name: String
    /// Whether a receiver that does not know it must refuse the envelope.
    public var isCritical: Bool
    /// The raw octets.
    public var octets: ByteBuffer

    /// Makes a piece of baggage.
    public init(origin: String, name: String, isCritical: Bool = false, octets: ByteBuffer) {
        self.origin = origin
        self.name = name
        self.isCritical = isCritical
        self.octets = octets
    }
}

/// One thing that a translation could not carry.
public struct Loss: Sendable, Hashable, CustomStringConvertible {
    /// What was lost, such as `xmpp:xhtml-im`.
    public var feature: String
    /// Why, for people.
    public var reason: String

    /// Makes a loss.
    public init(_ feature: String, reason: String) {
        self.feature = feature
        self.reason = reason
    }

    /// The value for logs.
    public var description: String { "\(feature): \(reason)" }
}
