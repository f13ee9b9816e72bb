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
