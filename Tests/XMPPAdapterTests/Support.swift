// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import Configuration
import EnvelopeModel
import Logging
import NIOCore
import Telemetry
import XMLStream

@testable import XMPPAdapter

/// A small generator with a seed, so that a failure can be seen again.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}

/// The aggregator as a scripted test plays it.
final class FakeHost: AdapterHost, Scheduler {
    let name = "office"
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    var domains: [Domain] = []
    var now = Instant(nanoseconds: 1_000_000_000)
    /// A real clock for tests over sockets.
    var realTime: (any Scheduler)?
    var scheduler: any Scheduler { realTime ?? self }

    private(set) var submissions: [Submission] = []
    private(set) var settlements: [Ticket: Outcome] = [:]
    private(set) var order: [Ticket] = []
    private(set) var counts: [DropReason: Int] = [:]
    private(set) var states: [LinkState] = []
    private(set) var batches = 0
    private var timers: [(due: Instant, number: Int, body: () -> Void)] = []
    private var made = 0

    func serves(_ domain: Domain) -> Bool { domains.contains(domain) }

    func submit(_ batch: [Submission]) {
        batches += 1
        submissions += batch
    }

    /// What the adapter told about presence.
    private(set) var presenceEvents: [PresenceEvent] = []

    func presence(_ events: [PresenceEvent]) { presenceEvents += events }

    func settle(_ ticket: Ticket, _ outcome: Outcome) {
        order.append(ticket)
        settlements[ticket] = outcome
    }

    func turn(_ body: () -> Void) { body() }

    func linkChanged(to state: LinkState) { states.append(state) }

    func count(_ reason: DropReason) { counts[reason, default: 0] += 1 }

    func note(_ trace: TraceID, _ step: @autoclosure () -> String) {}

    func makeTraceID() -> TraceID {
        made += 1
        return TraceID(high: 0, low: UInt64(made))
    }

    func makeMessageID(native: String?) -> MessageID {
        made += 1
        return MessageID("\(native.map { $0 + "~" } ?? "")m\(made)") ?? MessageID(unchecked: ByteBuffer(string: "m"))
    }

    func schedule(after interval: Interval, _ body: @escaping () -> Void) -> ScheduledWork {
        made += 1
        let number = made
        timers.append((now + interval, number, body))
        return ScheduledWork { [weak self] in self?.timers.removeAll { $0.number == number } }
    }

    /// Moves the clock on and runs what becomes due.
    func advance(by interval: Interval) {
        let end = now + interval
        while let next = timers.filter({ $0.due <= end }).min(by: { ($0.due, $0.number) < ($1.due, $1.number) }) {
            timers.removeAll { $0.number == next.number }
            now = max(now, next.due)
            next.body()
        }
        now = end
    }
}

/// An XMPP server as a scripted test plays it.
final class FakeServer: ComponentDialer, ComponentTransport {
    private(set) var user: (any ComponentTransportUser)?
    private(set) var dials = 0
    private(set) var isReading = true
    private(set) var isClosed = false
    private(set) var flushes = 0
    var isWritable = true
    var answersDials = true
    /// As a channel does whose buffer fills and empties within one write.
    var callsBackOnWrites = false
    private var written = ByteBuffer()
    private var asked: [Substring] = []

    func dial(_ user: any ComponentTransportUser) {
        dials += 1
        self.user = user
        isClosed = false
        isReading = true
        written.clear()
        if answersDials { user.connected(self) }
    }

    func write(_ octets: ByteBuffer) {
        flushes += 1
        written.writeImmutableBuffer(octets)
        let pieces = String(buffer: octets).split(separator: "id='imx-ping-", omittingEmptySubsequences: false)
        asked += pieces.dropFirst().map { $0.prefix { $0 != "'" } }
        if callsBackOnWrites { user?.becameWritable() }
    }

    func setReading(_ isReading: Bool) { self.isReading = isReading }

    func close() {
        isClosed = true
        user?.closed("closed by us")
    }

    /// Cuts the connection.
    func cut() { user?.closed("cut") }

    func send(_ text: String) { user?.received([ByteBuffer(string: text)]) }

    /// The pings that have been written since the last call.
    func takePings() -> [Substring] {
        defer { asked.removeAll() }
        return asked
    }

    /// What has been written since the last call.
    func take() -> String {
        let text = String(buffer: written)
        written.clear()
        return text
    }
}

/// An adapter between a fake aggregator and a fake server.
struct Bench {
    let host = FakeHost()
    let server = FakeServer()
    let adapter: XMPPAdapter
    private(set) var tickets: UInt32 = 0

    static let header =
        "<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams'"
        + " xmlns='jabber:component:accept' from='imx.a.example' id='3BF96D32'>"

    init(_ change: (inout XMPPSettings) -> Void = { _ in }) { self.init(wallClock: { .now }, change) }

    init(wallClock: @escaping () -> WallTime, _ change: (inout XMPPSettings) -> Void = { _ in }) {
        var settings = Bench.settings
        change(&settings)
        host.domains = [domain("a.example")]
        adapter = XMPPAdapter(settings: settings, host: host, dialer: server, wallClock: wallClock)
    }

    static var settings: XMPPSettings {
        XMPPSettings(
            server: Endpoint(host: "127.0.0.1", port: 5_347),
            component: domain("imx.a.example"),
            secret: Secret("test")
        )
    }

    /// Brings the link up.
    func bringUp() {
        adapter.start()
        accept()
    }

    /// Plays the server's part of the handshake.
    func accept() {
        server.send(Bench.header)
        server.send("<handshake/>")
        _ = server.take()
    }

    /// Has the adapter know that Alice sent Bob a message.
    func knowSent(_ id: String, to peer: String = "bob@b.example") {
        adapter.conversations.noteSent(identifier(id), from: address("alice@a.example"), to: address(peer))
    }

    /// Answers every ping until none comes any more.
    func confirm() {
        var pings = server.takePings()
        while !pings.isEmpty {
            for number in pings {
                server.send("<iq type='result' id='imx-ping-\(number)' from='a.example' to='imx.a.example'/>")
            }
            pings = server.takePings()
        }
        _ = server.take()
    }

    /// Hands envelopes over and returns their tickets.
    mutating func deliver(_ envelopes: [Envelope]) -> [Ticket] {
        let deliveries = envelopes.map { envelope in
            tickets += 1
            return Delivery(ticket: Ticket(index: tickets, generation: 1), envelope: envelope)
        }
        adapter.deliver(deliveries)
        return deliveries.map(\.ticket)
    }

    /// A message from Bob abroad to Alice here.
    static func message(
        _ text: String = "hello",
        id: String = "m1",
        from: String = "bob@b.example",
        to: String = "alice@a.example",
        _ change: (inout Envelope) -> Void = { _ in }
    ) -> Envelope {
        var envelope = Envelope(
            source: address(from),
            destination: address(to),
            messageID: identifier(id),
            trace: TraceID(high: 1, low: 2),
            body: .parts([.text(text)])
        )
        change(&envelope)
        return envelope
    }
}

func domain(_ text: String) -> Domain {
    guard let domain = Domain(text) else { fatalError("no domain: \(text)") }
    return domain
}

func address(_ text: String) -> Address {
    guard let address = Address(text) else { fatalError("no address: \(text)") }
    return address
}

func identifier(_ text: String) -> MessageID { MessageID(unchecked: ByteBuffer(string: text)) }

/// Reads one stanza as the adapter would.
func reading(_ stanza: String, language: String? = nil) -> MessageReading? {
    let parser = XMLStreamParser(vocabulary: Names.vocabulary)
    parser.feed(ByteBuffer(string: Bench.header + stanza))
    guard case .stanza(let element) = parser.events.last else { return nil }
    let context = MessageContext(
        addresses: AddressMap(names: DomainNames(), component: domain("imx.a.example")),
        language: language,
        makeMessageID: { MessageID(unchecked: ByteBuffer(string: ($0 ?? "") + "~1")) },
        makeTraceID: { TraceID(high: 0, low: 1) },
        findMessageID: { _, _, id in id == ByteBuffer(string: "1") ? nil : identifier(String(buffer: id) + "~1") }
    )
    return MessageReader.read(element, context)
}

/// Writes one envelope as the adapter would.
func writing(_ envelope: Envelope, as form: AddressForm = .native) -> (text: String, result: MessageWriter.Result) {
    let writer = MessageWriter(addresses: AddressMap(names: DomainNames(), component: domain("imx.a.example")))
    var buffer = ByteBuffer()
    let result = writer.write(envelope, as: form, to: &buffer)
    return (String(buffer: buffer), result)
}
