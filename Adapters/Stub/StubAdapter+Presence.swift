// SPDX-License-Identifier: Apache-2.0
public import AdapterKit
public import EnvelopeModel
import MessageFormats

/// Presence and attributes of users in memory.
///
/// It shows how little an adapter needs: no lease, no timer, no list of watchers. The core says what to do, and the
/// stub says what is.
extension StubAdapter {
    /// The most pairs of whom the stub remembers what was shown.
    private static let viewLimit = 100_000

    /// Asks users, and shows them what they watch.
    public func presence(_ orders: [PresenceOrder]) {
        var events: [PresenceEvent] = []
        for order in orders {
            switch order {
            case .ask(let presentity, let watcher, _): events += answer(presentity, watcher)
            case .probe(let presentity, let watcher): events.append(state(of: presentity, for: watcher))
            case .forget(let presentity, let watcher):
                approvals.remove(StubPair(watcher: watcher, presentity: presentity))
                onForget?(presentity, watcher)
            case .approved(let watcher, let presentity): onApproval?(watcher, presentity)
            case .ended(let watcher, let presentity, let outcome):
                views[StubPair(watcher: watcher, presentity: presentity)] = nil
                onEnd?(watcher, presentity, outcome)
            case .show(let watcher, let presentity, let state):
                let pair = StubPair(watcher: watcher, presentity: presentity)
                if views.count < Self.viewLimit || views[pair] != nil { views[pair] = state }
                onState?(watcher, presentity, state)
            }
        }
        if !events.isEmpty { host.presence(events) }
    }

    /// Has a user watch somebody.
    public func watch(_ watcher: Address, _ presentity: Address) {
        host.presence([.asks(watcher: watcher, presentity: presentity, name: nil)])
    }

    /// Has a user watch somebody no longer.
    public func unwatch(_ watcher: Address, _ presentity: Address) {
        views[StubPair(watcher: watcher, presentity: presentity)] = nil
        host.presence([.givesUp(watcher: watcher, presentity: presentity)])
    }

    /// Changes what a user lets others see; nil for somebody who is not there.
    public func set(status: String?, of address: Address) {
        statuses[address] = .some(status)
        host.presence([.publishes(presentity: address, watcher: nil, state: document(of: address))])
    }

    /// Has a user let a watcher see, or not, or no longer.
    public func decide(_ presentity: Address, _ watcher: Address, _ maySee: Bool) {
        let pair = StubPair(watcher: watcher, presentity: presentity)
        guard maySee else {
            approvals.remove(pair)
            return host.presence([.refuses(presentity: presentity, watcher: watcher)])
        }
        approvals.insert(pair)
        host.presence([
            .approves(presentity: presentity, watcher: watcher),
            .publishes(presentity: presentity, watcher: watcher, state: document(of: presentity)),
        ])
    }

    private func answer(_ presentity: Address, _ watcher: Address) -> [PresenceEvent] {
        guard let user = user(presentity), user.approves else {
            return [.refuses(presentity: presentity, watcher: watcher)]
        }
        if let onAsk, !approvals.contains(StubPair(watcher: watcher, presentity: presentity)) {
            onAsk(presentity, watcher)
            return []
        }
        approvals.insert(StubPair(watcher: watcher, presentity: presentity))
        return [.approves(presentity: presentity, watcher: watcher), state(of: presentity, for: watcher)]
    }

    private func state(of presentity: Address, for watcher: Address) -> PresenceEvent {
        guard let user = user(presentity), user.approves else {
            return .refuses(presentity: presentity, watcher: watcher)
        }
        return .publishes(presentity: presentity, watcher: watcher, state: document(of: presentity))
    }

    /// A presence document with one tuple that is open, and the status as its note.
    private func document(of address: Address) -> Body {
        guard let user = user(address), let status = statuses[address] ?? user.status else { return .none }
        var tuple = PresenceTuple(id: "stub", basic: .open)
        if !status.isEmpty { tuple.notes = [LocalizedText(status)] }
        tuple.contact = "im:\(address)"
        var document = PresenceDocument(about: address)
        document.tuples = [tuple]
        return .parts([
            BodyPart(mediaType: PresenceDocument.mediaType, octets: PIDFWriter.octets(of: document))
        ])
    }

}

/// Two parties of a subscription.
struct StubPair: Hashable {
    let watcher: Address
    let presentity: Address
}
