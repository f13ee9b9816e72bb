// SPDX-License-Identifier: Apache-2.0
import Testing

extension EndToEnd {
    /// What is killed under load, and what is true afterwards.
    @Suite("Crashes under load", .serialized, .enabled(if: Bed.isPossible), .timeLimit(.minutes(10)))
    struct CrashTests {}
}

extension EndToEnd.CrashTests {
    @Test("Contract once, Contract order, Contract ledger, RFC2779 5.4.2: 20 kills of the peer, 25,000 messages")
    func peerKilled() async throws {
        let bed = try await Bed("peer-killed", deadline: 20)
        defer { bed.stop() }
        let alice = try await LoadClient("alice", at: bed.prosody, in: bed.scratch)
        let bob = try await LoadClient("bob", at: bed.ejabberd, in: bed.scratch)
        let total = (out: 21_000, back: 4_000)
        try alice.send(total.out, to: bob.jid, rate: 700)
        try bob.send(total.back, to: alice.jid, rate: 150)
        for _ in 0..<20 {
            try await Task.sleep(for: .seconds(1))
            bed.south.crash()
            try await bed.south.start()
        }
        try await alice.sent(total.out, within: .seconds(120))
        try await bob.sent(total.back, within: .seconds(60))
        let north = try await bed.north.settled(within: .seconds(40))
        let south = try await bed.south.settled(within: .seconds(40))
        try await Task.sleep(for: .seconds(1))

        let (sender, receiver) = (try await alice.report(), try await bob.report())
        #expect(north.balances, "\(north)")
        #expect(south.balances, "\(south)")
        // Prosody and north were never down, so each message that alice sent was accepted, or was answered by Prosody.
        #expect(north.ledger.accepted == total.out + sender.received)
        check(sender, receiver, from: alice.jid)
        check(receiver, sender, from: bob.jid)
        let came = receiver.numbers[alice.jid]?.count ?? 0
        let told = north.ledger.delivered - sender.received
        #expect(came >= told, "what was answered delivered was delivered: \(came) came, \(told) were answered so")
        #expect(came <= told + north.ledger.uncertain, "what came was answered delivered or uncertain")
        #expect(sender.returned.count == north.ledger.failed + north.ledger.expired, "each failure reached its sender")
        #expect(came > 1_000, "too little came to prove much: \(came), \(north.ledger)")
    }

    @Test("Contract once, Contract order, Contract ledger, XEP-0199: Prosody is killed under load, 5 times")
    func prosodyKilled() async throws {
        let bed = try await Bed("prosody-killed", deadline: 20)
        defer { bed.stop() }
        let alice = try await LoadClient("alice", at: bed.prosody, in: bed.scratch)
        let bob = try await LoadClient("bob", at: bed.ejabberd, in: bed.scratch)
        let total = 8_000
        try bob.send(total, to: alice.jid, rate: 1_000)
        for round in 1...5 {
            try await Task.sleep(for: .seconds(1))
            try await bed.prosody.crash()
            try await bed.prosody.start()
            try await bed.north.linksUp()
            try await alice.online(times: round + 1, within: .seconds(20))
        }
        try await bob.sent(total, within: .seconds(60))
        let north = try await bed.north.settled(within: .seconds(40))
        let south = try await bed.south.settled(within: .seconds(40))
        try await Task.sleep(for: .seconds(1))

        let (sender, receiver) = (try await bob.report(), try await alice.report())
        #expect(north.balances && south.balances)
        #expect(south.ledger.accepted == total)
        check(sender, receiver, from: bob.jid)
        let came = receiver.numbers[bob.jid]?.count ?? 0
        #expect(came >= south.ledger.delivered, "what was answered delivered was delivered: \(came), \(south.ledger)")
        #expect(came <= south.ledger.delivered + south.ledger.uncertain, "\(came) came, \(south.ledger)")
        #expect(came > 500, "too little came to prove much: \(came), \(south.ledger)")
    }

    /// Nothing came twice, nothing came out of order, and nothing that was answered with an error came.
    private func check(_ sender: LoadClient.Report, _ receiver: LoadClient.Report, from jid: String) {
        #expect(receiver.repeats.isEmpty, "came twice: \(receiver.repeats.prefix(10))")
        #expect(receiver.backward.isEmpty, "came out of order: \(receiver.backward.prefix(10))")
        let came = receiver.numbers[jid] ?? []
        let both = came.intersection(sender.returned)
        #expect(both.isEmpty, "came although an error was answered: \(both.sorted().prefix(10)), \(sender.conditions)")
    }
}
