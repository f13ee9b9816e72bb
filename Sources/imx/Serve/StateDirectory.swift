// SPDX-License-Identifier: Apache-2.0
import Aggregator
import Configuration
import EnvelopeModel
import Glibc
import Store
import Telemetry

/// What the aggregator keeps on disk: the database, and the two mapped files that outlive a kill.
final class StateDirectory: Sendable {
    let path: String
    let database: StateDatabase
    /// The run before this one.
    let previousRun: StateDatabase.RunRecord?
    let run: Int64
    let started: WallTime

    init(_ configuration: AggregatorConfiguration) throws {
        path = configuration.stateDirectory
        try StateDirectory.make(path)
        started = WallTime.now
        do {
            database = try StateDatabase(
                path: path + "/imx.sqlite",
                keptOutcomes: configuration.limits.keptOutcomes
            )
            let inherited = try LedgerPage(path: path + "/ledger.page").inherited
            (run, previousRun) = try database.begin(version: Version.number, at: started, inherited: inherited)
        } catch let error as StoreError {
            throw CommandFailure(error.description)
        }
    }

    /// Makes the directory and what leads to it, for this user alone.
    private static func make(_ path: String) throws {
        var end = path.startIndex
        while end < path.endIndex {
            end = path[path.index(after: end)...].firstIndex(of: "/") ?? path.endIndex
            guard mkdir(String(path[..<end]), 0o700) == 0 || errno == EEXIST || errno == EISDIR else {
                throw CommandFailure(
                    "cannot make the state directory \(path): \(String(cString: strerror(errno)))\n"
                        + "    make it yourself for the user that runs imx, or change \"state-directory\""
                )
            }
        }
        guard access(path, R_OK | W_OK | X_OK) == 0 else {
            throw CommandFailure("cannot write in the state directory \(path): \(String(cString: strerror(errno)))")
        }
    }
}

extension LedgerTotals {
    /// The totals of a core's book.
    init(_ ledger: borrowing Ledger) {
        self.init(
            accepted: ledger.accepted,
            delivered: ledger.delivered,
            failed: ledger.failed,
            expired: ledger.expired,
            uncertain: ledger.uncertain
        )
    }
}
