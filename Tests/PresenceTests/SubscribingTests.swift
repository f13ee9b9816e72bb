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
    func fetches() {
        b.service.approvals.insert(pair)
        b.tell(.approves(presentity: juliet, watcher: romeo))
        b.set(juliet, "there")
        a.tell(.wants(watcher: romeo, presentity: juliet))
        world.run(for: .seconds(5))
        #expect(a.service.views[pair] == document("there"))
        #expect(a.desk.count.watching == 0)
        b.set(juliet, "later")
        world.run(for: .seconds(5))
        #expect(a.service.views[pair] == document("there"))
    }

    @Test("C.3-3, RFC2779 5.1.8: a second subscription for a pair is a conflict; nobody else can end the first")
    func conflicts() throws {
        befriend()
        let other = try #require(SubscriptionID("another"))
        let wish = Envelope.Subscribe(id: other, seconds: 600)
        #expect(subscribe(wish, romeo).code == .conflict)
        // The right identifier from the wrong watcher is a fetch by somebody who is not approved.
        let known = try #require(
            world.sent.lazy.compactMap { request -> SubscriptionID? in
                if case .subscribe(let wish) = request.operation { wish.id } else { nil }
            }.first
        )
        let cancel = Envelope.Subscribe(id: known, seconds: 0, forgets: true)
        #expect(subscribe(cancel, address("mallory@a.example")).code == .refused)
        b.set(juliet, "still")
        world.run(for: .seconds(1))
        #expect(a.service.views[pair] == document("still"))
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
