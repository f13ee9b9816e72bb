// SPDX-License-Identifier: Apache-2.0
import Testing

extension EndToEnd {
    /// Rules of a domain that change while people watch one another.
    @Suite("Rules and people", .serialized, .enabled(if: Bed.isPossible), .timeLimit(.minutes(10)))
    struct PresenceRulesTests {}
}

extension EndToEnd.PresenceRulesTests {
    @Test(
        "RFC2779 5.1.15, RFC2779 5.1.16, F.6: a watcher is hidden from, shown again, and shut out, by a reload while watching",
        arguments: [true, false]
    )
    func reloaded(_ watcherOnProsody: Bool) async throws {
        let play = try await PresencePlay("rules", watcherOnProsody: watcherOnProsody)
        defer { play.bed.stop() }
        let (watcher, presentity) = (play.watcher, play.presentity)
        let parties = "owner: \(presentity.address), party: \(watcher.address)"
        try await play.befriend()

        try await play.presentityAggregator.reload(with: "rules: [ { action: presence, \(parties), verdict: polite } ]")
        try await watcher.sees(presentity) { $0?.isThere == false }
        try play.change("away")
        #expect(try await watcher.listed(presentity)?.subscription == "to", "politely: nothing was refused")
        #expect(try watcher.count("unsubscribed", from: presentity) == 0)
        #expect(try watcher.view(of: presentity)?.isThere == false)

        try await play.presentityAggregator.reload(with: "")
        try await play.agree()

        try await play.presentityAggregator.reload(
            with: """
                rules:
                  - { action: presence, \(parties), verdict: deny }
                  - { action: message, \(parties), verdict: deny }
                """
        )
        try await watcher.sees(presentity) { $0?.isThere == false }
        let writer = try await play.writer(watcher)
        try writer.send("are you there?", to: presentity.address, id: "denied")
        let error = try await writer.error(about: "denied")
        #expect(error.condition == "forbidden", "\(error)")
        #expect(error.text?.contains("takes no messages from this sender") == true, "\(error)")
        #expect(try play.prompts() == 1, "the rule decides, and asks nobody")
    }
}
