// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel

/// Others as users of the service see them, and what holds for presence in both directions.
extension Check {
    static let seeing: [Check] = [
        watched(
            "presence.watches",
            "a user's wish to see leaves, and what comes is shown: each state once, and the latest last",
            proves: "IMX 2.5a",
            "RFC2779 3.1.1",
            "RFC2779 5.2.2",
            hint: "tell .asks; carry out .approved and each .show, in order; Body.none shows that nobody is there",
            run: watches
        ),
        watched(
            "presence.given-up",
            "what a user no longer wishes to see is given up, and shown no more",
            proves: "RFC2779 5.1.7",
            hint: "tell .givesUp, and show nothing but what the core orders"
        ) { bench in
            let (presentity, id) = try await bench.approvedPresentity()
            try await bench.subject.act(.givesUp(bench.subject.knownUser, presentity))
            try await bench.until("the end arrives at the network", seen: { "nothing" }) {
                bench.wishes(for: presentity).contains { $0.seconds == 0 && $0.forgets }
            }
            bench.tell(id, presentity, .active, "late")
            await bench.quiet()
            let late = bench.views(of: presentity).filter { $0 == "late" }
            try bench.require(late.isEmpty, "nothing shown after the end", seen: "\(late.count) states")
        },
        watched(
            "presence.ended",
            "the end of what a user sees is told to the user",
            proves: "RFC2779 5.1.9",
            hint: "carry out .ended: the user is told, and sees nothing of the presentity any more"
        ) { bench in
            let (presentity, id) = try await bench.approvedPresentity()
            let user = bench.subject.knownUser
            bench.tell(id, presentity, .ended(.refused), nil)
            try await bench.until(.ended(user, by: presentity))
            await bench.quiet()
            let rest = bench.subject.news.reversed().prefix { $0 != .ended(user, by: presentity) }
            let shown = rest.contains { if case .sees(user, presentity, _?) = $0 { true } else { false } }
            try bench.require(!shown, "nothing shown after the end", seen: "\(rest)")
        },
    ]

    static let presenceBounds: [Check] = [
        watched(
            "presence.confined",
            "the adapter speaks of the presence of its own users only",
            proves: "Contract confine",
            "IMX 6.2.1",
            "RFC2779 2.3.4",
            hint: "every event is in the name of a user of a domain for which host.serves(_:) is true"
        ) { bench in
            _ = try await bench.approvedWatcher()
            _ = try await bench.approvedPresentity()
            await bench.quiet()
            let speakers = bench.log.presenceEvents.map(\.author.domain)
            let others = speakers.filter { !bench.subject.domains.contains($0) }
            try bench.require(others.isEmpty, "users at \(bench.subject.domains)", seen: "\(others)")
        },
        watched(
            "presence.burst",
            "of many wishes at once each reaches the user, or is refused",
            proves: "IMX 2.5a",
            hint:
                "what the adapter cannot hold it answers: .refuses for .ask, Body.none for .probe; nothing is swallowed",
            run: burst
        ),
    ]

    @Sendable private static func watches(_ bench: Bench) async throws {
        let (presentity, id) = try await bench.approvedPresentity()
        func last() -> String? { bench.views(of: presentity).last ?? nil }
        func seen() -> String { "\(bench.views(of: presentity))" }
        for number in 1..<3 {
            bench.tell(id, presentity, .active, "\(number)")
            try await bench.until("\"\(number)\"", seen: seen) { last() == "\(number)" }
            await bench.quiet()
        }
        for number in 3..<10 { bench.tell(id, presentity, .active, "\(number)") }
        try await bench.until("\"9\"", seen: seen) { last() == "9" }
        await bench.quiet()
        let shown = bench.views(of: presentity).compactMap(\.self)
        try bench.requireRising(shown)
        try bench.require(shown.last == "9", "\"9\" last", seen: "\(shown)")
        bench.tell(id, presentity, .active, nil)
        try await bench.until("nobody there", seen: seen) { last() == nil }
    }

    @Sendable private static func burst(_ bench: Bench) async throws {
        let user = bench.subject.knownUser
        let watchers = try (0..<bench.subject.presenceBurst).map { _ in try bench.stranger() }
        let wishes = try watchers.map { watcher in
            guard let id = SubscriptionID("\(watcher)") else { throw CheckObstacle(reason: "no identifier") }
            return Envelope(
                operation: .subscribe(.init(id: id, seconds: 600)),
                source: watcher,
                destination: user,
                messageID: bench.network.host.makeMessageID(native: nil),
                trace: bench.network.host.makeTraceID()
            )
        }
        try await bench.settle(bench.submit(wishes))
        func isRefused(_ event: PresenceEvent) -> Bool {
            if case .refuses(user, _) = event { true } else { false }
        }
        func isAsked(_ news: PresenceNews) -> Bool { if case .asked(user, _) = news { true } else { false } }
        func answers() -> Int {
            bench.subject.news.count(where: isAsked) + bench.log.presenceEvents.count(where: isRefused)
        }
        try await bench.until(
            "each of \(watchers.count) wishes reaches the user or is refused",
            seen: { "\(answers()) of them" }
        ) { answers() >= watchers.count }
        await bench.quiet()
        let asked = Set(bench.subject.news)
        let left = watchers.filter { watcher in
            !asked.contains(.asked(user, by: watcher))
                && !bench.log.presenceEvents.contains(.refuses(presentity: user, watcher: watcher))
        }
        try bench.require(left.isEmpty, "no wish left out for another", seen: "\(left.count) left out")
    }
}

extension PresenceEvent {
    /// The user in whose name it is told.
    fileprivate var author: Address {
        switch self {
        case .asks(let user, _, _), .givesUp(let user, _), .wants(let user, _), .leaves(let user): user
        case .approves(let user, _), .refuses(let user, _), .publishes(let user, _, _): user
        }
    }
}
