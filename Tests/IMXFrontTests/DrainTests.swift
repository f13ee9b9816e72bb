// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import Aggregator
import EnvelopeModel
import IMXWire
import Store
import TestSupport
import Testing

@testable import IMXFront

/// Nodes that are taken out of service and domains that move, under load and with cuts at every step.
@Suite("Draining and moving")
struct DrainTests {
    /// Sends for a while, has something happen in the middle, and checks the contract at the end.
    private func run(
        seed: UInt64,
        cuts: Set<Int> = [],
        chunk: Int = 300,
        count: Int = 60,
        happening: (Internet, [Internet.Host]) throws -> Void
    ) throws -> (internet: Internet, a: Internet.Host, received: [String], sent: [String]) {
        let internet = Internet(seed: seed)
        internet.network.longestChunk = chunk
        internet.network.cuts = cuts
        var generator = SeededGenerator(seed: seed &* 31)
        let a = try internet.start(1, ["a.example"])
        let b = try internet.start(2, ["b.example"])
        let c = try internet.start(3, ["b.example"])
        try internet.publish("b.example", at: [2, 3], ttl: .seconds(5), ordered: true)
        var order: [String] = []
        for host in [b, c] { host.users.onDelivery = { order.append($0.envelope.messageID.description) } }
        let ids = (0..<count).map(String.init)
        for (number, id) in ids.enumerated() {
            a.users.send(try message("ann@a.example", "bob@b.example", id: id))
            internet.scheduler.advance(by: .milliseconds(Int.random(in: 0...4, using: &generator)))
            if number == count / 2 { try happening(internet, [b, c]) }
        }
        internet.scheduler.advance(by: .seconds(90))
        return (internet, a, order, ids)
    }

    @Test("P6: a node is emptied without a lost, doubled or overtaken message", arguments: [true, false])
    func drain(isTold: Bool) throws {
        var hasEnded = false
        let result = try run(seed: 1) { internet, hosts in
            hosts[0].front.drain(to: isTold ? internet.endpoint(3) : nil) { hasEnded = true }
        }
        checkContract(result.a, received: result.received, sent: result.sent, atLeast: 60, "drain")
        #expect(result.a.core.ledger.delivered == 60 && result.a.core.ledger.uncertain == 0)
        #expect(hasEnded && result.internet.hosts[1].front.peers.isEmpty)
        #expect(result.internet.hosts[2].received.count > 10)
    }

    @Test("P3: a cut at every step while a node is drained", arguments: [true, false])
    func drainCut(isTold: Bool) throws {
        var cut = 0
        var steps = 0
        repeat {
            cut += 1
            let result = try run(seed: UInt64(cut), cuts: [cut], chunk: 200, count: 12) { internet, hosts in
                hosts[0].front.drain(to: isTold ? internet.endpoint(3) : nil)
            }
            checkContract(result.a, received: result.received, sent: result.sent, atLeast: 4, "cut at step \(cut)")
            steps = result.internet.network.arrivals
        } while cut < steps
        #expect(cut > 30)
    }

    @Test("P3: drains and redirections under storms of cuts, from many seeds", arguments: 1...schedules / 2)
    func storms(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed) &* 99)
        let cuts = Set((0..<8).map { _ in Int.random(in: 1...300, using: &generator) })
        let isTold = Bool.random(using: &generator)
        let result = try run(seed: UInt64(seed), cuts: cuts, count: 120) { internet, hosts in
            hosts[0].front.drain(to: isTold ? internet.endpoint(3) : nil)
        }
        checkContract(result.a, received: result.received, sent: result.sent, atLeast: 50, "seed \(seed)")
    }

    @Test("IMX 4.2.3: a domain moves to another host, and its pairs follow in order without loss")
    func moves() throws {
        let result = try run(seed: 1) { internet, hosts in
            try internet.publish("b.example", at: [3], ttl: .seconds(5))
            hosts[0].core.serve(try #require(Domain("b.example")), nil)
        }
        checkContract(result.a, received: result.received, sent: result.sent, atLeast: 60, "move")
        #expect(result.a.core.ledger.delivered == 60, "\(result.a.core.ledger)")
    }

    @Test("IMX 4.2.3: a domain that moves takes no other domain of its old host with it")
    func movesAlone() throws {
        let internet = Internet()
        let a = try internet.start(1, ["a.example"])
        let b = try internet.start(2, ["b.example", "other.example"])
        let c = try internet.start(3, ["b.example"])
        try internet.publish("b.example", at: [2])
        try internet.publish("other.example", at: [2])
        for id in 0..<20 {
            a.users.send(try message("ann@a.example", "bob@b.example", id: "b\(id)"))
            a.users.send(try message("ann@a.example", "oto@other.example", id: "o\(id)"))
            if id == 10 {
                try internet.publish("b.example", at: [3])
                b.core.serve(try #require(Domain("b.example")), nil)
            }
            internet.scheduler.advance(by: .milliseconds(30))
        }
        internet.scheduler.advance(by: .seconds(5))
        #expect(a.core.ledger.delivered == 40 && a.balances)
        #expect(b.received.filter { $0.hasPrefix("o") } == (0..<20).map { "o\($0)" })
        #expect(b.received.filter { $0.hasPrefix("b") } + c.received == (0..<20).map { "b\($0)" })
        #expect(a.front.peers.filter { $0.isOutgoing && $0.state == "open" }.count == 2)
    }

    @Test("IMX 4.2.3: a domain that its host no longer serves, and that DNS shows nowhere else, is refused")
    func gone() throws {
        let internet = Internet()
        let a = try internet.start(1, ["a.example"])
        let b = try internet.start(2, ["b.example"])
        try internet.publish("b.example", at: [2])
        a.users.send(try message("ann@a.example", "bob@b.example", id: "0"))
        internet.scheduler.advance(by: .seconds(2))
        b.core.serve(try #require(Domain("b.example")), nil)
        let lookUps = internet.lookUps
        a.users.send(try message("ann@a.example", "bob@b.example", id: "1"))
        internet.scheduler.advance(by: .seconds(2))
        #expect(a.users.settlements.map(\.outcome.code) == [.delivered, .notServedHere])
        #expect(internet.lookUps == lookUps + 1, "it was asked whether the domain has moved")
        #expect(a.balances && a.core.status.waiting == 0)
    }
}
