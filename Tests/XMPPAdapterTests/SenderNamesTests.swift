// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import NIOCore
import Testing

@testable import XMPPAdapter

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

    @Test("IMX 2.3, H.3: the first spelling keeps the address")
    func first() {
        var names = SenderNames()
        let admitted = ["bob@b.example", "Bob@b.example", "bob@b.example", "Ü@b.example", "ü@b.example"].map {
            names.admit(address($0))
        }
        #expect(admitted == [true, false, true, true, false])
        #expect(names.original(of: address("bob@b.example")) == address("bob@b.example"))
        #expect(names.original(of: address("ü@b.example")) == address("Ü@b.example"))
    }

    @Test("S42: what is known of senders is bounded")
    func bounded() {
        var names = SenderNames()
        let admitted = (0..<70_000).filter { names.admit(address("B\($0)@b.example")) }
        #expect(admitted.count == 70_000)
        // The oldest go first, and only as many as need be.
        #expect(names.original(of: address("b1@b.example")) == address("b1@b.example"))
        #expect(names.original(of: address("b10000@b.example")) == address("B10000@b.example"))
        #expect(names.original(of: address("b69999@b.example")) == address("B69999@b.example"))
    }

    @Test("IMX 2.3: whom a user here wrote to keeps the address, until nobody turns out to be there")
    func used() {
        var bench = Bench()
        bench.bringUp()
        let write = "<message from='alice@a.example' to='bob@b.example' id='1'><body>hello</body></message>"
        bench.server.send(write)
        let refused = bench.deliver([Bench.message(id: "m1", from: "BOB@b.example")])
        #expect(bench.host.settlements[refused[0]]?.code == .addressInvalid)
        bench.server.send(write)
        #expect(bench.host.submissions.map(\.envelope.destination) == [bob, bob])
        // There is no bob in these letters, so they are free.
        bench.adapter.settled([
            Settlement(
                token: bench.host.submissions[1].token,
                outcome: Outcome(.noSuchUser),
                envelope: bench.host.submissions[1].envelope
            )
        ])
        let taken = bench.deliver([Bench.message(id: "m2", from: "Bob@b.example")])
        #expect(bench.host.settlements[taken[0]] == nil)
        bench.server.send(write)
        #expect(bench.host.submissions.last?.envelope.destination == address("Bob@b.example"))
    }

    @Test("IMX 2.3, F.5: a question makes nobody the owner of an address; the user's yes does")
    func asking() {
        let bench = PresenceBench()
        let loud = address("BOB@b.example")
        #expect(bench.order(.ask(presentity: alice, watcher: loud, name: nil)).count == 1)
        // Before she answers, what she writes to bob is for bob.
        #expect(
            bench.receive(stanza(type: "subscribe", resource: nil)) == [
                .asks(watcher: alice, presentity: bob, name: nil)
            ]
        )
        #expect(
            bench.receive(stanza(type: "subscribed", resource: nil)) == [.refuses(presentity: alice, watcher: loud)]
        )
        #expect(
            bench.receive(stanza(type: "subscribed", resource: nil)) == [.approves(presentity: alice, watcher: bob)]
        )
        #expect(bench.order(.ask(presentity: alice, watcher: loud, name: nil)).isEmpty)
        #expect(bench.host.presenceEvents.last == .refuses(presentity: alice, watcher: loud))
        // Where nobody else is meant, the one who asked is answered.
        let other = PresenceBench()
        _ = other.order(.ask(presentity: alice, watcher: loud, name: nil))
        #expect(
            other.receive(stanza(type: "subscribed", resource: nil)) == [.approves(presentity: alice, watcher: loud)]
        )
        #expect(other.receive(stanza()).first.map { "\($0)".contains("BOB@b.example") } == true)
        // And the exact spelling comes before another one that only asked.
        let both = PresenceBench()
        _ = both.order(
            .ask(presentity: alice, watcher: loud, name: nil),
            .ask(presentity: alice, watcher: bob, name: nil)
        )
        #expect(both.receive(stanza(type: "subscribed", resource: nil)) == [.approves(presentity: alice, watcher: bob)])
    }
}
