// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

package import struct NIOCore.ByteBuffer

/// One end of an IMX/1 connection: octets and time go in, events and octets come out.
///
/// After ``receive(_:now:)``, ``tick(now:)`` and every batch of sends, call ``next(now:)`` until it says nil, and then
/// write what ``takeOutbound()`` gives. The machine answers by itself what needs no judgement: PING, unknown requests,
/// records that break the grammar. It does not know which pairs of domains are trusted; its holder does.
package struct ConnectionMachine: Sendable {
    /// How far the connection has come.
    enum Phase: Sendable {
        /// Waits for the peer's preface; then hello.
        case preface
        /// Waits for the peer's HELLO; then deciding (acceptor) or open (dialler).
        case hello
        /// Waits for the holder's word on the domain that was dialled; then open.
        case deciding
        /// Records flow; then closing.
        case open
        /// Our last CLOSE is sent, the peer's is awaited; then ended.
        case closing
        /// Nothing more comes.
        case ended
    }

    /// The most requests that are ever in flight, whatever the peer would take.
    static let inflightCap: UInt32 = 65_536

    package let role: ConnectionRole
    package let settings: ConnectionSettings
    /// The HELLO that this end sends.
    package internal(set) var localHello: HelloRecord
    /// The HELLO that the peer sent, once it is there.
    package internal(set) var peerHello: HelloRecord?
    /// Whether any pair of domains has been authenticated on the connection.
    package internal(set) var isAuthenticated = false
    /// Whether the peer has verified a claim of this end here, as only somebody can whom this end has called.
    package internal(set) var isVouchedFor = false
    package internal(set) var counters = ConnectionCounters()

    var phase = Phase.preface
    /// The octets of each HELLO record, header included, as sent.
    var localHelloOctets = ByteBuffer()
    var peerHelloOctets = ByteBuffer()

    /// Whether the peer's preface has been read.
    var sawPreface = false
    /// What was read and not yet looked at.
    var current = ByteBuffer()
    /// The beginning of a record whose end has not come yet.
    var partial = ByteBuffer()
    /// When `partial` began to fill.
    var partialSince = Instant.start
    /// The octets of an oversize record that are still to be passed over.
    var skipping: UInt32 = 0
    /// What the peer may use before it is authenticated.
    var gauge: OpeningGauge
    /// The largest payload that is taken now.
    var recordLimit: UInt32

    var outbound = ByteBuffer()
    var lastBatch = 256
    var window: RequestWindow
    var windowLimit = Int(HelloRecord.defaultMaxInflight)
    var peerMaxRecord = HelloRecord.defaultMaxRecord

    /// Requests handed out and not yet answered.
    var inboundOpen = 0
    /// The last request taken, in order of arrival.
    var lastTaken = CloseRecord.nothingTaken
    /// When the peer was asked for a sign of life, unless it has given one since.
    var pingSent: Instant?

    var localStop = false
    var remoteStop = false
    var peerClose: CloseRecord?
    var closeCode = OutcomeCode.delivered
    var end: ConnectionEnd?

    let started: Instant
    var lastHeard: Instant
    var lastActivity: Instant
    var drainDeadline = Instant.distantFuture
    var closeDeadline = Instant.distantFuture

    /// One end of a connection that was just made.
    ///
    /// - Parameters:
    ///   - role: which end.
    ///   - hello: what this end says of itself. `nonce` must be drawn for this connection alone; the limits and, where
    ///     wanted, the GREASE are added here.
    ///   - tagSpace: 0 to 4,094; connections that are open at the same time should have different ones, so that a tag
    ///     is unique among the origin's outstanding requests.
    package init(
        _ role: ConnectionRole,
        hello: HelloRecord,
        settings: ConnectionSettings = .init(),
        tagSpace: UInt32 = 0,
        now: Instant
    ) {
        var hello = hello
        hello.maxRecord = min(settings.maxRecord, ConnectionSettings.recordCap)
        hello.maxInflight = settings.maxInflight
        hello.idleSeconds = settings.idleSeconds
        if settings.grease { Grease(hello.nonce).add(to: &hello) }
        self.role = role
        self.settings = settings
        self.localHello = hello
        self.window = RequestWindow(space: min(tagSpace, 0xFFE))
        self.gauge = OpeningGauge(settings, now: now)
        self.recordLimit = min(settings.unauthenticatedRecord, settings.maxRecord, gauge.room)
        self.started = now
        self.lastHeard = now
        self.lastActivity = now
        outbound.writeInteger(Preface.value)
    }

    /// Whether new requests may be sent.
    package var isOpen: Bool { phase == .open && !localStop && !remoteStop }

    /// Whether this end will send nothing more, so that its side of the transport may be shut once all is written.
    package var hasSentLast: Bool { phase == .closing || phase == .ended }

    /// The octets that were read and wait for more of their record, or for the holder's word.
    package var heldOctets: Int { current.readableBytes + partial.readableBytes }

    /// The number of requests sent and not yet answered.
    package var requestsInFlight: Int { window.count }

    /// The number of requests received and not yet answered.
    package var requestsOwed: Int { inboundOpen }

    /// How many more requests may be sent now.
    package var requestRoom: Int { isOpen ? max(0, windowLimit - window.count) : 0 }

    /// The capabilities that both ends have.
    package func bothHave(_ capability: Capability) -> Bool {
        localHello.capabilities.contains(capability) && peerHello?.capabilities.contains(capability) == true
    }

    /// The octets of both HELLO records, the dialler's first; nil until both are there.
    package var helloOctets: (dialler: ByteBuffer, acceptor: ByteBuffer)? {
        guard localHelloOctets.readableBytes > 0, peerHelloOctets.readableBytes > 0 else { return nil }
        return role == .dialler ? (localHelloOctets, peerHelloOctets) : (peerHelloOctets, localHelloOctets)
    }

    /// Lifts the limits of the time before authentication. The holder says so once a pair of domains is trusted.
    package mutating func markAuthenticated() {
        isAuthenticated = true
        recordLimit = settings.maxRecord
    }

    /// The peer's last record was a VERIFY that was right: it comes from somebody whom this end has called and may stay
    /// for more of them, though it is not authenticated. The record costs it nothing.
    package mutating func vouch() {
        isVouchedFor = true
        guard !isAuthenticated else { return }
        gauge.refund()
        updateRecordLimit()
    }

    mutating func updateRecordLimit() {
        recordLimit = min(settings.unauthenticatedRecord, settings.maxRecord, gauge.room)
    }

    /// Takes what must be written; nil where there is nothing.
    package mutating func takeOutbound() -> ByteBuffer? {
        guard outbound.readableBytes > 0 else { return nil }
        let taken = outbound
        lastBatch = min(max(taken.readableBytes, 256), 65_536)
        outbound = ByteBuffer()
        return taken
    }

    /// Makes room for a batch like the last one, so that the buffer does not grow in steps.
    mutating func prepareOutbound() {
        if outbound.capacity == 0 { outbound.reserveCapacity(lastBatch) }
    }
}
