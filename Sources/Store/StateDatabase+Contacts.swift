// SPDX-License-Identifier: Apache-2.0
public import EnvelopeModel
import GRDB

/// Whom users here wrote to: those are no strangers to them afterwards (IMX 6.4).
extension StateDatabase {
    /// Two who are no strangers.
    public struct ContactRecord: Sendable, Hashable {
        /// Who wrote to whom.
        public struct Key: Sendable, Hashable {
            /// A user here.
            public var writer: Address
            /// Whom the user wrote to.
            public var reader: Address

            /// Makes a key.
            public init(writer: Address, reader: Address) {
                self.writer = writer
                self.reader = reader
            }
        }

        /// Who wrote to whom.
        public var key: Key
        /// When it was written down last.
        public var seen: WallTime
    }

    /// The most that are remembered; beyond it those are forgotten that wrote longest ago.
    public static let contactsLimit = 200_000
    /// The most that may wait for the disk.
    static let pendingContactsLimit = 32_768

    /// How many could not be kept because the disk was too slow or failed.
    public var lostContacts: UInt64 { withPending(\.lostContacts) }

    /// Remembers whom a user here wrote to. Never waits.
    public func remember(_ key: ContactRecord.Key, at time: WallTime) {
        schedule { $0.take(key, time) }
    }

    /// Those that wrote last, at most `count`, the oldest first. Waits for the disk.
    public func contacts(last count: Int) throws -> [ContactRecord] {
        try queue.read { db in
            try Row.fetchAll(
                db,
                sql: "SELECT writer, reader, seen FROM contacts ORDER BY seen DESC LIMIT ?",
                arguments: [max(0, count)]
            ).reversed().compactMap { row in
                guard let writer = Address(row["writer"] as String), let reader = Address(row["reader"] as String)
                else {
                    return nil
                }
                return ContactRecord(
                    key: .init(writer: writer, reader: reader),
                    seen: WallTime(milliseconds: row["seen"])
                )
            }
        }
    }

    static let contactsTable = """
        CREATE TABLE contacts (
            writer TEXT NOT NULL,
            reader TEXT NOT NULL,
            seen INTEGER NOT NULL,
            PRIMARY KEY (writer, reader)
        ) WITHOUT ROWID;
        CREATE INDEX contacts_by_seen ON contacts (seen);
        """

    static func write(_ contacts: [ContactRecord.Key: WallTime], _ db: Database, limit: Int = contactsLimit) throws {
        guard !contacts.isEmpty else { return }
        let save = try db.cachedStatement(
            sql: """
                INSERT INTO contacts (writer, reader, seen) VALUES (?, ?, ?)
                ON CONFLICT (writer, reader) DO UPDATE SET seen = excluded.seen
                """
        )
        for (key, time) in contacts {
            try save.execute(arguments: [key.writer.description, key.reader.description, time.milliseconds])
        }
        try db.cachedStatement(
            sql: """
                DELETE FROM contacts WHERE (writer, reader) IN
                (SELECT writer, reader FROM contacts ORDER BY seen DESC LIMIT -1 OFFSET ?)
                """
        ).execute(arguments: [limit])
    }
}

extension StateDatabase.Pending {
    /// Takes a row where there is room or where it replaces one.
    mutating func take(_ key: StateDatabase.ContactRecord.Key, _ time: WallTime) {
        guard contacts.count < StateDatabase.pendingContactsLimit || contacts[key] != nil else {
            lostContacts += 1
            return
        }
        contacts[key] = max(time, contacts[key] ?? time)
    }
}
