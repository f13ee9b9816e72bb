// SPDX-License-Identifier: Apache-2.0
public import AdapterKit
public import EnvelopeModel

/// A clock that moves only when a test moves it, and the timers on it.
///
/// Timers run in the order of their time, and those of one time in the order in which they were made, so that a run
/// can be repeated exactly.
public final class VirtualScheduler: Scheduler {
    /// A timer's place: the time that it is due, then the order in which timers were made.
    private struct Place: Comparable {
        let due: Instant
        let order: UInt64

        static func < (a: Place, b: Place) -> Bool { (a.due, a.order) < (b.due, b.order) }
    }

    /// The time.
    public private(set) var now: Instant
    /// The places of all timers as a binary heap, those of cancelled ones too until they come up.
    private var heap: [Place] = []
    private var bodies: [UInt64: () -> Void] = [:]
    private var made: UInt64 = 0

    /// Makes a scheduler whose clock stands at `start`.
    public init(start: Instant = Instant(nanoseconds: 1_000_000_000)) {
        now = start
    }

    /// How many timers wait.
    public var pending: Int { bodies.count }

    /// Runs `body` once the clock has been moved on by `interval`.
    @discardableResult
    public func schedule(after interval: Interval, _ body: @escaping () -> Void) -> ScheduledWork {
        made += 1
        let order = made
        bodies[order] = body
        push(Place(due: now + max(interval, .zero), order: order))
        return ScheduledWork { [weak self] in self?.bodies[order] = nil }
    }

    /// Runs the next timer and moves the clock to it. False where there is none.
    @discardableResult
    public func step() -> Bool { step(by: .distantFuture) }

    /// Runs the next timer where it is due by `end`; else only moves the clock there.
    public func step(atMostTo end: Instant) {
        if !step(by: end) { now = max(now, end) }
    }

    /// Moves the clock on by `interval`, running every timer that becomes due on the way.
    public func advance(by interval: Interval) {
        let end = now + interval
        while step(by: end) {}
        now = end
    }

    /// Runs timers until none is left or `limit` have run. True where none is left.
    @discardableResult
    public func drain(limit: Int = 100_000) -> Bool {
        for _ in 0..<limit where !step() { return true }
        return bodies.isEmpty
    }

    private func step(by end: Instant) -> Bool {
        while let next = heap.first {
            guard let body = bodies[next.order] else {
                pop()
                continue
            }
            guard next.due <= end else { return false }
            pop()
            bodies[next.order] = nil
            now = max(now, next.due)
            body()
            return true
        }
        return false
    }

    private func push(_ place: Place) {
        heap.append(place)
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
            let children = (2 * parent + 1)..<min(2 * parent + 3, max(heap.count, 2 * parent + 1))
            guard let least = children.min(by: { heap[$0] < heap[$1] }), heap[least] < heap[parent] else { return }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
