// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel

/// Bounds: the window, the pause, and the end.
extension Check {
    static let bounds: [Check] = [
        Check(
            "bounds.window",
            "more messages than the window are all carried, and never more at a time",
            proves: "Contract outcome",
            capabilities: [.receivesMessages],
            hint: "settle every delivery; a ticket that is forgotten takes its place in the window with it"
        ) { bench in
            let window = bench.descriptor.window
            let tokens = bench.submit(
                try (0...(window + window / 2)).map { try bench.envelope(to: bench.subject.knownUser, "\($0)") }
            )
            try await bench.settle(tokens)
            let most = bench.log.mostOutstanding
            try bench.require(most <= window, "at most \(window) at a time", seen: "\(most)")
            let failed = tokens.count { bench.outcomes(of: $0).first?.code != bench.success }
            try bench.require(failed == 0, "all of them taken", seen: "\(failed) were not")
        },
        Check(
            "bounds.pause",
            "a paused adapter stops submitting, and loses nothing by it",
            proves: "Contract outcome",
            capabilities: [.sendsMessages],
            submissionWindow: 16,
            hint: "stop reading the link in pause(), read again in resume()",
            run: pause
        ),
    ]

    @Sendable private static func pause(_ bench: Bench) async throws {
        bench.network.habit = .hold(.tooLate)
        let slack = bench.subject.pauseSlack
        let (user, eve, total) = (bench.subject.knownUser, try bench.foreign(), 16 + slack + 64)
        for number in 0..<total {
            try await bench.subject.send(ServiceMessage(from: user, to: eve, "\(number)"))
            if number == 16 {
                try await bench.until("the adapter submits", seen: { "\(bench.log.submissions.count)" }) {
                    bench.log.isPaused
                }
            }
        }
        await bench.quiet()
        let excess = bench.log.submittedWhilePaused
        try bench.require(excess <= slack, "at most \(slack) submissions while paused", seen: "\(excess)")
        bench.network.habit = .settle(.delivered)
        for delivery in bench.network.deliveries { bench.network.settle(delivery.ticket, .delivered) }
        try bench.requireRising(try await bench.arrived(total).map { $0.plainText ?? "" })
    }

    static let stop: [Check] = [
        Check(
            "stop.settles",
            "stopping ends by its deadline with every delivery settled",
            proves: "Contract stop",
            capabilities: [.receivesMessages],
            hint:
                "in stop(by:completion:) settle what the service never took 4001 and the rest .uncertain, then complete"
        ) { bench in
            let user = bench.subject.silentUser ?? bench.subject.knownUser
            bench.submit(
                try (0..<min(bench.descriptor.window, 50)).map { number in
                    try bench.envelope(to: number % 2 == 0 ? user : bench.subject.knownUser, "\(number)")
                }
            )
            let isDone = await bench.stop()
            try bench.require(isDone, "the completion within \(bench.timing.stopTime.seconds) s", seen: "none")
            try bench.require(
                bench.log.outstanding == 0,
                "nothing left with the adapter",
                seen: "\(bench.log.outstanding) open"
            )
        },
        Check(
            "stop.once",
            "stopping completes once, and nothing is submitted afterwards",
            proves: "Contract stop",
            hint: "call the completion last and once; close the link before it"
        ) { bench in
            try bench.require(await bench.stop(), "the completion in time", seen: "none")
            if bench.descriptor.capabilities.contains(.sendsMessages) {
                let late = ServiceMessage(from: bench.subject.knownUser, to: try bench.foreign(), "late")
                try? await bench.subject.send(late)
            }
            await bench.pass(bench.timing.stopTime)
            try bench.require(bench.log.stopCompletions == 1, "one completion", seen: "\(bench.log.stopCompletions)")
            try bench.require(
                bench.log.submittedAfterStop == 0,
                "no submission after it",
                seen: "\(bench.log.submittedAfterStop)"
            )
        },
    ]
}
