// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import EnvelopeModel
import NIOCore
import Testing

@testable import Aggregator

/// Presence through the core: who may say what for whom, and what stands in the book.
@Suite("Presence in the core")
struct CorePresenceTests {
    private let world: World
    private let ann: Address
    private let bob: Address
    private let foreigner: Address

    init() throws {
        world = try World()
        ann = try #require(Address("ann@a.example"))
        bob = try #require(Address("bob@b.example"))
        foreigner = try #require(Address("eve@far.example"))
        world.b.onOrder = { [bob] order in
            switch order {
            case .ask(let presentity, let watcher, _):
                [
                    .approves(presentity: presentity, watcher: watcher),
                    .publishes(presentity: bob, watcher: nil, state: .text("on")),
                ]
            case .probe(let presentity, let watcher):
                [.publishes(presentity: presentity, watcher: watcher, state: .text("on"))]
            default: []
            }
        }
    }

    private func envelope(_ operation: Envelope.Operation, _ source: Address, _ destination: Address) throws -> Envelope
    {
        Envelope(
            operation: operation,
            source: source,
            destination: destination,
            messageID: try #require(MessageID("id")),
            trace: TraceID(high: 1, low: 1)
        )
    }

    private func wish(_ id: String, _ seconds: UInt32) throws -> Envelope.Operation {
        .subscribe(Envelope.Subscribe(id: try #require(SubscriptionID(id)), seconds: seconds))
    }

    @Test(
        "IMX 2.6, IMX A.1-4, RFC2779 2.4.1, RFC2779 2.4.2: two users here: the same way without the network, and the book balances"
    )
    func within() {
        world.a.host.presence([.asks(watcher: ann, presentity: bob, name: nil)])
        world.scheduler.advance(by: .seconds(3))
        #expect(world.a.orders.first == .approved(watcher: ann, presentity: bob))
        #expect(world.a.orders.last == .show(watcher: ann, presentity: bob, state: .text("on")))
        #expect(world.network.deliveries.isEmpty)
        #expect(world.balances)
        #expect(world.core.status.waiting == 0)
    }

    @Test("IMX 6.2.1, RFC2779 2.3.4, RFC2779 5.1.6: an adapter speaks for its own users alone")
    func authority() {
        world.b.host.presence([
            .asks(watcher: ann, presentity: bob, name: nil), .approves(presentity: ann, watcher: bob),
            .publishes(presentity: ann, watcher: nil, state: .text("forged")),
        ])
        world.scheduler.advance(by: .seconds(3))
        #expect(world.a.orders.isEmpty)
        #expect(world.core.status.drops[.presence] == 3)
    }

    @Test("IMX 6.2.2: nobody elsewhere speaks for a user here, or for a domain that lives here")
    func foreign() throws {
        world.network.send(try envelope(wish("s", 60), ann, bob), token: 1)
        #expect(world.network.settlements.last?.outcome.code == .notAuthenticated)
        #expect(world.b.orders.isEmpty)
    }

    @Test("IMX 4.5.1: a stranger is asked for, approved and notified; the answer says how long")
    func stranger() throws {
        world.network.send(try envelope(wish("s", 10_000), foreigner, bob), token: 1)
        let outcome = try #require(world.network.settlements.first?.outcome)
        #expect(outcome.code == .awaitingApproval)
        #expect(outcome.details?.grantedSeconds == 1_800)
        world.scheduler.advance(by: .seconds(1))
        guard case .notify(let notification)? = world.network.deliveries.last?.envelope.operation else {
            Issue.record("no notification")
            return
        }
        #expect(notification.state == .active)
        #expect(world.network.deliveries.last?.envelope.body == .text("on"))
        #expect(world.balances)
    }

    @Test("C.2: where presence is not served, the asker is told")
    func unserved() throws {
        world.core.serve(try domain("bare.example"), .init(domainClass: DomainClass(), adapter: "operator"))
        let bare = try #require(Address("x@bare.example"))
        world.network.send(try envelope(wish("s", 60), foreigner, bare))
        #expect(world.network.settlements.last?.outcome.code == .notUnderstood)
    }

    @Test("IMX 4.4.6, IMX 2.5e: a domain's attributes say what it does; unknown keys have an answer of their own")
    func domainAttributes() throws {
        let keys = ["subscription.seconds", "message.max-octets", "acme.example/colour"]
        let asked = try envelope(.getAttributes(keys), foreigner, .domainItself(try domain("b.example")))
        world.network.send(asked)
        let found = try #require(world.network.settlements.last?.outcome.details?.attributes)
        #expect(found.map(\.key) == keys)
        #expect(found.map(\.text) == ["1800", "65536", nil])
        #expect(found.map(\.status) == [nil, nil, .noSuchUser])
    }

    @Test("IMX 4.4.5, IMX 2.5d, RFC2779 2.3.1: a user's attributes follow the rules of presence")
    func userAttributes() throws {
        world.b.onAttributes = { _, _, keys in keys.map { Attribute($0, value: ByteBuffer(string: "Bob"), seconds: 60) }
        }
        world.network.send(try envelope(.getAttributes(["alias"]), foreigner, bob))
        #expect(world.network.settlements.last?.outcome.code == .refused)
        world.b.host.presence([.approves(presentity: bob, watcher: foreigner)])
        world.network.send(try envelope(.getAttributes(["alias"]), foreigner, bob))
        #expect(world.network.settlements.last?.outcome.details?.attributes.first?.text == "Bob")
        #expect(world.balances)
    }

    @Test("RFC2779 5.4.1: an adapter that never answers for attributes does not keep the asker waiting for ever")
    func silence() throws {
        world.b.host.presence([.approves(presentity: bob, watcher: foreigner)])
        world.network.send(try envelope(.getAttributes(["alias"]), foreigner, bob))
        #expect(world.network.settlements.isEmpty)
        #expect(world.balances)
        world.scheduler.advance(by: .seconds(11))
        #expect(world.network.settlements.last?.outcome.code == .timedOut)
        #expect(world.balances)
    }

    @Test("S42: what is remembered of attributes is bounded in octets, whoever fills it")
    func cacheBound() throws {
        var cache = AttributeCache()
        let value = ByteBuffer(repeating: 0x61, count: 8_000)
        var most = 0
        for number in 0..<10_000 {
            let subject = try #require(Address("u\(number)@far.example"))
            cache.keep([Attribute("alias", value: value, seconds: 60)], of: subject, for: ann, now: .start)
            most = max(most, cache.octets)
            #expect(cache.octets > 0)
        }
        #expect(most > 8_000_000)
        #expect(most <= 32 << 20)
    }

    @Test("IMX 4.6.1: what rides on a message serves the next request, for its recipient alone and for its time")
    func rides() throws {
        var details = Envelope.Details()
        details.attributes = [Attribute("alias", value: ByteBuffer(string: "Eve"), seconds: 60)]
        world.network.send(try message("eve@far.example", "ann@a.example", id: "m", details: details))
        world.a.send(try envelope(.getAttributes(["alias"]), ann, foreigner))
        #expect(world.a.settlements.last?.outcome.details?.attributes.first?.text == "Eve")
        let asked = world.network.deliveries.count
        world.b.send(try envelope(.getAttributes(["alias"]), bob, foreigner))
        #expect(world.network.deliveries.count == asked + 1, "nobody else is served from it")
        world.scheduler.advance(by: .seconds(61))
        world.a.send(try envelope(.getAttributes(["alias"]), ann, foreigner))
        #expect(world.network.deliveries.count == asked + 2)
        #expect(world.balances)
    }
}

extension Body {
    fileprivate static func text(_ text: String) -> Body { .entity(ByteBuffer(string: text)) }
}
