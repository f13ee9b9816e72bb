// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import EnvelopeModel
import NIOCore
import Presence
import Testing

@testable import Aggregator

/// Presence through the core: leases of classes, rules, budgets, and the room that presence takes.
@Suite("Presence under rules and bounds")
struct CorePresenceRulesTests {
    private let bob: Address
    private let ann: Address
    private let eve: Address

    init() throws {
        bob = try #require(Address("bob@b.example"))
        ann = try #require(Address("ann@a.example"))
        eve = try #require(Address("eve@far.example"))
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

    private func wish(_ seconds: UInt32, id: String = "s") throws -> Envelope.Operation {
        .subscribe(Envelope.Subscribe(id: try #require(SubscriptionID(id)), seconds: seconds))
    }

    // MARK: Leases

    @Test(
        "IMX 4.5.1, IMX 4.4.6: each class grants its own leases, publishes them as attributes of its domains, and keeps to them"
    )
    func leases() throws {
        let world = try World()
        var short = DomainClass()
        short.lease = 100...200
        world.core.serve(bob.domain, .init(domainClass: short, adapter: "b"))
        world.core.desk?.lease = { [unowned core = world.core] in core.lease(of: $0) }
        world.core.desk?.verdict = { _, _ in .allow }
        for (user, bounds) in [(bob, 100...200), (ann, 60...1_800)] {
            let asked = try envelope(
                .getAttributes(["subscription.seconds", "subscription.min-seconds"]),
                eve,
                .domainItself(user.domain)
            )
            world.network.send(asked)
            let found = try #require(world.network.settlements.last?.outcome.details?.attributes)
            #expect(found.map(\.text) == ["\(bounds.upperBound)", "\(bounds.lowerBound)"])
            for (wished, granted) in [(5, bounds.lowerBound), (150, 150), (86_400, bounds.upperBound)] {
                world.network.send(try envelope(wish(UInt32(wished)), eve, user))
                let outcome = try #require(world.network.settlements.last?.outcome)
                #expect(outcome.details?.grantedSeconds == UInt32(granted))
            }
        }
        // The class's lease is over when it is over, and that is told.
        world.scheduler.advance(by: .seconds(199))
        let before = world.network.deliveries.count
        world.scheduler.advance(by: .seconds(3))
        guard world.network.deliveries.count == before + 1,
            case .notify(let last)? = world.network.deliveries.last?.envelope.operation
        else {
            Issue.record("no last notification")
            return
        }
        #expect(last.state == .ended(.timedOut))
        #expect(world.core.desk?.count.watched == 1)
    }

    @Test("RFC2779 3.2.4: a service whose link is gone for longer than the grace has its users shown as not there")
    func grace() throws {
        let world = try World()
        world.core.desk?.verdict = { _, _ in .allow }
        world.network.send(try envelope(wish(1_800), eve, bob))
        world.b.host.presence([.publishes(presentity: bob, watcher: nil, state: .text("on"))])
        world.scheduler.advance(by: .seconds(1))
        #expect(world.network.deliveries.last?.envelope.body == .text("on"))
        world.b.host.linkChanged(to: .down("gone"))
        world.scheduler.advance(by: .seconds(55))
        #expect(world.network.deliveries.last?.envelope.body == .text("on"))
        world.scheduler.advance(by: .seconds(10))
        #expect(world.network.deliveries.last?.envelope.body == Body.none)
        let count = world.network.deliveries.count
        world.b.host.linkChanged(to: .up)
        world.b.host.presence([.publishes(presentity: bob, watcher: nil, state: .text("back"))])
        world.scheduler.advance(by: .seconds(2))
        #expect(world.network.deliveries.count == count + 1)
        #expect(world.network.deliveries.last?.envelope.body == .text("back"))
    }

    // MARK: Room

    @Test(
        "S39, IMX 6.4(3): presence takes a quarter of its pair's lane, in number and in octets, and messages have the rest",
        arguments: [
            (LaneLimits(messages: 16, octets: 8 << 20), 100), (LaneLimits(messages: 4_096, octets: 1 << 20), 60_000),
        ]
    )
    func share(limits: LaneLimits, size: Int) throws {
        let world = try World(domainClass: DomainClass(laneLimits: limits))
        world.core.desk?.verdict = { _, _ in .allow }
        let watchers = try (0..<30).map { try #require(Address("w\($0)@far.example")) }
        for watcher in watchers { world.network.send(try envelope(wish(1_800), watcher, bob)) }
        world.scheduler.advance(by: .seconds(2))
        world.network.habit = .hold(.tooLate)
        let before = world.network.deliveries.count
        let state = Body.text(String(repeating: "x", count: size))
        world.b.host.presence([.publishes(presentity: bob, watcher: nil, state: state)])
        world.scheduler.advance(by: .milliseconds(200))
        #expect(world.network.deliveries.count == before + 4)
        world.b.send(try message("bob@b.example", "zoe@far.example", id: "m"))
        #expect(world.network.deliveries.count == before + 5)
        // As they are answered, the others go, until each watcher has the state.
        var next = before
        while next < world.network.deliveries.count {
            world.network.settle(world.network.deliveries[next].ticket, .delivered)
            next += 1
        }
        let told = world.network.deliveries[before...].filter { $0.envelope.body == state }
        #expect(Set(told.map(\.envelope.destination)) == Set(watchers))
        #expect(world.balances)
    }
}

extension Body {
    fileprivate static func text(_ text: String) -> Body { .entity(ByteBuffer(string: text)) }
}
