// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import NIOCore
import Presence

/// Requests for attributes of users and domains (IMX 4.4.5, 4.4.6).
extension AggregatorCore {
    /// How long an adapter may take to find attributes.
    private static var patience: Interval { .seconds(10) }

    /// Answers a request for attributes of a user or a domain here; nil where the answer comes later.
    func getAttributes(_ keys: [String], _ envelope: Envelope, _ token: UInt64, _ port: AdapterPort) -> Outcome? {
        let subject = envelope.destination
        if subject.isDomainItself { return Self.answer(select(keys, from: attributes(of: subject.domain))) }
        if keys == ["watchers"], let outcome = watchers(of: subject, for: envelope.source) { return outcome }
        guard let row = directory[subject.domain], let owner = ports.first(where: { $0.name == row.adapter }),
            owner.capabilities.contains(.attributes)
        else { return Outcome(.notUnderstood, "attributes of users are not served at \(subject.domain)") }
        // The same rules as for presence: whoever may not see is told nothing.
        let verdict = desk?.maySee(envelope.source, subject) ?? .deny
        guard verdict != .deny else { return Outcome(.refused, "the user has not approved the requester") }
        let deadline = min(envelope.deadline, now + Self.patience)
        lastQuery += 1
        let query = lastQuery
        let finish = { [weak self] (outcome: Outcome) in
            guard let self, queryEnds.removeValue(forKey: query) != nil else { return }
            turn { self.settlePresence(envelope, outcome, token, port) }
        }
        queryEnds[query] = finish
        let timer = scheduler.schedule(after: deadline - now) { finish(Outcome(.timedOut, "nobody answered in time")) }
        owner.adapter?.attributes(of: subject, for: envelope.source, keys: keys, by: deadline) { found in
            timer.cancel()
            // RFC 2779 5.1.15: it takes as long as any answer, and says what is said of somebody who is not there.
            finish(Self.answer(verdict == .polite ? found.map(Self.blank) : found))
        }
        return nil
    }

    private static func blank(_ attribute: Attribute) -> Attribute {
        attribute.key == "presence"
            ? Attribute("presence", value: ByteBuffer(string: "closed")) : Attribute(attribute.key, status: .noSuchUser)
    }

    /// Who watches a user, for those who may know (RFC 2779 5.1.11); nil where nobody here knows better.
    private func watchers(of subject: Address, for requester: Address) -> Outcome? {
        guard let desk else { return nil }
        guard mayKnowWatchers?(requester, subject) ?? (requester == subject) else {
            return Outcome(.refused, "who watches the user is not for the requester")
        }
        let isOwner = requester == subject
        let lines = desk.watchers(of: subject).prefix(1_000).map { entry in
            // That somebody is blocked politely is the owner's own business.
            let state = entry.state == .polite && !isOwner ? .active : entry.state
            return "\(entry.watcher) \(state.rawValue)"
        }
        let text = ByteBuffer(string: lines.joined(separator: "\n"))
        return Self.answer([Attribute("watchers", value: text)])
    }

    /// The answer to a request for attributes of somebody elsewhere, where all of them are known and good.
    func cachedAttributes(_ envelope: Envelope, _ port: AdapterPort) -> Outcome? {
        guard case .getAttributes(let keys) = envelope.operation, port.serves(envelope.source.domain),
            let found = attributeCache.find(keys, of: envelope.destination, for: envelope.source, now: now)
        else { return nil }
        return Self.answer(found)
    }

    private static func answer(_ attributes: [Attribute]) -> Outcome {
        Outcome(.delivered, details: Outcome.Details(attributes: attributes))
    }

    /// IMX 2.5d: each key has its answer, and what is not known is said to be so.
    private func select(_ keys: [String], from all: [Attribute]) -> [Attribute] {
        if keys.isEmpty { return all }
        return keys.map { key in all.first { $0.key == key } ?? Attribute(key, status: .noSuchUser) }
    }

    /// What a domain here publishes of itself (standards reference I.1.3).
    func attributes(of domain: Domain) -> [Attribute] {
        guard let row = directory[domain] else { return [] }
        let lease = row.domainClass.lease
        let own = [
            Attribute("subscription.seconds", number: Int(lease.upperBound)),
            Attribute("subscription.min-seconds", number: Int(lease.lowerBound)),
            Attribute("message.max-octets", number: row.domainClass.maximumMessageOctets),
            Attribute("identity.compare", value: ByteBuffer(string: "octets"), seconds: 86_400),
        ]
        return own + (domainAttributes?(domain) ?? [])
    }
}

extension Attribute {
    /// A number that is good for an hour.
    package init(_ key: String, number: Int) {
        self.init(key, value: ByteBuffer(string: String(number)), seconds: 3_600)
    }
}
