// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import NIOCore
import Testing

@testable import XMPPAdapter

private func from(_ inside: String, id: String = "1", by: String = "alice@a.example/phone") -> String {
    "<message from='\(by)' to='bob@b.example/desk' id='\(id)' type='chat'>\(inside)</message>"
}

private func state(_ name: String) -> String { "<\(name) xmlns='http://jabber.org/protocol/chatstates'/>" }

private let body = "<body>hello</body>"

/// A standalone chat state from Bob abroad.
private func foreign(_ state: ChatState, id: String) -> Envelope {
    Bench.message(id: id) { envelope in
        envelope.body = .none
        var details = Envelope.Details()
        details.chatState = state
        envelope.details = details
    }
}

@Suite("Chat states")
struct ChatStateTests {
    @Test("XEP-0085: each state travels with a message and without one", arguments: ChatState.allCases)
    func bothWays(_ kind: ChatState) throws {
        var bench = Bench()
        bench.bringUp()
        bench.server.send(from(body + state(kind.rawValue)) + from(state(kind == .gone ? "active" : "gone")))
        let sent = bench.host.submissions.map(\.envelope)
        try #require(sent.count == 2)
        #expect(sent[0].details?.chatState == kind && sent[0].body == .parts([.text("hello")]))
        #expect(sent[1].details?.chatState == (kind == .gone ? .active : .gone) && sent[1].body == .none)
        #expect(sent.allSatisfy { $0.details?.losses.isEmpty == true })
        _ = bench.deliver([foreign(kind, id: "m1")])
        #expect(
            bench.server.take().hasPrefix(
                "<message id='m1' to='alice@a.example' from='bob@b.example' type='chat'>\(state(kind.rawValue))</message>"
            )
        )
    }

    @Test("XEP-0085 5.2: no state is repeated, and a message begins anew")
    func repeats() {
        let bench = Bench()
        bench.bringUp()
        let composing = from(state("composing"))
        bench.server.send(composing + composing + from(state("paused")) + composing)
        #expect(bench.host.submissions.map(\.envelope.details?.chatState) == [.composing, .paused, .composing])
        #expect(bench.host.counts == [.chatState: 1])
        bench.server.send(from(body + state("active")) + composing)
        #expect(bench.host.submissions.count == 5)
        // Another device of the same person is another conversation partner.
        bench.server.send(from(state("composing"), by: "alice@a.example/laptop"))
        #expect(bench.host.submissions.count == 6)
    }

    @Test("F.4: a client that has not shown that it understands states is spared them, and nobody is told an error")
    func unwanted() {
        var bench = Bench()
        bench.bringUp()
        let first = bench.deliver([foreign(.composing, id: "m1")])
        #expect(bench.host.settlements[first[0]] == .delivered)
        #expect(bench.host.counts == [.chatState: 1])
        #expect(!bench.server.take().contains("<message"))
        bench.server.send(from(body + state("active")))
        _ = bench.deliver([foreign(.composing, id: "m2")])
        #expect(bench.server.take().contains("<composing "))
        // A message without a state takes it back.
        bench.server.send(from(body))
        _ = bench.deliver([foreign(.paused, id: "m3")])
        #expect(!bench.server.take().contains("<paused "))
        #expect(bench.host.counts == [.chatState: 2])
    }

    @Test("F.4: a state that could not be delivered is counted, and its sender hears nothing")
    func refused() {
        let bench = Bench()
        bench.bringUp()
        bench.server.send(from(state("composing")))
        let submission = bench.host.submissions[0]
        #expect(submission.envelope.deadline <= bench.host.now + .seconds(15))
        bench.adapter.settled([
            Settlement(token: submission.token, outcome: Outcome(.notUnderstood), envelope: submission.envelope)
        ])
        #expect(bench.server.take().isEmpty)
        #expect(bench.host.counts == [.chatState: 1])
    }

    @Test("F.4: an error about a state becomes no report, neither before nor after it was confirmed")
    func bounced() {
        var bench = Bench()
        bench.bringUp()
        bench.server.send(from(body + state("active")))
        let error =
            "<message type='error' id='m1' from='alice@a.example' to='bob@b.example'>"
            + "<error type='cancel'><service-unavailable xmlns='\(Names.stanzas)'/></error></message>"
        let tickets = bench.deliver([foreign(.composing, id: "m1")])
        bench.server.send(error)
        bench.confirm()
        bench.server.send(error)
        #expect(bench.host.settlements[tickets[0]] == .delivered)
        #expect(bench.host.submissions.count == 1)
        #expect(bench.host.counts == [.strayError: 2])
    }

    @Test("XEP-0085 5.1, XEP-0184 8: without a text a stranger tells no state and asks for no answer")
    func disguised() {
        var bench = Bench()
        bench.bringUp()
        func disguised(_ id: String) -> Envelope {
            Bench.message(id: id) { envelope in
                envelope.body = .none
                var details = Envelope.Details()
                details.chatState = .composing
                details.wantsReceipt = true
                details.wantsReadReport = true
                details.baggage = [
                    Baggage(
                        origin: "xmpp",
                        name: "x",
                        isCritical: true,
                        octets: ByteBuffer(string: "<x xmlns='urn:x'/>")
                    )
                ]
                envelope.details = details
            }
        }
        _ = bench.deliver([disguised("m1")])
        let text = bench.server.take()
        #expect(text.contains("<x xmlns='urn:x'/></message>"))
        #expect(!text.contains("<composing") && !text.contains("<request") && !text.contains("<markable"))
        bench.server.send(from(body + state("active")))
        _ = bench.deliver([disguised("m2")])
        let known = bench.server.take()
        #expect(known.contains("<composing") && known.contains("<request") && known.contains("<markable"))
    }

    @Test("XEP-0085: states that come while the core is full are dropped and counted, messages are not")
    func paused() {
        let bench = Bench()
        bench.bringUp()
        bench.adapter.pause()
        bench.server.send(from(state("composing")) + from(body))
        bench.adapter.resume()
        #expect(bench.host.submissions.count == 1)
        #expect(bench.host.counts == [.chatState: 1])
    }
}

@Suite("Receipts, markers and corrections")
struct ReceiptTests {
    @Test("XEP-0184, XEP-0333: what is asked for is carried both ways")
    func requests() throws {
        let asks = "<request xmlns='urn:xmpp:receipts'/><markable xmlns='urn:xmpp:chat-markers:0'/>"
        guard case .envelope(let read, _)? = reading(from(body + asks)) else {
            Issue.record("not read")
            return
        }
        let details = try #require(read.details)
        #expect(details.wantsReceipt && details.wantsReadReport && details.losses.isEmpty)
        #expect(writing(Bench.message { $0.details = details }).text.contains(asks))
    }

    @Test(
        "XEP-0184, XEP-0333: the recipient's word about a message becomes a report about it",
        arguments: [
            ("<received xmlns='urn:xmpp:receipts' id='x~m1'/>", Envelope.Report.Stage.delivery),
            ("<received xmlns='urn:xmpp:chat-markers:0' id='x~m1'/>", .delivery),
            ("<displayed xmlns='urn:xmpp:chat-markers:0' id='x~m1'/>", .display),
            ("<acknowledged xmlns='urn:xmpp:chat-markers:0' id='x~m1'/>", .display),
            (
                "<received xmlns='urn:xmpp:receipts' id='x~m1'/><displayed xmlns='urn:xmpp:chat-markers:0' id='x~m1'/>"
                    + "<store xmlns='urn:xmpp:hints'/>", .display
            ),
        ]
    )
    func report(_ inside: String, _ stage: Envelope.Report.Stage) {
        let bench = Bench()
        bench.bringUp()
        bench.server.send(from(inside))
        #expect(bench.host.submissions.count == 1)
        guard let sent = bench.host.submissions.first, case .report(let report) = sent.envelope.operation else {
            Issue.record("no report")
            return
        }
        #expect(report.messageID == identifier("x~m1"))
        #expect(report.outcome == .delivered && report.stage == stage)
        #expect(sent.envelope.source == address("alice@a.example"))
        #expect(sent.envelope.destination == address("bob@b.example"))
        // Whatever becomes of it, nobody is told.
        bench.adapter.settled([Settlement(token: sent.token, outcome: Outcome(.noSuchUser), envelope: sent.envelope)])
        #expect(bench.server.take().isEmpty)
    }

    @Test(
        "XEP-0184, XEP-0333: a report becomes the recipient's word about the stanza that the user had sent",
        arguments: [
            (Envelope.Report.Stage.delivery, "<received xmlns='urn:xmpp:receipts' id='7'/>"),
            (.display, "<displayed xmlns='urn:xmpp:chat-markers:0' id='7'/>"),
        ]
    )
    func written(_ stage: Envelope.Report.Stage, _ expected: String) {
        var bench = Bench()
        bench.bringUp()
        bench.knowSent("7~m1")
        let report = Bench.message(id: "r1") {
            $0.operation = .report(.init(about: identifier("7~m1"), outcome: .delivered, stage: stage))
            $0.body = .none
        }
        let tickets = bench.deliver([report])
        let start = "<message id='r1' to='alice@a.example' from='bob@b.example' type='chat'>"
        #expect(bench.server.take().hasPrefix(start + expected + "</message>"))
        bench.confirm()
        #expect(bench.host.settlements[tickets[0]] == .delivered)
    }

    @Test(
        "F.4: a receipt is never made of anything but the recipient's word",
        arguments: [OutcomeCode.uncertain, .awaitingApproval, OutcomeCode(rawValue: 2999)]
    )
    func synthesised(_ code: OutcomeCode) {
        var bench = Bench()
        bench.bringUp()
        bench.server.send(from(body + "<request xmlns='urn:xmpp:receipts'/>"))
        let token = bench.host.submissions[0].token
        bench.adapter.settled([Settlement(token: token, outcome: .delivered, envelope: nil)])
        _ = bench.deliver([
            Bench.message { $0.operation = .report(.init(about: identifier("1~m1"), outcome: Outcome(code))) }
        ])
        #expect(!bench.server.take().contains("<message"))
    }

    @Test(
        "XEP-0184: a receipt finds a stanza whose id could not become part of the identifier",
        arguments: ["ü 1", "a b"]
    )
    func oddID(_ id: String) {
        var bench = Bench()
        bench.bringUp()
        bench.server.send(from(body, id: id))
        let about = bench.host.submissions[0].envelope.messageID
        _ = bench.deliver([Bench.message { $0.operation = .report(.init(about: about, outcome: .delivered)) }])
        #expect(bench.server.take().contains("<received xmlns='urn:xmpp:receipts' id='\(id)'/>"))
    }

    @Test("XEP-0308: a correction names the message that it replaces, and so does the next one")
    func corrections() throws {
        let bench = Bench()
        bench.bringUp()
        let replace = "<replace xmlns='urn:xmpp:message-correct:0' id='first'/>"
        bench.server.send(from(body, id: "first"))
        bench.server.send(from(body + replace, id: "second") + from(body + replace, id: "third"))
        bench.server.send(from(body + replace, id: "fourth", by: "carol@a.example/x"))
        let sent = bench.host.submissions.map(\.envelope)
        let original = try #require(sent.first?.messageID)
        #expect(sent.map(\.details?.replaces) == [nil, original, original, nil])
        // Nobody corrects what somebody else wrote.
        #expect(sent[3].details?.losses.map(\.feature) == ["xmpp:replace"])
        let (text, _) = writing(Bench.message { $0.details = sent[1].details })
        #expect(text.contains("<replace xmlns='urn:xmpp:message-correct:0' id='\(original)'/>"))
    }

    @Test("XEP-0308: what is remembered is bounded")
    func bounded() {
        var conversations = Conversations()
        let (alice, bob) = (address("alice@a.example"), address("bob@b.example"))
        func id(_ number: Int) -> ByteBuffer { ByteBuffer(string: "\(number)") }
        for number in 0...Conversations.limit {
            conversations.note(identifier("m\(number)"), id: id(number), isOdd: false, from: alice, to: bob)
        }
        #expect(conversations.messageID(of: id(0), from: alice, to: bob) == nil)
        #expect(conversations.messageID(of: id(1), from: alice, to: bob) == identifier("m1"))
        #expect(conversations.messageID(of: id(1), from: bob, to: alice) == nil)
    }
}

@Suite("What is remembered of the latest")
struct RecentTests {
    @Test("F.4: the oldest goes first, and one that comes and goes drives out nobody")
    func order() {
        var recent = Recent<Int>(limit: 3)
        for key in 1...3 { recent[key] = key }
        for round in 0..<10 {
            recent[1] = nil
            recent[1] = round
        }
        #expect((1...3).map { recent[$0] } == [9, 2, 3])
        recent[4] = 4
        #expect((1...4).map { recent[$0] } == [nil, 2, 3, 4] && recent.count == 3)
        recent[2] = nil
        #expect(recent.count == 2)
        recent[5] = 5
        #expect((1...5).map { recent[$0] } == [nil, nil, 3, 4, 5])
    }

    @Test("F.6: what no error can be about does not drive out what one may be about")
    func fingerprints() {
        var ledger = DeliveryLedger()
        func deliver(_ fingerprint: Int, _ index: UInt32) {
            ledger.append(Ticket(index: index, generation: 1), fingerprint: fingerprint)
            for _ in 0..<2 { _ = ledger.closeBarrier(ledger.openBarrier()) { _ in } }
        }
        deliver(7, 0)
        for index in 1...5_000 { deliver(0, UInt32(index)) }
        guard case .confirmed = ledger.take(7) else {
            Issue.record("forgotten")
            return
        }
        guard case .none = ledger.take(0) else {
            Issue.record("an error about nothing")
            return
        }
    }
}
