// SPDX-License-Identifier: Apache-2.0
import Testing

extension EndToEnd {
    /// The rows of the table of subscriptions (standards reference F.5) that need time to pass, with leases of ten
    /// seconds, and with one of the four programs killed between any two of them.
    @Suite("Leases", .serialized, .enabled(if: Bed.isPossible), .timeLimit(.minutes(10)))
    struct PresenceLeaseTests {}
}

extension EndToEnd.PresenceLeaseTests {
    private static let lease = 10

    private static let rows = [
        // Each is on the other's list, as people are: a server says nothing of those whom nobody abroad watches.
        PresenceStep("subscribe and subscribed, both ways") { play in
            try await play.befriend()
            try await play.befriendBack()
        },
        PresenceStep("renewed while the watcher has a session, without a gap") { play in
            let before = try await play.presentityAggregator.status().presence("renewals")
            let gone = try play.watcher.count("unavailable", from: play.presentity)
            try await Task.sleep(for: .seconds(lease + 4))
            let status = try await play.presentityAggregator.status()
            #expect(status.presence("renewals") > before, "\(status.presence)")
            #expect(try play.watcher.count("unavailable", from: play.presentity) == gone, "away in between")
            try play.change("away")
        },
        PresenceStep("lapsed while the presentity's aggregator was away, and back by itself") { play in
            let aggregator = play.presentityAggregator
            aggregator.crash()
            try await play.watcher.sees(play.presentity) { $0?.isThere == false }
            #expect(try await play.watcher.listed(play.presentity)?.subscription == "both", "the approval is kept")
            try play.change("dnd")
            try await aggregator.start()
            try await play.agree()
        },
        PresenceStep("not renewed without a session of the watcher; nobody is told that it is over") { play in
            let heard = try ["unsubscribe", "subscribe"].map { try play.presentity.count($0, from: play.watcher) }
            play.watcherLeaves()
            try await play.becomes("approved", within: .seconds(60))
            try play.change("xa")
            _ = try await play.presentity.listed(play.watcher)
            #expect(
                try ["unsubscribe", "subscribe"].map { try play.presentity.count($0, from: play.watcher) } == heard
            )
        },
        PresenceStep("a session begins: leased again, and the presentity is not asked again") { play in
            let before = try play.prompts()
            try await play.watcherComes()
            try await play.becomes("active", within: .seconds(30))
            try await play.agree()
            #expect(try play.prompts() == before, "asked again, who had approved")
        },
    ]

    @Test(
        "F.5, RFC2779 3.2.5, IMX 4.5.1: leases are renewed, lapse, and come back by themselves, in both directions, with each of four programs killed between any two rows"
    )
    func rows() async throws {
        try await PresenceCase.runAll(PresenceCase.all, "leases", Self.rows, lease: Self.lease, atOnce: 8)
    }
}
