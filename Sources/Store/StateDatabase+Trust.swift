// SPDX-License-Identifier: Apache-2.0
public import EnvelopeModel
import GRDB

/// How well foreign domains have proved themselves: once strong, never weaker (IMX 6.1.3).
extension StateDatabase {
    /// What is remembered of one domain.
    public struct TrustRecord: Sendable, Hashable {
        /// The foreign domain.
        public var domain: Domain
        /// The best level that it has shown, a number of the program's.
        public var level: UInt8
        /// When it first showed that level.
        public var since: WallTime
        /// When it last showed it.
        public var seen: WallTime

        /// Makes a record.
        public init(domain: Domain, level: UInt8, since: WallTime, seen: WallTime) {
            self.domain = domain
            self.level = level
            self.since = since
            self.seen = seen
        }
    }

    /// The most domains that are remembered; beyond it those are forgotten that came last.
    public static let trustLimit = 200_000

    /// Everything that is remembered. Waits for the disk.
    public func trust() throws -> [TrustRecord] {
        try queue.read { db in
            try Row.fetchAll(db, sql: "SELECT * FROM peer_trust ORDER BY domain").compactMap { row in
                guard let domain = Domain(row["domain"] as String) else { return nil }
                return TrustRecord(
                    domain: domain,
                    level: UInt8(clamping: row["level"] as Int),
                    since: WallTime(milliseconds: row["since"]),
                    seen: WallTime(milliseconds: row["seen"])
                )
            }
        }
    }

    /// Remembers what a domain has shown, or with level 0 forgets the domain. Never waits; what finds no room
    /// while the disk fails is lost and counted.
    public func remember(_ record: TrustRecord) {
        schedule { $0.take(record) }
    }

    static func write(_ trust: TrustRecord, _ db: Database) throws {
        guard trust.level > 0 else {
            return try db.cachedStatement(sql: "DELETE FROM peer_trust WHERE domain = ?")
                .execute(arguments: [trust.domain.name])
        }
        try db.cachedStatement(
            sql: """
                INSERT INTO peer_trust (domain, level, since, seen) VALUES (?, ?, ?, ?)
                ON CONFLICT (domain) DO UPDATE SET level = excluded.level, since = excluded.since, seen = excluded.seen
                """
        ).execute(arguments: [
            trust.domain.name, Int(trust.level), trust.since.milliseconds, trust.seen.milliseconds,
        ])
    }

    static func trimTrust(_ db: Database) throws {
        try db.cachedStatement(
            sql: """
                DELETE FROM peer_trust WHERE domain IN
                (SELECT domain FROM peer_trust ORDER BY since LIMIT -1 OFFSET ?)
                """
        ).execute(arguments: [trustLimit])
    }
}
