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

    /// Whose subscriptions are asked for, on either side.
    package enum Selection: Sendable, Hashable {
        case all
        case user(Address)
        case domain(Domain)
    }

    /// The subscriptions of a selection, at most `limit`. Rows are told apart by numbers: an address is made for those
    /// alone that are given out.
    package func entries(limit: Int, of selection: Selection = .all) -> [Entry] {
        guard let isMeant = test(selection) else { return [] }
        var found: [Entry] = []
        for (number, row) in watched.rows.enumerated() where row.flags.contains(.live) && isMeant(row) {
            guard found.count < limit else { return found }
            found.append(entry(watched: UInt32(number)))
        }
        for (number, row) in watching.rows.enumerated() where row.flags.contains(.live) && isMeant(row) {
            guard found.count < limit else { return found }
            found.append(entry(watching: UInt32(number)))
        }
        return found
    }

    /// Whether a row belongs to a selection; nil where none can.
    private func test(_ selection: Selection) -> ((SubscriptionRow) -> Bool)? {
        switch selection {
        case .all: return { _ in true }
        case .user(let user):
            return parties.find(user).map { party in { $0.watcher == party || $0.presentity == party } }
        case .domain(let domain):
            guard let number = parties.number(ofKnown: domain) else { return nil }
            return { [unowned self] row in
                parties.domainNumber(row.watcher) == number || parties.domainNumber(row.presentity) == number
            }
        }
    }

    /// Who watches a user here, or has asked to; at most `limit`.
    package func watchers(of presentity: Address, limit: Int = .max) -> [Entry] {
        guard let party = parties.find(presentity) else { return [] }
        var found: [Entry] = []
        var row = watched.first(of: party)
        while let current = row, found.count < limit {
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
            hasState: shown(row) != .none
        )
    }

    private func remaining(_ expires: UInt32) -> UInt32? { expires > now ? expires - now : nil }
}
