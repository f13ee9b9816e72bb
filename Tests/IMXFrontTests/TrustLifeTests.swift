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

    @Test("IMX 6.3: what a peer refuses because its trust has run out is claimed and sent again, in order")
    func runsOut() throws {
        let internet = Internet()
        let a = try internet.start(1, ["a.example"])
        let b = try internet.start(2, ["b.example"]) { $0.dialback.trustLife = .seconds(5) }
        a.users.send(try message("ann@a.example", "bob@b.example", id: "first"))
        internet.scheduler.advance(by: .seconds(6))
        for id in ids(0..<20) { a.users.send(try message("ann@a.example", "bob@b.example", id: id)) }
        internet.scheduler.advance(by: .seconds(3))
        #expect(a.users.settlements.allSatisfy { $0.outcome.code == .delivered })
        #expect(b.users.deliveries.map(\.envelope.messageID.description) == ["first"] + ids(0..<20))
        #expect(a.balances && a.core.status.waiting == 0)
    }

    @Test("IMX 6.3: trust is renewed before it runs out")
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

    @Test("IMX 4.2: a look-up that answers late is asked once, and forgets nobody")
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
}
