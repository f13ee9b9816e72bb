// SPDX-License-Identifier: Apache-2.0

/// A hash table of row numbers whose keys stand in the rows: eight octets a place, and nothing else.
///
/// The rows' owner gives the hashes and tells rows apart.
struct SlotIndex {
    private struct Place {
        /// Row number + 1; 0 where the place is free.
        var row: UInt32 = 0
        var hash: UInt32 = 0
    }

    private var places = ContiguousArray(repeating: Place(), count: 16)
    private(set) var count = 0

    private var mask: Int { places.count - 1 }

    /// The row whose hash is `hash` and for which `isMatch` holds.
    func find(_ hash: UInt32, where isMatch: (UInt32) -> Bool) -> UInt32? {
        var place = Int(hash) & mask
        while places[place].row != 0 {
            if places[place].hash == hash, isMatch(places[place].row - 1) { return places[place].row - 1 }
            place = (place + 1) & mask
        }
        return nil
    }

    /// Adds a row that is not there yet.
    mutating func insert(_ row: UInt32, hash: UInt32) {
        if (count + 1) * 4 > places.count * 3 { grow() }
        put(Place(row: row + 1, hash: hash))
        count += 1
    }

    /// Removes a row that is there. Those behind it move up, so that no place is lost to a mark.
    mutating func remove(_ row: UInt32, hash: UInt32) {
        var hole = Int(hash) & mask
        while places[hole].row != row + 1 {
            guard places[hole].row != 0 else { return }
            hole = (hole + 1) & mask
        }
        var next = (hole + 1) & mask
        while places[next].row != 0 {
            let home = Int(places[next].hash) & mask
            if (next - home) & mask >= (next - hole) & mask {
                places[hole] = places[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        places[hole] = Place()
        count -= 1
    }

    private mutating func put(_ entry: Place) {
        var place = Int(entry.hash) & mask
        while places[place].row != 0 { place = (place + 1) & mask }
        places[place] = entry
    }

    private mutating func grow() {
        let old = places
        places = ContiguousArray(repeating: Place(), count: old.count * 2)
        for entry in old where entry.row != 0 { put(entry) }
    }
}
