// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import NIOCore
import Testing

@testable import XMPPAdapter

func ping(_ number: Int) -> String {
    "<iq type='get' id='imx-ping-\(number)' from='imx.a.example' to='a.example'><ping xmlns='urn:xmpp:ping'/></iq>"
}

func pong(_ number: Int, type: String = "result", from: String = "a.example") -> String {
    "<iq type='\(type)' id='imx-ping-\(number)' from='\(from)' to='imx.a.example'/>"
}

func stanza(_ id: String, _ text: String = "hello") -> String {
    "<message id='\(id)' to='alice@a.example' from='bob@b.example' type='chat'><body>\(text)</body></message>"
}

func bounce(_ id: String, from: String = "alice@a.example", condition: String = "item-not-found") -> String {
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
