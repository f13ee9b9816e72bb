// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import Foundation
import GRDB
import Testing

@testable import Store

@Suite("Whom users here wrote to, on disk")
struct ContactStoreTests {
    private func key(_ number: Int) throws -> StateDatabase.ContactRecord.Key {
        .init(writer: try #require(Address("ann@a.example")), reader: try #require(Address("r\(number)@b.example")))
    }

    @Test("IMX 6.4(4), A.1-2: whom users wrote to is on disk once the batch is, the last word last, and bounded")
    func roundTrip() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("state.sqlite").path
        let database = try StateDatabase(path: path)
        for number in 0..<10 { database.remember(try key(number), at: WallTime(milliseconds: Int64(number))) }
        database.flush()
        database.remember(try key(3), at: WallTime(milliseconds: 100))
        database.flush()
        let again = try StateDatabase(path: path)
        #expect(try again.contacts(last: 3).map(\.key) == [key(8), key(9), key(3)])
        #expect(try again.contacts(last: 100).count == 10)
        // What is too many goes, the oldest first.
        try again.queue.write { db in
            try StateDatabase.write([key(20): WallTime(milliseconds: 200)], db, limit: 4)
        }
        #expect(try again.contacts(last: 100).map(\.key) == [key(8), key(9), key(3), key(20)])
        #expect(again.lostContacts == 0)
    }
}
