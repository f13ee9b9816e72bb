// SPDX-License-Identifier: Apache-2.0
import Testing

extension EndToEnd {
    /// What comes right again that no single restart puts wrong.
    @Suite("What was lost", .serialized, .enabled(if: Bed.isPossible), .timeLimit(.minutes(10)))
    struct PresenceRepairTests {}
}

extension EndToEnd.PresenceRepairTests {
    @Test(
        "F.3, RFC2779 3.2.5: a device that goes while the watcher's aggregator is away is not shown any longer",
        arguments: [true, false]
    )
    func devices(_ watcherOnProsody: Bool) async throws {
        let play = try await PresencePlay("devices", watcherOnProsody: watcherOnProsody)
        defer { play.bed.stop() }
        try await play.befriend()
        let phone = try await play.device("phone")
        try phone.tell(.init(show: "xa"))
        try await play.watcher.sees(phone) { $0?.show == "xa" }
        play.watcherAggregator.crash()
        try phone.quit()
        try await play.watcherAggregator.start()
        try await play.watcher.sees(phone) { $0?.isThere == false }
        try await play.agree()
        #expect(try play.watcher.view(of: play.presentity)?.isThere == true)
    }
}
