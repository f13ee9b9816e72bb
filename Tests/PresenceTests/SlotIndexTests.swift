// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

@testable import Presence

/// The hash table of rows against a plain dictionary.
@Suite("The index of rows")
struct SlotIndexTests {
    /// Hashes as few as `spread` allows, so that rows crowd one another, around the end of the table as well.
    @Test(
        "RFC2779 2.2.2: rows are found, added and removed as a dictionary has it",
        arguments: [1, 3, 16, 1_000, 1 << 31]
    )
    func dictionary(spread: UInt32) {
        var random = SeededGenerator(seed: UInt64(spread))
        var index = SlotIndex()
        var known: [UInt32: UInt32] = [:]
        func hash(_ key: UInt32) -> UInt32 { .max - (key &* 2_654_435_761) % spread }
        for step in 0..<6_000 {
            let key = UInt32.random(in: 0..<400, using: &random)
            let row = index.find(hash(key)) { $0 / 2 == key }
            if row != known[key] { Issue.record("spread \(spread), step \(step): found \(row as Any)") }
            if let row {
                guard Int.random(in: 0..<2, using: &random) == 0 else { continue }
                index.remove(row, hash: hash(key))
                known[key] = nil
            } else if step % 7 == 0 {
                index.remove(key * 2, hash: hash(key))  // is not there: nothing happens
            } else {
                known[key] = key * 2 + UInt32(step % 2)
                index.insert(key * 2 + UInt32(step % 2), hash: hash(key))
            }
            if index.count != known.count { Issue.record("spread \(spread), step \(step): \(index.count)") }
        }
        for key in 0..<400 as Range<UInt32> { #expect(index.find(hash(key)) { $0 / 2 == key } == known[key]) }
    }
}
