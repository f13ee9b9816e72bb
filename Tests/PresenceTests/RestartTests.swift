// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import NIOCore
import Testing

@testable import Presence

/// Restarts, lost memories, clocks and links that come and go.
@Suite("Restarts and links")
struct RestartTests {
    private let world = World()
    private let romeo = address("romeo@a.example")
    private let juliet = address("juliet@b.example")
    private let a: Node
    private let b: Node
    private var pair: Pair { Pair(watcher: romeo, presentity: juliet) }

    init() {
        a = world.add("a.example")
        b = world.add("b.example")
    }

    private func befriend() {
        b.set(juliet, "online")
        a.watch(romeo, juliet)
        world.run(for: .seconds(2))
    }

    private func wish(_ id: String, _ seconds: UInt32 = 600) throws -> Envelope.Subscribe {
        Envelope.Subscribe(id: try #require(SubscriptionID(id)), seconds: seconds)
    }

    @Test("F.5, RFC2779 5.1.11: who gave up and asks again while the service is away is asked for when it is back")
    func asksBehindAnEnd() {
        befriend()
        b.setLink(false)
        a.unwatch(romeo, juliet)
        world.run(for: .seconds(2))
        a.watch(romeo, juliet)
        world.run(for: .seconds(2))
        b.service.orders.removeAll()
        b.setLink(true)
        world.run(for: .seconds(5))
        let orders = b.service.orders.prefix(2)
        #expect(orders.first == .forget(presentity: juliet, watcher: romeo))
        #expect(orders.last == .ask(presentity: juliet, watcher: romeo, name: nil))
        #expect(a.service.views[pair] == document("online"))
    }

    @Test("RFC2779 5.1.7: who gives up is forgotten, also where the watcher's side lost its memory and the identifier")
    func forgetsByPair() {
        befriend()
        a.kill()
        a.wipe()
        a.start()
        a.watch(romeo, juliet)
        world.run(for: .seconds(2))
        a.unwatch(romeo, juliet)
        world.run(for: .seconds(60))
        #expect(b.service.approvals.isEmpty)
        #expect(b.service.orders.last == .forget(presentity: juliet, watcher: romeo))
        #expect(b.desk.count.watched == 0)
    }

    @Test("RFC2779 5.2.2: a link that comes up while another's walk goes on has its own walk")
    func walksOfTwoLinks() {
        let both = world.add("c.example") { $0.pace = 1 }
        world.alias("e.example", of: both)
        let far = world.add("d.example")
        let watchers = (0..<4).map { address("w\($0)@c.example") }
        let others = (0..<2).map { address("x\($0)@e.example") }
        far.set(address("p@d.example"), "online")
        for watcher in watchers + others { both.watch(watcher, address("p@d.example")) }
        world.run(for: .seconds(20))
        // No row is watched here, so the walk is over those who watch from its first step on.
        both.service.orders.removeAll()
        both.desk.linkChanged(of: [Domain("c.example")].compactMap { $0 }, isUp: true, at: world.now)
        both.drain()
        world.run(for: .seconds(2))
        both.desk.linkChanged(
            of: [Domain("c.example"), Domain("e.example")].compactMap { $0 },
            isUp: true,
            at: world.now
        )
        both.drain()
        world.run(for: .seconds(30))
        for watcher in others + watchers.prefix(1) {
            let shows = both.service.orders.count { order in
                if case .show(watcher, _, _) = order { true } else { false }
            }
            #expect(shows >= (watcher == watchers[0] ? 2 : 1), "\(watcher) was passed over")
        }
    }

    @Test("F.5: a kill between an end and its last word leaves no row behind for ever")
    func endsWithoutAnswer() throws {
        b.verdict = { _, _ in .allow }
        b.reviewRules()
        let nobody = address("romeo@nobody.example")
        let outcome = b.desk.subscribe(try wish("s", 60), watcher: nobody, presentity: juliet, name: nil, at: world.now)
        #expect(outcome.code == .delivered)
        b.drain()
        world.run(for: .seconds(2))
        world.latency = .seconds(100_000)  // nobody answers the last notification in time
        world.run(for: .seconds(62))
        #expect(b.desk.counters.lapsed == 1)
        b.kill()
        #expect(b.disk.count == 1)
        b.start()
        world.run(for: .seconds(5))
        #expect(b.desk.count.watched == 0)
        #expect(b.disk.isEmpty)
    }

    @Test("IMX 4.5.2, A.1-2: a side that lost its memory and whose clock is a week behind is heard within one lease")
    func clockBehind() {
        befriend()
        b.kill()
        b.wipe()
        b.wallOffset = .seconds(-7 * 86_400)
        b.service.states[juliet] = document("after")
        b.start()
        // The first renewal begins again; its notifications have lower numbers than those that were seen.
        world.run(for: .seconds(1_300))
        #expect(a.service.views[pair] == document("after"))
        b.set(juliet, "changed")
        world.run(for: .seconds(2))
        #expect(a.service.views[pair] == document("changed"))
    }

    @Test("IMX 4.5.2: numbers grow within a second too: what begins twice in it is not silent")
    func twiceInASecond() throws {
        b.verdict = { _, _ in .allow }
        b.reviewRules()
        var numbers: [UInt64] = []
        for _ in 0..<3 {
            _ = b.desk.subscribe(try wish("same"), watcher: romeo, presentity: juliet, name: nil, at: world.now)
            for request in b.desk.requests {
                if case .notify(let notification) = request.operation { numbers.append(notification.sequence) }
                b.desk.settled(request.token, .delivered, at: world.now)
            }
            b.desk.requests = []
            _ = b.desk.subscribe(try wish("same", 0), watcher: romeo, presentity: juliet, name: nil, at: world.now)
            for request in b.desk.requests {
                if case .notify(let notification) = request.operation { numbers.append(notification.sequence) }
                b.desk.settled(request.token, .delivered, at: world.now)
            }
            b.desk.requests = []
            #expect(b.desk.count.watched == 0)
            world.run(for: .milliseconds(20))
        }
        #expect(numbers == numbers.sorted())
        #expect(Set(numbers).count == numbers.count && numbers.count == 6)
    }

    @Test("IMX 2.4: a domain that is hosted no longer takes its subscriptions along after a day, and not before")
    func removed() {
        befriend()
        a.watch(juliet.of("a.example"), juliet)
        world.run(for: .seconds(2))
        a.desk.hostingChanged(gone: [a.domain], back: [], at: world.now)
        world.run(for: .seconds(80_000))
        #expect(a.desk.count.watching == 2)
        a.desk.hostingChanged(gone: [], back: [a.domain], at: world.now)
        world.run(for: .seconds(80_000))
        #expect(a.desk.count.watching == 2, "a line that was lost by mistake")
        b.isHosting = false
        b.kill()
        b.start()
        world.run(for: .seconds(10))
        #expect(b.desk.count.watched == 2)
        a.kill()  // the core would let nobody ask for them any more
        world.run(for: .seconds(87_000))
        #expect(b.desk.hasApproved(juliet, romeo) == false)
    }

    @Test("F.5, S38: leases that ran out while nobody ran end one after another, and renewals come one after another")
    func spreads() {
        let c = world.add("c.example") { $0.pace = 10 }
        c.verdict = { _, _ in .allow }
        for number in 0..<500 {
            _ = c.desk.subscribe(
                Envelope.Subscribe(id: SubscriptionID("s\(number)") ?? never, seconds: 600),
                watcher: address("w\(number)@a.example"),
                presentity: address("p@c.example"),
                name: nil,
                at: world.now
            )
            c.tell(.asks(watcher: address("v\(number)@c.example"), presentity: address("q@a.example"), name: nil))
        }
        c.drain()
        world.run(for: .seconds(10))
        c.kill()
        world.run(for: .seconds(2_000))
        let before = world.sent.count
        c.start()
        var ended: [Int] = []
        var asked: [Int] = []
        for _ in 0..<60 {
            let count = world.sent.count
            world.run(for: .seconds(1))
            let fresh = world.sent[count...].filter { $0.source.domain == c.domain }
            ended.append(fresh.count { if case .notify = $0.operation { true } else { false } })
            asked.append(fresh.count { if case .subscribe = $0.operation { true } else { false } })
        }
        #expect(world.sent.count > before + 900)
        #expect((ended.max() ?? 0) <= 40 && (asked.max() ?? 0) <= 40, "about ten a second: \(ended) \(asked)")
        #expect(ended.prefix(5).reduce(0, +) <= 150 && asked.prefix(5).reduce(0, +) <= 150)
    }

    @Test("RFC2779 3.2.4: what an earlier process has shown of a lease that ran out meanwhile is taken back")
    func lapsedWhileDown() {
        befriend()
        #expect(a.service.views[pair] == document("online"))
        a.kill()
        b.kill()
        world.run(for: .seconds(4_000))
        a.start()
        world.run(for: .seconds(30))
        #expect(a.service.views[pair] == nil, "nobody answers any more")
    }

    private var never: SubscriptionID { preconditionFailure("an identifier is short and not empty") }
}

extension Address {
    /// The same local part elsewhere.
    fileprivate func of(_ domain: String) -> Address { address("\(self)".prefix { $0 != "@" } + "@\(domain)") }
}
