// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import Testing

@testable import Presence

/// The table of standards reference F.5, between two services.
@Suite("Subscribing")
struct SubscribingTests {
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

    @Test("IMX 2.5a, RFC2779 5.1.11: a watcher asks, the presentity says yes, and its state is seen")
    func grants() {
        befriend()
        #expect(b.service.orders.first == .ask(presentity: juliet, watcher: romeo, name: nil))
        #expect(a.service.granted == [pair])
        #expect(a.service.views[pair] == document("online"))
        b.set(juliet, "busy")
        world.run(for: .seconds(1))
        #expect(a.service.views[pair] == document("busy"))
        b.set(juliet, nil)
        world.run(for: .seconds(1))
        #expect(a.service.views[pair] == nil)
    }

    @Test(
        "F.5: while the presentity has not decided, the watcher hears nothing and nobody is asked twice"
    )
    func waits() {
        b.service.answer = { _ in nil }
        befriend()
        a.tell(.asks(watcher: romeo, presentity: juliet, name: nil))
        world.run(for: .seconds(3_600))  // two renewals of the request
        #expect(a.service.orders.isEmpty)
        #expect(b.service.orders.count == 1)
        b.service.approvals.insert(pair)
        b.tell(.approves(presentity: juliet, watcher: romeo))
        world.run(for: .seconds(2))
        #expect(a.service.granted == [pair])
        #expect(a.service.views[pair] == document("online"))
    }

    @Test("RFC2779 5.1.5: a refusal is told, and leaves nothing behind")
    func refuses() {
        b.service.answer = { _ in false }
        befriend()
        #expect(a.service.ends[pair]?.code == .refused)
        #expect(a.desk.count == (watched: 0, watching: 0))
        #expect(b.desk.count == (watched: 0, watching: 0))
    }

    @Test("RFC2779 5.1.16, RFC2779 5.1.9: the presentity takes it back at will, and the watcher is told")
    func takesBack() {
        befriend()
        b.refuse(juliet, romeo)
        world.run(for: .seconds(1))
        #expect(a.service.ends[pair]?.code == .refused)
        #expect(a.service.views[pair] == nil)
        b.set(juliet, "unseen")
        world.run(for: .seconds(3_600))
        #expect(a.service.views[pair] == nil)
        #expect(b.desk.count.watched == 0)
    }

    @Test("RFC2779 5.1.7: the watcher gives up at any time; service stops, and late notifications are dropped")
    func givesUp() {
        befriend()
        b.set(juliet, "late")
        a.unwatch(romeo, juliet)
        #expect(a.service.ends[pair]?.code == .delivered)
        world.run(for: .seconds(5))
        #expect(a.service.views[pair] == nil)
        #expect(b.service.approvals.isEmpty)
        #expect(b.service.orders.contains(.forget(presentity: juliet, watcher: romeo)))
        #expect(a.desk.count.watching == 0)
        #expect(b.desk.count.watched == 0)
    }

    @Test("IMX 4.5.1, IMX 3 Subscription: the lease is what the presentity's domain grants, renewed at two thirds")
    func renews() {
        b.lease = 60...90
        befriend()
        let renewals = { world.sent.count { if case .subscribe = $0.operation { true } else { false } } }
        #expect(renewals() == 1)
        world.run(for: .seconds(56))
        #expect(renewals() == 1)
        world.run(for: .seconds(6))
        #expect(renewals() == 2)
        let id = world.sent.compactMap { if case .subscribe(let wish) = $0.operation { wish.id } else { nil } }
        #expect(Set(id).count == 1, "a renewal carries the same identifier")
        #expect(b.desk.counters.renewals == 1)
        world.run(for: .seconds(600))
        #expect(a.service.views[pair] == document("online"))
    }

    @Test("RFC2779 3.2.5, IMX 3 Subscription: a watcher that is gone for good is served no longer than its lease")
    func lapses() {
        befriend()
        a.kill()
        world.run(for: .seconds(1_801))
        #expect(b.desk.counters.lapsed == 1)
        let before = world.sent.count
        b.set(juliet, "to nobody")
        world.run(for: .seconds(10))
        #expect(world.sent.count == before)
        #expect(b.service.approvals == [pair], "the approval is kept")
        a.start()
        world.run(for: .seconds(10))
        #expect(a.service.views[pair] == document("to nobody"))
        #expect(b.service.orders.count { if case .ask = $0 { true } else { false } } == 1, "nobody is asked again")
    }

    @Test("F.5: what a watcher without a session watches is not renewed, and is taken up when it comes back")
    func sleeps() {
        befriend()
        a.tell(.leaves(watcher: romeo))
        let before = world.sent.count
        world.run(for: .seconds(4_000))
        let renewals = world.sent.dropFirst(before).count { if case .subscribe = $0.operation { true } else { false } }
        #expect(renewals == 0)
        b.set(juliet, "back")
        a.tell(.wants(watcher: romeo, presentity: juliet))
        world.run(for: .seconds(2))
        #expect(a.service.views[pair] == document("back"))
    }

    @Test("C.1, IMX 3 Notification: a request for no time with a new identifier fetches once and leaves nothing behind")
    func fetches() throws {
        b.service.approvals.insert(pair)
        b.tell(.approves(presentity: juliet, watcher: romeo))
        b.set(juliet, "there")
        let id = try #require(SubscriptionID("once"))
        #expect(subscribe(Envelope.Subscribe(id: id, seconds: 0), romeo).code == .delivered)
        b.set(juliet, "later")
        world.run(for: .seconds(5))
        let told = world.sent.filter { $0.source == juliet }
        #expect(told.map(\.body) == [document("later")])
        b.set(juliet, "still later")
        world.run(for: .seconds(5))
        #expect(world.sent.count { $0.source == juliet } == 1)
        #expect(b.desk.fetches.isEmpty && b.desk.openFetches.isEmpty && b.desk.fetchWords.isEmpty)
        #expect(b.desk.fetchesOfDomain.isEmpty && b.desk.fetchCount == 0 && b.desk.fetchedOctets == 0)
    }

    /// Which of the two sides has lost all that it knew of the pair.
    enum Lost: CaseIterable { case watchers, presentitys, both }

    @Test(
        "F.5, RFC2779 3.2.1: a probe for a pair that the desks do not know, or no longer, finds the contact and keeps it",
        arguments: Lost.allCases
    )
    func probesTheUnknown(lost: Lost) {
        befriend()
        for node in lost == .both ? [a, b] : lost == .watchers ? [a] : [b] {
            node.kill()
            node.wipe()
        }
        world.run(for: .seconds(4_000))
        for node in [a, b] { node.start() }
        b.service.orders.removeAll()
        a.service.orders.removeAll()
        b.set(juliet, "meanwhile")
        a.tell(.wants(watcher: romeo, presentity: juliet))
        world.run(for: .seconds(10))
        #expect(a.service.views[pair] == document("meanwhile"))
        b.set(juliet, "and from now on")
        world.run(for: .seconds(2))
        #expect(a.service.views[pair] == document("and from now on"))
        #expect(a.service.ends.isEmpty && a.service.granted == [pair])
        // Where the watcher's side still asks, the service answers for its user; a look asks nobody at all.
        let asked = b.service.orders.contains { if case .ask = $0 { true } else { false } }
        #expect(asked == (lost == .presentitys))
        #expect(!a.service.orders.contains(.approved(watcher: romeo, presentity: juliet)), "nothing new")
        // And as good as any other: over renewals and kills of either.
        for node in [a, b] {
            node.kill()
            node.start()
        }
        world.run(for: .seconds(3_000))
        b.set(juliet, "much later")
        world.run(for: .seconds(2))
        #expect(a.service.views[pair] == document("much later"))
    }

    @Test("F.5, RFC2779 5.1.16: a probe ends a contact only where the presentity's own service says no")
    func probeRefused() {
        a.service.wishes.insert(pair)
        b.verdict = { _, _ in .deny }
        a.tell(.wants(watcher: romeo, presentity: juliet))
        world.run(for: .seconds(10))
        #expect(a.service.ends.isEmpty, "a rule is not the presentity")
        b.verdict = { _, _ in .ask }
        b.setLink(false)
        a.tell(.wants(watcher: romeo, presentity: juliet))
        world.run(for: .seconds(30))
        #expect(a.service.ends.isEmpty, "a service that is away says nothing")
        b.service.approvals.insert(pair)
        b.service.states[juliet] = document("there")
        b.setLink(true)
        world.run(for: .seconds(320))
        #expect(a.service.views[pair] == document("there"), "asked again as long as the watcher is there")
        let other = Pair(watcher: address("paris@a.example"), presentity: juliet)
        a.tell(.wants(watcher: other.watcher, presentity: juliet))
        world.run(for: .seconds(10))
        #expect(a.service.ends[other]?.code == .refused)
        #expect(b.desk.count.watched == 1 && a.desk.count.watching == 1)
    }

    @Test("F.5, RFC2779 3.2.1: who comes while the link is down, unheard, sees what is so once it is up")
    func comesUnheard() {
        befriend()
        for isKilled in [false, true] {
            a.tell(.leaves(watcher: romeo))
            world.run(for: .seconds(4_000))
            #expect(a.desk.entries(limit: 1).map(\.state) == [.lapsed])
            if isKilled { a.kill() } else { a.setLink(false) }
            b.set(juliet, "now \(isKilled)")
            a.tell(.wants(watcher: romeo, presentity: juliet))  // nobody hears it
            world.run(for: .seconds(10))
            if isKilled { a.start() } else { a.setLink(true) }
            world.run(for: .seconds(10))
            #expect(a.service.views[pair] == document("now \(isKilled)"))
            b.set(juliet, "later \(isKilled)")
            world.run(for: .seconds(4_000))
            #expect(a.service.views[pair] == document("later \(isKilled)"))
        }
    }

    @Test("F.5: a session of which nothing more is heard ends after long, and one that says something goes on")
    func sessionsAge() {
        let c = world.add("c.example") { $0.sessionSeconds = 10_000 }
        let (silent, alive) = (address("silent@c.example"), address("alive@c.example"))
        b.set(juliet, "online")
        for watcher in [silent, alive] { c.watch(watcher, juliet) }
        for _ in 0..<10 {
            world.run(for: .seconds(4_000))
            c.tell(.wants(watcher: alive, presentity: juliet))
        }
        let states = c.desk.entries(limit: 2).reduce(into: [:]) { $0[$1.watcher] = $1.state }
        #expect(states == [silent: .lapsed, alive: .active])
        c.tell(.wants(watcher: silent, presentity: juliet))
        world.run(for: .seconds(5))
        #expect(c.service.views[Pair(watcher: silent, presentity: juliet)] == document("online"))
    }

    @Test("IMX 4.5.1: the presentity's domain decides how long a lease is, a day too, and the watcher keeps to it")
    func longLeases() {
        b.lease = 60...86_400
        befriend()
        #expect((86_000...86_400).contains(a.desk.entries(limit: 1).first?.seconds ?? 0))
        let wishes = { world.sent.count { if case .subscribe = $0.operation { true } else { false } } }
        world.run(for: .seconds(15 * 3_600))
        #expect(wishes() == 1)
        world.run(for: .seconds(5_400))
        #expect(wishes() == 2, "renewed after sixteen hours")
    }

    @Test(
        "RFC2779 5.2.2, IMX 2.5a: a notification that is lost although it was answered is missed at the renewal, and counted"
    )
    func lostNotification() {
        befriend()
        b.set(juliet, "busy")
        world.run(for: .seconds(2))
        #expect(a.desk.counters.drifts == 0)
        world.swallows = { if case .notify = $0.operation { true } else { false } }
        b.set(juliet, "lost")
        world.run(for: .seconds(2))
        world.swallows = nil
        #expect(a.service.views[pair] == document("busy"))
        world.run(for: .seconds(1_800))
        #expect(a.service.views[pair] == document("lost"))
        #expect(a.desk.counters.drifts == 1)
        // A peer that is slow to take one costs retries, and is no drift.
        world.loss = 60
        for number in 0..<10 {
            b.set(juliet, "state \(number)")
            world.run(for: .seconds(10))
        }
        world.loss = 0
        world.run(for: .seconds(200))
        #expect(a.service.views[pair] == document("state 9"))
        #expect(a.desk.counters.drifts == 1)
    }

    @Test("C.3-3, RFC2779 5.1.8: a second subscription for a pair is a conflict; nobody else can end the first")
    func conflicts() throws {
        befriend()
        let other = try #require(SubscriptionID("another"))
        let wish = Envelope.Subscribe(id: other, seconds: 600)
        #expect(subscribe(wish, romeo).code == .conflict)
        // The right identifier from the wrong watcher ends nothing: it is a fetch by somebody who is not approved, or
        // forgets what is not there.
        let known = try #require(
            world.sent.lazy.compactMap { request -> SubscriptionID? in
                if case .subscribe(let wish) = request.operation { wish.id } else { nil }
            }.first
        )
        let cancel = Envelope.Subscribe(id: known, seconds: 0)
        #expect(subscribe(cancel, address("mallory@a.example")).details?.grantedSeconds == 0)
        b.drain()
        world.run(for: .seconds(3))
        #expect(world.sent.last?.destination == address("mallory@a.example"))
        guard case .notify(let answer)? = world.sent.last?.operation else {
            Issue.record("no answer to a fetch")
            return
        }
        #expect(answer.state == .ended(.refused))
        let forgetting = Envelope.Subscribe(id: known, seconds: 0, forgets: true)
        #expect(subscribe(forgetting, address("mallory@a.example")) == .delivered)
        b.set(juliet, "still")
        world.run(for: .seconds(1))
        #expect(a.service.views[pair] == document("still"))
    }

    @Test("C.2, RFC2779 2.3.1: whether a watcher may is looked at before whether another subscription is live")
    func deniedBeforeConflict() throws {
        befriend()
        b.verdict = { _, _ in .deny }
        let wish = Envelope.Subscribe(id: try #require(SubscriptionID("another")), seconds: 600)
        #expect(subscribe(wish, romeo).code == .refused)
        b.drain()
        world.run(for: .seconds(2))
        #expect(a.service.views[pair] == nil, "and what is live is shown nothing any more")
    }

    private func subscribe(_ wish: Envelope.Subscribe, _ watcher: Address) -> Outcome {
        b.desk.subscribe(wish, watcher: watcher, presentity: juliet, name: nil, at: world.now)
    }

    @Test("IMX 2.5b, RFC2779 5.3.2: a notification that nobody asked for is dropped, and its sender told so")
    func unasked() throws {
        befriend()
        let id = try #require(SubscriptionID("invented"))
        let outcome = a.desk.notify(
            Envelope.Notification(id: id, state: .active, sequence: .max),
            presentity: juliet,
            watcher: romeo,
            body: document("forged"),
            at: world.now
        )
        #expect(outcome.code == .noSuchSubscription)
        #expect(a.service.views[pair] == document("online"))
        #expect(a.desk.counters.unasked == 1)
    }

    @Test("IMX 4.5.2, RFC2779 3.2.3: an older notification never takes the place of a newer one")
    func olderNeverWins() throws {
        befriend()
        let first = try #require(
            world.sent.lazy.compactMap { request -> Envelope.Notification? in
                if case .notify(let notification) = request.operation { notification } else { nil }
            }.first
        )
        let outcome = a.desk.notify(
            first,
            presentity: juliet,
            watcher: romeo,
            body: document("older"),
            at: world.now
        )
        #expect(outcome == .delivered)
        #expect(a.service.views[pair] == document("online"))
        #expect(a.desk.counters.stale == 1)
    }

    @Test("RFC2779 3.2.3: what changes while a notification is on its way is told once, as it is in the end")
    func coalesces() {
        befriend()
        let before = world.sent.count
        for number in 0..<100 { b.set(juliet, "state \(number)") }
        world.run(for: .seconds(2))
        #expect(world.sent.count == before + 2)
        #expect(a.service.views[pair] == document("state 99"))
    }
}
