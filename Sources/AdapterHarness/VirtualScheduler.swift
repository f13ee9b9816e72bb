// SPDX-License-Identifier: Apache-2.0
public import AdapterKit
public import EnvelopeModel

/// A clock that moves only when a test moves it, and the timers on it.
///
/// Timers run in the order of their time, and those of one time in the order in which they were made, so that a run
/// can be repeated exactly.
public final class VirtualScheduler: Scheduler {
    private struct Due: Comparable {
        let time: Instant
        let order: UInt64

        static func < (a: Due, b: Due) -> Bool { (a.time, a.order) < (b.time, b.order) }
    }

    public private(set) var now: Instant
    /// A binary heap of what is due, the earliest first; a cancelled timer stays in it without a body.
    private var heap: [Due] = []
    private var bodies: [UInt64: () -> Void] = [:]
    private var made: UInt64 = 0

    /// Makes a scheduler whose clock stands at `start`.
    public init(start: Instant = Instant(nanoseconds: 1_000_000_000)) {
        now = start
    }

    /// How many timers wait.
    public var pending: Int { bodies.count }

    @discardableResult
    public func schedule(after interval: Interval, _ body: @escaping () -> Void) -> ScheduledWork {
        made += 1
        let order = made
        bodies[order] = body
        push(Due(time: now + max(interval, .zero), order: order))
        return ScheduledWork { [weak self] in self?.bodies[order] = nil }
    }

    /// Runs the next timer and moves the clock to it. False where there is none.
    @discardableResult
    public func step() -> Bool {
        guard let next = earliest() else { return false }
        run(next)
        return true
    }

    private func run(_ due: Due) {
        pop()
        now = max(now, due.time)
        bodies.removeValue(forKey: due.order)?()
    }

    /// The earliest timer that was not cancelled.
    private func earliest() -> Due? {
        while let first = heap.first {
            if bodies[first.order] != nil { return first }
            pop()
        }
        return nil
    }

    private func push(_ due: Due) {
        heap.append(due)
        var child = heap.count - 1
        while child > 0, heap[child] < heap[(child - 1) / 2] {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    private func pop() {
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[child] < heap[least] {
                least = child
            }
            guard least != parent else { return }
            heap.swapAt(parent, least)
            parent = least
        }
    }

    /// Moves the clock on by `interval`, running every timer that becomes due on the way.
    public func advance(by interval: Interval) {
        let end = now + interval
        while let next = earliest(), next.time <= end { run(next) }
        now = end
    }

    /// Runs timers until none is left or `limit` have run. True where none is left.
    @discardableResult
    public func drain(limit: Int = 100_000) -> Bool {
        for _ in 0..<limit where !step() { return true }
        return bodies.isEmpty
    }
}
