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
}
