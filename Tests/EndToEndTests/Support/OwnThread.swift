// SPDX-License-Identifier: Apache-2.0
import Dispatch
import Testing

/// Runs each test of a suite on a thread of its own.
///
/// The tests of other suites share as few threads as the machine has processors, and some block them for a while. What a
/// test here does from one moment to the next, beside processes that do not wait for it, must not wait for those.
struct OwnThread: SuiteTrait, TestTrait, TestScoping {
    var isRecursive: Bool { true }

    func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        guard testCase != nil else { return try await function() }
        try await withTaskExecutorPreference(SerialThread(), operation: function)
    }
}

extension Trait where Self == OwnThread {
    /// Each test on a thread of its own.
    static var onItsOwnThread: Self { OwnThread() }
}

/// One thread for the jobs of one task.
private final class SerialThread: TaskExecutor {
    private let queue = DispatchQueue(label: "a test")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
