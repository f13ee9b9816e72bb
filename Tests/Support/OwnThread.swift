// SPDX-License-Identifier: Apache-2.0
import Dispatch
import Synchronization
package import Testing

/// Runs each test of a suite on a thread of its own, two at a time.
///
/// These tests wait for processes by blocking. On the threads that all suites share, of which there are no more than the
/// machine has processors, they would hold up every test beside them, and whatever those wait for with a clock.
package struct OwnThread: SuiteTrait, TestTrait, TestScoping {
    private static let gate = Gate(places: 2)

    package var isRecursive: Bool { true }

    package func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        guard testCase != nil else { return try await function() }
        await Self.gate.enter()
        defer { Self.gate.leave() }
        try await withTaskExecutorPreference(SerialThread(), operation: function)
    }
}

extension Trait where Self == OwnThread {
    /// Each test on a thread of its own.
    package static var onItsOwnThread: Self { OwnThread() }
}

/// One thread for the jobs of one task.
private final class SerialThread: TaskExecutor {
    private let queue = DispatchQueue(label: "a test")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}

/// Lets so many in at a time, in the order in which they came.
private final class Gate: Sendable {
    private struct State {
        var free: Int
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state: Mutex<State>

    init(places: Int) { state = Mutex(State(free: places)) }

    func enter() async {
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                guard state.free > 0 else {
                    state.waiting.append(continuation)
                    return false
                }
                state.free -= 1
                return true
            }
            if isFree { continuation.resume() }
        }
    }

    func leave() {
        let next: CheckedContinuation<Void, Never>? = state.withLock { state in
            guard state.waiting.isEmpty else { return state.waiting.removeFirst() }
            state.free += 1
            return nil
        }
        next?.resume()
    }
}
