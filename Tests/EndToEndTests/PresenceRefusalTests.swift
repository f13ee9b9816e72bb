// SPDX-License-Identifier: Apache-2.0
import Testing

extension EndToEnd {
    /// What people hear who ask for somebody whom they cannot watch.
    @Suite("Who cannot be watched", .serialized, .enabled(if: Bed.isPossible), .timeLimit(.minutes(10)))
    struct PresenceRefusalTests {}
}

extension EndToEnd.PresenceRefusalTests {
    /// What the far side answers, and what its stanza says; nil where nothing is said of an error.
    private static let refusals: [(code: UInt16, condition: String?)] = [
        (5002, "jid-malformed"), (5003, "item-not-found"), (5004, nil), (5006, "remote-server-not-found"),
        (5008, "feature-not-implemented"),
    ]
    /// What the far side answers where there is hope.
    private static let delays: [UInt16] = [2002, 4001, 4003, 4004, 5011]

    @Test(
        "F.5, F.6, RFC2779 5.1.5: each answer to a request reaches who asked as the stanza for it, and what may pass as none"
    )
    func answers() async throws {
        let far = try HostileServer { server, peer in
            server.takeMessages(peer, subscribed: { UInt16($0.prefix { $0 != "@" }) ?? 5001 }, fate: { _ in 2000 })
        }
        defer { far.stop() }
        let bed = try await Bed("presence-answers") { plan in
            for domain in ["d.example", "e.example"] where plan.peers[domain] != nil { plan.peers[domain] = far.port }
        }
        defer { bed.stop() }
        let alice = try await Buddy("alice", "desk", at: bed.prosody, in: bed.scratch)
        let bob = try await Buddy("bob", "desk", at: bed.ejabberd, in: bed.scratch)
        for (asker, domain, aggregator) in [(alice, "d.example", bed.north), (bob, "e.example", bed.south)] {
            far.asksAt.set(aggregator.plan.listen)
            for code in Self.delays { try asker.tell(.init(to: "\(code)@\(domain)", type: "subscribe")) }
            for (code, condition) in Self.refusals {
                let address = "\(code)@\(domain)"
                try asker.tell(.init(to: address, type: "subscribe"))
                _ = try await asker.answer("unsubscribed", from: address)
                let errors = try asker.events().filter { $0.type == "error" && $0.account == address }
                #expect(errors.map(\.condition) == (condition.map { [$0] } ?? []), "\(address)")
                #expect(try await asker.listed(address)?.ask == nil, "\(address)")
            }
            for code in Self.delays {
                let address = "\(code)@\(domain)"
                #expect(try asker.events().allSatisfy { $0.account != address }, "\(address)")
                #expect(try await asker.listed(address)?.ask == "subscribe", "\(address)")
            }
        }
    }
}
