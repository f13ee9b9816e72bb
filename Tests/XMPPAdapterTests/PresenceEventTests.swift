// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import MessageFormats
import NIOCore
import Testing

@testable import XMPPAdapter

@Suite("Presence stanzas as events")
struct PresenceEventTests {
    @Test(
        "F.5, RFC6121: each word about a subscription is the event of that meaning, whatever resource says it",
        arguments: [
            ("subscribe", PresenceEvent.asks(watcher: alice, presentity: bob, name: nil)),
            ("unsubscribe", .givesUp(watcher: alice, presentity: bob)),
            ("probe", .wants(watcher: alice, presentity: bob)),
            ("subscribed", .approves(presentity: alice, watcher: bob)),
            ("unsubscribed", .refuses(presentity: alice, watcher: bob)),
        ]
    )
    func words(_ type: String, _ event: PresenceEvent) {
        let bench = PresenceBench()
        #expect(bench.receive(stanza(type: type, resource: nil)) == [event])
        #expect(bench.receive(stanza(type: type, resource: "desk", to: "bob@b.example/phone")) == [event])
        #expect(bench.receive(stanza(type: type, resource: nil, to: #"bob\40b.example@imx.a.example"#)) == [event])
        #expect(bench.stanzas().isEmpty && bench.host.counts.isEmpty)
    }

    @Test("F.5: who asks may say a name")
    func nick() {
        let bench = PresenceBench()
        let nick = "<nick xmlns='http://jabber.org/protocol/nick'>Alice &amp; Co</nick>"
        #expect(
            bench.receive(stanza(type: "subscribe", resource: nil, content: nick))
                == [.asks(watcher: alice, presentity: bob, name: DisplayName("Alice & Co"))]
        )
    }

    @Test("F.5: one burst is told at once, in its order, and of several states of a pair only the last")
    func burst() {
        let bench = PresenceBench()
        let events = bench.receive(
            stanza(content: "<show>away</show>") + stanza(type: "subscribed", resource: nil)
                + stanza(content: "<show>dnd</show>")
                + stanza(to: "ben@b.example")
        )
        #expect(events.count == 3)
        #expect(events.first == .approves(presentity: alice, watcher: bob))
        #expect(events[1].document?.tuples.map(\.show) == [.dnd])
        #expect(events[2].document?.tuples.map(\.show) == [nil])
    }

    @Test("F.3: a type that RFC 6121 does not know is dropped and counted")
    func unknown() {
        let bench = PresenceBench()
        #expect(bench.receive(stanza(type: "invisible")).isEmpty)
        #expect(bench.receive("<presence type='probe' to='bob@b.example' from='a.example'/>").isEmpty)
        #expect(bench.host.counts == [.presence: 1, .malformed: 1])
        #expect(bench.stanzas().isEmpty)
    }

    @Test("F.5, RFC6121: presence for the component, or for no address, is nobody's")
    func nobody() {
        let bench = PresenceBench()
        #expect(bench.receive(stanza(type: "subscribe", resource: nil, to: "imx.a.example")).isEmpty)
        #expect(bench.stanzas() == ["<presence type='unsubscribed' from='imx.a.example' to='alice@a.example'/>"])
        #expect(bench.receive(stanza(type: "subscribe", resource: nil, to: "bob@imx.a.example")).isEmpty)
        #expect(bench.stanzas().first?.contains("<item-not-found ") == true)
        #expect(bench.receive(stanza(to: "imx.a.example") + stanza(type: "probe", to: "b.example")).isEmpty)
        #expect(bench.stanzas().isEmpty)
        #expect(bench.host.counts == [.presence: 4])
    }

    @Test("F.5: an error for a question of ours answers it, one that will pass does not, another is a stray one")
    func errors() {
        let bench = PresenceBench()
        func failure(_ id: String, _ type: String) -> String {
            "<presence type='error' id='\(id)' from='alice@a.example' to='bob@b.example'><error type='\(type)'>"
                + "<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>"
        }
        #expect(bench.receive(failure("imx-ask", "cancel")) == [.refuses(presentity: alice, watcher: bob)])
        #expect(bench.receive(failure("imx-ask", "wait")).isEmpty)
        #expect(
            bench.receive(failure("imx-probe", "cancel")) == [.publishes(presentity: alice, watcher: bob, state: .none)]
        )
        #expect(bench.receive(failure("other", "cancel")).isEmpty)
        #expect(bench.host.counts == [.strayError: 2])
        #expect(bench.stanzas().isEmpty)
    }

    @Test("F.5: a user has left once no resource is seen by anybody abroad for a while, and not before")
    func leaves() {
        let bench = PresenceBench()
        let ben = "ben@b.example"
        _ = bench.receive(stanza() + stanza(to: ben))
        #expect(bench.receive(stanza(type: "unavailable")) == [bench.gone(alice, bob)])
        #expect(bench.wait(20).isEmpty)
        #expect(bench.receive(stanza(type: "unavailable", to: ben)) == [bench.gone(alice, address(ben))])
        #expect(bench.wait(4).isEmpty)
        #expect(bench.wait(6) == [.leaves(watcher: alice)])
        #expect(bench.wait(60).isEmpty)
        // An answer to a probe about somebody who is not there, as after a lost link: what is watched may rest.
        #expect(bench.receive(stanza(type: "unavailable", resource: nil)) == [bench.gone(alice, bob)])
        #expect(bench.wait(60) == [.leaves(watcher: alice)])
    }

    @Test(
        "F.5: who comes back at once, or takes back the last approval, has not left",
        arguments: [stanza(), stanza(type: "unsubscribed", resource: nil), stanza(type: "probe", to: "ben@b.example")]
    )
    func stays(_ word: String) {
        let bench = PresenceBench()
        _ = bench.receive(stanza() + stanza(type: "unavailable"))
        _ = bench.receive(word)
        #expect(bench.wait(60).isEmpty)
    }

    @Test("F.5: who has left has left, however often watchers ask and the server says that nobody is there")
    func asked() {
        let bench = PresenceBench()
        _ = bench.receive(stanza() + stanza(type: "unavailable"))
        var events: [PresenceEvent] = []
        for number in 1...4 {
            events += bench.wait(3)
            events += bench.receive(stanza(type: "unavailable", resource: nil, to: "w\(number)@b.example"))
        }
        #expect(events.contains(.leaves(watcher: alice)))
    }

    @Test("F.5: a probe that the server does not answer means that nobody is there, one that it answers does not")
    func silence() {
        let bench = PresenceBench()
        let ben = address("ben@b.example")
        _ = bench.receive(stanza())
        _ = bench.order(.probe(presentity: alice, watcher: bob), .probe(presentity: alice, watcher: ben))
        _ = bench.receive(stanza(to: "ben@b.example"))
        #expect(bench.wait(4).isEmpty)
        #expect(bench.wait(6) == [bench.gone(alice, bob)])
        #expect(bench.wait(60).isEmpty)
        #expect(bench.receive(stanza(resource: "phone")).first?.document?.tuples.count == 1)
        // Nothing is concluded from a link that was lost.
        _ = bench.order(.probe(presentity: alice, watcher: bob))
        bench.server.cut()
        #expect(bench.wait(60).isEmpty)
    }

    @Test("F.5: what was known is forgotten with the link, and the state of the link is told")
    func link() {
        let bench = PresenceBench()
        _ = bench.receive(stanza() + stanza(resource: "phone"))
        bench.server.cut()
        #expect(bench.host.states.last == .down("cut"))
        bench.host.advance(by: .seconds(1))
        bench.bench.accept()
        #expect(bench.host.states.last == .up)
        #expect(bench.receive(stanza()).first?.document?.tuples.count == 1)
    }

    @Test("F.5: who hides from the last watcher has not left: the device that seemed to go is asked")
    func hides() throws {
        let answers: [(String, Bool)] = [
            ("type='result'/>", true),
            (
                "type='error'><error type='cancel'><feature-not-implemented xmlns='\(Names.stanzas)'/></error></iq>",
                true
            ),
            ("type='error'><error type='cancel'><service-unavailable xmlns='\(Names.stanzas)'/></error></iq>", false),
        ]
        for (answer, isThere) in answers {
            let bench = PresenceBench()
            _ = bench.receive(stanza())
            _ = bench.server.take()
            _ = bench.receive(stanza(type: "unavailable"))
            #expect(
                bench.server.take().contains(
                    "<iq type='get' id='imx-there' from='imx.a.example' to='alice@a.example/desk'>"
                        + "<ping xmlns='urn:xmpp:ping'/></iq>"
                )
            )
            // Once for each departure, however many there are who are told.
            _ = bench.receive(stanza(type: "unavailable", to: "ben@b.example"))
            #expect(!bench.server.take().contains("imx-there"))
            _ = bench.receive("<iq id='imx-there' from='alice@a.example/desk' to='imx.a.example' \(answer)")
            #expect(bench.wait(20) == (isThere ? [] : [.leaves(watcher: alice)]), "\(answer)")
            #expect(bench.host.counts.isEmpty)
        }
    }

    @Test("F.5: who logs out after a lost link has left, though nothing was known any more")
    func leavesUnknown() {
        let bench = PresenceBench()
        _ = bench.receive(stanza())
        bench.server.cut()
        bench.host.advance(by: .seconds(1))
        bench.bench.accept()
        #expect(bench.receive(stanza(type: "unavailable")).contains(bench.gone(alice, bob)))
        #expect(bench.wait(20) == [.leaves(watcher: alice)])
        // A probe or a stanza shows that somebody is there.
        _ = bench.receive(stanza(type: "unavailable"))
        _ = bench.receive(stanza(type: "probe", resource: nil))
        #expect(bench.wait(60).isEmpty)
    }

    @Test("F.5: what an order is answered with at once is told at once, though the order had to wait")
    func atOnce() {
        let bench = PresenceBench()
        let odd = Address(uncheckedLocalPart: ByteBuffer(string: "bob "), domain: domain("b.example"))
        bench.server.isWritable = false
        _ = bench.order(.ask(presentity: alice, watcher: odd, name: nil))
        #expect(bench.host.presenceEvents.isEmpty)
        bench.server.isWritable = true
        bench.server.user?.becameWritable()
        #expect(bench.host.presenceEvents == [.refuses(presentity: alice, watcher: odd)])
        bench.server.isWritable = false
        _ = bench.order(.ask(presentity: alice, watcher: odd, name: nil))
        bench.server.isWritable = true
        bench.server.send(stanza(type: "probe"))
        #expect(bench.host.presenceEvents.dropFirst().contains(.refuses(presentity: alice, watcher: odd)))
    }
}
