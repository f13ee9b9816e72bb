// SPDX-License-Identifier: Apache-2.0
public import EnvelopeModel
import GRDB
import Synchronization

/// What the aggregator keeps beyond its own life: its runs with their books, and the last outcomes other than
/// "delivered".
///
/// One SQLite file in write-ahead mode. The calls that the event loop makes only append to a bounded list; a thread of
/// the database's own commits what has gathered, many rows at once. What does not fit in the list is lost and counted.
/// The other calls wait for the disk and belong at the start, at the end, and in tools.
public final class StateDatabase: Sendable {
    /// One outcome other than "delivered".
    public struct OutcomeRecord: Sendable, Hashable {
        /// When.
        public var time: WallTime
        /// The envelope's trace identifier.
        public var trace: TraceID
        /// The sender's domain.
        public var source: Domain
        /// The recipient's domain.
        public var destination: Domain
        /// The code.
        public var code: OutcomeCode
        /// The text for people, cut at ``textLimit`` characters.
        public var text: String?

        /// Makes a record.
        public init(
            time: WallTime,
            trace: TraceID,
            source: Domain,
            destination: Domain,
            code: OutcomeCode,
            text: String?
        ) {
            self.time = time
            self.trace = trace
            self.source = source
            self.destination = destination
            self.code = code
            self.text = text
        }
    }

    /// One life of an aggregator process.
    public struct RunRecord: Sendable, Hashable {
        /// Its number.
        public var id: Int64
        /// The program's version.
        public var version: String
        /// When it started.
        public var started: WallTime
        /// When it ended, or when it was last seen if nobody stopped it; nil while it lives.
        public var stopped: WallTime?
        /// Whether it was stopped in order; nil while it lives.
        public var isClean: Bool?
        /// Its book.
        public var totals: LedgerTotals
    }

    /// The most characters of an outcome's text that are kept.
    public static let textLimit = 512
    /// The most outcomes that may wait for the disk.
    static let pendingLimit = 8192
    /// The most domains whose trust may wait for the disk.
    static let pendingTrustLimit = 32_768

    struct Pending {
        var outcomes: [OutcomeRecord] = []
        var trust: [Domain: TrustRecord] = [:]
        var changes: [SubscriptionRecord.Key: SubscriptionChange] = [:]
        var contacts: [ContactRecord.Key: WallTime] = [:]
        var totals: (LedgerTotals, WallTime)?
        var isScheduled = false
        var lost: UInt64 = 0
        var lostTrust: UInt64 = 0
        var lostChanges: UInt64 = 0
        var lostContacts: UInt64 = 0
        /// How many changes of subscriptions may wait.
        var changesLimit = StateDatabase.pendingChangesLimit

        /// Takes changes where there is room or where they replace one. What is over has more room than what is new: a
        /// row that stays on disk by mistake would let somebody in after the next start, where one that is missing is
        /// learnt again.
        mutating func take(_ more: [SubscriptionChange]) {
            for change in more {
                let key = change.key
                var limit = changesLimit
                if case .remove = change { limit *= StateDatabase.removalsFactor }
                guard changes.count < limit || changes[key] != nil else {
                    lostChanges += 1
                    continue
                }
                changes[key] = change
            }
        }

        /// Takes a row where there is room or where it replaces one; those that wait longest stay.
        mutating func take(_ record: TrustRecord) {
            guard trust.count < StateDatabase.pendingTrustLimit || trust[record.domain] != nil else {
                lostTrust += 1
                return
            }
            trust[record.domain] = record
        }
    }

    let queue: DatabaseQueue
    private let keptOutcomes: Int
    private let pending = Mutex(Pending())
    private let run = Mutex<Int64?>(nil)

    /// Opens the database at `path`, making it if there is none, and brings its tables up to date.
    ///
    /// - Parameter keptOutcomes: how many outcomes are kept; older ones are given up.
    /// - Throws: ``StoreError`` when the file cannot be used.
    public init(path: String, keptOutcomes: Int = 10_000) throws {
        self.keptOutcomes = keptOutcomes
        var configuration = Configuration()
        configuration.journalMode = .wal
        configuration.label = "imx.state"
        configuration.busyMode = .timeout(5)
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA synchronous = NORMAL") }
        do {
            queue = try DatabaseQueue(path: path, configuration: configuration)
            try StateDatabase.migrator.migrate(queue)
        } catch {
            throw StoreError("cannot use the database \(path): \(error)")
        }
    }

    /// How many outcomes could not be kept because the disk was too slow or failed.
    public var lostOutcomes: UInt64 { pending.withLock(\.lost) }

    /// How often what a domain has proved could not be kept, because the disk was too slow or failed.
    public var lostTrust: UInt64 { pending.withLock(\.lostTrust) }

    /// How many changes of subscriptions could not be kept, because the disk was too slow or failed. What is lost is
    /// learnt again within one lease.
    public var lostChanges: UInt64 { pending.withLock(\.lostChanges) }

    func withPending<T: Sendable>(_ read: (Pending) -> T) -> T { pending.withLock { read($0) } }

    // MARK: The event loop's calls

    /// Keeps an outcome. Never waits.
    public func record(_ outcome: OutcomeRecord) {
        schedule { pending in
            guard pending.outcomes.count < Self.pendingLimit else {
                // The newest is the most useful to whoever looks for a fault now.
                pending.outcomes.removeFirst(Self.pendingLimit / 8)
                pending.lost += UInt64(Self.pendingLimit / 8)
                pending.outcomes.append(outcome)
                return
            }
            pending.outcomes.append(outcome)
        }
    }

    /// Keeps the run's book as it stands, for the case that the machine goes down. Never waits.
    public func snapshot(_ totals: LedgerTotals, at time: WallTime) {
        schedule { $0.totals = (totals, time) }
    }

    func schedule(_ change: (inout Pending) -> Void) {
        let isFirst = pending.withLock { pending in
            change(&pending)
            defer { pending.isScheduled = true }
            return !pending.isScheduled
        }
        guard isFirst else { return }
        queue.asyncWriteWithoutTransaction { self.commit($0) }
    }

    /// Waits until everything that was taken has been committed.
    public func flush() {
        queue.writeWithoutTransaction { commit($0) }
    }

    private func commit(_ db: Database) {
        let batch = pending.withLock { pending in
            let batch = pending
            pending.outcomes = []
            pending.trust = [:]
            pending.changes = [:]
            pending.contacts = [:]
            pending.totals = nil
            pending.isScheduled = false
            return batch
        }
        let run = self.run.withLock { $0 }
        do {
            try db.inTransaction {
                for outcome in batch.outcomes { try StateDatabase.insert(outcome, db) }
                if !batch.outcomes.isEmpty { try StateDatabase.trim(to: keptOutcomes, db) }
                for trust in batch.trust.values { try StateDatabase.write(trust, db) }
                if !batch.trust.isEmpty { try StateDatabase.trimTrust(db) }
                try StateDatabase.write(batch.changes.values, db)
                try StateDatabase.write(batch.contacts, db)
                if let (totals, time) = batch.totals, let run {
                    try StateDatabase.book(totals, run: run, seen: time, db)
                }
                return .commit
            }
        } catch {
            // A full disk costs records, never messages.
            pending.withLock { pending in
                pending.lost += UInt64(batch.outcomes.count)
                // It goes with the next batch, before what has come since.
                let newer = pending.trust
                pending.trust = batch.trust
                for record in newer.values { pending.take(record) }
                let newerChanges = pending.changes
                pending.changes = batch.changes
                pending.take(Array(newerChanges.values))
                for (key, time) in batch.contacts { pending.take(key, time) }
            }
        }
    }

    // MARK: Runs

    /// Begins a run, and closes the books of runs that nobody stopped: what waited is booked as uncertain.
    ///
    /// - Parameter inherited: what the run that was killed left in its ``LedgerPage``, which is exact where the
    ///   database's snapshot may be seconds old.
    /// - Returns: The run's number, and the run before it.
    public func begin(
        version: String,
        at time: WallTime,
        inherited: (run: Int64, totals: LedgerTotals)? = nil
    ) throws -> (run: Int64, previous: RunRecord?) {
        let result = try queue.write { db in
            for open in try StateDatabase.runs(db, where: "stopped IS NULL") {
                let left = inherited.flatMap { $0.run == open.id ? $0.totals : nil } ?? open.totals
                try StateDatabase.close(open.id, totals: left.closed, stopped: nil, isClean: false, db)
            }
            let previous = try StateDatabase.runs(db, where: "1 ORDER BY id DESC LIMIT 1").first
            try db.execute(
                sql: "INSERT INTO runs (version, started, seen) VALUES (?, ?, ?)",
                arguments: [version, time.milliseconds, time.milliseconds]
            )
            return (db.lastInsertedRowID, previous)
        }
        run.withLock { $0 = result.0 }
        return (run: result.0, previous: result.1)
    }

    /// Ends the run in order, everything kept before. What still waits is booked as uncertain.
    public func end(_ totals: LedgerTotals, at time: WallTime) throws {
        flush()
        guard let run = run.withLock({ $0 }) else { return }
        try queue.write { try StateDatabase.close(run, totals: totals.closed, stopped: time, isClean: true, $0) }
    }

    /// The runs, the last first.
    public func runs(last count: Int) throws -> [RunRecord] {
        try queue.read { try StateDatabase.runs($0, where: "1 ORDER BY id DESC LIMIT \(max(0, count))") }
    }

    /// Looks up outcomes without waiting, for callers on the event loop. `completion` runs on the database's thread.
    public func fetchOutcomes(
        last count: Int,
        trace: TraceID? = nil,
        completion: @escaping @Sendable (Result<[OutcomeRecord], any Error>) -> Void
    ) {
        queue.asyncWriteWithoutTransaction { db in
            self.commit(db)  // what was recorded a moment ago is what people look for
            completion(Result { try StateDatabase.outcomes(db, last: count, trace: trace) })
        }
    }

    /// The outcomes that are kept, the last first. Waits for the disk.
    public func outcomes(last count: Int, trace: TraceID? = nil) throws -> [OutcomeRecord] {
        try queue.read { try StateDatabase.outcomes($0, last: count, trace: trace) }
    }
}
