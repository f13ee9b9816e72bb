// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import NIOCore
import Testing

@testable import XMPPAdapter

private func ping(_ number: Int) -> String {
    "<iq type='get' id='imx-ping-\(number)' from='imx.a.example' to='a.example'><ping xmlns='urn:xmpp:ping'/></iq>"
}

private func pong(_ number: Int, type: String = "result", from: String = "a.example") -> String {
    "<iq type='\(type)' id='imx-ping-\(number)' from='\(from)' to='imx.a.example'/>"
}

private func stanza(_ id: String, _ text: String = "hello") -> String {
    "<message id='\(id)' to='alice@a.example' from='bob@b.example' type='chat'><body>\(text)</body></message>"
}

private func bounce(_ id: String, from: String = "alice@a.example", condition: String = "item-not-found") -> String {
    "<message type='error' id='\(id)' from='\(from)' to='bob@b.example'><error type='cancel'>"
        + "<\(condition) xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"
}

@Suite("The component stream")
struct StreamTests {
    @Test("XEP-0114: the handshake, octet for octet")
    func handshake() {
        let bench = Bench()
        bench.adapter.start()
        #expect(
            bench.server.take() == "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept'"
                + " xmlns:stream='http://etherx.jabber.org/streams' to='imx.a.example'>"
        )
        bench.server.send(Bench.header)
        #expect(bench.server.take() == "<handshake>aaee83c26aeeafcbabeabfcbcd50df997e0a2a1e</handshake>")
        #expect(bench.host.states == [.connecting])
        bench.server.send("<handshake/>")
        #expect(bench.host.states == [.connecting, .up])
        #expect(bench.server.take().isEmpty)
    }

    @Test("XEP-0114: a refused secret is tried again after the longest pause only")
    func refused() {
        let bench = Bench()
        bench.adapter.start()
        bench.server.send(Bench.header)
        bench.server.send(
            "<stream:error><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>"
        )
        #expect(bench.host.states.last == .down("the server ended the stream, not-authorized"))
        bench.host.advance(by: .seconds(14))
        #expect(bench.server.dials == 1)
        bench.host.advance(by: .seconds(17))
        #expect(bench.server.dials == 2)
    }

    @Test("XEP-0114: a refusal is understood however it arrives, and whatever follows it", arguments: [1, 10, 1_000])
    func refusedAtOnce(_ chunk: Int) {
        let bench = Bench()
        bench.adapter.start()
        let refusal =
            "<?xml version='1.0'?><stream:stream version='1.0' xmlns='jabber:component:accept'"
            + " xmlns:stream='http://etherx.jabber.org/streams' id=''><stream:error>"
            + "<host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
            + "<text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>no such component</text></stream:error></stream:stream>"
        var rest = Array((refusal + refusal).utf8)[...]
        while !rest.isEmpty {
            bench.server.user?.received([ByteBuffer(bytes: rest.prefix(chunk))])
            rest = rest.dropFirst(chunk)
        }
        #expect(
            bench.host.states == [.connecting, .down("the server ended the stream, host-unknown: no such component")]
        )
    }

    @Test("XEP-0114: a lost link is dialled again, later and later")
    func backOff() {
        let bench = Bench()
        bench.server.answersDials = false
        bench.adapter.start()
        var pauses: [Interval] = []
        for _ in 0..<10 {
            let dials = bench.server.dials
            bench.server.cut()
            let start = bench.host.now
            while bench.server.dials == dials { bench.host.advance(by: .milliseconds(50)) }
            pauses.append(bench.host.now - start)
        }
        #expect(pauses[0] <= .milliseconds(550))
        #expect(pauses[9] >= .seconds(15))
        #expect(pauses[9] <= .milliseconds(30_050))
    }

    @Test("XEP-0114: a server that is silent before the handshake is given up")
    func silentServer() {
        let bench = Bench()
        bench.adapter.start()
        bench.host.advance(by: .milliseconds(15_100))
        #expect(bench.host.states.contains(.down("the server did not accept the component in time")))
    }

    @Test("XEP-0199: a server that stops answering is given up, and what it was given is uncertain")
    func halfOpen() {
        var bench = Bench()
        bench.bringUp()
        let tickets = bench.deliver([Bench.message()])
        bench.host.advance(by: .milliseconds(31_000))
        #expect(bench.host.states.contains(.down("the server has stopped answering")))
        #expect(bench.host.settlements[tickets[0]]?.code == .uncertain)
    }

    @Test("XEP-0199: an idle link is tried, and stays up while it answers")
    func keepAlive() {
        let bench = Bench()
        bench.bringUp()
        for number in 1...5 {
            bench.host.advance(by: .seconds(15))
            #expect(bench.server.take() == ping(number))
            bench.server.send(pong(number))
        }
        #expect(bench.host.states == [.connecting, .up])
    }

    @Test("RFC6120 4.9: a stream that breaks a rule is closed with the condition, and dialled again")
    func broken() {
        let bench = Bench()
        bench.bringUp()
        bench.server.send("<!-- x -->")
        #expect(
            bench.server.take() == "<stream:error><restricted-xml xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
                + "</stream:error></stream:stream>"
        )
        #expect(bench.server.isClosed)
        bench.host.advance(by: .seconds(1))
        #expect(bench.server.dials == 2)
        bench.accept()
        #expect(bench.host.states.last == .up)
    }

    @Test("RFC6120 4.4: a stream that the server closes is closed in order")
    func closed() {
        let bench = Bench()
        bench.bringUp()
        bench.server.send("</stream:stream>")
        #expect(bench.server.take() == "</stream:stream>")
        #expect(bench.server.isClosed)
    }
}

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

    @Test("RFC3922 F.6: a report of failure becomes an error, any other says nothing")
    func report() {
        var bench = Bench()
        bench.bringUp()
        let failed = Bench.message {
            $0.operation = .report(.init(about: identifier("7~m1"), outcome: Outcome(.refused)))
        }
        let done = Bench.message { $0.operation = .report(.init(about: identifier("8~m2"), outcome: .delivered)) }
        let other = Bench.message { $0.operation = .unknown(type: 99) }
        let tickets = bench.deliver([failed, done, other])
        #expect(bench.host.settlements[tickets[2]]?.code == .notUnderstood)
        let written = bench.server.take()
        #expect(written.hasPrefix("<message type='error' from='bob@b.example' to='alice@a.example' id='7'>"))
        #expect(written.contains("<forbidden xmlns="))
        #expect(written.components(separatedBy: "<message").count == 2)
        bench.server.send(pong(1))
        bench.server.send(pong(2))
        #expect(bench.host.order.count == 3)
    }
}

extension String {
    fileprivate func components(separatedBy text: String) -> [Substring] {
        replacing(text, with: "\u{0}").split(separator: "\u{0}", omittingEmptySubsequences: false)
    }
}

@Suite("Foreign people and the case of their names")
struct SenderNamesTests {
    @Test("IMX 2.3: addresses that differ in case only are never mixed up")
    func caseVariants() {
        var bench = Bench()
        bench.bringUp()
        let tickets = bench.deliver([
            Bench.message(id: "m1", from: "Bob@b.example"), Bench.message(id: "m2", from: "bob@b.example"),
            Bench.message(id: "m3", from: "Bob@b.example"), Bench.message(id: "m4", from: "BOB@c.example"),
        ])
        #expect(bench.host.settlements[tickets[1]]?.code == .addressInvalid)
        bench.confirm()
        #expect(bench.host.order.count == 4)
        bench.server.send("<message from='alice@a.example' to='bob@b.example' id='1'><body>hello</body></message>")
        #expect(bench.host.submissions.last?.envelope.destination == address("Bob@b.example"))
        bench.server.send("<message from='alice@a.example' to='carol@b.example' id='1'><body>hello</body></message>")
        #expect(bench.host.submissions.last?.envelope.destination == address("carol@b.example"))
    }

    @Test("IMX 2.3: the first spelling keeps the address")
    func first() {
        var names = SenderNames()
        let admitted = ["bob@b.example", "Bob@b.example", "bob@b.example", "Ü@b.example", "ü@b.example"].map {
            names.admit(address($0))
        }
        #expect(admitted == [true, false, true, true, false])
        #expect(names.original(of: address("bob@b.example")) == address("bob@b.example"))
        #expect(names.original(of: address("ü@b.example")) == address("Ü@b.example"))
    }

    @Test("IMX 2.3: what is known of senders is bounded")
    func bounded() {
        var names = SenderNames()
        let admitted = (0..<70_000).filter { names.admit(address("B\($0)@b.example")) }
        #expect(admitted.count == 70_000)
        #expect(names.original(of: address("b1@b.example")) == address("b1@b.example"))
        #expect(names.original(of: address("b69999@b.example")) == address("B69999@b.example"))
    }
}
