// SPDX-License-Identifier: Apache-2.0
public import struct NIOCore.ByteBuffer

/// One operation between two parties on its way through the aggregator.
///
/// Standards reference C.4 lists what an envelope must be able to carry. What every envelope has stands here; what few
/// have stands in ``Details``, which costs nothing while it is absent.
public struct Envelope: Sendable, Hashable {
    /// What is asked for.
    public enum Operation: Sendable, Hashable {
        /// An instant message.
        case message
        /// Later word about an earlier message: what became of it at the recipient's side.
        case report(Report)
        /// A watcher asks for, renews or ends a subscription, or fetches once.
        case subscribe(Subscribe)
        /// A presentity's state for one watcher.
        case notify(Notification)
        /// A request for attributes of the destination under these keys; without keys, for all that the source may see.
        case getAttributes([String])
        /// Attributes of the source that nobody asked for; they stand in the details.
        case pushAttributes
        /// An operation that this version does not know; its fields travel as baggage.
        case unknown(type: UInt16)
    }

    /// What a report says.
    public struct Report: Sendable, Hashable {
        /// What the outcome is of.
        public enum Stage: Sendable, Hashable {
            /// The message's way to the recipient.
            case delivery
            /// Its being read (XEP-0333).
            case display
        }

        /// The identifier of the message that the report is about.
        public var messageID: MessageID
        /// What became of it.
        public var outcome: Outcome
        /// What the outcome is of.
        public var stage: Stage

        /// Makes a report.
        public init(about messageID: MessageID, outcome: Outcome, stage: Stage = .delivery) {
            self.messageID = messageID
            self.outcome = outcome
            self.stage = stage
        }
    }

    /// Everything but the deadline. A value of its own, so that a change copies it as a whole.
    @usableFromInline
    struct Fields: Sendable, Hashable {
        @usableFromInline var operation: Operation
        @usableFromInline var source: Address
        @usableFromInline var destination: Address
        @usableFromInline var messageID: MessageID
        @usableFromInline var hops: UInt8
        @usableFromInline var trace: TraceID
        @usableFromInline var body: Body
        @usableFromInline var box: Box<Details>?
    }

    /// The fields in one place on the heap, never changed: handing an envelope on costs one reference and not eight.
    @usableFromInline
    final class Storage: Sendable, Hashable {
        @usableFromInline let fields: Fields

        @usableFromInline
        init(_ fields: consuming Fields) { self.fields = fields }

        @usableFromInline
        static func == (a: Storage, b: Storage) -> Bool { a === b || a.fields == b.fields }

        @usableFromInline
        func hash(into hasher: inout Hasher) { fields.hash(into: &hasher) }
    }

    @usableFromInline var storage: Storage

    /// When an answer must have been given.
    public var deadline: Instant

    /// What is asked for.
    @inlinable
    public var operation: Operation {
        _read { yield storage.fields.operation }
        set { change { $0.operation = newValue } }
    }

    /// Who sends it.
    @inlinable
    public var source: Address {
        _read { yield storage.fields.source }
        set { change { $0.source = newValue } }
    }

    /// Whom it is for. Exactly one party.
    @inlinable
    public var destination: Address {
        _read { yield storage.fields.destination }
        set { change { $0.destination = newValue } }
    }

    /// The identifier of the operation, unique for its sender.
    @inlinable
    public var messageID: MessageID {
        _read { yield storage.fields.messageID }
        set { change { $0.messageID = newValue } }
    }

    /// How many more aggregators may pass it on (RFC 3860: MaxForwards).
    @inlinable
    public var hops: UInt8 {
        get { storage.fields.hops }
        set { change { $0.hops = newValue } }
    }

    /// The identifier under which every log line about this envelope can be found, at both aggregators.
    @inlinable
    public var trace: TraceID {
        get { storage.fields.trace }
        set { change { $0.trace = newValue } }
    }

    /// The content.
    @inlinable
    public var body: Body {
        _read { yield storage.fields.body }
        set { change { $0.body = newValue } }
    }

    @usableFromInline
    mutating func change(_ edit: (inout Fields) -> Void) {
        var fields = storage.fields
        edit(&fields)
        storage = Storage(fields)
    }

    /// The number of hops that a new envelope starts with; RFC 3860 wants more than 100.
    public static let initialHops: UInt8 = 128

    /// Makes an envelope.
    public init(
        operation: Operation = .message,
        source: Address,
        destination: Address,
        messageID: MessageID,
        hops: UInt8 = initialHops,
        trace: TraceID,
        deadline: Instant = .distantFuture,
        body: Body = .none,
        details: Details? = nil
    ) {
        self.deadline = deadline
        storage = Storage(
            Fields(
                operation: operation,
                source: source,
                destination: destination,
                messageID: messageID,
                hops: hops,
                trace: trace,
                body: body,
                box: details.map(Box.init)
            )
        )
    }

    /// Whether ``details`` says anything.
    public var hasDetails: Bool { storage.fields.box != nil }

    /// What few envelopes have. Setting it replaces all of it.
    public var details: Details? {
        get { storage.fields.box?.value }
        set { change { $0.box = newValue.map(Box.init) } }
    }

    /// The octets that the envelope is accounted with: its addresses, its identifier and its content.
    public var octetCount: Int {
        source.octetCount + destination.octetCount + messageID.octets.readableBytes + body.octetCount
    }

    /// Copies everything that shares memory with a read buffer into memory of its own.
    ///
    /// Whoever keeps an envelope beyond the moment it was handed over calls this, so that a small envelope does not
    /// pin a large buffer.
    public mutating func detach() {
        var fields = storage.fields
        // All is written before anything is sliced: a slice shares the buffer, and a write to a shared buffer copies it.
        var own = ByteBuffer()
        own.reserveCapacity(octetCount)
        own.writeImmutableBuffer(fields.source.localPart)
        own.writeImmutableBuffer(fields.destination.localPart)
        own.writeImmutableBuffer(fields.messageID.octets)
        switch fields.body {
        case .none: break
        case .entity(let octets): own.writeImmutableBuffer(octets)
        case .parts(let parts): for part in parts { own.writeImmutableBuffer(part.octets) }
        }
        func moved(_ octets: ByteBuffer) -> ByteBuffer { own.readSlice(length: octets.readableBytes) ?? octets }
        fields.source = Address(uncheckedLocalPart: moved(fields.source.localPart), domain: fields.source.domain)
        fields.destination = Address(
            uncheckedLocalPart: moved(fields.destination.localPart),
            domain: fields.destination.domain
        )
        fields.messageID = MessageID(unchecked: moved(fields.messageID.octets))
        switch fields.body {
        case .none: break
        case .entity(let octets): fields.body = .entity(moved(octets))
        case .parts(var parts):
            for index in parts.indices { parts[index].octets = moved(parts[index].octets) }
            fields.body = .parts(parts)
        }
        storage = Storage(fields)
    }
}

/// The identifier of an operation: 1 to 255 opaque octets, unique for its sender.
public struct MessageID: Sendable, Hashable, CustomStringConvertible {
    /// The most octets of an identifier.
    public static let limit = 255

    /// The identifier.
    public let octets: ByteBuffer

    /// The identifier in `octets`; nil where they are none or too many.
    public init?(_ octets: ByteBuffer) {
        guard octets.readableBytes > 0, octets.readableBytes <= MessageID.limit else { return nil }
        self.octets = octets
    }

    /// The identifier that `text` spells; nil where it is empty or too long.
    public init?(_ text: String) {
        self.init(ByteBuffer(string: text))
    }

    package init(unchecked octets: ByteBuffer) {
        self.octets = octets
    }

    /// Whether the identifier can be written as it is into text: printable ASCII without space.
    public var isPrintable: Bool {
        octets.readableBytesView.allSatisfy { $0 > 0x20 && $0 < 0x7F }
    }

    /// The identifier for people: as it is where that is safe, else in hexadecimal.
    public var description: String {
        isPrintable ? String(buffer: octets) : octets.readableBytesView.map(hexadecimal).joined()
    }
}

/// Sixteen octets under which one envelope is found in every log.
public struct TraceID: Sendable, Hashable, CustomStringConvertible {
    /// The first eight octets.
    public var high: UInt64
    /// The last eight octets.
    public var low: UInt64

    /// Makes a trace identifier of two halves.
    @inlinable
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// A new random identifier. It is no secret; any generator will do.
    public static func random(using generator: inout some RandomNumberGenerator) -> TraceID {
        TraceID(high: generator.next(), low: generator.next())
    }

    /// The thirty-two hexadecimal digits.
    public var description: String { digits(high) + digits(low) }

    /// The identifier that thirty-two hexadecimal digits spell; nil where they do not.
    public init?(_ text: String) {
        guard text.utf8.count == 32, let high = UInt64(text.prefix(16), radix: 16),
            let low = UInt64(text.suffix(16), radix: 16)
        else { return nil }
        self.init(high: high, low: low)
    }

    private func digits(_ half: UInt64) -> String {
        let text = String(half, radix: 16)
        return String(repeating: "0", count: 16 - text.count) + text
    }
}

private func hexadecimal(_ octet: UInt8) -> String {
    (octet < 16 ? "0" : "") + String(octet, radix: 16)
}
