// SPDX-License-Identifier: Apache-2.0
import Presence

extension AggregatorCore {
    /// The rules are others: the desk looks again at who is served.
    package func rulesChanged() {
        turn {
            desk?.rulesChanged(at: now)
            watchPresence()
        }
    }
}
