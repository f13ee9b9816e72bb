// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import NIOCore

/// A service as an adapter shows it: users with states, wishes and approvals.
final class Service {
    var states: [Address: Body] = [:]
    /// Whom users here wish to watch.
    var wishes: Set<Pair> = []
    /// Who may watch users here.
    var approvals: Set<Pair> = []
    /// What users here see.
    var views: [Pair: Body] = [:]
    /// What users here were told of their wishes.
    var granted: Set<Pair> = []
    var ends: [Pair: Outcome] = [:]
    /// Whether users here say yes, no, or nothing.
    var answer: ((Pair) -> Bool?) = { _ in true }
    /// How long users here think before they say yes to somebody whom ``answer`` says nothing to; nil for ever.
    var thinks: ((Pair) -> Interval?)?
    /// Users without a session.
    var absent: Set<Address> = []
    var orders: [PresenceOrder] = []

    func take(_ order: PresenceOrder) -> [PresenceEvent] {
        orders.append(order)
        switch order {
        case .ask(let presentity, let watcher, _):
            let pair = Pair(watcher: watcher, presentity: presentity)
            // Servers answer for a user who has said yes before.
            guard let isApproved = approvals.contains(pair) ? true : answer(pair) else { return [] }
            guard isApproved else { return [.refuses(presentity: presentity, watcher: watcher)] }
            approvals.insert(pair)
            return [
                .approves(presentity: presentity, watcher: watcher),
                .publishes(presentity: presentity, watcher: watcher, state: states[presentity] ?? .none),
            ]
        case .forget(let presentity, let watcher):
            approvals.remove(Pair(watcher: watcher, presentity: presentity))
            return []
        case .probe(let presentity, let watcher):
            let pair = Pair(watcher: watcher, presentity: presentity)
            guard approvals.contains(pair) else { return [.refuses(presentity: presentity, watcher: watcher)] }
            return [.publishes(presentity: presentity, watcher: watcher, state: states[presentity] ?? .none)]
        case .approved(let watcher, let presentity):
            granted.insert(Pair(watcher: watcher, presentity: presentity))
        case .ended(let watcher, let presentity, let outcome):
            let pair = Pair(watcher: watcher, presentity: presentity)
            granted.remove(pair)
            views[pair] = nil
            ends[pair] = outcome
            if outcome.code != .delivered { wishes.remove(pair) }
        case .show(let watcher, let presentity, let state):
            views[Pair(watcher: watcher, presentity: presentity)] = state == .none ? nil : state
        }
        return []
    }
}

func address(_ text: String) -> Address {
    guard let address = Address(text) else { preconditionFailure("no address: \(text)") }
    return address
}

func document(_ text: String) -> Body { .entity(ByteBuffer(string: text)) }
