// SPDX-License-Identifier: Apache-2.0
import AdapterKit
public import NIOCore

/// The checks that every adapter must pass, as a library.
///
/// A test gives it a ``Subject`` and expects ``HarnessReport/passed``; the report says check by check what was expected,
/// what was seen, and where to look. Every check runs the adapter inside a real core of its own.
///
/// ```swift
/// let report = await Harness().run { _ in MySubject() }
/// #expect(report.passed, "\(report)")
/// ```
public struct Harness: Sendable {
    /// How long the checks wait.
    public var timing: HarnessTiming
    /// The checks to run, by name or by group such as `outcomes`; empty for all.
    public var only: Set<String>

    /// Makes a harness.
    public init(timing: HarnessTiming = HarnessTiming(), only: Set<String> = []) {
        self.timing = timing
        self.only = only
    }

    /// The name and the one fact of every check.
    public static var checks: [(id: String, title: String, requirements: [String])] {
        Check.all.map { ($0.id, $0.title, $0.requirements) }
    }

    /// Runs the checks on a virtual clock, for an adapter whose service lives in memory. No real time passes.
    public func run<S: Subject>(_ make: (VirtualScheduler) throws -> S) async -> HarnessReport {
        var results: [CheckResult] = []
        for check in selected {
            let scheduler = VirtualScheduler()
            results.append(await result(of: check, pace: .virtual(scheduler)) { try make(scheduler) })
        }
        return HarnessReport(kind: S.Tested.descriptor.kind, results: results)
    }

    /// Runs the checks on a real event loop, for an adapter with sockets. The subjects are made and used on that loop.
    public func run<S: Subject>(
        on eventLoop: any EventLoop,
        _ make: @escaping @Sendable (any EventLoop) throws -> S
    ) async -> HarnessReport {
        await LoopRunner(eventLoop).run(self, make)
    }

    private var selected: [Check] {
        guard !only.isEmpty else { return Check.all }
        return Check.all.filter { check in only.contains { check.id == $0 || check.id.hasPrefix($0 + ".") } }
    }

    fileprivate func runOnLoop<S: Subject>(
        _ eventLoop: any EventLoop,
        _ make: (any EventLoop) throws -> S
    ) async -> HarnessReport {
        var results: [CheckResult] = []
        for check in selected {
            let pace = Pace.eventLoop(EventLoopScheduler(eventLoop: eventLoop))
            results.append(await result(of: check, pace: pace) { try make(eventLoop) })
        }
        return HarnessReport(kind: S.Tested.descriptor.kind, results: results)
    }

    private func result<S: Subject>(of check: Check, pace: Pace, _ make: () throws -> S) async -> CheckResult {
        let log = ProbeLog()
        var verdict = CheckResult.Verdict.pass
        do {
            let subject = try make()
            if let reason = check.obstacle(subject, S.Tested.descriptor) { throw CheckObstacle(reason: reason) }
            try await attempt(check, subject, log, pace)
        } catch let obstacle as CheckObstacle {
            verdict = .notApplicable(reason: obstacle.reason)
        } catch let failure as CheckFailure {
            verdict = .fail(expected: failure.expected, seen: failure.seen)
        } catch {
            verdict = .fail(expected: "the subject does what the check asks of it", seen: "it threw \(error)")
        }
        var evidence: [String] = []
        if case .fail = verdict { evidence = log.events }
        return CheckResult(
            id: check.id,
            title: check.title,
            requirements: check.requirements,
            verdict: verdict,
            hint: check.hint,
            evidence: evidence
        )
    }

    /// Runs one check in a world of its own, and takes that world down whatever happened.
    private func attempt<S: Subject>(_ check: Check, _ subject: S, _ log: ProbeLog, _ pace: Pace) async throws {
        let outcome: Result<Void, any Error>
        do {
            try await subject.start()
            let bench = try Bench(
                subject,
                log: log,
                pace: pace,
                timing: timing,
                submissionWindow: check.submissionWindow
            )
            do {
                try await bench.start()
                try await check.run(bench)
                outcome = .success(())
            } catch {
                outcome = .failure(error)
            }
            if !bench.isStopped { await bench.stop() }
        } catch {
            outcome = .failure(error)
        }
        await subject.stop()
        try outcome.get()
    }
}

/// Runs everything on one event loop: its executor is that loop, so what it calls may use the core as it is.
private actor LoopRunner {
    private let eventLoop: any EventLoop
    private let executor: any SerialExecutor

    init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        executor = eventLoop.executor
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    func run<S: Subject>(
        _ harness: Harness,
        _ make: @Sendable (any EventLoop) throws -> S
    ) async -> HarnessReport {
        await harness.runOnLoop(eventLoop, make)
    }
}
