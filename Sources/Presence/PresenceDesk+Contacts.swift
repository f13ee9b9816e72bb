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

    /// Whether the watcher has a live subscription to a user here, served or not: a renewal says nothing new.
    package func hasLease(_ presentity: Address, _ watcher: Address) -> Bool {
        watchedRow(watcher, presentity).map { hasLease($0) } ?? false
    }
}
