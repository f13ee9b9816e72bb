// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

/// Remembers a number for each of the keys that were used last, in memory that does not grow, whatever strangers make up.
///
/// Each key has eight places and gives way to keys that were used after it, so that what is forgotten is forgotten in
/// favour of those who come: a full table is too lenient and never too strict. Keys are hashed with a seed of the
/// process; nobody outside can choose whose place to take.
struct RecentTable {
    struct Entry {
        /// The hashed key; 0 for none.
        fileprivate var key: UInt64 = 0
        /// When it was used last.
        var at = Instant.start
        /// The number.
        var value = 0.0
    }

    private static let ways = 8
    private var entries: [Entry] = []
    private let sets: Int

    /// A table for about `capacity` keys; takes its memory when it is first used.
    init(capacity: Int) {
        var sets = 1
        while sets * Self.ways < capacity { sets *= 2 }
        self.sets = sets
    }

    /// The place of a key in a table, valid until the table changes.
    struct Place {
        fileprivate let index: Int
        fileprivate let key: UInt64
    }

    /// Where `key` is, or where it would go.
    private func place(of key: some Hashable) -> Place {
        let hash = UInt64(truncatingIfNeeded: key.hashValue) | 1 << 63
        let first = Int(truncatingIfNeeded: hash & UInt64(sets - 1)) * Self.ways
        guard !entries.isEmpty else { return Place(index: first, key: hash) }
        var oldest = first
        for index in first..<first + Self.ways {
            if entries[index].key == hash { return Place(index: index, key: hash) }
            if entries[index].at < entries[oldest].at { oldest = index }
        }
        return Place(index: oldest, key: hash)
    }

    /// What is remembered about `key`, and where; an entry of 0 where nothing is.
    func look(_ key: some Hashable) -> (place: Place, entry: Entry) {
        let place = place(of: key)
        guard !entries.isEmpty, entries[place.index].key == place.key else {
            return (place, Entry(key: place.key))
        }
        return (place, entries[place.index])
    }

    /// Whether anything is remembered about `key`.
    func contains(_ key: some Hashable) -> Bool {
        guard !entries.isEmpty else { return false }
        let place = place(of: key)
        return entries[place.index].key == place.key
    }

    /// Remembers `value` at a place that ``look(_:)`` gave.
    mutating func set(_ place: Place, _ value: Double, at now: Instant) {
        if entries.isEmpty { entries = Array(repeating: Entry(), count: sets * Self.ways) }
        entries[place.index] = Entry(key: place.key, at: now, value: value)
    }
}

extension RecentTable {
    /// How many keys are remembered; looks at all of them.
    var count: Int { entries.count { $0.key != 0 } }
}
