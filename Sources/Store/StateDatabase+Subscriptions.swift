// SPDX-License-Identifier: Apache-2.0
public import EnvelopeModel
import Foundation
import GRDB
import NIOCore

/// Subscriptions, so that a restart changes nothing for anybody (RFC 3859 §3.4).
extension StateDatabase {
    /// The most subscriptions whose changes may wait for the disk.
    static let pendingChangesLimit = 500_000
    /// How many times as many may wait where they say that something is over.
    static let removalsFactor = 4

    /// Keeps changes, in order. Never waits.
    public func record(_ changes: [SubscriptionChange]) {
        schedule { $0.take(changes) }
    }

    /// Hands every subscription to `body`. Waits for the disk.
    public func subscriptions(_ body: (SubscriptionRecord) -> Void) throws {
        try queue.read { db in
            let rows = try Row.fetchCursor(
                db,
                sql: "SELECT side, watcher, presentity, id, flags, expires, sequence FROM subscriptions"
            )
            while let row = try rows.next() {
                // By place and not by name: there may be a million.
                guard let watcher = try address(row, 1), let presentity = try address(row, 2) else { continue }
                guard let side = SubscriptionRecord.Side(rawValue: UInt8(truncatingIfNeeded: row[0] as Int64)) else {
                    continue
                }
                body(
                    SubscriptionRecord(
                        key: .init(side, watcher: watcher, presentity: presentity),
                        id: try row.withUnsafeData(atIndex: 3) { $0.map { ByteBuffer(bytes: $0) } ?? ByteBuffer() },
                        flags: UInt16(truncatingIfNeeded: row[4] as Int64),
                        expires: (row[5] as Int64?).map { WallTime(milliseconds: $0) },
                        sequence: UInt64(bitPattern: row[6] as Int64)
                    )
                )
            }
        }
    }

    /// An address straight from the octets of a column; by way of a string it would take three times as long.
    private func address(_ row: Row, _ column: Int) throws -> Address? {
        try row.withUnsafeData(atIndex: column) { data in
            data.flatMap { Address(canonical: ByteBuffer(bytes: $0)) }
        }
    }

    static let subscriptionsTable = """
        CREATE TABLE subscriptions (
            side INTEGER NOT NULL,
            watcher TEXT NOT NULL,
            presentity TEXT NOT NULL,
            id BLOB NOT NULL,
            flags INTEGER NOT NULL,
            expires INTEGER,
            sequence INTEGER NOT NULL,
            PRIMARY KEY (side, watcher, presentity)
        ) WITHOUT ROWID;
        """

    static func write(_ changes: some Collection<SubscriptionChange>, _ db: Database) throws {
        guard !changes.isEmpty else { return }
        let save = try db.cachedStatement(
            sql: """
                INSERT INTO subscriptions (side, watcher, presentity, id, flags, expires, sequence)
                VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (side, watcher, presentity) DO UPDATE SET
                id = excluded.id, flags = excluded.flags, expires = excluded.expires, sequence = excluded.sequence
                """
        )
        let remove = try db.cachedStatement(
            sql: "DELETE FROM subscriptions WHERE side = ? AND watcher = ? AND presentity = ?"
        )
        for change in changes {
            switch change {
            case .save(let record):
                try save.execute(arguments: [
                    Int(record.key.side.rawValue), record.key.watcher.description, record.key.presentity.description,
                    Data(record.id.readableBytesView),
                    Int(record.flags), record.expires?.milliseconds, Int64(bitPattern: record.sequence),
                ])
            case .remove(let key):
                try remove.execute(arguments: [
                    Int(key.side.rawValue), key.watcher.description, key.presentity.description,
                ])
            }
        }
    }
}
