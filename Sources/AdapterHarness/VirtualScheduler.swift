// SPDX-License-Identifier: Apache-2.0
public import AdapterKit
public import EnvelopeModel

/// A clock that moves only when a test moves it, and the timers on it.
///
/// Timers run in the order of their time, and those of one time in the order in which they were made, so that a run
/// can be repeated exactly.
public final class VirtualScheduler: Scheduler {
    private struct Timer {
        let due: Instant
        let order: UInt64
        let body: () -> Void
    }

    public private(set) var now: Instant
    private var timers: [UInt64: Timer] = [:]
    private var made: UInt64 = 0

    /// Makes a scheduler whose clock stands at `start`.
    public init(start: Instant = Instant(nanoseconds: 1_000_000_000)) {
        now = start
    }

    /// How many timers wait.
    public var pending: Int { timers.count }

    @discardableResult
    public func schedule(after interval: Interval, _ body: @escaping () -> Void) -> ScheduledWork {
        made += 1
        let order = made
        timers[order] = Timer(due: now + max(interval, .zero), order: order, body: body)
        return ScheduledWork { [weak self] in self?.timers[order] = nil }
    }

    /// Runs the next timer and moves the clock to it. False where there is none.
    @discardableResult
    public func step() -> Bool {
        guard let next = timers.values.min(by: { ($0.due, $0.order) < ($1.due, $1.order) }) else { return false }
        timers[next.order] = nil
        now = max(now, next.due)
        next.body()
        return true
    }

    /// Moves the clock on by `interval`, running every timer that becomes due on the way.
    public func advance(by interval: Interval) {
        let end = now + interval
        while let next = timers.values.map(\.due).min(), next <= end {
            step()
        }
        now = end
    }

    /// Runs timers until none is left or `limit` have run. True where none is left.
    @discardableResult
    public func drain(limit: Int = 100_000) -> Bool {
        for _ in 0..<limit where !step() { return true }
        return timers.isEmpty
    }
}
