// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import EnvelopeModel
import Testing

@testable import Aggregator

@Suite struct GateTests {
    @Test(
        "IMX 2.6, IMX 6.4(4): what the gate turns away has its one outcome, from outside and from here, and nothing waits for it"
    )
    func turnsAway() throws {
        let world = try World()
        world.core.gate = { envelope, _ in
            envelope.messageID == MessageID("bad") ? Outcome(.rateLimited, "slowly", retryAfter: 7) : nil
        }
        for (adapter, source) in [(world.network, "zoe@z.example"), (world.a, "ann@a.example")] {
            adapter.send(try message(source, "bob@b.example", id: "good"))
            adapter.send(try message(source, "bob@b.example", id: "bad"))
            let refused = try #require(adapter.settlements.first { $0.outcome.code == .rateLimited })
            #expect(refused.outcome.details?.retryAfter == 7 && refused.envelope?.messageID == MessageID("bad"))
        }
        #expect(world.b.deliveries.map(\.envelope.messageID) == [MessageID("good"), MessageID("good")])
        #expect(world.balances)
    }

    @Test(
        "RFC2779 5.4.2: what was taken before is not refused when it is repeated at a closed gate, nor charged for want of room"
    )
    func repeats() throws {
        let world = try World()
        let one = try message("zoe@z.example", "bob@b.example", id: "one")
        world.network.send(one)
        var asked = 0
        world.core.gate = { _, _ in
            asked += 1
            return Outcome(.refused, "nobody")
        }
        world.network.send(one)
        #expect(!world.network.settlements.contains { $0.outcome.code == .refused })
        #expect(asked == 1)
        let text = String(repeating: "x", count: 1 << 20)
        world.network.send(try message("zoe@z.example", "bob@b.example", id: "big", text: text))
        #expect(world.network.settlements.last?.outcome.code == .tooLarge && asked == 1)
    }

    @Test(
        "IMX 6.4(4): wishes to see are turned away at the same gate, from outside and from here, and renewals of ours are not"
    )
    func wishes() throws {
        let world = try World()
        let (ann, bob) = (try #require(Address("ann@a.example")), try #require(Address("bob@b.example")))
        world.a.host.presence([.asks(watcher: ann, presentity: bob, name: nil)])
        var asked: [Envelope.Operation] = []
        world.core.gate = { envelope, _ in
            asked.append(envelope.operation)
            return Outcome(.rateLimited, "slowly", retryAfter: 7)
        }
        // Who asks for what stands already says nothing new, and is answered as before (RFC 6121 §3.1.3).
        let before = world.a.orders.count
        world.a.host.presence([.asks(watcher: ann, presentity: bob, name: nil)])
        #expect(asked.isEmpty)
        #expect(!world.a.orders.dropFirst(before).contains { if case .ended = $0 { true } else { false } })
        let ken = try #require(Address("ken@a.example"))
        world.a.host.presence([.asks(watcher: ken, presentity: bob, name: nil)])
        let told = world.a.orders.last
        #expect(told == .ended(watcher: ken, presentity: bob, Outcome(.rateLimited, "slowly", retryAfter: 7)))
        var wish = try message("eve@far.example", "bob@b.example", id: "wish")
        wish.operation = .subscribe(.init(id: try #require(SubscriptionID("s")), seconds: 600))
        world.network.send(wish)
        #expect(world.network.settlements.map(\.outcome.code) == [.rateLimited])
        #expect(asked.count == 2 && world.balances)
        // The one that lives is renewed by the desk itself, which nobody is asked about.
        world.scheduler.advance(by: .seconds(1_700))
        #expect(asked.count == 2)
    }
}
