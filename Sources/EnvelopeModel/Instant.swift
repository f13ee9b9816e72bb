// SPDX-License-Identifier: Apache-2.0

/// A point on a monotonic clock, in nanoseconds since an arbitrary start.
///
/// Every state machine of the project takes the time as a value of this type, so that a test can hand it any time it
/// likes. It is never written to a wire or a disk.
public struct Instant: Sendable, Hashable, Comparable {
    /// Nanoseconds since the clock's start.
    public var nanoseconds: UInt64

    /// Makes the instant that lies `nanoseconds` after the clock's start.
    public init(nanoseconds: UInt64) {
        self.nanoseconds = nanoseconds
    }

    /// The clock's start.
    public static let start = Instant(nanoseconds: 0)

    /// A point that no deadline reaches.
    public static let distantFuture = Instant(nanoseconds: .max)

    /// Whether `a` comes first.
    @inlinable
    public static func < (a: Instant, b: Instant) -> Bool { a.nanoseconds < b.nanoseconds }

    /// The instant `interval` later; clamped at the ends of the clock's range.
    @inlinable
    public static func + (instant: Instant, interval: Interval) -> Instant {
        if interval.nanoseconds >= 0 {
            let (sum, overflow) = instant.nanoseconds.addingReportingOverflow(UInt64(interval.nanoseconds))
            return Instant(nanoseconds: overflow ? .max : sum)
        }
        let (difference, overflow) = instant.nanoseconds.subtractingReportingOverflow(interval.nanoseconds.magnitude)
        return Instant(nanoseconds: overflow ? 0 : difference)
    }

    /// The time from `b` to `a`; negative where `a` is the earlier one; clamped to the range of ``Interval``.
    @inlinable
    public static func - (a: Instant, b: Instant) -> Interval {
        let forward = a.nanoseconds >= b.nanoseconds
        let magnitude = forward ? a.nanoseconds &- b.nanoseconds : b.nanoseconds &- a.nanoseconds
        let clamped = Int64(clamping: magnitude)
        return Interval(nanoseconds: forward ? clamped : 0 &- clamped)
    }
}

/// A length of time in nanoseconds.
public struct Interval: Sendable, Hashable, Comparable {
    /// The length in nanoseconds.
    public var nanoseconds: Int64

    /// Makes an interval of so many nanoseconds.
    @inlinable
    public init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// An interval of so many seconds, clamped to about ±292 years.
    @inlinable
    public static func seconds(_ seconds: Int) -> Interval {
        let (product, overflow) = Int64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
        return Interval(nanoseconds: overflow ? (seconds < 0 ? .min : .max) : product)
    }

    /// An interval of so many milliseconds, clamped to about ±292 years.
    @inlinable
    public static func milliseconds(_ milliseconds: Int) -> Interval {
        let (product, overflow) = Int64(milliseconds).multipliedReportingOverflow(by: 1_000_000)
        return Interval(nanoseconds: overflow ? (milliseconds < 0 ? .min : .max) : product)
    }

    /// No time at all.
    public static let zero = Interval(nanoseconds: 0)

    /// Both lengths together; clamped at the upper end of the range.
    @inlinable
    public static func + (a: Interval, b: Interval) -> Interval {
        let (sum, overflow) = a.nanoseconds.addingReportingOverflow(b.nanoseconds)
        return Interval(nanoseconds: overflow ? .max : sum)
    }

    /// The length in seconds, for logs.
    public var seconds: Double { Double(nanoseconds) / 1e9 }

    /// Whether `a` comes first.
    @inlinable
    public static func < (a: Interval, b: Interval) -> Bool { a.nanoseconds < b.nanoseconds }
}
