// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

/// Who knows whom, for rules and budgets.
extension PresenceDesk {
    /// Whether a user here has approved the party as a watcher.
    package func hasApproved(_ owner: Address, _ party: Address) -> Bool {
        watchedRow(party, owner).map { watched[$0].flags.contains(.approved) } ?? false
    }

    /// Whether a user here watches the party, or has asked to.
    package func watches(_ user: Address, _ party: Address) -> Bool { watchingRow(user, party) != nil }

    /// Whether a user here has asked to see the party and has not given up since: asking again says nothing new.
    package func hasAsked(_ user: Address, _ party: Address) -> Bool {
        watchingRow(user, party).map { watching[$0].flags.isDisjoint(with: [.cancelling, .over, .fetch]) } ?? false
    }

    /// Whether a user here watches the party, and the party lets it.
    package func sees(_ user: Address, _ party: Address) -> Bool {
        watchingRow(user, party).map { watching[$0].flags.contains(.approved) } ?? false
    }

    /// Whether the watcher has a live subscription to a user here, served or not: a renewal says nothing new.
    package func hasLease(_ presentity: Address, _ watcher: Address) -> Bool {
        watchedRow(watcher, presentity).map { hasLease($0) } ?? false
    }
}
