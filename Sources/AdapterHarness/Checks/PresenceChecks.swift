// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel

/// Users of the service as others see them.
extension Check {
    static let presence: [Check] = seen + seeing + presenceBounds

    private static let seen: [Check] = [
        watched(
            "presence.asked",
            "a wish to see reaches the user, and the user's answer comes back",
            proves: "IMX 2.5a",
            "RFC2779 2.3.2",
            hint: "pass .ask on, and tell .approves or .refuses when the user has decided, now or in a year"
        ) { bench in
            _ = try await bench.approvedWatcher()
        },
        watched(
            "presence.undecided",
            "whoever was not approved is told nothing",
            proves: "RFC2779 2.3.1",
            "RFC2779 5.2.1",
            needs: [.decidesLater],
            hint: ".approves is the user's own word; an adapter never says it by itself",
            run: undecided
        ),
        watched(
            "presence.refused",
            "a user's no ends a subscription, whether it is the first word or a later one",
            proves: "RFC2779 5.1.5",
            "RFC2779 5.1.16",
            hint: "tell .refuses at once, for a question and for an approval that is taken back",
            run: refused
        ),
        watched(
            "presence.states",
            "an approved watcher is told each change once, and the latest last",
            proves: "RFC2779 3.1.1",
            "RFC2779 3.2.3",
            "RFC2779 5.2.2",
            hint: "publish each state when it comes, in order; of two that wait together the later one will do",
            run: states
        ),
        watched(
            "presence.leaves",
            "a user who has left is told to be gone",
            proves: "RFC2779 4.4.1",
            hint: "publish Body.none when the last device is gone"
        ) { bench in
            let (user, watcher) = (bench.subject.knownUser, try await bench.approvedWatcher())
            try await bench.subject.act(.appears(user, device: "desk", status: "here"))
            try await bench.until("\"here\"", of: watcher) { $0.status == "here" }
            try await bench.subject.act(.leaves(user, device: "desk"))
            try await bench.until("nobody there", of: watcher) { $0.state == .active && $0.devices.isEmpty }
        },
        watched(
            "presence.devices",
            "several devices are all told, and each leaves for itself",
            proves: "RFC2779 4.4.3",
            needs: [.hasDevices],
            hint: "a document has a tuple for each device; publish the whole document at each change",
            run: devices
        ),
        watched(
            "presence.forgotten",
            "a watcher that has given up is forgotten: asking again asks the user again",
            proves: "RFC2779 5.1.7",
            needs: [.decidesLater],
            hint: "pass .forget on, so that the service takes its approval back",
            run: forgotten
        ),
        watched(
            "presence.probed",
            "each question for a state is answered, also where nobody is there",
            proves: "RFC2779 3.2.1",
            hint:
                "answer .probe with .publishes or .refuses; where the service may say nothing, say Body.none after a while",
            run: probed
        ),
    ]

    /// A check of presence, which the adapter must declare.
    static func watched(
        _ id: String,
        _ title: String,
        proves requirements: String...,
        needs: [Ability] = [],
        hint: String,
        run: @escaping @Sendable (Bench) async throws -> Void
    ) -> Check {
        Check(
            id,
            title,
            proving: requirements,
            needs: [.showsPresence] + needs,
            capabilities: [.presence],
            hint: hint,
            run: run
        )
    }

    @Sendable private static func undecided(_ bench: Bench) async throws {
        let user = bench.subject.knownUser
        let (watcher, other) = (try bench.stranger(), try bench.stranger())
        try await bench.subject.act(.appears(user, device: "desk", status: "secret"))
        try await bench.ask(watcher)
        try await bench.subject.act(.appears(user, device: "desk", status: "more"))
        await bench.quiet()
        let told = bench.sightings(of: watcher).filter { $0.state != .pending || $0.status != nil }
        try bench.require(told.isEmpty, "nothing but that the user has yet to decide", seen: "\(told)")
        let unasked = bench.sightings(of: other)
        try bench.require(unasked.isEmpty, "nothing for who has not asked", seen: "\(unasked)")
    }

    @Sendable private static func refused(_ bench: Bench) async throws {
        let user = bench.subject.knownUser
        try await bench.subject.act(.appears(user, device: "desk", status: "here"))
        let first = try bench.stranger()
        try await bench.ask(first)
        try await bench.subject.act(.refuses(user, first))
        let second = try await bench.approvedWatcher()
        try await bench.until("\"here\"", of: second) { $0.status == "here" }
        try await bench.subject.act(.refuses(user, second))
        for watcher in [first, second] {
            try await bench.until("the end, 5004", of: watcher) { $0.state == .ended(.refused) }
        }
        try await bench.subject.act(.appears(user, device: "desk", status: "later"))
        await bench.quiet()
        for watcher in [first, second] {
            let last = bench.sightings(of: watcher).last
            try bench.require(
                last?.state == .ended(.refused),
                "nothing after the end",
                seen: "\(String(describing: last))"
            )
        }
    }

    @Sendable private static func states(_ bench: Bench) async throws {
        let (user, watcher) = (bench.subject.knownUser, try await bench.approvedWatcher())
        for number in 0..<3 {
            try await bench.subject.act(.appears(user, device: "desk", status: "\(number)"))
            try await bench.until("\"\(number)\"", of: watcher) { $0.status == "\(number)" }
            await bench.quiet()
        }
        for number in 3..<10 {
            try await bench.subject.act(.appears(user, device: "desk", status: "\(number)"))
        }
        try await bench.until("\"9\"", of: watcher) { $0.status == "9" }
        await bench.quiet()
        let told = bench.sightings(of: watcher).compactMap(\.status).filter { Int($0) != nil }
        try bench.requireRising(told)
        try bench.require(told.last == "9", "\"9\" last", seen: "\(told)")
    }

    @Sendable private static func devices(_ bench: Bench) async throws {
        let (user, watcher) = (bench.subject.knownUser, try await bench.approvedWatcher())
        try await bench.subject.act(.appears(user, device: "desk", status: "at work"))
        try await bench.subject.act(.appears(user, device: "phone", status: "on the way"))
        try await bench.until("both devices", of: watcher) { $0.devices == ["at work", "on the way"] }
        try await bench.subject.act(.leaves(user, device: "desk"))
        try await bench.until("the phone alone", of: watcher) { $0.devices == ["on the way"] }
        try await bench.subject.act(.leaves(user, device: "phone"))
        try await bench.until("nobody there", of: watcher) { $0.state == .active && $0.devices.isEmpty }
    }

    @Sendable private static func forgotten(_ bench: Bench) async throws {
        let (user, watcher) = (bench.subject.knownUser, try await bench.approvedWatcher())
        let token = try bench.subscribe(watcher, user, seconds: 0)
        try await bench.settle([token])
        try await bench.until(.forgotten(user, by: watcher))
        try await bench.subject.act(.appears(user, device: "desk", status: "after"))
        await bench.quiet()
        let told = bench.sightings(of: watcher).filter { $0.status == "after" }
        try bench.require(told.isEmpty, "nothing after the end", seen: "\(told)")
        let again = try bench.subscribe(watcher, user)
        try await bench.settle([again])
        try await bench.until(.asked(user, by: watcher), count: 2)
    }

    @Sendable private static func probed(_ bench: Bench) async throws {
        let (user, watcher) = (bench.subject.knownUser, try await bench.approvedWatcher())
        try await bench.subject.act(.appears(user, device: "desk", status: "here"))
        try await bench.until("\"here\"", of: watcher) { $0.status == "here" }
        try await bench.fetch(watcher) { $0.status == "here" }
        try await bench.subject.act(.leaves(user, device: "desk"))
        try await bench.until("nobody there", of: watcher) { $0.devices.isEmpty }
        try await bench.fetch(watcher) { $0.state == .active && $0.devices.isEmpty }
    }
}
