// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

/// The keys that were noted last, a bounded number of them, each for a bounded time.
struct RecentKeys<Key: Hashable> {
    private let limit: Int
    private let life: Interval
    private var known: [Key: Instant] = [:]
    private var order: [Key] = []
    private var oldest = 0

    /// Makes a memory for at most `limit` keys, each for `life` since it was last noted.
    init(limit: Int, life: Interval) {
        self.limit = limit
        self.life = life
    }

    /// Whether `key` was noted and not too long ago.
    func contains(_ key: Key, now: Instant) -> Bool {
        known[key].map { now < $0 } ?? false
    }

    /// Notes `key`; tells whether it was known.
    @discardableResult
    mutating func note(_ key: Key, now: Instant) -> Bool {
        let until = known.updateValue(now + life, forKey: key)
        if let until { return now < until }
        if order.count < limit {
            order.append(key)
        } else {
            known[order[oldest]] = nil
            order[oldest] = key
            oldest = (oldest + 1) % limit
        }
        return false
    }
}

/// The peers' processes that have been here since this one started, the last few thousand of them.
///
/// IMX-1 §5.6: a repeat from a process that has not been here before can only be of something that was sent to a
/// process before this one, and is not carried out.
struct PeerMemory {
    private var processes = RecentKeys<ServerID>(limit: 8192, life: Interval(nanoseconds: .max))

    /// Notes `id`; tells whether it was known.
    mutating func note(_ id: ServerID) -> Bool { processes.note(id, now: .start) }
}
