// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import EnvelopeModel

/// Who may see whom at the service, and who is there. It outlives the link.
struct MemoryRoster {
    /// A user of the service, and somebody elsewhere.
    struct Pair: Hashable {
        let user: Address
        let other: Address
    }

    struct Device: Hashable {
        let name: String
        let status: String
    }

    var approved: Set<Pair> = []
    var devices: [Address: [Device]] = [:]
    var news: [PresenceNews] = []
}

/// What the service tells the adapter about presence.
enum MemoryWord {
    case watches(Address, Address), givesUp(Address, Address), approves(Address, Address), refuses(Address, Address)
    /// The devices of a user, for one watcher or for all.
    case devices(Address, for: Address?, [MemoryRoster.Device])
}

extension MemoryService {
    /// A user does something.
    func act(_ deed: PresenceDeed) {
        switch deed {
        case .watches(let user, let other): tell(.watches(user, other))
        case .givesUp(let user, let other): tell(.givesUp(user, other))
        case .approves(let user, let watcher): approve(user, watcher)
        case .refuses(let user, let watcher):
            roster.approved.remove(.init(user: user, other: watcher))
            tell(.refuses(user, watcher))
        case .appears(let user, let device, let status):
            let others = (roster.devices[user] ?? []).filter { $0.name != device }
            change(user, others + [.init(name: device, status: status)])
        case .leaves(let user, let device):
            change(user, (roster.devices[user] ?? []).filter { $0.name != device })
        }
    }

    private func approve(_ user: Address, _ watcher: Address) {
        roster.approved.insert(.init(user: user, other: watcher))
        tell(.approves(user, watcher))
        tell(.devices(user, for: watcher, roster.devices[user] ?? []))
    }

    private func change(_ user: Address, _ devices: [MemoryRoster.Device]) {
        roster.devices[user] = devices
        tell(.devices(user, for: nil, devices))
    }

    /// The adapter passes on what the core has ordered.
    func order(_ order: PresenceOrder) {
        soon { [weak self] in self?.carryOut(order) }
    }

    private func carryOut(_ order: PresenceOrder) {
        switch order {
        case .ask(let user, let watcher, _):
            let isApproved = roster.approved.contains(.init(user: user, other: watcher))
            if isApproved { approve(user, watcher) } else { roster.news.append(.asked(user, by: watcher)) }
        case .forget(let user, let watcher):
            roster.approved.remove(.init(user: user, other: watcher))
            roster.news.append(.forgotten(user, by: watcher))
        case .probe(let user, let watcher):
            let isApproved = roster.approved.contains(.init(user: user, other: watcher))
            tell(isApproved ? .devices(user, for: watcher, roster.devices[user] ?? []) : .refuses(user, watcher))
        case .approved(let user, let other): roster.news.append(.approved(user, by: other))
        case .ended(let user, let other, _): roster.news.append(.ended(user, by: other))
        case .show(let user, let other, let state):
            roster.news.append(.sees(user, other, status: MemoryAdapter.status(of: state)))
        }
    }
}
