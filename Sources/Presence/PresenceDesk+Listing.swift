// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

/// What people can see of subscriptions: operators all of them, users those who watch them (RFC 2779 5.1.10, 5.1.11).
extension PresenceDesk {
    /// One subscription as people see it.
    package struct Entry: Sendable, Hashable {
        package let side: SubscriptionRecord.Side
        package let watcher: Address
        package let presentity: Address
        /// What it is in.
        package let state: State
        /// Seconds until the lease is over; nil where there is none.
        package let seconds: UInt32?
        /// Tries that failed in a row.
        package let failures: Int
        /// Whether a state of the presentity is known.
        package let hasState: Bool
    }

    /// What a subscription is in.
    package enum State: String, Sendable, Hashable, CaseIterable {
        case active
        /// The presentity has yet to decide.
        case pending
        /// Granted and never served.
        case polite
        /// Approved, and nobody asks at present.
        case approved
        /// The watcher's side: not served, and asked for again.
        case lapsed
        /// On its way out.
        case ending
    }

    /// The subscriptions in which `matches` holds for the user here or for the other party, at most `limit`.
    package func entries(limit: Int, where matches: (Address) -> Bool) -> [Entry] {
        var found: [Entry] = []
        for row in watched.rows.indices where found.count < limit && watched.rows[row].flags.contains(.live) {
            let entry = entry(watched: UInt32(row))
            if matches(entry.watcher) || matches(entry.presentity) { found.append(entry) }
        }
        for row in watching.rows.indices where found.count < limit && watching.rows[row].flags.contains(.live) {
            let entry = entry(watching: UInt32(row))
            if matches(entry.watcher) || matches(entry.presentity) { found.append(entry) }
        }
        return found
    }

    /// Who watches a user here, or has asked to.
    package func watchers(of presentity: Address) -> [Entry] {
        guard let party = parties.find(presentity) else { return [] }
        var found: [Entry] = []
        var row = watched.first(of: party)
        while let current = row {
            found.append(entry(watched: current))
            row = watched.next(after: current)
        }
        return found
    }

    private func entry(watched row: UInt32) -> Entry {
        let flags = watched[row].flags
        let state: State =
            if !hasLease(row) { flags.contains(.approved) ? .approved : .ending } else if flags.contains(.polite) {
                .polite
            } else if flags.contains(.pending) { .pending } else { .active }
        return Entry(
            side: .watched,
            watcher: watcher(ofWatched: row),
            presentity: presentity(ofWatched: row),
            state: state,
            seconds: remaining(watched[row].expires),
            failures: Int(watched[row].failures),
            hasState: self.state(ofWatched: row) != .none
        )
    }

    private func entry(watching row: UInt32) -> Entry {
        let flags = watching[row].flags
        let state: State =
            if !flags.isDisjoint(with: [.cancelling, .over, .fetch]) { .ending } else if flags.contains(.pending) {
                .pending
            } else { watching[row].expires > now ? .active : .lapsed }
        return Entry(
            side: .watching,
            watcher: watcher(ofWatching: row),
            presentity: presentity(ofWatching: row),
            state: state,
            seconds: remaining(watching[row].expires),
            failures: Int(watching[row].failures),
            hasState: shown[row] != nil
        )
    }

    private func remaining(_ expires: UInt32) -> UInt32? { expires > now ? expires - now : nil }
}
