// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import Aggregator
import EnvelopeModel
import IMXFront
import IMXWire
import Testing

/// Which places are dialled, when they are looked up, and how many connections there are.
@Suite("The way to a peer")
struct LinkTests {
    private func send(_ ids: Range<Int>, from a: Internet.Host, to domain: String = "b.example") throws -> [String] {
        for id in ids { a.users.send(try message("ann@a.example", "bob@\(domain)", id: "\(id)")) }
        return ids.map(String.init)
    }

    @Test("IMX 4.2.3: every host that a domain publishes is tried before there is a pause")
    func failOver() throws {
        let internet = Internet()
        let a = try internet.start(1, ["a.example"])
        let b = try internet.start(9, ["b.example"])
        try internet.publish("b.example", at: [5, 6, 7, 8, 9])
        let ids = try send(0..<3, from: a)
        internet.scheduler.advance(by: .milliseconds(100))
        #expect(b.received == ids)
        #expect(a.balances)
    }

    @Test("IMX 4.2.3: a connection stands longer than the answers that led to it; the next one asks again")
    func timeToLive() throws {
        let internet = Internet()
        let a = try internet.start(1, ["a.example"])
        let b = try internet.start(2, ["b.example"])
        try internet.publish("b.example", at: [2], ttl: .seconds(5))
        _ = try send(0..<1, from: a)
        internet.scheduler.advance(by: .seconds(20))
        let before = (internet.lookUps, internet.network.opened)
        _ = try send(1..<2, from: a)
        internet.scheduler.advance(by: .seconds(1))
        #expect((internet.lookUps, internet.network.opened) == before)
        internet.network.cut(1)
        internet.network.cut(2)
        _ = try send(2..<3, from: a)
        internet.scheduler.advance(by: .seconds(2))
        #expect(internet.lookUps > before.0)
        #expect(b.received == ["0", "1", "2"])
    }

    @Test("G.3-16: an address that policy refuses is not dialled, and the reason reaches the sender")
    func addressPolicy() throws {
        let internet = Internet()
        var refused: [String] = []
        let policy = PeerPolicy(
            addressRefusal: { address, port in
                guard address == "192.0.2.5" else { return nil }
                refused.append("\(address) \(port)")
                return "192.0.2.5 is a special address"
            },
            wallTime: { WallTime(milliseconds: 0) }
        )
        let a = try internet.start(1, ["a.example"], policy: policy)
        let b = try internet.start(2, ["b.example"])
        try internet.publish("b.example", at: [5, 2])
        try internet.publish("c.example", at: [5])
        let ids = try send(0..<1, from: a)
        _ = try send(1..<2, from: a, to: "c.example")
        internet.scheduler.advance(by: .seconds(31))
        #expect(b.received == ids)
        #expect(!internet.network.tried.contains { $0.host == "192.0.2.5" })
        #expect(refused.count > 1 && a.core.status.drops[.refusedAddress] ?? 0 > 1)
        let texts = a.users.settlements.compactMap(\.outcome.text)
        #expect(texts.contains { $0.contains("192.0.2.5 is a special address") })
        #expect(a.balances)
    }

    @Test("IMX 4.2.3: SERVFAIL for a domain that was there before lets what waits wait; NXDOMAIN ends it")
    func lookUpFails() throws {
        let internet = Internet()
        let a = try internet.start(1, ["a.example"])
        let b = try internet.start(2, ["b.example"])
        let domain = try #require(Domain("b.example"))
        try internet.publish("b.example", at: [2], ttl: .seconds(1))
        _ = try send(0..<1, from: a)
        internet.scheduler.advance(by: .seconds(5))
        internet.failing = [domain]
        internet.network.cut(1)
        internet.network.cut(2)
        _ = try send(1..<4, from: a)
        internet.scheduler.advance(by: .seconds(5))
        #expect(a.core.status.waiting == 3)
        internet.failing = []
        internet.scheduler.advance(by: .seconds(15))
        #expect(b.received == ["0", "1", "2", "3"])
        internet.published[domain] = nil
        internet.peers[domain] = nil
        for stream in UInt64(1)...internet.network.opened { internet.network.cut(stream) }
        internet.scheduler.advance(by: .seconds(1))
        _ = try send(4..<5, from: a)
        internet.scheduler.advance(by: .seconds(1))
        #expect(a.users.settlements.last?.outcome.code == .domainNotFound)
        #expect(a.balances && a.core.status.waiting == 0)
    }

    @Test("IMX 4.3.1: many pairs to one service share at most k connections, and keep their order")
    func pool() throws {
        let internet = Internet()
        internet.network.latency = .milliseconds(20)
        let sources = (0..<12).map { "a\($0).example" }
        let a = try internet.start(1, sources)
        let b = try internet.start(2, ["b.example"]) { $0.connection.maxInflight = 4 }
        for round in 0..<60 {
            for (number, source) in sources.enumerated() {
                a.users.send(try message("ann@\(source)", "bob@b.example", id: "\(number)-\(round)"))
            }
        }
        internet.scheduler.advance(by: .seconds(5))
        let outgoing = a.front.peers.filter { $0.isOutgoing }
        #expect(outgoing.count == 2)
        #expect(outgoing.allSatisfy { $0.pairs.count >= 4 }, "both carry their share: \(outgoing.map(\.pairs.count))")
        internet.scheduler.advance(by: .seconds(15))
        #expect(b.received.count == 12 * 60)
        for number in sources.indices {
            let rounds = b.received.filter { $0.hasPrefix("\(number)-") }
            #expect(rounds == (0..<60).map { "\(number)-\($0)" })
        }
        #expect(a.balances)
    }

    @Test("IMX 4.3.1: one pair alone has one connection, however much it sends")
    func onePair() throws {
        let internet = Internet()
        internet.network.latency = .milliseconds(20)
        let a = try internet.start(1, ["a.example"])
        let b = try internet.start(2, ["b.example"]) { $0.connection.maxInflight = 2 }
        let ids = try send(0..<300, from: a)
        internet.scheduler.advance(by: .seconds(20))
        #expect(b.received == ids && internet.network.opened == 2)
    }

    @Test(
        "dialback 3.1, IMX 6.2.2, IMX 6.2.2.1(4): a pair with another target joins a connection only if that target is found at its place"
    )
    func targetsElsewhere() throws {
        let internet = Internet()
        let a = try internet.start(1, ["a.example"])
        let b = try internet.start(2, ["b.example", "c.example"])
        let c = try internet.start(3, ["d.example"])
        try internet.publish("b.example", at: [2])
        try internet.publish("c.example", at: [2])
        try internet.publish("d.example", at: [3])
        for (id, domain) in ["b", "c", "d"].enumerated() { _ = try send(id..<id + 1, from: a, to: "\(domain).example") }
        internet.scheduler.advance(by: .seconds(2))
        #expect(b.received.count == 2 && c.received == ["2"])
        #expect(a.front.peers.filter { $0.isOutgoing }.map(\.pairs.count).sorted() == [1, 2])
    }

    @Test("IMX 4.3: while a connection closes in order its successor stands already, and nothing overtakes")
    func replaced() throws {
        let internet = Internet()
        let a = try internet.start(1, ["a.example"])
        let b = try internet.start(2, ["b.example"])
        try internet.publish("b.example", at: [2])
        _ = try send(0..<1, from: a)
        internet.scheduler.advance(by: .seconds(2))
        b.users.habit = .hold(.tooLate)
        _ = try send(1..<4, from: a)
        internet.scheduler.advance(by: .seconds(1))
        let held = b.users.deliveries.suffix(3)
        #expect(held.count == 3)
        b.closeInOrder(try #require(b.handle(of: 1)))
        internet.scheduler.advance(by: .seconds(1))
        b.users.habit = .settle(.delivered)
        _ = try send(4..<6, from: a)
        internet.scheduler.advance(by: .seconds(3))
        #expect(a.front.peers.filter { $0.isOutgoing && $0.state == "open" }.count == 1, "the successor")
        #expect(b.received.count == 4, "what was sent before has no end yet")
        for delivery in held { b.users.settle(delivery.ticket, .delivered) }
        internet.scheduler.advance(by: .seconds(1))
        checkContract(a, received: b.received, sent: (0..<6).map(String.init), atLeast: 6, "replaced")
        #expect(a.core.ledger.delivered == 6)
    }

    @Test("IMX 4.3: a peer that closes for a reason is left alone for a while, and its reason is told")
    func reason() throws {
        let internet = Internet()
        let a = try internet.start(1, ["a.example"])
        let b = try internet.start(2, ["b.example"])
        _ = try send(0..<1, from: a)
        internet.scheduler.advance(by: .seconds(2))
        b.core.drain(by: internet.scheduler.now + .seconds(1)) {
            b.core.stopAdapters(by: internet.scheduler.now + .seconds(1)) {}
        }
        internet.scheduler.advance(by: .seconds(3))
        internet.kill(b)
        _ = try send(1..<2, from: a)
        internet.scheduler.advance(by: .seconds(2))
        let waiting = a.front.peers.filter { $0.state.hasPrefix("not reached") }
        #expect(waiting.count == 1 && waiting.first?.state.contains("connection refused") == true)
        internet.scheduler.advance(by: .seconds(30))
        #expect(a.users.settlements.last?.outcome.code == .timedOut && a.balances)
    }

    @Test("IMX 4.3: the dialler leaves before the idle time that the acceptor has published")
    func idle() throws {
        let internet = Internet()
        let a = try internet.start(1, ["a.example"]) { $0.connection.idleSeconds = 600 }
        let b = try internet.start(2, ["b.example"]) { $0.connection.idleSeconds = 60 }
        _ = try send(0..<1, from: a)
        internet.scheduler.advance(by: .seconds(50))
        #expect(a.front.peers.contains { $0.isOutgoing })
        internet.scheduler.advance(by: .seconds(7))
        #expect(!a.front.peers.contains { $0.isOutgoing })
        _ = try send(1..<2, from: a)
        internet.scheduler.advance(by: .seconds(1))
        #expect(b.received == ["0", "1"], "the next need opens it again at once")
    }
}
