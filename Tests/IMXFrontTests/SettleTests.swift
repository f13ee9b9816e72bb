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

/// Two fronts that claim to each other at once.
@Suite("Claims that cross")
struct SettleTests {
    @Test(
        "S08, dialback 2: two fronts that claim at once settle within 5 s, with two connections and as few as one from an address",
        arguments: 0..<40,
        [1, 2, 64]
    )
    func atOnce(difference: Int, cap: Int) throws {
        let internet = Internet(seed: UInt64(difference + 1))
        internet.network.latency = .milliseconds(20)
        internet.network.longestChunk = 300
        let a = try internet.start(1, ["a.example"]) { $0.admission.perAddress = cap }
        let b = try internet.start(2, ["b.example"]) { $0.admission.perAddress = cap }
        a.users.send(try message("ann@a.example", "bob@b.example", id: "1"))
        internet.scheduler.advance(by: .milliseconds(difference * 5))
        b.users.send(try message("bob@b.example", "ann@a.example", id: "1"))
        internet.scheduler.advance(by: .seconds(5))
        #expect(a.users.deliveries.count == 1 && b.users.deliveries.count == 1)
        #expect(a.core.ledger.delivered == 2 && b.core.ledger.delivered == 2, "one out and one in")
        #expect(internet.network.opened <= 2, "\(internet.network.opened) connections")
    }

    /// A row of the table of caps in `dialback.md`, section 6: how many connections from the peer there is room for
    /// before any of them is authenticated, whether that room is kept for whoever was called, and whether a VERIFY can go
    /// out on the connection that its asker has made anyhow. The rows in which VERIFY wants authentication are not here,
    /// since no such front is shipped; Scripts/weaken makes one, and it does not settle.
    struct Row: CustomTestStringConvertible, Sendable {
        let testDescription: String
        /// Whether the claimed domains live where the own connection leads.
        let canReuse: Bool
        /// Strangers who connect and say nothing, beforehand.
        var strangers = 0
        let settles: Bool
        let limit: @Sendable (inout AdmissionLimits) -> Void
    }

    static let rows = [
        Row(testDescription: "1, nothing kept, no reuse", canReuse: false, settles: false) { $0.perAddress = 1 },
        Row(testDescription: "2, nothing kept, no reuse", canReuse: false, settles: true) { $0.perAddress = 2 },
        Row(testDescription: "2 of the network, nothing kept, no reuse", canReuse: false, settles: true) {
            $0.perNetwork = 2
        },
        Row(testDescription: "2, kept, no reuse", canReuse: false, strangers: 6, settles: true) {
            $0.unauthenticated = 8
        },
        Row(testDescription: "1, nothing kept, reuse", canReuse: true, settles: true) { $0.unauthenticated = 1 },
        Row(testDescription: "1 in all, nothing kept, reuse", canReuse: true, settles: true) { $0.connections = 1 },
        Row(testDescription: "1, kept, reuse", canReuse: true, strangers: 3, settles: true) { $0.unauthenticated = 4 },
        Row(testDescription: "9, kept, reuse", canReuse: true, settles: true) { $0.perAddress = 9 },
    ]

    @Test("S08, dialback 2: the table of caps, row by row", arguments: rows)
    func table(row: Row) throws {
        var settled = 0
        for difference in 0..<20 {
            let internet = Internet(seed: UInt64(difference + 1))
            internet.network.latency = .milliseconds(20)
            let a = try internet.start(1, ["a1.example", "a2.example"]) { row.limit(&$0.admission) }
            let b = try internet.start(2, ["b1.example", "b2.example"]) { row.limit(&$0.admission) }
            if !row.canReuse {
                try internet.publish("a2.example", at: [], secure: [1])
                try internet.publish("b2.example", at: [], secure: [2])
            }
            let strangers = try (0..<row.strangers).map { try Silent(internet, number: 100 + $0, to: [1, 2]) }
            internet.scheduler.advance(by: .seconds(1))
            a.users.send(try message("ann@a1.example", "bob@b1.example", id: "1"))
            internet.scheduler.advance(by: .milliseconds(difference))
            b.users.send(try message("bob@b2.example", "ann@a2.example", id: "1"))
            internet.scheduler.advance(by: .seconds(5))
            if a.users.deliveries.count == 1 && b.users.deliveries.count == 1 { settled += 1 }
            let own = internet.network.opened - UInt64(2 * strangers.count)
            if row.settles && row.strangers == 0 { #expect(own <= (row.canReuse ? 2 : 4), "\(own) connections") }
        }
        #expect(settled == (row.settles ? 20 : 0))
    }

    @Test("S08, G.3-17: a peer that wants to be asked first before it answers makes no more than two connections")
    func demanding() throws {
        let internet = Internet()
        let a = try internet.start(1, ["a.example"])
        let b = try internet.start(2, ["b.example"])
        let hostile = try Demanding(internet)
        a.users.send(try message("ann@a.example", "eve@m.example", id: "1"))
        b.users.send(try message("bob@b.example", "eve@m.example", id: "1"))
        a.users.send(try message("ann@a.example", "bob@b.example", id: "2"))
        internet.scheduler.advance(by: .seconds(5))
        #expect(b.users.deliveries.count == 1, "the others are as quick as ever")
        #expect(hostile.accepted <= 2 * 2, "\(hostile.accepted) connections to the hostile peer")
        #expect(internet.network.opened <= 2 + UInt64(hostile.accepted + hostile.made))
        internet.scheduler.advance(by: .seconds(60))
        #expect(a.balances && b.balances && a.core.status.waiting == 0)
        #expect(hostile.accepted <= 40, "\(hostile.accepted) connections in a minute")
    }
}

/// Somebody who connects to hosts and says nothing.
private final class Silent: TransportDelegate {
    private let transport: SimulatedTransport

    init(_ internet: Internet, number: Int, to hosts: [Int]) throws {
        transport = SimulatedTransport(network: internet.network, number: number)
        transport.delegate = self
        let name = try #require(Domain("stranger.example"))
        for host in hosts {
            _ = transport.connect(to: internet.endpoint(host), serverName: name, timeout: .seconds(5))
        }
    }

    func accepted(_ connection: ConnectionHandle, from address: String, security: ConnectionSecurity?) {}
    func connected(_ connection: ConnectionHandle, security: ConnectionSecurity?) {}
    func received(_ octets: inout ByteBuffer, on connection: ConnectionHandle) {}
    func readBurstEnded(on connection: ConnectionHandle) {}
    func writabilityChanged(_ isWritable: Bool, on connection: ConnectionHandle) {}
    func closed(_ connection: ConnectionHandle, reason: String) {}
}

/// A peer that answers every question and every claim with a claim of its own, and never gives a proof.
private final class Demanding: TransportDelegate {
    private let internet: Internet
    private let transport: SimulatedTransport
    private var machines: [ConnectionHandle: ConnectionMachine] = [:]
    private var generator = SystemRandomNumberGenerator()
    private(set) var accepted = 0
    private(set) var made = 0

    init(_ internet: Internet) throws {
        self.internet = internet
        transport = SimulatedTransport(network: internet.network, number: 3)
        transport.delegate = self
        internet.network.listen(transport, on: internet.endpoint(3))
        internet.peers[try #require(Domain("m.example"))] = [internet.endpoint(3)]
    }

    private func hello(_ dialled: ByteBuffer?) -> HelloRecord {
        HelloRecord(
            serverID: ServerID(high: 9, low: 9),
            nonce: ConnectionNonce(random: &generator),
            dialled: dialled
        )
    }

    func accepted(_ connection: ConnectionHandle, from address: String, security: ConnectionSecurity?) {
        accepted += 1
        machines[connection] = ConnectionMachine(.acceptor, hello: hello(nil), now: .start)
        work(connection)
    }

    /// Claims from a new connection before it says anything.
    private func demand(of domain: String) {
        guard made < 50, let name = Domain(domain) else { return }
        made += 1
        let number = domain.hasPrefix("a") ? 1 : 2
        let handle = transport.connect(to: internet.endpoint(number), serverName: name, timeout: .seconds(5))
        machines[handle] = ConnectionMachine(.dialler, hello: hello(name.octets), now: .start)
    }

    func connected(_ connection: ConnectionHandle, security: ConnectionSecurity?) { work(connection) }

    func received(_ octets: inout ByteBuffer, on connection: ConnectionHandle) {
        machines[connection]?.receive(&octets, now: .start)
        work(connection)
    }

    private func work(_ connection: ConnectionHandle) {
        while let event = machines[connection]?.next(now: .start) {
            switch event {
            case .dialled: machines[connection]?.accept(now: .start)
            case .established:
                guard let dialled = machines[connection]?.localHello.dialled else { continue }
                let claim = ClaimRecord(
                    source: ByteBuffer(string: "m.example"),
                    target: dialled,
                    token: ByteBuffer(repeating: 7, count: 32)
                )
                _ = machines[connection]?.send(claim: claim, cookie: 1, now: .start)
            case .claim(_, let record): demand(of: String(buffer: record.source))
            case .verify(_, let record): demand(of: String(buffer: record.target))
            default: break
            }
        }
        if let octets = machines[connection]?.takeOutbound() { transport.write(octets, on: connection) }
    }

    func readBurstEnded(on connection: ConnectionHandle) {}
    func writabilityChanged(_ isWritable: Bool, on connection: ConnectionHandle) {}
    func closed(_ connection: ConnectionHandle, reason: String) { machines[connection] = nil }
}
