// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import Testing

@testable import Presence

/// What strangers and tenants can make the desk hold or do.
@Suite("Bounds of the desk")
struct BoundsTests {
    private let world = World()
    private let juliet = address("juliet@b.example")
    private let b: Node

    init() {
        b = world.add("b.example") {
            $0.maximumPerDomain = 10
            $0.maximumPerHosted = 40
        }
    }

    private func subscribe(_ watcher: String, _ id: String, seconds: UInt32 = 600) throws -> OutcomeCode {
        let wish = Envelope.Subscribe(id: try #require(SubscriptionID(id)), seconds: seconds)
        return b.desk.subscribe(wish, watcher: address(watcher), presentity: juliet, name: nil, at: world.now).code
    }

    @Test("S38: subscriptions of one domain are bounded, and shut out nobody else's")
    func perDomain() throws {
        b.service.answer = { _ in nil }
        for number in 0..<10 { #expect(try subscribe("w\(number)@evil.example", "s") == .awaitingApproval) }
        #expect(try subscribe("w10@evil.example", "s") == .shortOfResources)
        #expect(try subscribe("w3@evil.example", "s") == .awaitingApproval, "a renewal is no new one")
        #expect(try subscribe("ann@good.example", "s") == .awaitingApproval)
        // What nobody renews and nobody answers leaves nothing behind.
        b.drain()
        world.run(for: .seconds(700))
        #expect(b.desk.count.watched == 0)
        #expect(try subscribe("w10@evil.example", "s") == .awaitingApproval)
    }

    @Test("S38: what one tenant makes up is counted against the tenant, not against the domains that it names")
    func perTenant() throws {
        for number in 0..<100 {
            b.tell(.approves(presentity: juliet, watcher: address("u\(number)@good.example")))
        }
        #expect(b.desk.count.watched == 40)
        #expect(b.desk.rowsOfDomain.isEmpty)
        for number in 0..<100 {
            b.tell(.asks(watcher: juliet, presentity: address("v\(number)@far.example"), name: nil))
        }
        #expect(b.desk.count.watching == 0)
        #expect(b.service.ends.count == 100, "each is told that there is no room")
    }

    @Test("S38: fetches of one domain are bounded, and each pair's service is asked once")
    func fetches() throws {
        b.verdict = { _, _ in .allow }
        world.run(for: .seconds(1))
        b.tell(.wants(watcher: juliet, presentity: juliet))
        var codes: [OutcomeCode: Int] = [:]
        for number in 0..<6_000 { codes[try subscribe("w@evil.example", "f\(number)", seconds: 0), default: 0] += 1 }
        #expect(codes[.shortOfResources] == 1_000)
        let probe = PresenceOrder.probe(presentity: juliet, watcher: address("w@evil.example"))
        #expect(b.desk.orders.count { $0 == probe } == 1)
        #expect(try subscribe("ann@good.example", "f", seconds: 0) == .delivered)
    }

    @Test("S38: answers to fetches count until they have arrived, however slowly their domain takes them")
    func fetchAnswers() throws {
        b.verdict = { _, _ in .allow }
        world.run(for: .seconds(1))
        b.tell(.wants(watcher: juliet, presentity: juliet))
        for number in 0..<5_000 { _ = try subscribe("w@evil.example", "f\(number)", seconds: 0) }
        b.desk.advance(to: world.now + .seconds(5))
        let answers = b.desk.requests.filter { $0.destination.domain == address("w@evil.example").domain }
        #expect(answers.count == 5_000)
        #expect(try subscribe("w@evil.example", "more", seconds: 0) == .shortOfResources)
        for answer in answers { b.desk.settled(answer.token, .delivered, at: world.now) }
        #expect(try subscribe("w@evil.example", "more", seconds: 0) == .delivered)
        b.desk.requests = []
    }

    @Test(
        "S38: what strangers ask of a tenant leaves the tenant's own room alone, and those whom nobody let in have half"
    )
    func strangersAndOwn() throws {
        b.service.answer = { _ in nil }
        for number in 0..<30 { _ = try subscribe("w@evil\(number).example", "s") }
        #expect(b.desk.count.watched == 20)
        #expect(try subscribe("w@good.example", "s") == .shortOfResources)
        b.verdict = { watcher, _ in watcher.domain.name == "good.example" ? .allow : .ask }
        b.reviewRules()
        #expect(try subscribe("w@good.example", "s") == .delivered, "whom a rule lets in has room")
        for number in 0..<100 {
            b.tell(.asks(watcher: juliet, presentity: address("v\(number)@far.example"), name: nil))
        }
        #expect(b.desk.count.watching == 40)
        // One that is approved counts as the tenant's own, and makes room for another stranger.
        b.tell(.givesUp(watcher: juliet, presentity: address("v1@far.example")))
        world.run(for: .seconds(2_000))
    }

    @Test("S42: states are bounded in octets, in all and for each tenant; what finds no room is asked for again")
    func stateOctets() throws {
        let small = World()
        let a = small.add("a.example") { $0.maximumStateOctets = 200_000 }
        let b = small.add("b.example")
        b.service.answer = { _ in true }
        let large = String(repeating: "x", count: 30_000)
        let romeo = address("romeo@a.example")
        for number in 0..<10 {
            b.set(address("p\(number)@b.example"), large)
            a.watch(romeo, address("p\(number)@b.example"))
        }
        small.run(for: .seconds(60))
        #expect(a.desk.states.octets <= 100_000)
        #expect(a.service.views.count == 3)
        #expect(a.desk.counters.unkept > 0)
        // What is there no more makes room for the others, with the next try.
        for number in 0..<10 { b.set(address("p\(number)@b.example"), nil) }
        small.run(for: .seconds(600))
        #expect(a.desk.states.octets == 0)
        b.set(address("p9@b.example"), "short")
        small.run(for: .seconds(5))
        #expect(a.service.views == [Pair(watcher: romeo, presentity: address("p9@b.example")): document("short")])
        // The side of the presentity: a state that is not kept is told to nobody, and nothing older in its place.
        let c = small.add("c.example") { $0.maximumStateOctets = 10_000 }
        a.watch(romeo, address("q@c.example"))
        small.run(for: .seconds(2))
        c.set(address("q@c.example"), "small")
        small.run(for: .seconds(2))
        let pair = Pair(watcher: romeo, presentity: address("q@c.example"))
        #expect(a.service.views[pair] == document("small"))
        c.set(address("q@c.example"), large)
        small.run(for: .seconds(2))
        #expect(a.service.views[pair] == nil)
        #expect(c.desk.states.octets <= 5_000)
        #expect(c.desk.counters.unkept > 0)
    }

    @Test("S42: a name for the presentity to read is kept short, and whole letters of it")
    func names() throws {
        let name = DisplayName(String(repeating: "\u{1F600}", count: 10_000))
        b.tell(.asks(watcher: juliet, presentity: address("v@far.example"), name: name))
        let sent = try #require(world.sent.last?.name)
        #expect(sent.text.utf8.count == 1_020)
        #expect(name.text.hasPrefix(sent.text))
    }

    @Test("S42: room that was full of addresses is there again when their subscriptions are gone")
    func addressRoom() throws {
        let small = World()
        let b = small.add("b.example") { $0.maximumOctets = 100_000 }
        b.service.answer = { _ in nil }
        let long = String(repeating: "x", count: 1_000)
        func ask(_ number: Int) throws -> OutcomeCode {
            let wish = Envelope.Subscribe(id: try #require(SubscriptionID("s")), seconds: 60)
            let watcher = address("\(number)\(long)@evil.example")
            return b.desk.subscribe(wish, watcher: watcher, presentity: juliet, name: nil, at: small.now).code
        }
        var number = 0
        while try ask(number) == .awaitingApproval { number += 1 }
        #expect(number > 90 && number < 110)
        b.drain()
        small.run(for: .seconds(120))
        #expect(b.desk.count.watched == 0)
        #expect(try ask(number) == .awaitingApproval)
    }

    @Test("S39: however often a state changes, a watcher that takes its time has one notification on its way")
    func amplification() {
        let a = world.add("a.example")
        world.latency = .seconds(2)
        a.watch(address("romeo@a.example"), juliet)
        world.run(for: .seconds(20))
        let before = world.sent.count
        for number in 0..<1_000 { b.set(juliet, "state \(number)") }
        #expect(world.sent.count == before + 1)
        world.run(for: .seconds(20))
        #expect(world.sent.count == before + 2)
        let pair = Pair(watcher: address("romeo@a.example"), presentity: juliet)
        #expect(a.service.views[pair] == document("state 999"))
    }
}
