// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

/// A budget of so many events a second, which may come in bursts.
struct RateBudget: Sendable {
    private let interval: Interval
    private let depth: Interval
    /// When the budget is full again, had nothing more been taken.
    private var full: Instant = .start

    init(perSecond: Int, burst: Int) {
        interval = Interval(nanoseconds: 1_000_000_000 / Int64(max(1, perSecond)))
        let (product, overflow) = interval.nanoseconds.multipliedReportingOverflow(by: Int64(max(1, burst)))
        depth = Interval(nanoseconds: overflow ? .max : product)
    }

    /// How many events have been let in and have not happened yet.
    private var held: Int64 = 0

    /// Takes one event; false where the budget is spent.
    ///
    /// - Parameter kept: the part of the budget, 0 to 1, that this event may not touch.
    mutating func take(now: Instant, keeping kept: Double = 0) -> Bool {
        guard hold(now: now, keeping: kept) else { return false }
        spend(now: now)
        return true
    }

    /// Keeps room for an event that may happen later; false where there is none. ``spend(now:)`` or ``giveBack()`` says
    /// what became of it. The room is not filled again before: else those that wait would come on top of a full budget.
    mutating func hold(now: Instant, keeping kept: Double = 0) -> Bool {
        let (waiting, overflow) = interval.nanoseconds.multipliedReportingOverflow(by: held + 1)
        let room = depth.nanoseconds - Int64(Double(depth.nanoseconds) * kept)
        guard !overflow, waiting <= room, (max(full, now) - now).nanoseconds <= room - waiting else { return false }
        held += 1
        return true
    }

    /// An event that was held happens.
    mutating func spend(now: Instant) {
        held = max(0, held - 1)
        full = max(full, now) + interval
    }

    /// An event that was held does not happen.
    mutating func giveBack() {
        held = max(0, held - 1)
    }

    /// Whether nothing would change if the budget were made anew.
    func isFresh(now: Instant) -> Bool { held == 0 && full <= now }
}
