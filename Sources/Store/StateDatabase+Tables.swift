// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import GRDB

/// The tables, and every statement that touches them.
extension StateDatabase {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("runs and outcomes") { db in
            try db.execute(
                sql: """
                    CREATE TABLE runs (
                        id INTEGER PRIMARY KEY AUTOINCREMENT,
                        version TEXT NOT NULL,
                        started INTEGER NOT NULL,
                        seen INTEGER NOT NULL,
                        stopped INTEGER,
                        clean INTEGER,
                        accepted INTEGER NOT NULL DEFAULT 0,
                        delivered INTEGER NOT NULL DEFAULT 0,
                        failed INTEGER NOT NULL DEFAULT 0,
                        expired INTEGER NOT NULL DEFAULT 0,
                        uncertain INTEGER NOT NULL DEFAULT 0
                    );
                    CREATE TABLE outcomes (
                        id INTEGER PRIMARY KEY AUTOINCREMENT,
                        time INTEGER NOT NULL,
                        trace TEXT NOT NULL,
                        source TEXT NOT NULL,
                        destination TEXT NOT NULL,
                        code INTEGER NOT NULL,
                        text TEXT
                    );
                    CREATE INDEX outcomes_by_trace ON outcomes (trace);
                    """
            )
        }
        migrator.registerMigration("trust of peers") { db in
            try db.execute(
                sql: """
                    CREATE TABLE peer_trust (
                        domain TEXT PRIMARY KEY,
                        level INTEGER NOT NULL,
                        since INTEGER NOT NULL,
                        seen INTEGER NOT NULL
                    ) WITHOUT ROWID;
                    CREATE INDEX peer_trust_by_seen ON peer_trust (seen);
                    """
            )
        }
        migrator.registerMigration("subscriptions") { try $0.execute(sql: subscriptionsTable) }
        migrator.registerMigration("whom users here wrote to") { try $0.execute(sql: contactsTable) }
        return migrator
    }

    static func insert(_ outcome: OutcomeRecord, _ db: Database) throws {
        let statement = try db.cachedStatement(
            sql: "INSERT INTO outcomes (time, trace, source, destination, code, text) VALUES (?, ?, ?, ?, ?, ?)"
        )
        try statement.execute(arguments: [
            outcome.time.milliseconds, outcome.trace.description, outcome.source.name, outcome.destination.name,
            Int(outcome.code.rawValue), outcome.text.map { String($0.prefix(textLimit)) },
        ])
    }

    static func trim(to count: Int, _ db: Database) throws {
        try db.cachedStatement(sql: "DELETE FROM outcomes WHERE id <= (SELECT max(id) FROM outcomes) - ?")
            .execute(arguments: [count])
    }

    static func book(_ totals: LedgerTotals, run: Int64, seen: WallTime, _ db: Database) throws {
        try db.execute(
            sql: """
                UPDATE runs SET seen = ?, accepted = ?, delivered = ?, failed = ?, expired = ?, uncertain = ?
                WHERE id = ? AND stopped IS NULL
                """,
            arguments: StatementArguments(
                [
                    seen.milliseconds, Int64(clamping: totals.accepted), Int64(clamping: totals.delivered),
                    Int64(clamping: totals.failed), Int64(clamping: totals.expired),
                    Int64(clamping: totals.uncertain), run,
                ] as [Int64]
            )
        )
    }

    /// Closes a run's book. Without a moment, the run ended when it was last seen.
    static func close(
        _ run: Int64,
        totals: LedgerTotals,
        stopped: WallTime?,
        isClean: Bool,
        _ db: Database
    ) throws {
        let seen = try Int64.fetchOne(db, sql: "SELECT seen FROM runs WHERE id = ?", arguments: [run]) ?? 0
        let end = stopped ?? WallTime(milliseconds: seen)
        try book(totals, run: run, seen: end, db)
        try db.execute(
            sql: "UPDATE runs SET stopped = ?, clean = ? WHERE id = ?",
            arguments: [end.milliseconds, isClean, run]
        )
    }

    static func runs(_ db: Database, where condition: String) throws -> [RunRecord] {
        try Row.fetchAll(db, sql: "SELECT * FROM runs WHERE \(condition)").map { row in
            RunRecord(
                id: row["id"],
                version: row["version"],
                started: WallTime(milliseconds: row["started"]),
                stopped: (row["stopped"] as Int64?).map { WallTime(milliseconds: $0) },
                isClean: row["clean"],
                totals: LedgerTotals(
                    accepted: unsigned(row["accepted"]),
                    delivered: unsigned(row["delivered"]),
                    failed: unsigned(row["failed"]),
                    expired: unsigned(row["expired"]),
                    uncertain: unsigned(row["uncertain"])
                )
            )
        }
    }

    static func outcomes(_ db: Database, last count: Int, trace: TraceID?) throws -> [OutcomeRecord] {
        let rows = try Row.fetchAll(
            db,
            sql: "SELECT * FROM outcomes WHERE ?1 IS NULL OR trace = ?1 ORDER BY id DESC LIMIT ?2",
            arguments: [trace?.description, max(0, count)]
        )
        return rows.compactMap { row in
            guard let trace = TraceID(row["trace"] as String), let source = Domain(row["source"] as String),
                let destination = Domain(row["destination"] as String)
            else { return nil }
            return OutcomeRecord(
                time: WallTime(milliseconds: row["time"]),
                trace: trace,
                source: source,
                destination: destination,
                code: OutcomeCode(rawValue: UInt16(clamping: row["code"] as Int)),
                text: row["text"]
            )
        }
    }

    private static func unsigned(_ value: Int64) -> UInt64 { UInt64(clamping: value) }
}
