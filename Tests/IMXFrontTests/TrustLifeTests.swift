// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import Aggregator
import EnvelopeModel
import IMXFront
import IMXWire
import Testing

/// What happens to data when trust runs out, is renewed, or is refused after a loss.
@Suite("The life of trust")
struct TrustLifeTests {
    private func ids(_ range: Range<Int>) -> [String] { range.map(String.init) }

    @Test("S12, IMX 6.3(3): what a peer refuses because its trust has run out is claimed and sent again, in order")
    func runsOut() throws {
        let internet = Internet()
        let a = try internet.start(1, ["a.example"])
        let b = try internet.start(2, ["b.example"]) { $0.dialback.trustLife = .seconds(5) }
        a.users.send(try message("ann@a.example", "bob@b.example", id: "first"))
        internet.scheduler.advance(by: .seconds(6))
        for id in ids(0..<20) { a.users.send(try message("ann@a.example", "bob@b.example", id: id)) }
        internet.scheduler.advance(by: .seconds(3))
        #expect((b.core.status.drops[.unauthenticated] ?? 0) > 0, "trust ends when its time does")
        #expect(a.users.settlements.allSatisfy { $0.outcome.code == .delivered })
        #expect(b.users.deliveries.map(\.envelope.messageID.description) == ["first"] + ids(0..<20))
        #expect(a.balances && a.core.status.waiting == 0)
    }

    @Test("IMX 6.3(3): trust is renewed before it runs out")
    func renewed() throws {
        let internet = Internet()
        let a = try internet.start(1, ["a.example"]) { $0.dialback.trustLife = .seconds(20) }
        let b = try internet.start(2, ["b.example"]) { $0.dialback.trustLife = .seconds(20) }
        for id in ids(0..<100) {
            a.users.send(try message("ann@a.example", "bob@b.example", id: id))
            internet.scheduler.advance(by: .seconds(1))
        }
        #expect(b.users.deliveries.count == 100 && a.core.ledger.delivered == 100)
        #expect(b.core.status.drops[.unauthenticated] == nil, "nothing was sent without trust")
    }

    @Test("RFC2779 5.4.2: a claim refused after a loss makes what was taken before uncertain, not failed")
    func refusedAfterLoss() throws {
        let internet = Internet()
        let a = try internet.start(1, ["a.example"])
        let b = try internet.start(2, ["b.example", "c.example"])
        a.users.send(try message("ann@a.example", "bob@b.example", id: "0"))
        internet.scheduler.advance(by: .seconds(2))
        b.users.habit = .hold(.tooLate)
        a.users.send(try message("ann@a.example", "cid@c.example", id: "1"))
        internet.scheduler.advance(by: .seconds(2))
        #expect(b.users.deliveries.count == 2)
        b.core.serve(try #require(Domain("c.example")), nil)
        internet.network.cut(1)
        internet.scheduler.advance(by: .seconds(20))
        #expect(a.users.settlements.map(\.outcome.code) == [.delivered, .uncertain])
        #expect(a.balances && a.core.status.waiting == 0)
    }

    @Test("IMX 4.2.3: a look-up that answers late is asked once, and forgets nobody")
    func lateLookUp() throws {
        let internet = Internet()
        let a = try internet.start(1, ["a.example"])
        let b = try internet.start(2, ["b.example"])
        internet.lookUpTime = .milliseconds(300)
        for id in ids(0..<10) { a.users.send(try message("ann@a.example", "bob@b.example", id: id)) }
        for id in ids(0..<10) { a.users.send(try message("ann@a.example", "bob@nowhere.example", id: id)) }
        internet.scheduler.advance(by: .seconds(3))
        #expect(b.users.deliveries.map(\.envelope.messageID.description) == ids(0..<10))
        #expect(a.core.ledger.delivered == 10 && a.core.ledger.failed == 10 && a.balances)
        #expect(internet.lookUps <= 3, "two ways out and one dial-back")
    }

    @Test("S12, dialback 3.1: trust is renewed all the time without a message lost or a claimant's connection more")
    func alwaysRenewed() throws {
        let internet = Internet()
        let a = try internet.start(1, ["a.example"]) { $0.dialback.trustLife = .seconds(3600) }
        let b = try internet.start(2, ["b.example"]) { $0.dialback.trustLife = .seconds(3600) }
        for id in 0..<150 {
            a.users.send(try message("ann@a.example", "bob@b.example", id: "\(id)"))
            internet.scheduler.advance(by: .seconds(60))
        }
        #expect(b.users.deliveries.count == 150 && a.core.ledger.delivered == 150)
        #expect(b.core.status.drops[.unauthenticated] == nil, "nothing was sent without trust")
        #expect(internet.network.opened == 2 + 4, "a connection, and one that verifies it each time")
    }

    @Test("S12, G.3-20: a source that is blocked loses its trust on live connections, and no other pair does")
    func blocked() throws {
        let internet = Internet()
        let a = try internet.start(1, ["a1.example", "a2.example"])
        let blocked = Box(Set<String>())
        let policy = PeerPolicy(
            isBlocked: { blocked.value.contains($0.name) },
            wallTime: { WallTime(milliseconds: 1_800_000_000_000) }
        )
        let b = try internet.start(2, ["b1.example", "b2.example"], policy: policy)
        func send(_ round: Int) throws {
            for (source, target) in [("a1", "b1"), ("a2", "b1"), ("a2", "b2")] {
                a.users.send(
                    try message("u@\(source).example", "v@\(target).example", id: "\(source)\(target)\(round)")
                )
            }
            internet.scheduler.advance(by: .seconds(2))
        }
        try send(1)
        #expect(a.core.ledger.delivered == 3)
        let connections = internet.network.opened
        blocked.value = ["a1.example"]
        b.front.policyChanged()
        try send(2)
        #expect(a.core.ledger.delivered == 5 && b.users.deliveries.count == 5)
        #expect(a.users.settlements.map(\.outcome.code).filter { $0 != .delivered } == [.refused])
        b.core.serve(try #require(Domain("b2.example")), nil)
        b.front.policyChanged()
        try send(3)
        #expect(b.users.deliveries.count == 6)
        #expect(
            a.users.settlements.map(\.outcome.code).filter { $0 != .delivered } == [.refused, .refused, .notServedHere]
        )
        blocked.value = []
        try send(4)
        #expect(b.users.deliveries.count == 8, "whoever is let in again claims anew")
        #expect(internet.network.opened == connections, "the connection went on all the time")
        #expect(a.balances && b.balances)
    }

    @Test("dialback 3.1, IMX 4.3, IMX A.1-6: two hundred pairs come up on one connection, eight claims at a time")
    func manyPairs() throws {
        let internet = Internet()
        let a = try internet.start(1, (0..<200).map { "a\($0).example" })
        let b = try internet.start(2, ["b.example"])
        for index in 0..<200 { a.users.send(try message("u@a\(index).example", "v@b.example", id: "\(index)")) }
        internet.scheduler.advance(by: .seconds(5))
        #expect(b.users.deliveries.count == 200 && a.core.ledger.delivered == 200)
        #expect(internet.network.opened == 2)
    }
}

/// Something that a closure and a test share.
final class Box<Value> {
    var value: Value

    init(_ value: Value) { self.value = value }
}
