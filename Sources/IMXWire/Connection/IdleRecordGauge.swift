// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

/// How many records that move nothing forward a peer may send: so many at once, and so many a second after that.
///
/// More are not held and do not cost the connection: reading rests until the account is in order, so that a flood waits
/// in its sender's own buffers. A peer that is merely busy is never held up, since records that are carried out do not
/// count.
package struct IdleRecordGauge: Sendable {
    private let interval: Int64
    private let depth: Int64
    private var seen = 0
    /// When the account would be even again, had nothing more come.
    private var even = Instant.start

    /// The longest that reading rests at a time, so that what matters is read in between.
    package static let longestRest = Interval.seconds(5)

    package init(perSecond: Int, burst: Int) {
        interval = 1_000_000_000 / Int64(max(1, perSecond))
        depth = interval * Int64(max(2, burst))
    }

    /// Whether the account knows of `total` already.
    @inline(__always)
    package func isUpToDate(_ total: Int) -> Bool { total == seen }

    /// Notes that there have been `total` such records in all; tells how long to rest, nil for not at all.
    package mutating func rest(total: Int, now: Instant) -> Interval? {
        // More than an hour's worth at once means the same as an hour's worth.
        let new = min(Int64(max(0, total - seen)), 3_600_000_000_000 / interval)
        seen = total
        even = max(even, now) + Interval(nanoseconds: new * interval)
        let debt = (even - now).nanoseconds
        guard debt > depth else { return nil }
        return min(Self.longestRest, Interval(nanoseconds: debt - depth / 2))
    }
}
