// SPDX-License-Identifier: Apache-2.0
import Testing

extension EndToEnd {
    /// The table of subscriptions (standards reference F.5) on a real Prosody and a real ejabberd, row by row, with one
    /// of the four programs killed between any two rows.
    @Suite("The table of subscriptions", .serialized, .enabled(if: Bed.isPossible), .timeLimit(.minutes(10)))
    struct PresenceTableTests {}
}

/// One step of a play.
struct PresenceStep: Sendable {
    let name: String
    let play: @Sendable (PresencePlay) async throws -> Void

    init(_ name: String, _ play: @escaping @Sendable (PresencePlay) async throws -> Void) {
        self.name = name
        self.play = play
    }
}

/// Which program is killed in every gap of a play, and which way the watcher looks.
struct PresenceCase: Sendable, CustomTestStringConvertible {
    let program: PresencePlay.Program
    let watcherOnProsody: Bool

    var testDescription: String { "\(program), \(watcherOnProsody ? "Prosody" : "ejabberd") watches" }

    static let all = PresencePlay.Program.allCases.flatMap { program in
        [true, false].map { PresenceCase(program: program, watcherOnProsody: $0) }
    }

    /// Plays the steps in a world of their own.
    func run(_ name: String, _ steps: [PresenceStep], lease: Int? = nil) async throws {
        let play = try await PresencePlay("\(name)-\(program)", watcherOnProsody: watcherOnProsody, lease: lease)
        defer { play.bed.stop() }
        for step in steps {
            do {
                try await step.play(play)
                try await play.agree()
            } catch {
                throw HarnessError("\(testDescription): \(step.name): \(error)")
            }
            do {
                try await play.restart(program)
            } catch {
                throw HarnessError("\(testDescription): killed after \(step.name): \(error)")
            }
        }
    }

    /// Plays several cases, so many at a time.
    static func runAll(
        _ cases: [PresenceCase],
        _ name: String,
        _ steps: [PresenceStep],
        lease: Int? = nil,
        atOnce: Int = 4
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (place, one) in cases.enumerated() {
                if place >= atOnce { try await group.next() }
                group.addTask { try await one.run(name, steps, lease: lease) }
            }
            try await group.waitForAll()
        }
    }
}

extension EndToEnd.PresenceTableTests {
    /// The rows that need no time to pass.
    private static let rows = [
        PresenceStep("subscribe, which is pending") { play in
            try await play.ask()
            let item = try await play.watcher.listed(play.presentity)
            #expect(item?.ask == "subscribe" && item?.subscription == "none", "\(String(describing: item))")
        },
        PresenceStep("subscribe again while it is pending") { play in
            try play.watcher.say("subscribe", to: play.presentity)
            _ = try await play.watcher.listed(play.presentity)
        },
        PresenceStep("subscribed") { play in
            try await play.approve()
            #expect(try play.prompts() <= 1, "asked more than once")
            #expect(try await play.watcher.listed(play.presentity)?.subscription == "to")
            #expect(try await play.presentity.listed(play.watcher)?.subscription == "from")
        },
        PresenceStep("another state") { try $0.change("away") },
        PresenceStep("subscribe again while it is active") { play in
            let before = try play.prompts()
            try play.watcher.say("subscribe", to: play.presentity)
            _ = try await play.watcher.listed(play.presentity)
            try play.change("dnd")
            try await play.agree()
            #expect(try play.prompts() == before, "asked again, who had approved")
        },
        PresenceStep("the presentity goes") { try $0.presentityLeaves() },
        PresenceStep("the presentity comes") { try await $0.presentityComes() },
        PresenceStep("the watcher goes, and the state changes") { play in
            play.watcherLeaves()
            try play.change("xa")
        },
        PresenceStep("the watcher comes: a probe of what is leased") { try await $0.watcherComes() },
        PresenceStep("unsubscribed after it was approved") { play in
            try await play.refuse()
            let item = try await play.watcher.listed(play.presentity)
            #expect(item?.subscription != "to" && item?.ask == nil, "\(String(describing: item))")
        },
        PresenceStep("subscribe once more") { try await $0.ask() },
        PresenceStep("unsubscribed: no") { play in
            try await play.refuse()
            #expect(try await play.watcher.listed(play.presentity)?.ask == nil)
        },
        PresenceStep("subscribe and subscribed") { try await $0.befriend() },
        PresenceStep("unsubscribe") { play in
            try await play.giveUp()
            #expect(try await play.watcher.listed(play.presentity)?.subscription != "to")
            #expect(try await play.presentity.listed(play.watcher)?.subscription != "from")
            try play.change("chat")
        },
        PresenceStep("all from the beginning") { try await $0.befriend() },
        PresenceStep("the presentity goes for good") { try $0.presentityLeaves() },
    ]

    @Test(
        "F.5, RFC2779 3.2.5, IMX 2.5a: each row of the table in both directions, with each of four programs killed between any two rows"
    )
    func rows() async throws {
        try await PresenceCase.runAll(PresenceCase.all, "rows", Self.rows)
    }
}
