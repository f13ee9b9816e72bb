// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import EnvelopeModel
import NIOCore

/// A service whose users say yes to everybody, and show what it was told.
final class House {
    let host: Internet.Host
    var states: [Address: Body] = [:]
    var approvals: [Address: Set<Address>] = [:]
    var views: [Address: [Address: Body]] = [:]
    var shows = 0

    init(_ host: Internet.Host) {
        self.host = host
        host.users.onOrder = { [unowned self] in take($0) }
    }

    private func take(_ order: PresenceOrder) -> [PresenceEvent] {
        switch order {
        case .ask(let presentity, let watcher, _):
            approvals[presentity, default: []].insert(watcher)
            return [.approves(presentity: presentity, watcher: watcher)] + state(presentity, watcher)
        case .probe(let presentity, let watcher): return state(presentity, watcher)
        case .show(let watcher, let presentity, let state):
            shows += 1
            views[watcher, default: [:]][presentity] = state == .none ? nil : state
        default: break
        }
        return []
    }

    private func state(_ presentity: Address, _ watcher: Address) -> [PresenceEvent] {
        [.publishes(presentity: presentity, watcher: watcher, state: states[presentity] ?? .none)]
    }

    func set(_ user: Address, _ text: String) { set(user, .entity(ByteBuffer(string: text))) }

    func set(_ user: Address, _ body: Body) {
        states[user] = body
        let watchers = approvals[user] ?? []
        host.users.host.presence(watchers.map { .publishes(presentity: user, watcher: $0, state: body) })
    }
}
