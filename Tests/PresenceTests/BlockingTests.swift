// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import Testing

@testable import Presence

/// Rules at the desk: who is let in, who is not, and who cannot tell.
@Suite("Blocking")
struct BlockingTests {
    private let world = World()
    private let watcher = address("romeo@a.example")
    private let blocker = address("blocker@b.example")
    private let a: Node
    private let b: Node

    init() {
        a = world.add("a.example")
        b = world.add("b.example")
    }

    /// What the watcher's side can see of a presentity: each notification with its time, in order.
    private func traffic(isPolite: Bool) -> [String] {
        let world = World(seed: 7)
        let (a, b) = (world.add("a.example"), world.add("b.example"))
        b.verdict = { _, _ in isPolite ? .polite : .allow }
        b.service.approvals = [Pair(watcher: watcher, presentity: blocker)]
        var lines: [String] = []
        world.onNotification = { _, notification in lines.append("\(world.now.nanoseconds) \(notification.state)") }
        a.watch(watcher, blocker)
        world.run(for: .seconds(10))
        for number in 0..<3 {
            // The one does what it likes; the other is never there.
            b.set(blocker, isPolite ? "online \(number)" : nil)
            world.run(for: .seconds(1_000))
        }
        // A restart there, and a link that is gone for longer than the grace.
        b.kill()
        b.start()
        world.run(for: .seconds(10))
        b.setLink(false)
        world.run(for: .seconds(100))
        b.setLink(true)
        world.run(for: .seconds(10))
        a.unwatch(watcher, blocker)
        world.run(for: .seconds(10))
        a.tell(.wants(watcher: watcher, presentity: blocker))
        world.run(for: .seconds(10))
        #expect(a.service.views.isEmpty)
        return lines
    }

    @Test("RFC2779 5.1.15: who blocks politely looks like who is never there: the same answers at the same times")
    func polite() {
        let blocked = traffic(isPolite: true)
        #expect(blocked == traffic(isPolite: false))
        #expect(blocked.count > 4)
    }

    @Test("RFC2779 5.1.15: nothing that a polite blocker does leaves the house")
    func politeLeaksNothing() {
        b.verdict = { _, _ in .polite }
        b.service.approvals = [Pair(watcher: watcher, presentity: blocker)]
        a.watch(watcher, blocker)
        world.run(for: .seconds(5))
        let before = world.sent.count
        for number in 0..<10 {
            b.set(blocker, "secret \(number)")
            world.run(for: .seconds(5))
        }
        #expect(world.sent.count == before)
        #expect(world.sent.allSatisfy { $0.body == .none })
        #expect(a.service.granted == [Pair(watcher: watcher, presentity: blocker)])
    }

    @Test(
        "RFC2779 2.3.1, RFC2779 2.3.2, RFC2779 2.3.7, RFC2779 5.1.13: rules decide without the presentity, and who is denied is told so"
    )
    func denies() {
        b.verdict = { _, _ in .deny }
        a.watch(watcher, blocker)
        world.run(for: .seconds(2))
        #expect(a.service.ends[Pair(watcher: watcher, presentity: blocker)]?.code == .refused)
        #expect(b.service.orders.isEmpty)
    }

    @Test(
        "RFC2779 2.3.1: rules that change reach live subscriptions, and what was shown is not served any longer"
    )
    func rulesChange() {
        let pair = Pair(watcher: watcher, presentity: blocker)
        b.set(blocker, "online")
        a.watch(watcher, blocker)
        world.run(for: .seconds(2))
        #expect(a.service.views[pair] == document("online"))
        b.verdict = { _, _ in .polite }
        b.reviewRules()
        world.run(for: .seconds(2))
        #expect(a.service.views[pair] == nil)
        #expect(a.service.granted == [pair])
        b.verdict = { _, _ in .ask }
        b.reviewRules()
        world.run(for: .seconds(2))
        #expect(a.service.views[pair] == document("online"))
        b.verdict = { _, _ in .deny }
        b.reviewRules()
        world.run(for: .seconds(2))
        #expect(a.service.ends[pair]?.code == .refused)
    }

    @Test(
        "RFC2779 2.3.3, RFC2779 5.2.1, RFC2779 5.2.3: different watchers may be shown different states, and none sees another's"
    )
    func different() {
        let other = address("rosaline@a.example")
        for user in [watcher, other] { a.watch(user, blocker) }
        world.run(for: .seconds(2))
        b.tell(.publishes(presentity: blocker, watcher: watcher, state: document("busy")))
        b.tell(.publishes(presentity: blocker, watcher: other, state: document("away")))
        world.run(for: .seconds(2))
        #expect(a.service.views[Pair(watcher: watcher, presentity: blocker)] == document("busy"))
        #expect(a.service.views[Pair(watcher: other, presentity: blocker)] == document("away"))
    }

    @Test(
        "RFC2779 3.2.4: a service that is away for long has its users shown as not there, and as they are once it is back"
    )
    func away() {
        let pair = Pair(watcher: watcher, presentity: blocker)
        b.set(blocker, "online")
        a.watch(watcher, blocker)
        world.run(for: .seconds(2))
        b.setLink(false)
        world.run(for: .seconds(30))
        #expect(a.service.views[pair] == document("online"), "a short break is nobody's business")
        world.run(for: .seconds(40))
        #expect(a.service.views[pair] == nil)
        b.set(blocker, "meanwhile")
        b.setLink(true)
        world.run(for: .seconds(2))
        #expect(a.service.views[pair] == document("meanwhile"))
    }

    @Test("RFC2779 5.2.2: a change behind our back is found at the renewal, mended and counted")
    func drift() {
        let pair = Pair(watcher: watcher, presentity: blocker)
        b.set(blocker, "online")
        a.watch(watcher, blocker)
        world.run(for: .seconds(2))
        b.set(blocker, "unseen", isTold: false)
        world.run(for: .seconds(1_300))
        #expect(a.service.views[pair] == document("unseen"))
        #expect(b.desk.counters.drifts == 1)
    }

    @Test("A.1-2: after a kill the leases are as they were, both sides, and nobody is asked again")
    func survives() {
        let pair = Pair(watcher: watcher, presentity: blocker)
        b.set(blocker, "online")
        a.watch(watcher, blocker)
        world.run(for: .seconds(2))
        for node in [a, b] {
            node.kill()
            world.run(for: .seconds(5))
            node.start()
            world.run(for: .seconds(15))
            #expect(a.service.views[pair] == document("online"))
        }
        b.set(blocker, "after")
        world.run(for: .seconds(2))
        #expect(a.service.views[pair] == document("after"))
        #expect(b.service.orders.count { if case .ask = $0 { true } else { false } } == 1)
        #expect(a.service.ends.isEmpty)
    }
}
