// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import Foundation
import Store

@testable import Presence

/// The database of one aggregator: the real one, in a file, but what waits for the disk is written when the virtual
/// clock says so, and a process that is killed takes it along.
final class StormDisk {
    private let path: String
    private(set) var database: StateDatabase
    private var waiting: [SubscriptionChange] = []
    private var isScheduled = false
    /// How long changes wait at most.
    var delay = Interval.zero
    private(set) var lost = 0
    /// What is in the file.
    private var written: [SubscriptionRecord.Key: SubscriptionRecord] = [:]

    init(path: String) throws {
        self.path = path
        database = try StateDatabase(path: path)
    }

    func take(_ changes: [SubscriptionChange], _ process: any Scheduler) {
        waiting += changes
        guard !isScheduled else { return }
        isScheduled = true
        process.schedule(after: delay) { [self] in commit() }
    }

    func commit() {
        isScheduled = false
        guard !waiting.isEmpty else { return }
        write(waiting)
        waiting = []
    }

    private func write(_ changes: [SubscriptionChange]) {
        for change in changes {
            switch change {
            case .save(let record): written[record.key] = record
            case .remove(let key): written[key] = nil
            }
        }
        database.record(changes)
        database.flush()
    }

    /// What has not been written is gone with the process.
    ///
    /// What a user here began in that moment, or what ended in it, is not among it: nobody would say it again.
    func kill() {
        for change in waiting {
            if isSaidOnce(change) { write([change]) } else { lost += 1 }
        }
        waiting = []
        isScheduled = false
    }

    private func isSaidOnce(_ change: SubscriptionChange) -> Bool {
        guard case .save(let record) = change else { return true }
        let isWatching = record.key.side == .watching
        let end = (isWatching ? SubscriptionRow.Flags.cancelling : .forgotten).rawValue
        if record.flags & end != 0 { return true }
        return isWatching && (written[record.key].map { $0.flags & end != 0 } ?? true)
    }

    /// Opens the file anew, as another process does.
    func reopen() throws { database = try StateDatabase(path: path) }

    /// Forgets every subscription.
    func clear() throws {
        waiting = []
        isScheduled = false
        lost = 0
        written = [:]
        var keys: [SubscriptionRecord.Key] = []
        try database.subscriptions { keys.append($0.key) }
        database.record(keys.map { .remove($0) })
        database.flush()
    }
}
