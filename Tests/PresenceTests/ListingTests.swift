// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import Testing

@testable import Presence

/// What people can see of subscriptions.
@Suite("Lists of subscriptions")
struct ListingTests {
    private let world = World()
    private let romeo = address("romeo@a.example")
    private let juliet = address("juliet@b.example")

    private func states(_ node: Node) -> [PresenceDesk.State] {
        node.desk.entries(limit: 10).map(\.state)
    }

    @Test("RFC2779 5.1.10, RFC2779 5.1.11: each side can say what a subscription is in, all its life long")
    func life() {
        let (a, b) = (world.add("a.example"), world.add("b.example"))
        b.service.answer = { _ in nil }
        a.watch(romeo, juliet)
        world.run(for: .seconds(2))
        #expect(states(a) == [.pending])
        #expect(b.desk.watchers(of: juliet, limit: 10).map(\.watcher) == [romeo])
        #expect(states(b) == [.pending])
        b.service.approvals.insert(Pair(watcher: romeo, presentity: juliet))
        b.tell(.approves(presentity: juliet, watcher: romeo))
        world.run(for: .seconds(2))
        #expect(states(a) == [.active])
        #expect(states(b) == [.active])
        #expect((1_700...1_800).contains(a.desk.entries(limit: 1, of: .user(juliet)).first?.seconds ?? 0))
        #expect(a.desk.entries(limit: 10, of: .user(juliet.domain.sample)).isEmpty)
        a.tell(.leaves(watcher: romeo))
        world.run(for: .seconds(2_000))
        #expect(states(a) == [.lapsed])
        #expect(states(b) == [.approved])
    }

    @Test("RFC2779 5.1.10: a list is of a user or a domain on either side, and no longer than was asked for")
    func selections() {
        let (a, b) = (world.add("a.example"), world.add("b.example"))
        for number in 0..<20 {
            a.watch(address("w\(number)@a.example"), juliet)
            a.watch(address("w\(number)@a.example"), address("nurse@b.example"))
        }
        world.run(for: .seconds(2))
        #expect(b.desk.entries(limit: 100).count == 40)
        #expect(b.desk.entries(limit: 7).count == 7)
        #expect(b.desk.entries(limit: 100, of: .user(juliet)).count == 20)
        #expect(
            b.desk.entries(limit: 100, of: .user(address("w3@a.example"))).map(\.watcher.description) == [
                "w3@a.example", "w3@a.example",
            ]
        )
        #expect(b.desk.entries(limit: 100, of: .domain(a.domain)).count == 40)
        #expect(b.desk.entries(limit: 100, of: .domain(juliet.domain)).count == 40)
        #expect(b.desk.entries(limit: 100, of: .domain(address("x@other.example").domain)).isEmpty)
        #expect(b.desk.watchers(of: juliet, limit: 5).count == 5)
    }
}

extension Domain {
    fileprivate var sample: Address { address("nobody@\(name)") }
}
