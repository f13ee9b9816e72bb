// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import Foundation
import NIOCore
import Testing

@testable import Store

@Suite("Subscriptions on disk")
struct SubscriptionStoreTests {
    private func record(_ number: Int, flags: UInt16 = 3) throws -> SubscriptionRecord {
        SubscriptionRecord(
            key: .init(
                number % 2 == 0 ? .watched : .watching,
                watcher: try #require(Address("w\(number)@a.example")),
                presentity: try #require(Address("p@b.example"))
            ),
            id: ByteBuffer(repeating: UInt8(truncatingIfNeeded: number), count: 16),
            flags: flags,
            expires: number == 0 ? nil : WallTime(milliseconds: Int64(number)),
            sequence: .max - UInt64(number)
        )
    }

    @Test(
        "C.3-6, A.1-2: subscriptions are on disk once the batch is, replaced and removed in order, and read back whole"
    )
    func roundTrip() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("state.sqlite").path
        let database = try StateDatabase(path: path)
        let records = try (0..<500).map { try record($0) }
        database.record(records.map(SubscriptionChange.save))
        database.record([
            .save(try record(7, flags: 9)),
            .remove(records[9].key),
        ])
        database.flush()
        // Another process opens the same file.
        var found: [SubscriptionRecord] = []
        try StateDatabase(path: path).subscriptions { found.append($0) }
        var expected = Set(records)
        expected.remove(records[7])
        expected.insert(try record(7, flags: 9))
        expected.remove(records[9])
        #expect(Set(found) == expected)
        #expect(database.lostChanges == 0)
    }

    @Test("A.1-2, S42: where the disk is too slow for what is new, what is over is still taken")
    func removalsHaveRoom() throws {
        var pending = StateDatabase.Pending()
        let limit = 20
        pending.changesLimit = limit
        pending.take(try (0..<limit + 10).map { .save(try record($0)) })
        #expect(pending.changes.count == limit && pending.lostChanges == 10)
        pending.take([.remove(try record(limit + 5).key), .remove(try record(3).key), .save(try record(4, flags: 9))])
        #expect(pending.changes.count == limit + 1 && pending.lostChanges == 10)
        #expect(pending.changes[try record(limit + 5).key] == .remove(try record(limit + 5).key))
        #expect(pending.changes[try record(4).key] == .save(try record(4, flags: 9)))
    }
}
