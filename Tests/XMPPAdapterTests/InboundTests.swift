// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import NIOCore
import Testing

@testable import XMPPAdapter

private func message(_ id: String, to: String = "bob@b.example", type: String = "chat") -> String {
    "<message from='alice@a.example/r' to='\(to)' id='\(id)' type='\(type)'><body>hello</body></message>"
}

@Suite("Stanzas from the server")
struct InboundTests {
    @Test("XEP-0114: one read burst is one batch for the core")
    func batch() {
        let bench = Bench()
        bench.bringUp()
        bench.server.send(message("1") + message("2") + message("3"))
        #expect(bench.host.batches == 1)
        #expect(
            bench.host.submissions.map(\.envelope.messageID.description).map { $0.prefix(2) } == ["1~", "2~", "3~"]
        )
        #expect(bench.server.take().isEmpty)
    }

    @Test("RFC3922 F.6: a message that fails is answered where it came from, one that arrives is not")
    func settled() {
        let bench = Bench()
        bench.bringUp()
        bench.server.send(message("1") + message("2") + message("3"))
        let tokens = bench.host.submissions.map(\.token)
        bench.adapter.settled([
            Settlement(token: tokens[0], outcome: .delivered, envelope: nil),
            Settlement(token: tokens[1], outcome: Outcome(.noSuchUser), envelope: nil),
            Settlement(token: tokens[2], outcome: Outcome(.uncertain), envelope: nil),
        ])
        #expect(
            bench.server.take() == "<message type='error' from='bob@b.example' to='alice@a.example/r' id='2'>"
                + "<error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
                + "</error><outcome xmlns='urn:imx:outcome:0' code='5003'/></message>"
        )
        bench.adapter.settled([Settlement(token: tokens[1], outcome: Outcome(.noSuchUser), envelope: nil)])
        #expect(bench.server.take().isEmpty)
    }

    @Test("XEP-0114: an answer that finds no link waits for the next one")
    func deferred() {
        let bench = Bench()
        bench.bringUp()
        bench.server.send(message("1"))
        let token = bench.host.submissions[0].token
        bench.server.cut()
        bench.adapter.settled([Settlement(token: token, outcome: Outcome(.noSuchUser), envelope: nil)])
        bench.host.advance(by: .seconds(1))
        bench.server.send(Bench.header)
        _ = bench.server.take()
        bench.server.send("<handshake/>")
        #expect(
            bench.server.take().hasPrefix("<message type='error' from='bob@b.example' to='alice@a.example/r' id='1'>")
        )
    }

    @Test(
        "XEP-0114: one bad stanza is answered and harms nothing else",
        arguments: [
            message("x", type: "groupchat"), message("x", to: "@"), message("x", to: "imx.a.example"),
            "<message from='alice@a.example/r' to='bob@b.example' id='x'/>",
            "<message from='alice@a.example/r' to='bob@b.example' id='x'><body>"
                + String(repeating: "x", count: 300_000) + "</body></message>",
        ]
    )
    func badStanza(_ bad: String) {
        let bench = Bench()
        bench.bringUp()
        bench.server.send(message("1") + bad + message("2"))
        #expect(bench.host.submissions.count == 2)
        #expect(bench.host.counts == [.malformed: 1])
        let answer = bench.server.take()
        #expect(answer.hasPrefix("<message type='error' from='") && answer.contains("to='alice@a.example/r' id='x'>"))
        #expect(bench.host.states.last == .up)
    }

    @Test(
        "RFC6120 8.3.1: an error, an answer or a nobody is never answered",
        arguments: [
            (message("x", type: "error"), DropReason.strayError), ("<message to='bob@b.example'/>", .malformed),
            ("<iq type='result' id='x' from='alice@a.example' to='bob@b.example'/>", .strayAnswer),
            ("<iq type='error' id='x' from='alice@a.example' to='bob@b.example'/>", .strayAnswer),
            ("<presence from='alice@a.example' to='bob@b.example' type='error'/>", .strayError),
            ("<presence from='alice@a.example' to='bob@b.example' type='invisible'/>", .presence),
            ("<unheard xmlns='urn:of'/>", .malformed),
            (
                "<message from='alice@a.example' to='bob@b.example'><received xmlns='urn:xmpp:receipts'/></message>",
                .report
            ),
        ]
    )
    func silence(_ stanza: String, _ reason: DropReason) {
        let bench = Bench()
        bench.bringUp()
        bench.server.send(stanza)
        #expect(bench.server.take().isEmpty)
        #expect(bench.host.counts == [reason: 1])
        #expect(bench.host.submissions.isEmpty)
    }

    @Test("XEP-0199: a ping to the component is answered")
    func ping() {
        let bench = Bench()
        bench.bringUp()
        bench.server.send(
            "<iq type='get' id='1' from='a.example' to='imx.a.example'><ping xmlns='urn:xmpp:ping'/></iq>"
        )
        #expect(bench.server.take() == "<iq type='result' from='imx.a.example' to='a.example' id='1'></iq>")
    }

    @Test("XEP-0030: the component says what it is")
    func disco() {
        let bench = Bench()
        bench.bringUp()
        bench.server.send(
            "<iq type='get' id='1' from='a.example' to='imx.a.example'>"
                + "<query xmlns='http://jabber.org/protocol/disco#info'/></iq>"
        )
        let answer = bench.server.take()
        #expect(answer.contains("<identity category='gateway' type='imx' name='IMX Aggregator'/>"))
        #expect(answer.contains("<feature var='jid\\20escaping'/>"))
        for feature in Features.all { #expect(answer.contains("<feature var='\(feature)'/>")) }
    }

    @Test(
        "RFC6120 8.2.3: any other request is refused",
        arguments: [
            "<iq type='get' id='1' from='a.example' to='bob@b.example'><ping xmlns='urn:xmpp:ping'/></iq>",
            "<iq type='set' id='1' from='a.example' to='imx.a.example'><ping xmlns='urn:xmpp:ping'/></iq>",
            "<iq type='get' id='1' from='a.example' to='imx.a.example'><query xmlns='jabber:iq:version'/></iq>",
        ]
    )
    func request(_ stanza: String) {
        let bench = Bench()
        bench.bringUp()
        bench.server.send(stanza)
        let answer = bench.server.take()
        #expect(answer.hasPrefix("<iq type='error' ") && answer.contains("<feature-not-implemented "))
        #expect(bench.host.counts == [.unknownRequest: 1])
    }

    @Test("XEP-0106: answers go back in the form that the local user used last")
    func lastForm() {
        var bench = Bench()
        bench.bringUp()
        for (to, shown) in [
            ("bob\\40b.example@imx.a.example", "bob\\40b.example@imx.a.example"), ("bob@b.example", "bob@b.example"),
        ] {
            bench.server.send(message("1", to: to))
            _ = bench.deliver([Bench.message()])
            #expect(bench.server.take().contains(" from='\(shown)' "))
        }
        bench.server.send(message("1", to: "bob\\40b.example@imx.a.example"))
        _ = bench.deliver([Bench.message(to: "alan@a.example")])
        #expect(bench.server.take().contains(" from='bob@b.example' "))
    }

    @Test("XEP-0114: a full core stops the reading, but not while it waits for our own confirmations")
    func backPressure() {
        var bench = Bench()
        bench.bringUp()
        bench.adapter.pause()
        #expect(!bench.server.isReading)
        bench.adapter.resume()
        #expect(bench.server.isReading)
        _ = bench.deliver([Bench.message()])
        bench.adapter.pause()
        #expect(bench.server.isReading)
        bench.server.send(message("1"))
        #expect(bench.host.submissions.isEmpty)
        bench.confirm()
        #expect(bench.host.settlements.count == 1)
        #expect(!bench.server.isReading)
        bench.adapter.resume()
        #expect(bench.host.submissions.count == 1)
        #expect(bench.server.isReading)
    }

    @Test("XEP-0199: a full core does not make the server look dead")
    func pausedForLong() {
        let bench = Bench()
        bench.bringUp()
        bench.adapter.pause()
        for _ in 0..<10 {
            bench.host.advance(by: .seconds(15))
            #expect(bench.server.isReading)
            bench.confirm()
            #expect(!bench.server.isReading)
        }
        #expect(bench.host.states == [.connecting, .up])
    }

    @Test("RFC6120 4: the same comes out however the octets are cut", arguments: [1, 3, 50])
    func chunks(_ chunk: Int) {
        let bench = Bench()
        bench.adapter.start()
        var rest = Array((Bench.header + "<handshake/>" + message("1") + message("2", type: "groupchat")).utf8)[...]
        while !rest.isEmpty {
            bench.server.user?.received([ByteBuffer(bytes: rest.prefix(chunk))])
            rest = rest.dropFirst(chunk)
        }
        #expect(bench.host.submissions.count == 1)
        #expect(bench.server.take().contains("feature-not-implemented"))
    }
}

@Suite("Stopping")
struct StopTests {
    @Test("IMX stop: what is in flight finishes, nothing new is taken, the stream is closed in order")
    func orderly() {
        var bench = Bench()
        bench.bringUp()
        let tickets = bench.deliver([Bench.message()])
        bench.server.send(message("1"))
        _ = bench.server.take()
        var isDone = false
        bench.adapter.stop(by: bench.host.now + .seconds(10)) { isDone = true }
        bench.server.send(message("2"))
        #expect(bench.server.take().contains("<recipient-unavailable "))
        #expect(bench.host.submissions.count == 1)
        let late = bench.deliver([Bench.message(id: "m2")])
        #expect(bench.host.settlements[late[0]]?.code == .unavailable)
        bench.confirm()
        #expect(bench.host.settlements[tickets[0]] == .delivered)
        #expect(!isDone)
        bench.adapter.settled([Settlement(token: bench.host.submissions[0].token, outcome: .delivered, envelope: nil)])
        #expect(isDone)
        #expect(bench.server.take() == "</stream:stream>")
        #expect(bench.server.isClosed)
        bench.host.advance(by: .seconds(100))
        #expect(bench.server.dials == 1)
    }

    @Test("IMX stop: at the deadline everything is settled")
    func deadline() {
        var bench = Bench { $0.window = 1 }
        bench.bringUp()
        let tickets = bench.deliver([Bench.message(id: "m1"), Bench.message(id: "m2")])
        var completions = 0
        bench.adapter.stop(by: bench.host.now + .seconds(10)) { completions += 1 }
        #expect(completions == 0)
        bench.host.advance(by: .seconds(11))
        #expect(completions == 1)
        #expect(bench.host.settlements[tickets[0]]?.code == .uncertain)
        #expect(bench.host.settlements[tickets[1]]?.code == .unavailable)
        bench.host.advance(by: .seconds(100))
        #expect(completions == 1)
    }

    @Test("IMX stop: what a full core did not take is given back to its sender")
    func held() {
        var bench = Bench()
        bench.bringUp()
        _ = bench.deliver([Bench.message()])
        bench.adapter.pause()
        bench.server.send(message("1"))
        _ = bench.server.take()
        bench.adapter.stop(by: bench.host.now + .seconds(10)) {}
        bench.host.advance(by: .seconds(10))
        #expect(bench.host.submissions.isEmpty)
        let written = bench.server.take()
        #expect(written.contains("id='1'><error type='wait'><recipient-unavailable "))
        #expect(written.hasSuffix("</stream:stream>"))
    }

    @Test("IMX stop: without a link it is over at once")
    func withoutLink() {
        var bench = Bench()
        bench.server.answersDials = false
        bench.adapter.start()
        let tickets = bench.deliver([Bench.message()])
        var isDone = false
        bench.adapter.stop(by: bench.host.now + .seconds(10)) { isDone = true }
        #expect(isDone)
        #expect(bench.host.settlements[tickets[0]]?.code == .unavailable)
    }
}
