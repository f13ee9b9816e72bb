// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

/// A budget of so many events a second, which may come in bursts.
struct RateBudget: Sendable {
    private let interval: Interval
    private let depth: Interval
    /// When the budget is full again, had nothing more been taken.
    private(set) var full: Instant = .start

    init(perSecond: Int, burst: Int) {
        interval = Interval(nanoseconds: 1_000_000_000 / Int64(max(1, perSecond)))
        let (product, overflow) = interval.nanoseconds.multipliedReportingOverflow(by: Int64(max(1, burst)))
        depth = Interval(nanoseconds: overflow ? .max : product)
    }

    /// Takes one event; false where the budget is spent.
    ///
    /// - Parameter kept: the part of the budget, 0 to 1, that this event may not touch.
    mutating func take(now: Instant, keeping kept: Double = 0) -> Bool {
        let next = max(full, now) + interval
        guard (next - now).nanoseconds <= depth.nanoseconds - Int64(Double(depth.nanoseconds) * kept) else {
            return false
        }
        full = next
        return true
    }

    /// Gives one event back that was taken and did not happen.
    mutating func giveBack() {
        full = full + Interval(nanoseconds: -interval.nanoseconds)
    }
}
