// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import Aggregator
import EnvelopeModel
import IMXFront
import IMXWire
import NIOCore
import Testing
import TransportSecurity

/// Octets of a handshake that was recorded, sent again by somebody else.
@Suite("Replays")
struct ReplayTests {
    /// What each end of each connection sent, in records; the preface is the first.
    private final class Recording {
        private var streams: [String: ByteBuffer] = [:]

        func take(_ stream: UInt64, _ number: Int, _ octets: ByteBuffer) {
            streams["\(stream) \(number)", default: ByteBuffer()].writeImmutableBuffer(octets)
        }

        func records(on stream: UInt64, by number: Int) -> [ByteBuffer] {
            var octets = streams["\(stream) \(number)"] ?? ByteBuffer()
            var records = [octets.readSlice(length: 8)].compactMap { $0 }
            while let length = octets.getInteger(at: octets.readerIndex, as: UInt32.self),
                let record = octets.readSlice(length: 12 + Int(length))
            {
                records.append(record)
            }
            return records
        }
    }

    /// Somebody who sends what it was given to whoever it connects to.
    private final class Parrot: TransportDelegate {
        let transport: SimulatedTransport
        var words: [ConnectionHandle: [ByteBuffer]] = [:]
        private(set) var answers: [ByteBuffer] = []

        init(_ network: SimulatedNetwork) {
            transport = SimulatedTransport(network: network, number: 9)
            transport.delegate = self
        }

        func say(_ records: [ByteBuffer], to endpoint: PeerEndpoint) throws {
            let name = try #require(Domain("b.example"))
            words[transport.connect(to: endpoint, serverName: name, timeout: .seconds(5))] = records
        }

        func connected(_ connection: ConnectionHandle, security: ConnectionSecurity?) {
            for record in words[connection] ?? [] { transport.write(record, on: connection) }
        }

        func received(_ octets: inout ByteBuffer, on connection: ConnectionHandle) { answers.append(octets) }
        func accepted(_ connection: ConnectionHandle, from address: String, security: ConnectionSecurity?) {}
        func readBurstEnded(on connection: ConnectionHandle) {}
        func writabilityChanged(_ isWritable: Bool, on connection: ConnectionHandle) {}
        func closed(_ connection: ConnectionHandle, reason: String) {}
    }

    /// The connections from the parrot's address that may speak for anybody.
    private func trusted(_ host: Internet.Host) -> Int {
        host.front.peers.filter { !$0.isOutgoing && $0.address == "192.0.2.9" && !$0.pairs.isEmpty }.count
    }

    @Test(
        "S05, G.3-7: a recorded handshake authenticates nothing: every prefix and every record of it, at once, after 29 s, after 31 s, and after a restart of either end",
        arguments: [0, 29, 31],
        [false, true]
    )
    func replayed(after seconds: Int, isRestarted: Bool) throws {
        let internet = Internet()
        internet.network.longestChunk = 100_000
        let recording = Recording()
        internet.network.recorder = recording.take
        var a = try internet.start(1, ["a.example"])
        var b = try internet.start(2, ["b.example"])
        a.users.send(try message("ann@a.example", "bob@b.example", id: "1"))
        internet.scheduler.advance(by: .seconds(1))
        internet.network.recorder = nil
        #expect(b.users.deliveries.count == 1)
        // Connection 1 is A's to B, with the claim, the proof and the message; 2 is B's to A, with the question.
        let claiming = recording.records(on: 1, by: 1)
        let asking = recording.records(on: 2, by: 2)
        #expect(claiming.count >= 5 && asking.count >= 3)
        internet.scheduler.advance(by: .seconds(seconds))
        if isRestarted {
            internet.kill(a)
            internet.kill(b)
            a = try internet.start(1, ["a.example"])
            b = try internet.start(2, ["b.example"])
        }
        let before = b.users.deliveries.count
        for (records, endpoint) in [(claiming, internet.endpoint(2)), (asking, internet.endpoint(1))] {
            var scripts = (1...records.count).map { Array(records.prefix($0)) }
            scripts += records.dropFirst(2).map { Array(records.prefix(2)) + [$0] }
            scripts += records.dropFirst(2).map { Array(records.prefix(2)) + [$0, $0] }
            for script in scripts {
                let parrot = Parrot(internet.network)
                try parrot.say(script, to: endpoint)
                internet.scheduler.advance(by: .milliseconds(200))
                #expect(trusted(a) == 0 && trusted(b) == 0, "\(script.count) records")
                internet.scheduler.advance(by: .milliseconds(800))
                #expect(trusted(a) == 0 && trusted(b) == 0, "\(script.count) records")
            }
        }
        #expect(b.users.deliveries.count == before && a.users.deliveries.isEmpty)
        #expect(a.balances && b.balances)
        // The true peer is none the worse for it.
        a.users.send(try message("ann@a.example", "bob@b.example", id: "2"))
        internet.scheduler.advance(by: .seconds(15))
        #expect(b.users.deliveries.count == before + 1)
    }

    @Test("S05: a claim that is repeated by somebody else while it is under way does not make that one trusted")
    func whileUnderWay() throws {
        let internet = Internet()
        internet.network.longestChunk = 100_000
        internet.network.latency = .milliseconds(20)
        let recording = Recording()
        internet.network.recorder = recording.take
        let a = try internet.start(1, ["a.example"])
        let b = try internet.start(2, ["b.example"])
        a.users.send(try message("ann@a.example", "bob@b.example", id: "1"))
        var parrots: [Parrot] = []
        for _ in 0..<200 {
            internet.scheduler.advance(by: .milliseconds(5))
            let records = recording.records(on: 1, by: 1)
            if records.count >= 3 {
                let parrot = Parrot(internet.network)
                try parrot.say(records, to: internet.endpoint(2))
                parrots.append(parrot)
            }
            #expect(trusted(b) == 0)
        }
        internet.scheduler.advance(by: .seconds(30))
        #expect(trusted(b) == 0)
        #expect(b.users.deliveries.count == 1 && a.core.ledger.delivered == 1)
        #expect(parrots.count > 10)
    }
}
