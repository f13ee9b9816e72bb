// SPDX-License-Identifier: Apache-2.0
import AdapterKit
package import EnvelopeModel
import NIOCore
import Presence

/// Requests for attributes of users and domains (IMX 4.4.5, 4.4.6).
extension AggregatorCore {
    /// How long an adapter may take to find attributes.
    private static var patience: Interval { .seconds(10) }
    /// The key that the desk answers, and no adapter.
    private static var watchersKey: String { "watchers" }

    /// A domain here, where there is any.
    package var firstDomain: Domain? { directory.domains.first }

    /// Answers a request for attributes of a user or a domain here; nil where the answer comes later.
    func getAttributes(_ keys: [String], _ envelope: Envelope, _ token: UInt64, _ port: AdapterPort) -> Outcome? {
        let subject = envelope.destination
        let requester = envelope.source
        if subject.isDomainItself {
            return Self.answer(Self.select(keys, from: attributes(of: subject.domain, for: requester.domain)))
        }
        let watchers = keys.contains(Self.watchersKey) ? watchers(of: subject, for: requester) : nil
        let others = keys.filter { $0 != Self.watchersKey }
        if let watchers, others.isEmpty { return Self.answer(keys.map { _ in watchers }) }
        // The same rules as for presence: whoever may not see is told nothing.
        let verdict = requester == subject ? .allow : desk?.maySee(requester, subject) ?? .deny
        guard let owner = attributesOwner(of: subject.domain) else {
            let outcome = Outcome(.notUnderstood, "attributes of users are not served at \(subject.domain)")
            return watchers.map { Self.partial($0, keys, .noSuchUser) } ?? outcome
        }
        guard verdict != .deny else {
            let outcome = Outcome(.refused, "the user has not approved the requester")
            guard let watchers, watchers.status == nil else { return outcome }
            return Self.partial(watchers, keys, .refused)
        }
        let mostOctets = directory[subject.domain]?.domainClass.maximumMessageOctets ?? 0
        return ask(owner, others, envelope, token, port) { found in
            // RFC 2779 5.1.15: it takes as long as any answer, and says what is said of somebody who is not there.
            let seen = verdict == .polite ? found.compactMap { Self.asIfAway($0, isAsked: !keys.isEmpty) } : found
            let bounded = seen.map { Self.bounded($0, to: mostOctets) }
            return watchers.map { Self.select(keys, from: bounded + [$0]) } ?? bounded
        } late: {
            watchers.map { Self.partial($0, keys, .unavailable) }
        }
    }

    private func attributesOwner(of domain: Domain) -> AdapterPort? {
        guard let row = directory[domain], let owner = ports.first(where: { $0.name == row.adapter }),
            owner.capabilities.contains(.attributes)
        else { return nil }
        return owner
    }

    /// Asks the subject's adapter; `shape` makes the answer of what it says, and `late` where it says nothing in time.
    private func ask(
        _ owner: AdapterPort,
        _ keys: [String],
        _ envelope: Envelope,
        _ token: UInt64,
        _ port: AdapterPort,
        shape: @escaping ([Attribute]) -> [Attribute],
        late: @escaping () -> Outcome?
    ) -> Outcome? {
        let deadline = min(envelope.deadline, now + Self.patience)
        lastQuery += 1
        let query = lastQuery
        let finish = { [weak self] (outcome: Outcome) in
            guard let self, queryEnds.removeValue(forKey: query) != nil else { return }
            turn { self.settlePresence(envelope, outcome, token, port) }
        }
        queryEnds[query] = finish
        let timer = scheduler.schedule(after: deadline - now) {
            finish(late() ?? Outcome(.timedOut, "nobody answered in time"))
        }
        owner.adapter?.attributes(of: envelope.destination, for: envelope.source, keys: keys, by: deadline) { found in
            timer.cancel()
            finish(Self.answer(shape(found)))
        }
        return nil
    }

    /// What is said of a user who is not there, in place of what is so (IMX-1 §7.7): everything else is the same
    /// whether the user is there or not.
    private static func asIfAway(_ attribute: Attribute, isAsked: Bool) -> Attribute? {
        switch attribute.key {
        case "presence" where attribute.status == nil: Attribute("presence", value: ByteBuffer(string: "closed"))
        case "ua.capabilities" where attribute.status == nil:
            isAsked ? Attribute("ua.capabilities", status: .unavailable) : nil
        default: attribute
        }
    }

    /// An adapter may take more than the class of the domain lets through.
    private static func bounded(_ attribute: Attribute, to most: Int) -> Attribute {
        guard attribute.key == "message.max-octets", let text = attribute.text, Int(text).map({ $0 > most }) ?? true
        else { return attribute }
        var bounded = attribute
        bounded.value = ByteBuffer(string: String(most))
        return bounded
    }

    /// The most of a list of watchers that is told, in watchers and in octets: it must fit into a record.
    private static var watchersLimit: (count: Int, octets: Int) { (1_000, 32_768) }

    /// Who watches a user, for those who may know (RFC 2779 5.1.11).
    private func watchers(of subject: Address, for requester: Address) -> Attribute {
        guard let desk else { return Attribute(Self.watchersKey, status: .noSuchUser) }
        guard mayKnowWatchers?(requester, subject) ?? (requester == subject) else {
            return Attribute(Self.watchersKey, status: .refused)
        }
        let isOwner = requester == subject
        var text = ByteBuffer()
        for entry in desk.watchers(of: subject, limit: Self.watchersLimit.count) {
            // That somebody is blocked politely is the owner's own business.
            let state = entry.state == .polite && !isOwner ? .active : entry.state
            let line = "\(entry.watcher) \(state.rawValue)\n"
            guard text.readableBytes + line.utf8.count <= Self.watchersLimit.octets else { break }
            text.writeString(line)
        }
        return Attribute(Self.watchersKey, value: text)
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

    /// The answer for one key, and why there is none for the others.
    private static func partial(_ known: Attribute, _ keys: [String], _ status: OutcomeCode) -> Outcome {
        answer(keys.map { $0 == known.key ? known : Attribute($0, status: status) })
    }

    /// IMX 2.5d: each key has its answer, and what is not known is said to be so.
    private static func select(_ keys: [String], from all: [Attribute]) -> [Attribute] {
        if keys.isEmpty { return all }
        return keys.map { key in all.first { $0.key == key } ?? Attribute(key, status: .noSuchUser) }
    }

    /// What a domain here publishes of itself (standards reference I.1.3).
    func attributes(of domain: Domain, for requester: Domain) -> [Attribute] {
        guard let row = directory[domain] else { return [] }
        let lease = row.domainClass.lease
        let own = [
            Attribute("subscription.seconds", number: Int(lease.upperBound)),
            Attribute("subscription.min-seconds", number: Int(lease.lowerBound)),
            Attribute("message.max-octets", number: row.domainClass.maximumMessageOctets),
            Attribute("identity.compare", value: ByteBuffer(string: "octets"), seconds: 86_400),
        ]
        return own + (domainAttributes?(domain, row.domainClass.name, requester) ?? [])
    }

    // MARK: What rides along

    /// What a user here is called, where it may ride on what the user sends to somebody elsewhere: the first thing of a
    /// pair in an hour, and only to whom the rules let read it (IMX 4.6.1). An adapter that must look it up does so while
    /// the first thing goes on without it.
    func ridingAlias(of user: Address, for recipient: Address) -> Attribute? {
        guard !serves(recipient.domain), !recipient.isDomainItself, !user.isDomainItself else { return nil }
        let pair = AliasRider.number(user, recipient)
        if let found = rider.found(pair) { return desk?.maySee(recipient, user) == .allow ? found : nil }
        guard rider.isDue(pair, at: now), let owner = attributesOwner(of: user.domain) else { return nil }
        guard desk?.maySee(recipient, user) == .allow, rider.mayAsk(at: now) else {
            rider.rest(pair, until: now + AliasRider.pause)
            return nil
        }
        rider.rest(pair, until: now + AliasRider.again)
        var atOnce: Attribute?
        var isLater = false
        owner.adapter?.attributes(of: user, for: recipient, keys: ["alias"], by: now + Self.patience) { [weak self] in
            guard let self, let alias = $0.first(where: AliasRider.canRide) else { return }
            if isLater { rider.keep(alias, pair) } else { atOnce = alias }
        }
        isLater = true
        return atOnce
    }

    /// The envelope with what rides on it. Only what people write carries it: nothing that they are not known to have sent.
    func loaded(_ envelope: Envelope, from port: AdapterPort) -> Envelope {
        guard port.authority != .network, case .message = envelope.operation, envelope.body != .none,
            let alias = ridingAlias(of: envelope.source, for: envelope.destination)
        else { return envelope }
        var loaded = envelope
        var details = envelope.details ?? Envelope.Details()
        guard !details.attributes.contains(where: { $0.key == alias.key }) else { return envelope }
        details.attributes.append(alias)
        loaded.details = details
        return loaded
    }
}

extension Attribute {
    /// A number that is good for an hour.
    package init(_ key: String, number: Int) {
        self.init(key, value: ByteBuffer(string: String(number)), seconds: 3_600)
    }
}
