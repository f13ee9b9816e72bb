// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import Presence

/// Rules and budgets, as far as presence is concerned.
extension AggregatorCore {
    /// The rules are others: the desk looks again at who is served.
    package func rulesChanged() {
        turn {
            desk?.rulesChanged(at: now)
            watchPresence()
        }
    }

    /// What is told to a user here whose wish to see somebody is turned away; nil where the event may pass. The desk's
    /// own renewals are no wishes, and the gate is not asked about them; nor is it about a wish that stands already, which
    /// the desk answers as before.
    func refusalByPolicy(of event: PresenceEvent) -> PresenceOrder? {
        guard let gate, case .asks(let watcher, let presentity, _) = event, let id = SubscriptionID("ask"),
            let messageID = MessageID("ask"), desk?.hasAsked(watcher, presentity) != true
        else { return nil }
        let wish = Envelope(
            operation: .subscribe(.init(id: id, seconds: 1)),
            source: watcher,
            destination: presentity,
            messageID: messageID,
            trace: makeTraceID()
        )
        guard let outcome = gate(wish, now) else { return nil }  // IMX 6.4(4)
        return .ended(watcher: watcher, presentity: presentity, outcome)
    }
}
