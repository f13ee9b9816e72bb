// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import Aggregator
import EnvelopeModel

/// The outcome contract, in both directions.
extension Check {
    static let outcomes: [Check] = [
        Check(
            "outcomes.delivered",
            "a message that the service took ends 2000, or 2001 where the service never confirms",
            proves: "Contract outcome",
            "RFC2779 4.2.1",
            capabilities: [.receivesMessages],
            hint: "settle once the service has confirmed; without confirms-delivery settle .uncertain when handed over"
        ) { bench in
            let outcome = try await bench.outcome(of: try bench.envelope(to: bench.subject.knownUser, "hello"))
            try bench.require(outcome.code == bench.success, "\(bench.success)", seen: "\(outcome.code)")
            _ = try await bench.received(1)
        },
        Check(
            "outcomes.unknown-user",
            "a message to a user who does not exist ends 5003",
            proves: "Contract outcome",
            "RFC2779 4.2.1",
            needs: [.knowsItsUsers],
            capabilities: [.receivesMessages],
            hint: "map the service's own \"no such user\" to .noSuchUser, and to no other code"
        ) { bench in
            let outcome = try await bench.outcome(of: try bench.envelope(to: bench.subject.unknownUser, "hello"))
            try bench.require(outcome.code == .noSuchUser, "5003", seen: "\(outcome.code)")
            await bench.quiet()
            try bench.require(
                bench.subject.received.isEmpty,
                "nobody receives it",
                seen: "\(bench.subject.received)"
            )
        },
        Check(
            "outcomes.refusal",
            "a refusal reaches the sender with its own code",
            proves: "Contract outcome",
            "RFC2779 4.2.1",
            "F.6",
            needs: [.refuses],
            capabilities: [.receivesMessages],
            hint: "map the service's errors by the table in Documentation/Outcomes.md, each to its code"
        ) { bench in
            guard let user = bench.subject.refusingUser else { throw Unable(.refuses) }
            let outcome = try await bench.outcome(of: try bench.envelope(to: user.address, "hello"))
            try bench.require(outcome.code == user.code, "\(user.code)", seen: "\(outcome.code)")
        },
        Check(
            "outcomes.heard",
            "a user hears once, and with the right error, that a message was not delivered",
            proves: "Contract outcome",
            "RFC2779 5.4.1",
            needs: [.hearsBounces],
            capabilities: [.sendsMessages],
            hint: "answer the user in settled(_:) from the settlement's envelope and outcome",
            run: heard
        ),
        Check(
            "outcomes.once",
            "every delivery is settled exactly once, also in a burst",
            proves: "Contract outcome",
            "Contract ledger",
            capabilities: [.receivesMessages],
            hint: "keep the open tickets in one place, and remove a ticket there when it is settled",
            run: once
        ),
        Check(
            "outcomes.deadline",
            "a message that nobody confirms is not called delivered",
            proves: "Contract outcome",
            "RFC2779 4.2.1",
            needs: [.staysSilent],
            capabilities: [.receivesMessages],
            hint: "never settle .delivered on a timer; answer withdraw(_:) with .withdrawn only for what was kept back"
        ) { bench in
            guard let user = bench.subject.silentUser else { throw Unable(.staysSilent) }
            let envelope = try bench.envelope(to: user, "hello", deadline: bench.timing.shortDeadline)
            let outcome = try await bench.outcome(of: envelope)
            try bench.require(
                [.expired, .uncertain].contains(outcome.disposition),
                "expired or uncertain",
                seen: "\(outcome.code)"
            )
            guard outcome.disposition == .expired else { return }
            await bench.quiet()
            try bench.require(
                bench.received(by: user).isEmpty,
                "what expired is not delivered",
                seen: "the user has it"
            )
        },
    ]

    @Sendable private static func heard(_ bench: Bench) async throws {
        bench.network.habit = .settle(Outcome(.noSuchUser, "nobody"))
        let (user, eve) = (bench.subject.knownUser, try bench.foreign())
        try await bench.subject.send(ServiceMessage(from: user, to: eve, "hello"))
        try await bench.until("the user hears of it", seen: { "nothing" }) { !bench.subject.bounces.isEmpty }
        await bench.quiet()
        let expected = ServiceBounce(to: user, about: eve, code: .noSuchUser)
        try bench.require(bench.subject.bounces == [expected], "\(expected)", seen: "\(bench.subject.bounces)")
    }

    @Sendable private static func once(_ bench: Bench) async throws {
        let knowsItsUsers = bench.subject.limitations[.knowsItsUsers] == nil
        let envelopes = try (0..<300).map { number in
            let isUnknown = knowsItsUsers && number % 3 == 2
            return try bench.envelope(
                to: isUnknown ? bench.subject.unknownUser : bench.subject.knownUser,
                "word \(number)"
            )
        }
        let tokens = bench.submit(envelopes)
        try await bench.settle(tokens)
        await bench.quiet()
        try bench.require(
            bench.log.strayOutcomes.isEmpty,
            "one outcome for each ticket",
            seen: bench.log.strayOutcomes.prefix(3).joined(separator: "; ")
        )
        let open = bench.log.handled.values.count { $0.outcomes.isEmpty }
        try bench.require(open == 0, "every ticket settled by the adapter", seen: "\(open) left to their deadline")
        let ledger = bench.core.ledger
        try bench.require(ledger.balances(waiting: 0), "the ledger balances", seen: "\(ledger)")
    }
}
