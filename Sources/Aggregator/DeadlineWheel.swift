// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel

/// The deadlines of all unsettled envelopes: a ring of buckets, each as wide as the grain.
///
/// Noting a deadline appends eight octets to an array that keeps its room. An envelope that was settled stays in its
/// bucket until the bucket's time comes, and is void by then.
struct DeadlineWheel {
    private let grain: UInt64
    private var buckets: [[(ticket: Ticket, deadline: Instant)]]
    private var cursor: UInt64
    private(set) var count = 0

    init(grain: Interval, now: Instant, bucketCount: Int = 512) {
        self.grain = UInt64(max(1, grain.nanoseconds))
        buckets = Array(repeating: [], count: bucketCount)
        cursor = now.nanoseconds / self.grain
    }

    mutating func insert(_ ticket: Ticket, deadline: Instant) {
        let wanted = max(cursor + 1, deadline.nanoseconds / grain + 1)
        let nearest = min(wanted, cursor + UInt64(buckets.count) - 1)
        buckets[Int(nearest % UInt64(buckets.count))].append((ticket, deadline))
        count += 1
    }

    /// Moves on to `now` and gives every ticket whose deadline has passed to `expire`.
    mutating func advance(to now: Instant, _ expire: (Ticket) -> Void) {
        let target = now.nanoseconds / grain
        var again: [(ticket: Ticket, deadline: Instant)] = []
        var steps = 0
        while cursor < target && steps < buckets.count {
            cursor += 1
            steps += 1
            let bucket = Int(cursor % UInt64(buckets.count))
            for entry in buckets[bucket] {
                if entry.deadline <= now { expire(entry.ticket) } else { again.append(entry) }
            }
            count -= buckets[bucket].count
            buckets[bucket].removeAll(keepingCapacity: true)
        }
        cursor = max(cursor, target)
        for entry in again { insert(entry.ticket, deadline: entry.deadline) }
    }
}
