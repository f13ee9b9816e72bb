// SPDX-License-Identifier: Apache-2.0
import Presence

extension StatusReport {
    /// The desk in numbers.
    static func presence(_ desk: PresenceDesk?, lostChanges: UInt64) -> [Count] {
        guard let desk else { return [] }
        let counters = desk.counters
        return [
            Count(name: "watched", count: UInt64(desk.count.watched)),
            Count(name: "watching", count: UInt64(desk.count.watching)),
            Count(name: "notifications", count: counters.notifications),
            Count(name: "cut", count: counters.cut),
            Count(name: "renewals", count: counters.renewals),
            Count(name: "lapsed", count: counters.lapsed),
            Count(name: "drifts-mended", count: counters.drifts),
            Count(name: "stale", count: counters.stale),
            Count(name: "unasked", count: counters.unasked),
            Count(name: "undirected", count: counters.undirected),
            Count(name: "changes-lost", count: lostChanges),
        ]
    }
}
