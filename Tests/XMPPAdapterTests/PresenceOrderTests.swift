// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import NIOCore
import Testing

@testable import XMPPAdapter

@Suite("Orders about presence as stanzas")
struct PresenceOrderTests {
    private static let to = "from='bob@b.example' to='alice@a.example'"

    @Test(
        "F.5: each order is the stanza of that meaning, from bare address to bare address",
        arguments: [
            (
                PresenceOrder.ask(presentity: alice, watcher: bob, name: nil),
                "<presence type='subscribe' id='imx-ask' \(to)/>"
            ),
            (
                .ask(presentity: alice, watcher: bob, name: DisplayName("B<b")),
                "<presence type='subscribe' id='imx-ask' \(to)><nick xmlns='http://jabber.org/protocol/nick'>B&lt;b"
                    + "</nick></presence>"
            ),
            (.forget(presentity: alice, watcher: bob), "<presence type='unsubscribe' \(to)/>"),
            (.probe(presentity: alice, watcher: bob), "<presence type='probe' id='imx-probe' \(to)/>"),
            (.approved(watcher: alice, presentity: bob), "<presence type='subscribed' \(to)/>"),
            (.ended(watcher: alice, presentity: bob, .delivered), "<presence type='unsubscribed' \(to)/>"),
            (.ended(watcher: alice, presentity: bob, Outcome(.refused)), "<presence type='unsubscribed' \(to)/>"),
        ]
    )
    func words(_ order: PresenceOrder, _ stanza: String) {
        #expect(PresenceBench().order(order) == [stanza])
    }

    @Test(
        "F.5, F.6: a request that nobody could answer ends with the error for it, and the server stops asking",
        arguments: [
            (Outcome(.noSuchUser), "cancel", "item-not-found"), (Outcome(.conflict), "cancel", "conflict"),
            (Outcome(.domainNotFound), "cancel", "remote-server-not-found"),
            (Outcome(.refused, "a rule says so"), "auth", "forbidden"),
        ]
    )
    func refused(_ outcome: Outcome, _ type: String, _ condition: String) {
        let bench = PresenceBench()
        _ = bench.receive("<presence type='subscribe' id='s1' from='alice@a.example' to='bob@b.example'/>")
        let written = bench.order(.ended(watcher: alice, presentity: bob, outcome))
        #expect(written.count == 2 && written.last == "<presence type='unsubscribed' \(PresenceOrderTests.to)/>")
        #expect(
            written.first?.hasPrefix(
                "<presence type='error' \(PresenceOrderTests.to) id='s1'><error type='\(type)'><\(condition) "
            ) == true
        )
        // Once it has been answered, there is nothing left to answer.
        bench.know(alice, bob)
        #expect(bench.order(.ended(watcher: alice, presentity: bob, outcome)).count == 1)
    }

    @Test("F.5: a failure that will pass takes back what was shown, and leaves the subscription alone")
    func passing() {
        let bench = PresenceBench()
        _ = bench.receive("<presence type='subscribe' from='alice@a.example' to='bob@b.example'/>")
        let written = bench.order(.ended(watcher: alice, presentity: bob, Outcome(.unavailable)))
        #expect(written.count == 1)
        #expect(written.first?.hasPrefix("<presence type='error' \(PresenceOrderTests.to)><error type='wait'>") == true)
        _ = bench.order(.approved(watcher: alice, presentity: bob))
        _ = bench.show(document(tuple("ID-phone")))
        #expect(
            bench.order(.ended(watcher: alice, presentity: bob, Outcome(.timedOut)))
                == ["<presence type='unavailable' from='bob@b.example/phone' to='alice@a.example'/>"]
        )
    }

    @Test("F.5: the end of a subscription takes back what was shown")
    func end() {
        let bench = PresenceBench()
        _ = bench.show(document(tuple("ID-phone"), tuple("ID-desk")))
        #expect(
            bench.order(.ended(watcher: alice, presentity: bob, Outcome(.refused))) == [
                "<presence type='unavailable' from='bob@b.example/phone' to='alice@a.example'/>",
                "<presence type='unavailable' from='bob@b.example/desk' to='alice@a.example'/>",
                "<presence type='unsubscribed' \(PresenceOrderTests.to)/>",
            ]
        )
        #expect(bench.bench.adapter.memory.shown.count == 0)
    }

    @Test("F.5: a foreign party is written as the user here writes it, else as the configuration says")
    func forms() {
        let bench = PresenceBench()
        let escaped = #"from='bob\40b.example@imx.a.example' to='alice@a.example'"#
        _ = bench.receive(stanza(type: "subscribe", resource: nil, to: #"bob\40b.example@imx.a.example"#))
        #expect(bench.order(.approved(watcher: alice, presentity: bob)) == ["<presence type='subscribed' \(escaped)/>"])
        #expect(
            bench.show(document(tuple("ID-phone")))
                == [#"<presence from='bob\40b.example@imx.a.example/phone' to='alice@a.example'/>"#]
        )
        // It is the pair's, and it outlives the link.
        let ben = address("ben@b.example")
        #expect(
            bench.order(.approved(watcher: alice, presentity: ben))
                == ["<presence type='subscribed' from='ben@b.example' to='alice@a.example'/>"]
        )
        bench.server.cut()
        bench.host.advance(by: .seconds(1))
        bench.bench.accept()
        #expect(bench.order(.approved(watcher: alice, presentity: bob)) == ["<presence type='subscribed' \(escaped)/>"])
        let whole = PresenceBench { $0.form = .escaped }
        #expect(whole.order(.approved(watcher: alice, presentity: bob)) == ["<presence type='subscribed' \(escaped)/>"])
    }

    @Test("F.5: who cannot be shown in XMPP is not asked for, and is answered at once")
    func impossible() {
        let bench = PresenceBench()
        let odd = Address(uncheckedLocalPart: ByteBuffer(string: "bob "), domain: domain("b.example"))
        #expect(bench.order(.ask(presentity: alice, watcher: odd, name: nil)).isEmpty)
        #expect(bench.host.presenceEvents == [.refuses(presentity: alice, watcher: odd)])
        _ = bench.order(.approved(watcher: alice, presentity: address("Bob@b.example")))
        #expect(bench.order(.approved(watcher: alice, presentity: bob)).isEmpty)
        #expect(bench.host.counts == [.presence: 2])
    }

    @Test("F.5: without a link orders are forgotten; a slow link gets them in order")
    func slow() {
        let bench = PresenceBench()
        bench.server.isWritable = false
        #expect(
            bench.order(.approved(watcher: alice, presentity: bob), .probe(presentity: alice, watcher: bob)).isEmpty
        )
        bench.server.isWritable = true
        bench.server.user?.becameWritable()
        #expect(bench.stanzas().map { $0.contains("'subscribed'") } == [true, false])
        bench.server.cut()
        #expect(bench.order(.approved(watcher: alice, presentity: bob)).isEmpty)
        bench.host.advance(by: .seconds(1))
        bench.bench.accept()
        bench.server.user?.becameWritable()
        #expect(bench.stanzas().isEmpty)
    }

    @Test("F.5: a slow link gets the last state of each pair, and every word in its place")
    func queue() {
        var queue = OrderQueue(limit: 3)
        func show(_ text: String) -> PresenceOrder {
            .show(watcher: alice, presentity: bob, state: .parts([.text(text)]))
        }
        let ended = PresenceOrder.ended(watcher: alice, presentity: bob, .delivered)
        let ask = PresenceOrder.ask(presentity: alice, watcher: bob, name: nil)
        #expect(
            [show("1"), ask, show("2"), ended, show("3")].map { queue.append($0) } == Array(repeating: true, count: 4)
                + [false]
        )
        // A state that is left out stands in a later one; a word does not.
        #expect(queue.append(ask) && !queue.append(.probe(presentity: alice, watcher: bob)))
        #expect((0..<5).map { _ in queue.popFirst() } == [show("2"), ask, ended, ask, nil])
        #expect(queue.append(show("4")) && queue.append(show("5")) && queue.count == 1)
        #expect(queue.popFirst() == show("5"))
    }

    @Test("F.5: no more is asked of a server at once than can be waited for, and the rest is asked later")
    func probes() {
        let bench = PresenceBench()
        bench.bench.adapter.memory.probes = Patience(limit: 20)
        let orders = (0..<30).map {
            PresenceOrder.probe(presentity: alice, watcher: address("w\($0)@b.example"))
        }
        bench.bench.adapter.presence(orders)
        #expect(bench.bench.adapter.memory.waiting.count == 10)
        _ = bench.stanzas()
        _ = bench.wait(6)
        #expect(bench.bench.adapter.memory.waiting.isEmpty)
        #expect(bench.wait(5).count == 20)
        #expect(bench.wait(10).count == 10)
    }

    @Test("F.5: one user's invented addresses do not change how another's contacts are written")
    func formsOfOthers() {
        let bench = PresenceBench()
        bench.bench.adapter.memory = PresenceMemory(formLimit: 20)
        let escaped = #"bob\40b.example@imx.a.example"#
        _ = bench.receive(stanza(type: "subscribe", resource: nil, to: escaped))
        for number in 0..<100 {
            bench.server.send("<presence from='eve@a.example/x' to='n\(number)\\40b.example@imx.a.example'/>")
        }
        #expect(bench.order(.approved(watcher: alice, presentity: bob)).first?.contains(escaped) == true)
    }
}
