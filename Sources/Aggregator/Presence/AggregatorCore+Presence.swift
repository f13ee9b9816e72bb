// SPDX-License-Identifier: Apache-2.0
import AdapterKit
package import EnvelopeModel
package import Presence

/// Presence: who speaks for whom, and the ways between adapters, the desk and other sides.
extension AggregatorCore {
    /// Serves presence from now on. To be called once, before the adapters start; until then requests for presence are
    /// answered "not understood" (RFC 2779 2.1.1: messages need no presence).
    package func attachPresence(_ desk: PresenceDesk) {
        self.desk = desk
        agent = attach(named: "presence", authority: .operatorTool) { PresenceAgent(host: $0, core: self) }
    }

    /// The time on the core's clock.
    package var time: Instant { scheduler.now }

    /// The shortest and the longest lease that a domain here grants, in seconds.
    package func lease(of domain: Domain) -> ClosedRange<UInt32> {
        directory[domain]?.domainClass.lease ?? DomainClass().lease
    }

    /// The bounds of the lane between two domains, of which one at least is here.
    func laneLimits(from source: Domain, to destination: Domain) -> LaneLimits {
        (directory[destination] ?? directory[source])?.domainClass.laneLimits ?? LaneLimits()
    }

    // MARK: From adapters

    func presence(_ events: [PresenceEvent], from port: AdapterPort) {
        guard let desk else {
            drops[.presence, default: 0] += UInt64(events.count)
            return
        }
        for event in events {
            guard port.serves(event.speaker.domain) else {  // IMX 6.2.1
                drops[.presence, default: 0] += 1
                continue
            }
            if let refusal = refusalByPolicy(of: event) {
                desk.orders.append(refusal)
                continue
            }
            desk.take(event, at: now)
        }
        watchPresence()
    }

    func presenceLinkChanged(_ port: AdapterPort) {
        guard let desk, port.authority == .ownDomains else { return }
        turn {
            desk.linkChanged(of: port.domains, isUp: port.linkState == .up, at: now)
            watchPresence()
        }
    }

    /// Domains have another adapter, or none: what counts is whether that one's link is up.
    func presenceMoved(_ domains: Set<Domain>) {
        guard let desk else { return }
        turn {
            var (up, down, gone, back): ([Domain], [Domain], [Domain], [Domain]) = ([], [], [], [])
            for domain in domains {
                if directory[domain] == nil { gone.append(domain) } else { back.append(domain) }
                let port = directory[domain].flatMap { row in ports.first { $0.name == row.adapter } }
                // A domain that is gone has nobody to wait for.
                if port.map({ $0.linkState == .up }) ?? true { up.append(domain) } else { down.append(domain) }
            }
            desk.hostingChanged(gone: gone, back: back, at: now)
            // One walk over the rows for all of them.
            if !up.isEmpty { desk.linkChanged(of: up, isUp: true, at: now) }
            if !down.isEmpty { desk.linkChanged(of: down, isUp: false, at: now) }
            watchPresence()
        }
    }

    // MARK: From other sides

    /// Takes an operation on presence or attributes that has passed the door.
    ///
    /// - Returns: How it ended; nil where that is told later.
    func takePresence(_ envelope: Envelope, token: UInt64, from port: AdapterPort) -> Outcome? {
        switch envelope.operation {
        case .getAttributes(let keys): return getAttributes(keys, envelope, token, port)
        case .pushAttributes:
            attributeCache.keep(envelope, now: now)
            return .delivered
        default: break
        }
        guard let desk, canCarryPresence(envelope.destination.domain) else {
            return Outcome(.notUnderstood, "presence is not served at \(envelope.destination.domain)")
        }
        defer { watchPresence() }
        switch envelope.operation {
        case .subscribe(let wish):
            return desk.subscribe(
                wish,
                watcher: envelope.source,
                presentity: envelope.destination,
                name: envelope.details?.sourceName,
                at: now
            )
        case .notify(let notification):
            let outcome = desk.notify(
                notification,
                presentity: envelope.source,
                watcher: envelope.destination,
                body: envelope.body,
                at: now
            )
            guard outcome.code == .delivered else { return outcome }
            if notification.state == .active {
                attributeCache.forgetState(of: envelope.source, for: envelope.destination)
            } else {
                attributeCache.forget(envelope.source, for: envelope.destination)  // RFC 2779 3.3.3
            }
            if envelope.hasDetails { attributeCache.keep(envelope, now: now) }
            return outcome
        default: return Outcome(.notUnderstood)
        }
    }

    private func canCarryPresence(_ domain: Domain) -> Bool {
        guard let row = directory[domain], let owner = ports.first(where: { $0.name == row.adapter }) else {
            return false
        }
        return owner.capabilities.contains(.presence)
    }

    // MARK: Out

    var hasPresenceOutput: Bool {
        guard let desk else { return false }
        return !(desk.orders.isEmpty && desk.requests.isEmpty && desk.changes.isEmpty)
    }

    /// Hands out what the desk has left: each adapter gets its orders in one batch.
    func drainPresence() {
        guard let desk else { return }
        let orders = desk.orders
        let requests = desk.requests
        let changes = desk.changes
        desk.orders = []
        desk.requests = []
        desk.changes = []
        if !changes.isEmpty { onPresenceChanges?(changes) }
        if !requests.isEmpty { agent?.send(requests) }
        guard !orders.isEmpty else { return }
        var batches: [(port: AdapterPort, orders: [PresenceOrder])] = []
        for order in orders {
            guard let name = directory[order.addressee.domain]?.adapter else { continue }
            if batches.last?.port.name == name {
                batches[batches.count - 1].orders.append(order)
            } else if let port = ports.first(where: { $0.name == name }), port.capabilities.contains(.presence) {
                batches.append((port, [order]))
            }
        }
        for batch in batches { batch.port.adapter?.presence(batch.orders) }
    }

    /// Keeps the desk's clock going while there is something to wait for.
    func watchPresence() {
        guard presenceTimer == nil, let desk, !desk.isIdle else { return }
        presenceTimer = scheduler.schedule(after: .seconds(1)) { [weak self] in
            guard let self else { return }
            turn {
                self.presenceTimer = nil
                desk.advance(to: self.now)
                self.watchPresence()
            }
        }
    }
}

extension PresenceEvent {
    /// The user in whose name the adapter speaks.
    var speaker: Address {
        switch self {
        case .asks(let watcher, _, _), .givesUp(let watcher, _), .wants(let watcher, _), .leaves(let watcher): watcher
        case .approves(let presentity, _), .refuses(let presentity, _), .publishes(let presentity, _, _): presentity
        }
    }
}

extension PresenceOrder {
    /// The user whom the order is for.
    var addressee: Address {
        switch self {
        case .ask(let presentity, _, _), .forget(let presentity, _), .probe(let presentity, _): presentity
        case .approved(let watcher, _), .ended(let watcher, _, _), .show(let watcher, _, _): watcher
        }
    }
}
