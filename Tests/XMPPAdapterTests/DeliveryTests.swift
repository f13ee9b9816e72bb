// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import NIOCore
import Testing

@testable import XMPPAdapter

@Suite("Deliveries to the server")
struct DeliveryTests {
    @Test(
        "XEP-0199: one ping behind a batch, one flush, and a second answer confirms the batch",
        arguments: ["result", "error"]
    )
    func barrier(_ type: String) {
        var bench = Bench()
        bench.bringUp()
        let flushes = bench.server.flushes
        let tickets = bench.deliver([Bench.message(id: "m1"), Bench.message(id: "m2")])
        #expect(bench.server.take() == stanza("m1") + stanza("m2") + ping(1))
        #expect(bench.server.flushes == flushes + 1)
        bench.server.send(pong(1, type: type))
        #expect(bench.host.settlements.isEmpty)
        #expect(bench.server.take() == ping(2))
        bench.server.send(pong(2, type: type))
        #expect(bench.server.take().isEmpty)
        #expect(bench.host.order == tickets)
        #expect(tickets.allSatisfy { bench.host.settlements[$0] == .delivered })
    }

    @Test("XEP-0199: at most two pings are out, and only one sent after an answer confirms what that answer took")
    func twoBarriers() {
        var bench = Bench()
        bench.bringUp()
        let tickets = (1...4).flatMap { bench.deliver([Bench.message(id: "m\($0)")]) }
        #expect(bench.server.take() == stanza("m1") + ping(1) + stanza("m2") + ping(2) + stanza("m3") + stanza("m4"))
        bench.server.send(pong(1))
        #expect(bench.server.take() == ping(3))
        bench.server.send(pong(2))
        #expect(bench.host.order.isEmpty)
        #expect(bench.server.take() == ping(4))
        bench.server.send(pong(3))
        #expect(bench.host.order == Array(tickets[..<1]))
        bench.server.send(pong(4))
        #expect(bench.host.order == Array(tickets[..<2]))
        bench.confirm()
        #expect(bench.host.order == tickets)
        #expect(bench.server.take().isEmpty)
    }

    @Test(
        "XEP-0199: an answer that is not the server's confirms nothing",
        arguments: [
            pong(1, from: "mallory@a.example"), pong(1, from: "a.example/x"), pong(1, from: "b.example"), pong(2),
            "<iq type='result' from='a.example' to='imx.a.example'/>",
        ]
    )
    func forgedAnswer(_ answer: String) {
        var bench = Bench()
        bench.bringUp()
        _ = bench.deliver([Bench.message()])
        bench.server.send(answer)
        #expect(bench.host.settlements.isEmpty)
        #expect(bench.host.counts == [.strayAnswer: 1])
    }

    @Test("RFC3922 F.6: an error before the barrier settles that message alone")
    func bounced() {
        var bench = Bench()
        bench.bringUp()
        let tickets = bench.deliver([Bench.message(id: "m1"), Bench.message(id: "m2"), Bench.message(id: "m3")])
        bench.server.send(bounce("m2") + pong(1))
        bench.server.send(pong(2))
        #expect(bench.host.settlements[tickets[0]] == .delivered)
        #expect(bench.host.settlements[tickets[1]]?.code == .noSuchUser)
        #expect(bench.host.settlements[tickets[2]] == .delivered)
        #expect(bench.host.order.count == 3)
        #expect(bench.server.take() == stanza("m1") + stanza("m2") + stanza("m3") + ping(1) + ping(2))
    }

    @Test(
        "RFC3922 F.6: an error finds its message by identifier, sender and recipient",
        arguments: AddressForm.allCases
    )
    func sameIdentifier(_ form: AddressForm) {
        var bench = Bench { $0.form = form == .native ? .native : .escaped }
        bench.bringUp()
        let tickets = bench.deliver([
            Bench.message(id: "m1", from: "carol@b.example"),
            Bench.message(id: "m1", from: "Bob@b.example", to: "alan@a.example"),
            Bench.message(id: "m1", from: "Bob@b.example", to: "Alice@a.example"),
        ])
        let to = form == .native ? "bob@b.example" : "bob\\40b.example@imx.a.example"
        bench.server.send(bounce("m1").replacing("bob@b.example", with: to))
        #expect(bench.host.order == [tickets[2]])
        bench.server.send(bounce("m1").replacing("bob@b.example", with: to))
        #expect(bench.host.order == [tickets[2]])
        #expect(bench.host.counts == [.strayError: 1])
    }

    @Test("RFC3922 F.6: an error after the barrier becomes a report, once")
    func lateError() throws {
        var bench = Bench()
        bench.bringUp()
        _ = bench.deliver([Bench.message(id: "m1")])
        bench.confirm()
        bench.server.send(bounce("m1"))
        let report = try #require(bench.host.submissions.first)
        #expect(report.token == 0)
        #expect(report.envelope.source == address("alice@a.example"))
        #expect(report.envelope.destination == address("bob@b.example"))
        guard case .report(let content) = report.envelope.operation else {
            Issue.record("no report")
            return
        }
        #expect(content.messageID == identifier("m1"))
        #expect(content.outcome.code == .noSuchUser)
        bench.server.send(bounce("m1") + bounce("m9"))
        #expect(bench.host.submissions.count == 1)
        #expect(bench.host.counts == [.strayError: 2])
        #expect(!bench.server.take().contains("error"))
    }

    @Test("XEP-0114: a lost link leaves what was written uncertain, and what was not written in the queue")
    func lostLink() {
        var bench = Bench { $0.window = 2 }
        bench.bringUp()
        let tickets = bench.deliver((1...5).map { Bench.message(id: "m\($0)") })
        bench.server.send(pong(1))
        bench.server.send(pong(2))
        #expect(bench.host.order == Array(tickets[..<2]))
        bench.server.send(bounce("m3"))
        #expect(bench.host.settlements[tickets[2]]?.code == .noSuchUser)
        bench.server.cut()
        #expect(bench.host.settlements[tickets[3]]?.code == .uncertain)
        #expect(bench.host.order == Array(tickets[..<4]))
        let more = bench.deliver([Bench.message(id: "m6"), Bench.message(id: "m7")])
        #expect(bench.adapter.withdraw(more[0]) == .withdrawn)
        bench.host.advance(by: .seconds(1))
        bench.server.send(Bench.header)
        _ = bench.server.take()
        bench.server.send("<handshake/>")
        #expect(bench.server.take() == stanza("m5") + stanza("m7") + ping(4))
        bench.server.send(pong(3))
        #expect(bench.host.counts == [.strayAnswer: 1])
        bench.server.send(pong(4))
        bench.server.send(pong(5))
        #expect(bench.host.order == Array(tickets) + [more[1]])
        #expect(bench.host.settlements[more[1]] == .delivered)
        #expect(bench.host.settlements[more[0]] == nil)
    }

    @Test("XEP-0114: the window bounds what is unconfirmed, and order is kept")
    func window() {
        var bench = Bench { $0.window = 2 }
        bench.bringUp()
        let tickets = bench.deliver((1...5).map { Bench.message(id: "m\($0)") })
        #expect(bench.server.take() == stanza("m1") + stanza("m2") + ping(1))
        bench.server.send(pong(1))
        #expect(bench.server.take() == ping(2))
        bench.server.send(pong(2))
        #expect(bench.server.take() == stanza("m3") + stanza("m4") + ping(3))
        bench.confirm()
        #expect(bench.host.order == tickets)
    }

    @Test("XEP-0114: a slow server is not written to")
    func slowServer() {
        var bench = Bench()
        bench.bringUp()
        bench.server.isWritable = false
        let tickets = bench.deliver([Bench.message(id: "m1"), Bench.message(id: "m2"), Bench.message(id: "m3")])
        #expect(bench.server.take().isEmpty)
        #expect(bench.adapter.withdraw(tickets[1]) == .withdrawn)
        #expect(bench.adapter.withdraw(tickets[1]) == .tooLate)
        bench.server.isWritable = true
        bench.server.user?.becameWritable()
        #expect(bench.server.take() == stanza("m1") + stanza("m3") + ping(1))
        #expect(bench.adapter.withdraw(tickets[0]) == .tooLate)
        bench.server.send(pong(1))
        bench.server.send(pong(2))
        #expect(bench.host.order == [tickets[2]])
    }

    @Test("Contract once: a transport that calls back in the middle of a write gets everything once, and in order")
    func callsBack() {
        var bench = Bench { $0.window = 100 }
        bench.adapter.start()
        bench.server.callsBackOnWrites = true
        let tickets = bench.deliver((1...150).map { Bench.message(String(repeating: "x", count: 1_000), id: "m\($0)") })
        bench.server.send(Bench.header)
        bench.server.send("<handshake/>")
        var written = bench.server.take()
        while bench.host.order.count < 100 {
            for number in bench.server.takePings() {
                bench.server.send("<iq type='result' id='imx-ping-\(number)' from='a.example' to='imx.a.example'/>")
            }
            written += bench.server.take()
        }
        bench.confirm()
        #expect(bench.host.order == tickets)
        let ids = written.split(separator: "<message id='m").dropFirst().compactMap { Int($0.prefix { $0 != "'" }) }
        #expect(ids == Array(1...ids.count) && ids.count >= 100)
    }

    @Test("RFC3922 F.2: what cannot be written is refused alone")
    func refused() {
        var bench = Bench()
        bench.bringUp()
        let tickets = bench.deliver([
            Bench.message(id: "m1"), Bench.message("", id: "m2"), Bench.message("\u{1}", id: "m3"),
        ])
        #expect(bench.host.settlements[tickets[1]]?.code == .notUnderstood)
        #expect(bench.server.take() == stanza("m1") + stanza("m3", "\u{FFFD}") + ping(1))
        bench.server.send(pong(1))
        bench.server.send(pong(2))
        #expect(
            bench.host.settlements[tickets[2]]
                == Outcome(.delivered, "not carried: body: 1 characters that XML cannot hold were replaced")
        )
    }

    @Test("RFC3922 F.6: a report of failure becomes an error, one of nothing says nothing")
    func report() {
        var bench = Bench()
        bench.bringUp()
        bench.knowSent("7~m1")
        bench.knowSent("8~m2")
        let failed = Bench.message {
            $0.operation = .report(.init(about: identifier("7~m1"), outcome: Outcome(.refused)))
        }
        let done = Bench.message {
            $0.operation = .report(.init(about: identifier("8~m2"), outcome: Outcome(.uncertain)))
        }
        let other = Bench.message { $0.operation = .unknown(type: 99) }
        let tickets = bench.deliver([failed, done, other])
        #expect(bench.host.settlements[tickets[1]] == .delivered)
        #expect(bench.host.settlements[tickets[2]]?.code == .notUnderstood)
        #expect(bench.host.counts == [.report: 1])
        let written = bench.server.take()
        #expect(written.hasPrefix("<message type='error' from='bob@b.example' to='alice@a.example' id='7'>"))
        #expect(written.contains("<forbidden xmlns="))
        #expect(written.components(separatedBy: "<message").count == 2)
        bench.server.send(pong(1))
        bench.server.send(pong(2))
        #expect(bench.host.order.count == 3)
    }

    @Test("F.4, F.6: a report about a message that was never sent from here says nothing to anybody")
    func unknownReport() {
        var bench = Bench()
        bench.bringUp()
        bench.server.send("<message from='alice@a.example/x' to='ben@b.example' id='7'><body>hello</body></message>")
        let sent = bench.host.submissions[0].envelope.messageID
        let words: [(OutcomeCode, Envelope.Report.Stage)] = [
            (.refused, .delivery), (.delivered, .delivery), (.delivered, .display),
        ]
        for (code, stage) in words {
            // Not to Bob, and not this one.
            for about in [sent, identifier("7~m9")] {
                let report = Bench.message(id: "\(code)\(stage)\(about)") {
                    $0.operation = .report(.init(about: about, outcome: Outcome(code, "buy here"), stage: stage))
                }
                let tickets = bench.deliver([report])
                #expect(bench.host.settlements[tickets[0]] == .delivered)
            }
        }
        #expect(!bench.server.take().contains("<message") && bench.host.counts == [.report: 6])
        let report = Bench.message(from: "ben@b.example") {
            $0.operation = .report(.init(about: sent, outcome: Outcome(.refused)))
        }
        _ = bench.deliver([report])
        #expect(bench.server.take().contains("<message type='error' from='ben@b.example'"))
    }
}

extension String {
    fileprivate func components(separatedBy text: String) -> [Substring] {
        replacing(text, with: "\u{0}").split(separator: "\u{0}", omittingEmptySubsequences: false)
    }
}
