// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import Foundation
import Store

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
        database.record(waiting)
        database.flush()
        waiting = []
    }

    /// What has not been written is gone with the process.
    func kill() {
        lost += waiting.count
        waiting = []
        isScheduled = false
    }

    /// Opens the file anew, as another process does.
    func reopen() throws { database = try StateDatabase(path: path) }

    /// Forgets every subscription.
    func clear() throws {
        kill()
        lost = 0
        var keys: [SubscriptionRecord.Key] = []
        try database.subscriptions { keys.append($0.key) }
        database.record(keys.map { .remove($0) })
        database.flush()
    }
}
