// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import EnvelopeModel
import NIOCore
import Testing

@testable import Aggregator

/// Messages without presence, presence without messages, and what is nobody else's business.
@Suite("Halves of a service")
struct HalvesTests {
    /// Takes messages, and knows no presence.
    private final class Plain: SimpleAdapter {
        static let descriptor = AdapterDescriptor(
            kind: "plain",
            capabilities: [.receivesMessages, .confirmsDelivery]
        )
        let host: any AdapterHost
        var taken = 0

        init(host: any AdapterHost) { self.host = host }

        func start() { host.linkChanged(to: .up) }

        func handOver(_ envelope: Envelope, settle: @escaping (Outcome) -> Void) {
            taken += 1
            settle(.delivered)
        }
    }

    /// Knows presence, and takes no messages.
    private final class Mute: SimpleAdapter {
        static let descriptor = AdapterDescriptor(kind: "mute", capabilities: [.presence])
        let host: any AdapterHost
        var asked = 0

        init(host: any AdapterHost) { self.host = host }

        func start() { host.linkChanged(to: .up) }

        func handOver(_ envelope: Envelope, settle: @escaping (Outcome) -> Void) {
            settle(Outcome(.notUnderstood))
        }

        func presence(_ orders: [PresenceOrder]) { asked += orders.count }
    }

    private let world: World

    init() throws { world = try World() }

    private func envelope(_ operation: Envelope.Operation, to destination: String) throws -> Envelope {
        Envelope(
            operation: operation,
            source: try #require(Address("eve@far.example")),
            destination: try #require(Address(destination)),
            messageID: try #require(MessageID("id")),
            trace: TraceID(high: 1, low: 1)
        )
    }

    private func wish(_ seconds: UInt32) throws -> Envelope.Operation {
        .subscribe(Envelope.Subscribe(id: try #require(SubscriptionID("s")), seconds: seconds))
    }

    @Test("RFC2779 2.1.1: where presence is not served messages go on, and the other way round")
    func halves() throws {
        let plain = world.core.attach(named: "plain") { Plain(host: $0) }
        let mute = world.core.attach(named: "mute") { Mute(host: $0) }
        world.core.serve(try domain("bare.example"), .init(domainClass: DomainClass(), adapter: "plain"))
        world.core.serve(try domain("mute.example"), .init(domainClass: DomainClass(), adapter: "mute"))
        world.core.start()
        for host in ["bare.example", "mute.example"] {
            world.network.send(try envelope(wish(60), to: "x@\(host)"))
            world.network.send(try message("eve@far.example", "x@\(host)", id: "m"))
        }
        let codes = world.network.settlements.map(\.outcome.code)
        #expect(codes == [.notUnderstood, .delivered, .awaitingApproval, .notUnderstood])
        #expect(plain.taken == 1 && mute.asked == 1)
    }

    @Test("RFC2779 2.3.6: what the recipient's service refuses is refused, and nobody else has it")
    func refusedByOwner() throws {
        world.b.habit = .settle(Outcome(.refused, "not for her"))
        world.network.send(try message("eve@far.example", "bob@b.example", id: "1"))
        #expect(world.network.settlements.map(\.outcome.code) == [.refused])
        #expect(world.b.deliveries.count == 1 && world.a.deliveries.isEmpty && world.network.deliveries.isEmpty)
        #expect(world.core.status.waiting == 0 && world.balances)
    }

    @Test(
        "RFC2779 3.3.1, RFC2779 3.3.2: what is remembered serves its reader until a notification says that something changed"
    )
    func cacheFollows() throws {
        let (ann, eve) = (try #require(Address("ann@a.example")), try #require(Address("eve@far.example")))
        world.a.host.presence([.asks(watcher: ann, presentity: eve, name: nil)])
        guard case .subscribe(let made)? = world.network.deliveries.last?.envelope.operation else {
            Issue.record("no subscription")
            return
        }
        var details = Envelope.Details()
        details.attributes = [Attribute("presence", value: ByteBuffer(string: "open"), seconds: 600)]
        world.network.send(try message("eve@far.example", "ann@a.example", id: "m", details: details))
        func ask(_ id: String) throws {
            world.a.send(
                Envelope(
                    operation: .getAttributes(["presence"]),
                    source: ann,
                    destination: eve,
                    messageID: try #require(MessageID(id)),
                    trace: TraceID(high: 1, low: 1)
                )
            )
        }
        let before = world.network.deliveries.count
        try ask("g1")
        #expect(world.network.deliveries.count == before)
        #expect(world.a.settlements.last?.outcome.details?.attributes.first?.text == "open")
        let told = Envelope.Notification(id: made.id, state: .active, sequence: 1)
        world.network.send(try envelope(.notify(told), to: "ann@a.example"))
        try ask("g2")
        #expect(world.network.deliveries.count == before + 1, "the owner is asked again")
    }

    /// What a third party hears that looks around, where somebody watches and where nobody does.
    private func heard(isWatched: Bool) throws -> [Outcome] {
        let world = try World()
        let (ann, bob) = (try #require(Address("ann@a.example")), try #require(Address("bob@b.example")))
        world.b.onOrder = { order in
            guard case .ask(let presentity, let watcher, _) = order, watcher == ann else { return [] }
            return [.approves(presentity: presentity, watcher: watcher)]
        }
        if isWatched { world.a.host.presence([.asks(watcher: ann, presentity: bob, name: nil)]) }
        world.scheduler.advance(by: .seconds(3))
        let guess = Envelope.Notification(
            id: try #require(SubscriptionID("guess")),
            state: .ended(.delivered),
            sequence: .max
        )
        world.network.send(try envelope(wish(0), to: "bob@b.example"))
        world.network.send(try envelope(.getAttributes(["watchers"]), to: "bob@b.example"))
        world.network.send(try envelope(.getAttributes(["presence"]), to: "bob@b.example"))
        world.network.send(try envelope(.notify(guess), to: "ann@a.example"))
        world.scheduler.advance(by: .seconds(15))
        return world.network.settlements.map(\.outcome)
    }

    @Test("RFC2779 5.1.2: a third party is answered the same, whether somebody watches or not")
    func unseen() throws {
        let (with, without) = (try heard(isWatched: true), try heard(isWatched: false))
        #expect(with == without && with.count == 4)
        #expect(with.contains { $0.code == .refused })
    }
}
