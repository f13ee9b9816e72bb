// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import Aggregator
import EnvelopeModel
import IMXFront
import IMXWire
import Testing

@Suite("Two aggregators")
struct ConversationTests {
    @Test("IMX 6.3.1: a message crosses after dial-back, and the answer comes back", arguments: [1, 7, 4096])
    func crosses(longestChunk: Int) throws {
        let internet = Internet()
        internet.network.longestChunk = longestChunk
        let a = try internet.start(1, ["a.example"])
        let b = try internet.start(2, ["b.example"])
        a.users.send(try message("ann@a.example", "bob@b.example", id: "1"), token: 5)
        internet.scheduler.advance(by: .seconds(2))
        #expect(b.users.deliveries.map(\.envelope.messageID.description) == ["1"])
        #expect(b.users.deliveries.first?.envelope.source.description == "ann@a.example")
        #expect(b.users.deliveries.first?.envelope.trace == TraceID(high: 7, low: 7))
        #expect(a.users.settlements.map(\.outcome.code) == [.delivered])
        #expect(a.users.settlements.map(\.token) == [5])
        #expect(a.balances && b.balances)
    }

    @Test("IMX 4.4.7: a thousand messages both ways keep their order, over one connection each way")
    func many() throws {
        let internet = Internet()
        let a = try internet.start(1, ["a.example"])
        let b = try internet.start(2, ["b.example"])
        let ids = (0..<1000).map(String.init)
        for id in ids {
            a.users.send(try message("ann@a.example", "bob@b.example", id: id))
            b.users.send(try message("bob@b.example", "ann@a.example", id: id))
        }
        internet.scheduler.advance(by: .seconds(5))
        #expect(b.users.deliveries.map(\.envelope.messageID.description) == ids)
        #expect(a.users.deliveries.map(\.envelope.messageID.description) == ids)
        #expect(a.core.ledger.delivered == 2000 && b.core.ledger.delivered == 2000)
        #expect(internet.network.openStreams == 2)
        #expect(a.balances && b.balances)
    }

    @Test("IMX 4.3: several domains share a connection, each pair authenticated on its own")
    func sharing() throws {
        let internet = Internet()
        let a = try internet.start(1, ["a1.example", "a2.example"])
        let b = try internet.start(2, ["b1.example", "b2.example"])
        for source in ["a1", "a2"] {
            for target in ["b1", "b2"] {
                a.users.send(try message("u@\(source).example", "v@\(target).example", id: source + target))
            }
        }
        internet.scheduler.advance(by: .seconds(3))
        #expect(b.users.deliveries.count == 4)
        #expect(a.core.ledger.delivered == 4 && internet.network.openStreams == 2)
    }

    @Test("I.1.3: a refusal at the far end reaches the sender with its code and text")
    func refusal() throws {
        let internet = Internet()
        let a = try internet.start(1, ["a.example"])
        let b = try internet.start(2, ["b.example"])
        b.users.habit = .settle(Outcome(.noSuchUser, "nobody"))
        a.users.send(try message("ann@a.example", "bob@b.example", id: "1"))
        internet.scheduler.advance(by: .seconds(2))
        #expect(a.users.settlements.map(\.outcome.code) == [.noSuchUser])
        #expect(a.users.settlements.first?.outcome.text == "nobody")
    }

    @Test("IMX 4.2.3: a domain that is not on the network is refused at once; one out of reach by its deadline")
    func unreachable() throws {
        let internet = Internet()
        let a = try internet.start(1, ["a.example"])
        internet.peers[try #require(Domain("down.example"))] = [internet.endpoint(99)]
        a.users.send(try message("ann@a.example", "x@nowhere.example", id: "1"))
        a.users.send(try message("ann@a.example", "x@down.example", id: "2"))
        internet.scheduler.advance(by: .seconds(1))
        #expect(a.users.settlements.map(\.outcome.code) == [.domainNotFound])
        internet.scheduler.advance(by: .seconds(31))
        #expect(a.users.settlements.map(\.outcome.code) == [.domainNotFound, .timedOut])
        #expect(a.users.settlements.last?.outcome.text?.contains("connection refused") == true)
        #expect(a.balances)
        internet.scheduler.advance(by: .seconds(120))
        #expect(internet.scheduler.pending == 0)
    }

    @Test("IMX 4.3: an idle connection is closed, and made again at the next need")
    func idle() throws {
        let internet = Internet()
        let a = try internet.start(1, ["a.example"]) { $0.connection.idleSeconds = 60 }
        let b = try internet.start(2, ["b.example"]) { $0.connection.idleSeconds = 60 }
        a.users.send(try message("ann@a.example", "bob@b.example", id: "1"))
        internet.scheduler.advance(by: .seconds(300))
        #expect(internet.network.openStreams == 0)
        a.users.send(try message("ann@a.example", "bob@b.example", id: "2"))
        internet.scheduler.advance(by: .seconds(2))
        #expect(b.users.deliveries.count == 2)
        internet.scheduler.advance(by: .seconds(300))
        #expect(internet.scheduler.pending == 0)
    }

    @Test("G.6, IMX 6.3.1-6: a peer whose domain does not stand by the claim is not trusted")
    func impostor() throws {
        let internet = Internet()
        let a = try internet.start(1, ["a.example"])
        let b = try internet.start(2, ["b.example"])
        _ = try internet.start(3, ["a.example"])  // now a.example is found at host 3, while host 1 claims it
        a.users.send(try message("ann@a.example", "bob@b.example", id: "1"))
        internet.scheduler.advance(by: .seconds(31))
        #expect(b.users.deliveries.isEmpty)
        #expect(a.users.settlements.map(\.outcome.code) == [.notVerified])
    }

    @Test("P6: a peer that is stopped in order loses nothing")
    func orderlyStop() throws {
        let internet = Internet()
        let a = try internet.start(1, ["a.example"])
        var b = try internet.start(2, ["b.example"])
        for id in 0..<50 { a.users.send(try message("ann@a.example", "bob@b.example", id: "\(id)")) }
        internet.scheduler.advance(by: .milliseconds(9))
        var received: [String] = []
        b.core.drain(by: internet.scheduler.now + .seconds(5)) {
            b.core.stopAdapters(by: internet.scheduler.now + .seconds(5)) {}
        }
        internet.scheduler.advance(by: .seconds(6))
        received += b.users.deliveries.map(\.envelope.messageID.description)
        internet.kill(b)
        b = try internet.start(2, ["b.example"])
        internet.scheduler.advance(by: .seconds(20))
        received += b.users.deliveries.map(\.envelope.messageID.description)
        #expect(Set(received).count == received.count)
        let delivered = a.users.settlements.filter { $0.outcome.code == .delivered }.count
        #expect(delivered == received.count && a.core.ledger.uncertain == 0 && a.balances)
        #expect(delivered == 50)
    }
}

extension ConversationTests {
    @Test("RFC2779 5.4.1: a peer that takes requests and answers none is left, and asked again on a new connection")
    func silentPeer() throws {
        let internet = Internet()
        let a = try internet.start(1, ["a.example"]) { $0.answerPatience = .seconds(20) }
        let b = try internet.start(2, ["b.example"])
        a.users.send(try message("ann@a.example", "bob@b.example", id: "first"))
        internet.scheduler.advance(by: .seconds(2))
        b.users.habit = .hold(.tooLate)
        a.users.send(try message("ann@a.example", "bob@b.example", id: "unanswered"))
        internet.scheduler.advance(by: .seconds(15))
        let before = internet.network.opened
        internet.scheduler.advance(by: .seconds(10))
        #expect(internet.network.opened > before)
        b.users.habit = .settle(.delivered)
        a.users.send(try message("ann@a.example", "bob@b.example", id: "next"))
        internet.scheduler.advance(by: .seconds(30))
        #expect(a.core.ledger.delivered == 2 && a.core.ledger.uncertain == 1 && a.balances)
        #expect(a.users.settlements.map(\.outcome.code) == [.delivered, .uncertain, .delivered])
    }
}
