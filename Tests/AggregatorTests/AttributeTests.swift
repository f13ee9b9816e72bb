// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import EnvelopeModel
import NIOCore
import Presence
import Testing

@testable import Aggregator

/// Attributes through the core: who is told what, and what rides along.
@Suite("Attributes in the core")
struct AttributeTests {
    private let world: World
    private let ann: Address
    private let bob: Address
    private let eve: Address
    private var desk: PresenceDesk { get throws { try #require(world.core.desk) } }

    init() throws {
        world = try World()
        ann = try #require(Address("ann@a.example"))
        bob = try #require(Address("bob@b.example"))
        eve = try #require(Address("eve@far.example"))
    }

    private func envelope(_ keys: [String], _ source: Address, _ destination: Address) throws -> Envelope {
        Envelope(
            operation: .getAttributes(keys),
            source: source,
            destination: destination,
            messageID: try #require(MessageID("id")),
            trace: TraceID(high: 1, low: 1)
        )
    }

    private func ask(_ keys: [String], _ source: Address, about subject: Address) throws -> Outcome? {
        let adapter = source.domain == eve.domain ? world.network : world.a
        let before = adapter.settlements.count
        adapter.send(try envelope(keys, source, subject))
        return adapter.settlements.count > before ? adapter.settlements.last?.outcome : nil
    }

    /// What a service knows of a user that is there, or is not.
    private func service(_ isThere: Bool) -> (Address, Address, [String]) -> [Attribute]? {
        { _, _, keys in
            var known = [
                Attribute("presence", value: ByteBuffer(string: isThere ? "open" : "closed")),
                Attribute("alias", value: ByteBuffer(string: "Bob"), seconds: 60),
            ]
            if isThere { known.append(Attribute("ua.capabilities", value: ByteBuffer(string: "html"), seconds: 60)) }
            if keys.isEmpty { return known }
            return keys.map { key in
                known.first { $0.key == key }
                    ?? Attribute(key, status: key == "ua.capabilities" ? .unavailable : .noSuchUser)
            }
        }
    }

    @Test(
        "RFC2779 5.1.15, IMX 4.4.5: who is blocked politely is answered, key by key, as of somebody who is away",
        arguments: [
            [], ["presence"], ["alias"], ["presence", "alias", "ua.capabilities", "vcard", "b.example/x"], ["watchers"],
            ["watchers", "presence"],
        ]
    )
    func polite(keys: [String]) throws {
        try desk.verdictOnAttributes = { _, _ in .allow }
        world.b.onAttributes = service(false)
        let away = try #require(try ask(keys, eve, about: bob))
        try desk.verdictOnAttributes = { _, _ in .polite }
        world.b.onAttributes = service(true)
        let blocked = try #require(try ask(keys, eve, about: bob))
        #expect(blocked == away && away.code == .delivered)
        #expect(world.balances)
    }

    @Test("RFC2779 5.1.11, IMX 2.5d: a user is told who watches, beside whatever else was asked for")
    func watchers() throws {
        world.b.onAttributes = service(true)
        world.b.host.presence([.approves(presentity: bob, watcher: eve), .approves(presentity: bob, watcher: ann)])
        world.core.mayKnowWatchers = { [bob] requester, user in requester == user && user == bob }
        world.b.send(try envelope(["alias", "watchers", "shoe-size"], bob, bob))
        let found = try #require(world.b.settlements.last?.outcome.details?.attributes)
        #expect(found.map(\.key) == ["alias", "watchers", "shoe-size"])
        #expect(found.first?.text == "Bob" && found.last?.status == .noSuchUser)
        let lines = Set(found[1].text?.split(separator: "\n").map(String.init) ?? [])
        #expect(lines == ["\(eve) approved", "\(ann) approved"])
    }

    @Test("RFC2779 5.1.11: who watches is for those alone whom the rules let know, in this domain and in others")
    func watchersRules() throws {
        try desk.verdictOnAttributes = { [eve] requester, _ in requester == eve ? .allow : .deny }
        world.b.onAttributes = service(true)
        world.b.host.presence([.approves(presentity: bob, watcher: eve)])
        // A friend who may see is not told who else does; each key has its answer.
        let friend = try #require(try ask(["watchers", "alias"], eve, about: bob))
        #expect(friend.details?.attributes.map(\.status) == [.refused, nil])
        #expect(try ask(["watchers"], eve, about: bob)?.details?.attributes.map(\.status) == [.refused])
        // Who may know of neither gets nothing but a refusal, and no list.
        #expect(try ask(["watchers", "alias"], ann, about: bob)?.code == .refused)
        // Let in to the list alone: the rest stays closed.
        world.core.mayKnowWatchers = { [ann] requester, _ in requester == ann }
        let auditor = try #require(try ask(["watchers", "alias"], ann, about: bob))
        #expect(auditor.details?.attributes.map(\.status) == [nil, .refused])
        #expect(auditor.details?.attributes.first?.text == "\(eve) approved\n")
        #expect(world.balances)
    }

    @Test("RFC2779 5.1.11, S42: a list of watchers is cut where it would not fit into a record")
    func longList() throws {
        world.core.mayKnowWatchers = { _, _ in true }
        let name = String(repeating: "w", count: 200)
        for number in 0..<400 {
            let watcher = try #require(Address("\(name)\(number)@far.example"))
            world.b.host.presence([.approves(presentity: bob, watcher: watcher)])
        }
        let list = try #require(try ask(["watchers"], ann, about: bob)?.details?.attributes.first?.value)
        #expect((30_000...32_768).contains(list.readableBytes))
        #expect(String(buffer: list).hasSuffix(" approved\n"))
    }

    @Test("RFC2779 5.4.1: where an adapter is silent, what the core knows itself is told all the same")
    func silent() throws {
        try desk.verdictOnAttributes = { _, _ in .allow }
        world.core.mayKnowWatchers = { _, _ in true }
        #expect(try ask(["watchers", "alias"], eve, about: bob) == nil)
        world.scheduler.advance(by: .seconds(11))
        let late = try #require(world.network.settlements.last?.outcome.details?.attributes)
        #expect(late.map(\.status) == [nil, .unavailable])
        #expect(world.balances)
    }

    @Test("IMX 4.4.6: what a user takes is no more than what the user's domain lets through")
    func largest() throws {
        try desk.verdictOnAttributes = { _, _ in .allow }
        for (said, told) in [("1000", "1000"), ("99999999", "65536"), ("99999999999999999999999", "65536")] {
            world.b.onAttributes = { _, _, _ in [Attribute("message.max-octets", value: ByteBuffer(string: said))] }
            #expect(try ask(["message.max-octets"], eve, about: bob)?.details?.attributes.first?.text == told)
        }
    }

    // MARK: What rides along

    private func alias(on delivery: Delivery?) -> Attribute? {
        delivery?.envelope.details?.attributes.first { $0.key == "alias" }
    }

    private func write(_ number: Int, to recipient: String = "eve@far.example") throws -> Attribute? {
        world.b.send(try message("bob@b.example", recipient, id: "m\(number)"))
        return alias(on: world.network.deliveries.last)
    }

    @Test(
        "IMX 4.6.1, RFC2779 3.3.1: a name rides on the first message of a pair, to whom may read it, and with its time"
    )
    func rider() throws {
        world.b.onAttributes = service(true)
        #expect(try write(1) == nil, "a stranger may not read it")
        #expect(try write(2, to: "zoe@far.example") == nil)
        world.b.host.presence([.approves(presentity: bob, watcher: eve)])
        #expect(try write(3) == nil, "looked at not long ago")
        world.scheduler.advance(by: .seconds(61))
        let rode = try #require(try write(4))
        #expect(rode.text == "Bob" && rode.seconds == 60)
        #expect(try write(5) == nil && world.balances)
        #expect(try write(6, to: "zoe@far.example") == nil, "she is a stranger still")
        world.scheduler.advance(by: .seconds(3_700))
        #expect(try write(7)?.text == "Bob")
    }

    @Test(
        "IMX 4.6.1: a name that must be looked up does not hold up the message, and is not sent where that is no longer right"
    )
    func riderLater() throws {
        var asked = 0
        world.b.onAttributes = { _, _, _ in
            asked += 1
            return nil
        }
        try desk.verdictOnAttributes = { _, _ in .allow }
        #expect(try write(1) == nil)
        #expect(asked == 1)
        let pair = AliasRider.number(bob, eve)
        world.core.rider.keep(Attribute("alias", value: ByteBuffer(string: "Bob"), seconds: 60), pair)
        try desk.verdictOnAttributes = { _, _ in .deny }
        #expect(try write(2) == nil)
        try desk.verdictOnAttributes = { _, _ in .allow }
        world.core.rider.keep(Attribute("alias", value: ByteBuffer(string: "Bob"), seconds: 60), pair)
        #expect(try write(3)?.text == "Bob")
        #expect(try write(4) == nil && asked == 1)
    }

    @Test(
        "S41, S42: nobody has a service asked more than fifty times a second for names, and the memory of them is bounded"
    )
    func riderBounds() throws {
        try desk.verdictOnAttributes = { _, _ in .allow }
        var asked = 0
        world.b.onAttributes = { _, _, _ in
            asked += 1
            return nil
        }
        for number in 0..<300 { _ = try write(number, to: "u\(number)@far.example") }
        #expect(asked == 50)
        var rider = AliasRider()
        for pair in 0..<200_000 {
            rider.rest(pair, until: .distantFuture)
            rider.keep(Attribute("alias", value: ByteBuffer(string: "x"), seconds: 1), pair)
        }
        #expect(rider.count.resting <= 65_536 && rider.count.waiting <= 4_096)
    }

    @Test("IMX 4.6.1: a name rides on the first notification of a pair, and the far side answers with it from then on")
    func riderOnNotification() throws {
        world.b.onAttributes = service(true)
        world.b.onOrder = { [bob] order in
            guard case .ask(_, let watcher, _) = order else { return [] }
            return [
                .approves(presentity: bob, watcher: watcher),
                .publishes(presentity: bob, watcher: nil, state: .entity(ByteBuffer(string: "on"))),
            ]
        }
        var wish = try envelope([], eve, bob)
        wish.operation = .subscribe(.init(id: try #require(SubscriptionID("s")), seconds: 600))
        world.network.send(wish)
        world.scheduler.advance(by: .seconds(2))
        let names = world.network.deliveries.compactMap { alias(on: $0)?.text }
        #expect(names == ["Bob"] && world.balances)
        world.b.host.presence([.publishes(presentity: bob, watcher: nil, state: .entity(ByteBuffer(string: "off")))])
        world.scheduler.advance(by: .seconds(2))
        #expect(world.network.deliveries.compactMap { alias(on: $0)?.text } == ["Bob"])
        // Here as the far side: what came is kept over the next state, and not over the end.
        var kept = AttributeCache()
        let (name, state) = (
            Attribute("alias", value: ByteBuffer(string: "Eve"), seconds: 60),
            Attribute("presence", value: ByteBuffer(string: "open"), seconds: 60)
        )
        kept.keep([name, state], of: eve, for: ann, now: .start)
        kept.forgetState(of: eve, for: ann)
        #expect(kept.find(["alias"], of: eve, for: ann, now: .start) == [name])
        #expect(kept.find(["presence"], of: eve, for: ann, now: .start) == nil)
        kept.forget(eve, for: ann)
        #expect(kept.find(["alias"], of: eve, for: ann, now: .start) == nil && kept.octets == 0)
    }

    @Test("IMX 4.6.1: keys whose time is over make room for others, and a pair of which nothing is left takes none")
    func lapsed() throws {
        var cache = AttributeCache()
        let value = ByteBuffer(string: "x")
        cache.keep((0..<32).map { Attribute("k\($0)", value: value, seconds: 10) }, of: eve, for: ann, now: .start)
        cache.keep([Attribute("new", value: value, seconds: 10)], of: eve, for: ann, now: .start)
        #expect(cache.find(["new"], of: eve, for: ann, now: .start) == nil, "full")
        let later = Instant.start + .seconds(11)
        cache.keep([Attribute("new", value: value, seconds: 10)], of: eve, for: ann, now: later)
        #expect(cache.find(["new"], of: eve, for: ann, now: later)?.first?.text == "x")
        let latest = later + .seconds(11)
        cache.keep([Attribute("nothing", value: value)], of: eve, for: ann, now: latest)
        #expect(cache.octets == 0)
    }
}
