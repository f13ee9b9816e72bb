// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import Aggregator
import Discovery
import EnvelopeModel
import IMXWire
import Logging
import NIOCore
import Store
import Testing
import TransportSecurity

@testable import IMXFront

/// Octets that go nowhere, for a test to look at.
final class QuietTransport: Transport {
    weak var delegate: (any TransportDelegate)?
    let scheduler: VirtualScheduler
    var written: [ConnectionHandle: ByteBuffer] = [:]
    private(set) var closed: Set<ConnectionHandle> = []
    private(set) var unread: Set<ConnectionHandle> = []
    var last: UInt64 = 0

    init(_ scheduler: VirtualScheduler) { self.scheduler = scheduler }

    func connect(to endpoint: PeerEndpoint, serverName: Domain, timeout: Interval) -> ConnectionHandle {
        last += 1
        return ConnectionHandle(rawValue: last)
    }

    func write(_ octets: ByteBuffer, on connection: ConnectionHandle) {
        written[connection, default: ByteBuffer()].writeImmutableBuffer(octets)
    }

    func setReading(_ isReading: Bool, on connection: ConnectionHandle) {
        if isReading { unread.remove(connection) } else { unread.insert(connection) }
    }

    func close(_ connection: ConnectionHandle) {
        guard closed.insert(connection).inserted else { return }
        scheduler.schedule(after: .zero) { self.delegate?.closed(connection, reason: "closed") }
    }

    func stopListening() {}
}

/// A front at whose door a test stands with raw octets.
final class Doorstep {
    let scheduler = VirtualScheduler()
    let front: IMXFront
    private let transport: QuietTransport
    private let core: AggregatorCore

    init(_ configure: (inout FrontSettings) -> Void = { _ in }) throws {
        var directory = DomainDirectory()
        directory[try #require(Domain("b.example"))] = .init(domainClass: DomainClass(), adapter: "users")
        let serverID = ServerID(high: 9, low: 9)
        core = AggregatorCore(
            settings: CoreSettings(name: "b", serverID: serverID),
            directory: directory,
            scheduler: scheduler,
            repeatWindow: try RepeatWindow(path: nil, capacity: 1 << 10, now: scheduler.now),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        core.attach(named: "users") { RecordingAdapter(host: $0) }
        var settings = FrontSettings(serverID: serverID)
        settings.connection.grease = false
        configure(&settings)
        let transport = QuietTransport(scheduler)
        self.transport = transport
        front = core.attach(named: "imx", authority: .network) { host in
            IMXFront(
                host: host,
                settings: settings,
                transport: transport,
                resolver: StaticPeerTable([:]),
                isHosted: { $0.name == "b.example" }
            )
        }
        core.start()
    }

    var closed: Set<ConnectionHandle> { transport.closed }
    var unread: Set<ConnectionHandle> { transport.unread }

    /// A peer connects from `address`.
    func knock(from address: String = "203.0.113.1") -> ConnectionHandle {
        transport.last += 1
        let handle = ConnectionHandle(rawValue: transport.last)
        front.accepted(handle, from: address, security: nil)
        return handle
    }

    /// A peer connects to a port that speaks TLS, and has not shaken hands.
    func ring(from address: String = "203.0.113.1") -> (handle: ConnectionHandle, isLetIn: Bool) {
        transport.last += 1
        let handle = ConnectionHandle(rawValue: transport.last)
        return (handle, front.maySpeakTLS(handle, from: address))
    }

    /// A peer connects and greets.
    func enter(from address: String = "203.0.113.1") -> ConnectionHandle {
        let handle = knock(from: address)
        var octets = ByteBuffer(integer: Preface.value)
        HelloRecord(
            serverID: ServerID(high: 1, low: transport.last),
            nonce: ConnectionNonce(transport.last, 1, 2, 3),
            dialled: ByteBuffer(string: "b.example")
        ).write(to: &octets)
        say(octets, on: handle)
        transport.written[handle] = nil
        return handle
    }

    /// The peer of the connection is trusted for a.example.
    func trust(_ handle: ConnectionHandle) throws {
        let connection = try #require(front.connections[handle])
        connection.machine.markAuthenticated()
        connection.trust(
            try #require(Domain("a.example")),
            try #require(Domain("b.example")),
            until: .distantFuture
        )
        front.burst { front.work(on: connection) }
    }

    func say(_ octets: ByteBuffer, on handle: ConnectionHandle) {
        guard !unread.contains(handle) else { return }
        var octets = octets
        front.received(&octets, on: handle)
        front.readBurstEnded(on: handle)
    }

    func count(_ name: String) -> UInt64 {
        front.status.refusals.first { $0.reason == name }?.count ?? 0
    }

    /// The codes of the records written on the connection, answers and CLOSE alike.
    func codes(_ handle: ConnectionHandle, after skipped: Int = 0) -> [UInt16] {
        var codes: [UInt16] = []
        var rest = transport.written[handle] ?? ByteBuffer()
        rest.moveReaderIndex(forwardBy: min(skipped, rest.readableBytes))
        while let length = rest.readInteger(as: UInt32.self), rest.readableBytes >= Int(length) + 8 {
            rest.moveReaderIndex(forwardBy: 8)
            guard var payload = rest.readSlice(length: Int(length)) else { break }
            while let id = payload.readInteger(as: UInt16.self), let size = payload.readInteger(as: UInt32.self) {
                let value = payload.readSlice(length: Int(size))
                if id == FieldID.code.rawValue,
                    let code = value?.getInteger(at: value?.readerIndex ?? 0, as: UInt16.self)
                {
                    codes.append(code)
                }
            }
        }
        return codes
    }
}

@Suite("Bounds at the front door") struct GaugeTests {
    @Test("S36: silent connections are told 4002 and gone after 10 s, counted by their reason, and leave nothing")
    func silent() throws {
        let it = try Doorstep {
            $0.admission.perNetwork = 1000
            $0.admission.perAddress = 1000
            $0.admission.newPerAddress = 1000
        }
        let silent = (0..<500).map { _ in it.knock() }
        let entered = (0..<100).map { _ in it.enter() }
        it.scheduler.advance(by: .milliseconds(9900))
        #expect(it.closed.count == 0)
        #expect(it.front.status.unauthenticated == 600 && it.front.status.incoming == 600)
        it.scheduler.advance(by: .milliseconds(1100))
        #expect(it.closed == Set(silent + entered))
        #expect(it.count("closed-4002") == 600)
        #expect(it.codes(entered[0]) == [4002])
        #expect(it.front.status.unauthenticated == 0 && it.front.connections.isEmpty)
    }

    @Test("S36, S41: a connection too many is told 4004 in one write, closed, and counted with its reason")
    func tooMany() throws {
        let it = try Doorstep()
        let all = (0..<70).map { _ in it.knock() }
        #expect(it.closed == Set(all[64...]))
        #expect(it.count("connection-too-many-from-address") == 6)
        #expect(it.codes(all[69], after: 8) == [4004])
        let other = it.knock(from: "203.0.114.1")
        #expect(!it.closed.contains(other))
    }

    @Test("S41, S40: a flood that moves nothing forward is not read for a while, is not closed, and others are served")
    func flood() throws {
        let it = try Doorstep()
        let peer = it.enter()
        try it.trust(peer)
        var records = ByteBuffer()
        for _ in 0..<1000 {
            records.writeInteger(0x0000_0000_1A1A_0000 as UInt64)
            records.writeInteger(0 as UInt32)
        }
        var taken = 0
        for _ in 0..<600 {
            for _ in 0..<10 where !it.unread.contains(peer) {
                it.say(records, on: peer)
                taken += 1000
            }
            it.scheduler.advance(by: .milliseconds(100))
        }
        #expect(!it.closed.contains(peer))
        #expect(taken > 20_000 && taken < 60_000, "\(taken) in a minute")
        #expect(it.count("flood") > 3)
        let other = it.enter(from: "203.0.114.9")
        it.say(request(0x0777, tag: 5), on: other)
        #expect(it.codes(other) == [5008])
    }

    @Test("S41: a peer that is merely busy is read without a rest")
    func busy() throws {
        let it = try Doorstep()
        let peer = it.enter()
        try it.trust(peer)
        var rests = 0
        for round in 0..<200 as Range<UInt32> {
            var records = ByteBuffer()
            for number in 0..<200 as Range<UInt32> {
                try MessageRecord.sample(id: "m\(round)-\(number)").write(to: &records, tag: round * 1000 + number + 1)
            }
            it.say(records, on: peer)
            if it.unread.contains(peer) { rests += 1 }
        }
        #expect(rests == 0 && !it.closed.contains(peer))
        #expect(it.count("flood") == 0)
        #expect(it.codes(peer).count == 40_000)
    }

    @Test("S37: a peer that does not read our octets is not read, and is given up after 30 s")
    func unread() throws {
        let it = try Doorstep()
        let peer = it.enter()
        try it.trust(peer)
        it.front.writabilityChanged(false, on: peer)
        #expect(it.unread == [peer])
        it.scheduler.advance(by: .seconds(10))
        #expect(!it.closed.contains(peer))
        it.front.writabilityChanged(true, on: peer)
        it.front.writabilityChanged(false, on: peer)
        it.scheduler.advance(by: .seconds(29))
        #expect(!it.closed.contains(peer))
        it.scheduler.advance(by: .seconds(2))
        #expect(it.closed.contains(peer))
        #expect(it.count("unread") == 1)
    }

    @Test("S37: more than 1 MiB that a peer leaves unread ends its connection")
    func unreadOctets() throws {
        let it = try Doorstep { $0.unreadOctets = 10_000 }
        let peer = it.enter()
        try it.trust(peer)
        it.front.writabilityChanged(false, on: peer)
        // What was read before still gets its answers.
        let connection = try #require(it.front.connections[peer])
        var pings = ByteBuffer()
        for tag in 1...1000 as ClosedRange<UInt32> { pings.writeImmutableBuffer(request(0x0004, tag: tag)) }
        it.front.burst {
            connection.machine.receive(&pings, now: it.front.now)
            it.front.work(on: connection)
        }
        it.scheduler.advance(by: .seconds(1))
        #expect(it.closed.contains(peer))
        #expect(it.count("unread") == 1)
    }

    @Test("G.3-18: the pairs that a connection is trusted for are bounded, and one more is told 4004")
    func pairs() throws {
        let it = try Doorstep { $0.pairsPerConnection = 10 }
        let peer = it.enter()
        try it.trust(peer)
        let connection = try #require(it.front.connections[peer])
        for number in 0..<9 {
            connection.trust(
                try #require(Domain("x\(number).example")),
                try #require(Domain("b.example")),
                until: it.scheduler.now + .seconds(number < 1 ? 5 : 500)
            )
        }
        func claim(_ tag: UInt32, _ source: String) -> ByteBuffer {
            var out = ByteBuffer()
            ClaimRecord(
                source: ByteBuffer(string: source),
                target: ByteBuffer(string: "b.example"),
                token: ByteBuffer(repeating: 7, count: 16)
            ).write(to: &out, tag: tag)
            return out
        }
        it.say(claim(1, "new.example"), on: peer)
        #expect(it.codes(peer) == [4004])
        it.say(claim(2, "x5.example"), on: peer)  // renewal
        #expect(it.codes(peer) == [4004, 4005], "nobody to ask, but room")
        #expect(it.count("claim-4004") == 1 && it.count("claim-4005") == 1)
        it.scheduler.advance(by: .seconds(6))
        // What a claim may have sent to others is bounded too: octets bring room for that.
        var padding = ByteBuffer()
        padding.writeImmutableBuffer(request(0x0004, tag: 9, octets: 256))
        for _ in 0..<4 { it.say(padding, on: peer) }
        it.say(claim(3, "new.example"), on: peer)
        #expect(it.codes(peer).last == 4005, "a pair whose time is over made room")
        #expect(it.count("claim-4004") == 1 && it.count("claim-4005") == 2)
    }

    @Test("S36: whoever is gone without a word is found out by a PING that nobody answers")
    func halfOpen() throws {
        let it = try Doorstep()
        let peer = it.enter()
        try it.trust(peer)
        it.scheduler.advance(by: .seconds(49))
        #expect(!it.closed.contains(peer))
        it.scheduler.advance(by: .seconds(3))
        #expect(it.closed.contains(peer))
        #expect(it.count("closed-4002") == 1)
    }

    @Test("G.3-13: data before verification is dropped and counted, and delays no rest for ever")
    func unproved() throws {
        let it = try Doorstep()
        let peer = it.enter()
        for tag in 1...63 as ClosedRange<UInt32> {
            var record = ByteBuffer()
            try MessageRecord.sample(id: "m\(tag)").write(to: &record, tag: tag)
            it.say(record, on: peer)
        }
        #expect(it.count("data-5005") == 63)
        #expect(Set(it.codes(peer)) == [5005])
        it.say(request(0x0777, tag: 99), on: peer)
        #expect(it.codes(peer).last == 4004, "the 65th record")
        it.scheduler.advance(by: .milliseconds(1))
        #expect(it.front.connections.isEmpty)
    }
}

private func request(_ type: UInt16, tag: UInt32, octets: UInt32 = 0) -> ByteBuffer {
    var out = ByteBuffer(integer: octets == 0 ? 0 : 6 + octets)
    out.writeInteger(type)
    out.writeInteger(0x0100 as UInt16)
    out.writeInteger(tag)
    guard octets > 0 else { return out }
    out.writeInteger(FieldID.opaque.rawValue)
    out.writeInteger(octets)
    out.writeRepeatingByte(0, count: Int(octets))
    return out
}

extension MessageRecord {
    fileprivate static func sample(id: String) throws -> MessageRecord {
        MessageRecord(
            from: try #require(AddressField(ByteBuffer(string: "ann@a.example"))),
            to: try #require(AddressField(ByteBuffer(string: "bob@b.example"))),
            messageID: ByteBuffer(string: id),
            hops: 100
        )
    }
}
