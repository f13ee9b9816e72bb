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
        guard desk?.maySee(envelope.source, subject) == true else {
            return Outcome(.refused, "the user has not approved the requester")
        }
        let deadline = min(envelope.deadline, now + Self.patience)
        var isAnswered = false
        let finish = { [weak self] (outcome: Outcome) in
            guard let self, !isAnswered else { return }
            isAnswered = true
            turn { self.settlePresence(envelope, outcome, token, port) }
        }
        let timer = scheduler.schedule(after: deadline - now) { finish(Outcome(.timedOut, "nobody answered in time")) }
        owner.adapter?.attributes(of: subject, for: envelope.source, keys: keys, by: deadline) { found in
            timer.cancel()
            finish(Self.answer(found))
        }
        return nil
    }

    /// Who watches a user, for those who may know (RFC 2779 5.1.11); nil where nobody here knows better.
    private func watchers(of subject: Address, for requester: Address) -> Outcome? {
        guard let desk else { return nil }
        guard mayKnowWatchers?(requester, subject) ?? (requester == subject) else {
            return Outcome(.refused, "who watches the user is not for the requester")
        }
        let lines = desk.watchers(of: subject).map { "\($0.watcher) \($0.state.rawValue)" }
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
