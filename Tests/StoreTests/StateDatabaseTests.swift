// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import Foundation
import GRDB
import Synchronization
import Testing

@testable import Store

@Suite struct StateDatabaseTests {
    private let directory: String
    private var path: String { directory + "/state.sqlite" }

    init() throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    }

    private func record(_ number: Int, text: String? = "no such user") throws -> StateDatabase.OutcomeRecord {
        StateDatabase.OutcomeRecord(
            time: WallTime(milliseconds: Int64(number)),
            trace: TraceID(high: 1, low: UInt64(number)),
            source: try #require(Domain("a.example")),
            destination: try #require(Domain("b.example")),
            code: .noSuchUser,
            text: text
        )
    }

    private let book = LedgerTotals(accepted: 10, delivered: 4, failed: 1, expired: 1, uncertain: 1)

    /// What a machine finds on its disk when the process has been killed: the files as they are at this moment.
    private func killed() throws -> String {
        let copy = directory + "-killed"
        try FileManager.default.copyItem(atPath: directory, toPath: copy)
        return copy
    }

    @Test("Outcomes: a run that was stopped keeps its book, and the equation holds")
    func cleanRun() throws {
        do {
            let database = try StateDatabase(path: path)
            let begun = try database.begin(version: "1", at: WallTime(milliseconds: 1000))
            #expect(begun.previous == nil)
            database.snapshot(book, at: WallTime(milliseconds: 2000))
            var final = book
            final.delivered += 3
            try database.end(final, at: WallTime(milliseconds: 3000))
        }
        let database = try StateDatabase(path: path)
        let previous = try #require(try database.begin(version: "2", at: WallTime(milliseconds: 5000)).previous)
        #expect(previous.isClean == true)
        #expect(previous.stopped == WallTime(milliseconds: 3000))
        #expect(previous.totals.delivered == 7 && previous.totals.uncertain == 1)
        #expect(previous.totals.waiting == 0)
        let runs = try database.runs(last: 5)
        #expect(runs.map(\.version) == ["2", "1"])
        #expect(runs[0].stopped == nil && runs[0].isClean == nil)
    }

    @Test("IMX 6.1.3: what peers have shown outlives the process, and can be forgotten")
    func trust() throws {
        let (a, b) = (try #require(Domain("a.example")), try #require(Domain("b.example")))
        let shown = StateDatabase.TrustRecord(
            domain: a,
            level: 2,
            since: WallTime(milliseconds: 10),
            seen: WallTime(milliseconds: 20)
        )
        var weaker = shown
        (weaker.domain, weaker.level) = (b, 1)
        do {
            let database = try StateDatabase(path: path)
            database.remember(weaker)
            weaker.seen = WallTime(milliseconds: 30)
            database.remember(weaker)
            database.remember(shown)
            database.flush()
        }
        let database = try StateDatabase(path: path)
        #expect(try database.trust() == [shown, weaker])
        weaker.level = 0
        database.remember(weaker)
        database.flush()
        #expect(try database.trust() == [shown])
    }

    @Test("Outcomes: after a kill, what waited at the last snapshot is booked as uncertain")
    func killedRun() throws {
        let database = try StateDatabase(path: path)
        _ = try database.begin(version: "1", at: WallTime(milliseconds: 1000))
        database.snapshot(book, at: WallTime(milliseconds: 2000))
        database.flush()
        database.snapshot(LedgerTotals(accepted: 99), at: WallTime(milliseconds: 2500))
        let second = try StateDatabase(path: killed() + "/state.sqlite")
        let previous = try #require(try second.begin(version: "1", at: WallTime(milliseconds: 9000)).previous)
        #expect(previous.isClean == false)
        #expect(previous.stopped == WallTime(milliseconds: 2000) || previous.stopped == WallTime(milliseconds: 2500))
        #expect(previous.totals.accepted == previous.totals.settled)
        if previous.totals.accepted == 10 { #expect(previous.totals.uncertain == 1 + 3) }
    }

    @Test("Outcomes: after a kill, the mapped page gives the book to the last envelope")
    func mappedPage() throws {
        let database = try StateDatabase(path: path)
        let page = try LedgerPage(path: directory + "/ledger")
        #expect(page.inherited == nil)
        let run = try database.begin(version: "1", at: WallTime(milliseconds: 1000), inherited: page.inherited).run
        page.begin(run: run)
        page.write(book)
        let copy = try killed()
        var left = try LedgerPage(path: copy + "/ledger")
        #expect(left.inherited?.run == run)
        #expect(left.inherited?.totals == book)
        let after = try StateDatabase(path: copy + "/state.sqlite")
        let begun = try after.begin(version: "1", at: WallTime(milliseconds: 9000), inherited: left.inherited)
        #expect(begun.previous?.totals == book.closed)
        #expect(book.closed.uncertain == 4 && book.closed.waiting == 0)
        // The page of another run says nothing about this one.
        left.begin(run: begun.run)
        let second = try #require(throws: StoreError.self) { try LedgerPage(path: copy + "/ledger") }
        #expect(second.description.contains("in use by another process"))
        left = try LedgerPage(path: directory + "/other")
        #expect(try LedgerPage(path: copy + "/ledger").inherited?.totals == LedgerTotals())
    }

    @Test("Outcomes: the last outcomes are kept in order and older ones are given up")
    func ring() throws {
        let database = try StateDatabase(path: path, keptOutcomes: 100)
        for number in 0..<250 { database.record(try record(number)) }
        database.flush()
        let kept = try database.outcomes(last: 1000)
        #expect(kept.map(\.time.milliseconds) == (150..<250).reversed().map(Int64.init))
        #expect(kept[0] == (try record(249)))
        #expect(try database.outcomes(last: 10, trace: TraceID(high: 1, low: 200)).map(\.time.milliseconds) == [200])
        #expect(try database.outcomes(last: 10, trace: TraceID(high: 1, low: 20)).isEmpty)
        #expect(database.lostOutcomes == 0)
        database.record(try record(250))
        let looked = DispatchSemaphore(value: 0)
        let found = Mutex<[StateDatabase.OutcomeRecord]>([])
        database.fetchOutcomes(last: 1) { result in
            found.withLock { $0 = (try? result.get()) ?? [] }
            looked.signal()
        }
        #expect(looked.wait(timeout: .now() + 30) == .success)
        #expect(found.withLock { $0 } == [try record(250)])
        let again = try StateDatabase(path: killed() + "/state.sqlite")
        #expect(try again.outcomes(last: 1000).dropFirst() == kept.dropLast())
    }

    @Test("Outcomes: a disk that is too slow loses the oldest records, counts them, and stops nobody")
    func slowDisk() throws {
        let database = try StateDatabase(path: path, keptOutcomes: 100_000)
        let blocker = try DatabaseQueue(path: path)
        try blocker.inDatabase { db in
            try db.execute(sql: "BEGIN IMMEDIATE")
            let long = String(repeating: "x", count: 1000)
            for number in 0..<20_000 { database.record(try record(number, text: number == 19_999 ? long : nil)) }
            try db.execute(sql: "COMMIT")
        }
        database.flush()
        let kept = try database.outcomes(last: 100_000)
        #expect(database.lostOutcomes > 0)
        #expect(kept.count + Int(database.lostOutcomes) == 20_000)
        #expect(kept.first?.text?.count == StateDatabase.textLimit)
    }

    @Test("G.3-11: while the disk takes nothing, so much trust waits for it: the oldest stays, the rest is counted")
    func trustWithoutDisk() throws {
        let database = try StateDatabase(path: path)
        let blocker = try DatabaseQueue(path: path)
        let limit = StateDatabase.pendingTrustLimit
        func row(_ number: Int, _ level: UInt8) throws -> StateDatabase.TrustRecord {
            let time = WallTime(milliseconds: 1)
            let domain = try #require(Domain("d\(number).example"))
            return StateDatabase.TrustRecord(domain: domain, level: level, since: time, seen: time)
        }
        let statements = try blocker.inDatabase { db in
            let sql = "SELECT sql FROM sqlite_master WHERE tbl_name = 'peer_trust' AND sql NOT NULL ORDER BY type DESC"
            let statements = try String.fetchAll(db, sql: sql)
            try db.execute(sql: "DROP TABLE peer_trust")
            return statements
        }
        for number in 0..<10 { database.remember(try row(number, 1)) }
        database.flush()
        for number in 10..<limit + 100 { database.remember(try row(number, 1)) }
        database.flush()
        database.remember(try row(7, 2))
        database.remember(try row(limit + 500, 1))
        database.flush()
        #expect(database.lostTrust == 101)
        try blocker.inDatabase { db in
            for statement in statements { try db.execute(sql: statement) }
        }
        database.flush()
        let kept = Dictionary(uniqueKeysWithValues: try database.trust().map { ($0.domain.name, $0.level) })
        #expect(kept.count == limit && kept["d0.example"] == 1 && kept["d7.example"] == 2)
    }

    @Test("Outcomes: a file that is no database is refused by name")
    func noDatabase() throws {
        try Data("this is no database, this is plain text that goes on".utf8).write(to: URL(fileURLWithPath: path))
        let error = try #require(throws: StoreError.self) { try StateDatabase(path: path) }
        #expect(error.description.contains(path))
        #expect(throws: StoreError.self) { try StateDatabase(path: "/nowhere/state.sqlite") }
        #expect(throws: StoreError.self) { try LedgerPage(path: "/nowhere/ledger") }
    }
}
