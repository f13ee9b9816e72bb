// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

/// How often each key came in the present minute, in a table that does not grow, whatever strangers make up.
///
/// A count-min sketch: each key counts in one place of every row, and its count is the least of them. Counts are never
/// too low; with some ten thousand keys in a minute they begin to be too high by one or two. Hashes are seeded at random
/// for each process, so that nobody can choose to share places with somebody else.
struct RateSketch<Key: Hashable> {
    private static var width: Int { 8192 }
    private static var rows: Int { 2 }
    private var counts = [UInt32](repeating: 0, count: Self.width * Self.rows)
    private var minute: UInt64 = 0

    /// Counts `key` once more; gives its count in this minute.
    mutating func count(_ key: Key, now: Instant) -> Int {
        let present = now.nanoseconds / 60_000_000_000
        if present != minute {
            minute = present
            for index in counts.indices { counts[index] = 0 }
        }
        let hash = UInt(bitPattern: key.hashValue)
        var least = UInt32.max
        for row in 0..<Self.rows {
            let place = row * Self.width + Int(truncatingIfNeeded: hash >> UInt(row * 16)) & (Self.width - 1)
            if counts[place] < .max { counts[place] += 1 }
            least = min(least, counts[place])
        }
        return Int(least)
    }
}
