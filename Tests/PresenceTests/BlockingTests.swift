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
    private func traffic(isPolite: Bool, isApproved: Bool) -> [String] {
        let world = World(seed: 7)
        let (a, b) = (world.add("a.example"), world.add("b.example"))
        b.verdict = { _, _ in isPolite ? .polite : .ask }
        // Who is not approved waits for somebody who does not decide.
        b.service.answer = { _ in nil }
        if isApproved {
            b.service.approvals = [Pair(watcher: watcher, presentity: blocker)]
            b.tell(.approves(presentity: blocker, watcher: watcher))
        }
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
        let told = a.service.orders.map { "\($0)" }
        let asked = world.sent.filter { $0.source == watcher }.map { "\($0.operation.isWish)" }
        return lines + told + asked
    }

    @Test(
        "RFC2779 5.1.15: who blocks politely looks like who is never there: the same answers at the same times",
        arguments: [true, false]
    )
    func polite(isApproved: Bool) {
        let blocked = traffic(isPolite: true, isApproved: isApproved)
        #expect(blocked == traffic(isPolite: false, isApproved: isApproved))
        #expect(blocked.count > 4)
    }

    @Test("RFC2779 5.1.15: a polite blocker is asked nothing, and what was asked before the rule came stays asked")
    func politeAsksNobody() {
        b.service.answer = { _ in nil }
        b.verdict = { _, _ in .polite }
        a.watch(watcher, blocker)
        world.run(for: .seconds(4_000))
        #expect(b.service.orders.isEmpty)
        #expect(a.service.orders.isEmpty)
        b.verdict = { _, _ in .ask }
        b.reviewRules()
        #expect(b.service.orders == [.ask(presentity: blocker, watcher: watcher, name: nil)])
        b.verdict = { _, _ in .polite }
        b.reviewRules()
        b.service.approvals.insert(Pair(watcher: watcher, presentity: blocker))
        b.tell(.approves(presentity: blocker, watcher: watcher))
        world.run(for: .seconds(2))
        #expect(a.service.granted == [Pair(watcher: watcher, presentity: blocker)])
        b.set(blocker, "secret")
        world.run(for: .seconds(2))
        #expect(a.service.views.isEmpty)
    }

    @Test("RFC2779 5.1.15: nothing that a polite blocker does leaves the house")
    func politeLeaksNothing() {
        b.verdict = { _, _ in .polite }
        b.service.approvals = [Pair(watcher: watcher, presentity: blocker)]
        b.tell(.approves(presentity: blocker, watcher: watcher))
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

    private func fetch(_ id: String) throws -> OutcomeCode {
        let wish = Envelope.Subscribe(id: try #require(SubscriptionID(id)), seconds: 0)
        return b.desk.subscribe(wish, watcher: watcher, presentity: blocker, name: nil, at: world.now).code
    }

    private var fetchAnswers: [Body] {
        world.sent.compactMap { if case .notify = $0.operation, $0.source == blocker { $0.body } else { nil } }
    }

    @Test("RFC2779 2.3.1, RFC2779 5.1.16: what was allowed when a state was asked for and taken back since is not told")
    func fetchTakenBack() throws {
        b.set(blocker, "online")
        b.verdict = { _, _ in .allow }
        b.service.approvals = [Pair(watcher: watcher, presentity: blocker)]
        b.reviewRules()
        #expect(try fetch("one") == .delivered)
        b.drain()
        #expect(b.desk.fetched.values.first == document("online"))
        b.verdict = { _, _ in .deny }
        world.run(for: .seconds(4))
        #expect(fetchAnswers == [.none])
        // Without a rule, where the service takes its approval back.
        b.verdict = { _, _ in .ask }
        b.tell(.approves(presentity: blocker, watcher: watcher))
        #expect(try fetch("two") == .delivered)
        b.tell(.publishes(presentity: blocker, watcher: watcher, state: document("online")))
        b.refuse(blocker, watcher)
        world.run(for: .seconds(4))
        #expect(fetchAnswers == [.none, .none])
        // And where the service knows nothing of a watcher whom a rule lets in.
        b.verdict = { _, _ in .allow }
        #expect(try fetch("three") == .delivered)
        b.tell(.publishes(presentity: blocker, watcher: watcher, state: document("online")))
        b.tell(.refuses(presentity: blocker, watcher: watcher))
        world.run(for: .seconds(4))
        #expect(fetchAnswers == [.none, .none, .none])
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
        #expect(a.service.views[pair] == nil)
    }

    @Test(
        "RFC2779 2.3.1, RFC2779 2.3.3: a rule that was a slip hides what is live and ends nothing, over renewals and restarts"
    )
    func slip() {
        let pair = Pair(watcher: watcher, presentity: blocker)
        b.set(blocker, "online")
        a.watch(watcher, blocker)
        world.run(for: .seconds(2))
        b.verdict = { _, _ in .deny }
        b.reviewRules()
        world.run(for: .seconds(4_000))
        #expect(a.service.views[pair] == nil)
        b.kill()
        world.run(for: .seconds(2_000))
        b.start()
        b.set(blocker, "still online")
        world.run(for: .seconds(2_000))
        #expect(a.service.views[pair] == nil, "denied is denied")
        #expect(a.service.ends.isEmpty)
        let stranger = address("stranger@a.example")
        a.watch(stranger, blocker)
        world.run(for: .seconds(2))
        #expect(a.service.ends[Pair(watcher: stranger, presentity: blocker)]?.code == .refused, "and new ones are told")
        b.verdict = { _, _ in .ask }
        b.reviewRules()
        world.run(for: .seconds(5))
        #expect(a.service.views[pair] == document("still online"))
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

extension Envelope.Operation {
    /// What a watcher's side says, without the identifier that it drew.
    fileprivate var isWish: String {
        if case .subscribe(let wish) = self { "\(wish.seconds) \(wish.forgets)" } else { "no wish" }
    }
}
