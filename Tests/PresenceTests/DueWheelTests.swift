// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import TestSupport
import Testing

@testable import Presence

/// The ring of seconds against a plain dictionary.
@Suite("The ring of what is due")
struct DueWheelTests {
    /// A ring and what should stand in it.
    private struct Rig {
        static let start: UInt32 = 17
        var wheel = DueWheel(now: start)
        var rows: ContiguousArray<SubscriptionRow>
        var due: [UInt32: UInt32] = [:]
        var now = start

        init(rows count: Int) {
            rows = ContiguousArray((0..<UInt32(count)).map { SubscriptionRow(watcher: $0, presentity: $0) })
        }

        mutating func schedule(_ row: UInt32, at second: UInt32) {
            wheel.remove(row, from: &rows)
            rows[Int(row)].due = second
            wheel.insert(row, into: &rows)
            due[row] = max(second, now + 1)
        }

        mutating func cancel(_ row: UInt32) {
            wheel.remove(row, from: &rows)
            due[row] = nil
        }

        /// Lets so many seconds pass, and looks at what came up.
        mutating func advance(_ seconds: UInt32, _ context: String) {
            now += seconds
            let found = wheel.advance(to: now, &rows)
            let expected = due.filter { $0.value <= now }
            #expect(Set(found) == Set(expected.keys) && found.count == expected.count, "\(context): at \(now)")
            if seconds <= 4_096 {
                let seconds = found.compactMap { expected[$0] }
                #expect(seconds == seconds.sorted(), "\(context): earlier seconds come first")
            }
            for row in found { due[row] = nil }
        }
    }

    @Test(
        "IMX 3 Subscription: what is due comes up once, in its second, however long the lease or the sleep",
        arguments: 1...20
    )
    func dictionary(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        var rig = Rig(rows: 200)
        for step in 0..<600 {
            let row = UInt32.random(in: 0..<200, using: &random)
            switch Int.random(in: 0..<8, using: &random) {
            case 0...2: rig.schedule(row, at: rig.now + UInt32.random(in: 0...5_000, using: &random))
            case 3: rig.schedule(row, at: rig.now + UInt32.random(in: 0...604_800, using: &random))
            case 4: rig.schedule(row, at: UInt32.random(in: 1...rig.now, using: &random))
            case 5: rig.cancel(row)
            case 6: rig.advance(UInt32.random(in: 0...30, using: &random), "seed \(seed), step \(step)")
            default:
                let sleep = ([4_095, 4_096, 4_097, 9_000, 40_000] as [UInt32]).randomElement(using: &random) ?? 0
                rig.advance(sleep, "seed \(seed), step \(step)")
            }
        }
        rig.advance(700_000, "seed \(seed), the end")
        #expect(rig.due.isEmpty)
    }

    @Test("IMX 3 Subscription: a lease of seven days comes up in its second, second by second")
    func week() {
        var rig = Rig(rows: 3)
        rig.schedule(0, at: rig.now + 604_800)
        rig.schedule(1, at: rig.now + 604_801)
        rig.schedule(2, at: rig.now + 604_800 - 4_096)
        let last = rig.now + 604_801
        while rig.now + 8_192 < last { rig.advance(4_096, "a week") }
        while rig.now < last { rig.advance(1, "a week") }
        #expect(rig.due.isEmpty)
    }

    @Test("IMX 3 Subscription: many in one second, and each can still be moved or taken out")
    func crowd() {
        var rig = Rig(rows: 20_000)
        for row in 0..<20_000 as Range<UInt32> { rig.schedule(row, at: 1_000) }
        for row in stride(from: 0, to: 20_000, by: 3) as StrideTo<UInt32> { rig.cancel(row) }
        for row in stride(from: 1, to: 20_000, by: 3) as StrideTo<UInt32> { rig.schedule(row, at: 1_000 + 4_096) }
        rig.advance(1_000, "the second")
        #expect(rig.due.count == 6_667)
        rig.advance(4_096, "a turn later")
        #expect(rig.due.isEmpty)
    }

    /// The table's own way in: rows that go while they stand in line, places that are used again.
    @Test(
        "IMX 3 Subscription: rows that go and come are found, listed and due as a dictionary has it",
        arguments: 1...20
    )
    func table(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed) &* 77)
        var table = SubscriptionTable(listing: seed % 2 == 0 ? .byWatcher : .byPresentity, now: 1)
        var known: [SIMD2<UInt32>: (row: UInt32, due: UInt32, id: SubscriptionID)] = [:]
        var now: UInt32 = 1
        for step in 0..<1_000 {
            let pair = SIMD2(UInt32.random(in: 0..<12, using: &random), UInt32.random(in: 0..<12, using: &random))
            if let entry = known[pair], Int.random(in: 0..<3, using: &random) == 0 {
                table.remove(entry.row)
                known[pair] = nil
            } else {
                let row = known[pair]?.row ?? table.insert(watcher: pair.x, presentity: pair.y)
                let text = String(repeating: "i", count: Int.random(in: 1...40, using: &random)) + "\(step)"
                guard let id = SubscriptionID(text) else { continue }
                let due = now + UInt32.random(in: 1...9_000, using: &random)
                table.set(id, of: row)
                table.schedule(row, at: due)
                known[pair] = (row, due, id)
            }
            guard step % 10 == 0 else { continue }
            now += UInt32.random(in: 0...2_000, using: &random)
            let due = table.takeDue(by: now)
            #expect(Set(due) == Set(known.values.filter { $0.due <= now }.map(\.row)), "seed \(seed), step \(step)")
            for (pair, entry) in known where entry.due <= now { known[pair]?.due = .max }
            check(table, known.mapValues { ($0.row, $0.id) }, seed)
        }
    }

    private func check(_ table: SubscriptionTable, _ known: [SIMD2<UInt32>: (UInt32, SubscriptionID)], _ seed: Int) {
        #expect(table.count == known.count)
        var lists: [UInt32: Set<UInt32>] = [:]
        var wrong = 0
        for watcher in 0..<12 as Range<UInt32> {
            for presentity in 0..<12 as Range<UInt32> {
                let entry = known[SIMD2(watcher, presentity)]
                if table.find(watcher: watcher, presentity: presentity) != entry?.0 { wrong += 1 }
                guard let entry else { continue }
                if table.id(of: entry.0) != entry.1 { wrong += 1 }
                lists[seed % 2 == 0 ? watcher : presentity, default: []].insert(entry.0)
            }
        }
        #expect(wrong == 0, "seed \(seed): rows that are not found, or under another name")
        for party in 0..<12 as Range<UInt32> {
            var listed: [UInt32] = []
            var row = table.first(of: party)
            while let current = row {
                listed.append(current)
                row = table.next(after: current)
            }
            #expect(Set(listed) == lists[party] ?? [] && Set(listed).count == listed.count, "seed \(seed)")
        }
    }
}
