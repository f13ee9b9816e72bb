// SPDX-License-Identifier: Apache-2.0
package import Configuration
package import EnvelopeModel
import NIOCore

/// All that the configuration says about who may do what and how much of it, made ready for use.
package struct PolicyTables: Sendable {
    /// The rules.
    package let rules: RuleBook
    /// The budgets.
    package let spam: SpamSettings

    /// Tables of parts.
    package init(rules: RuleBook, spam: SpamSettings) {
        self.rules = rules
        self.spam = spam
    }

    /// The tables of a configuration. With very many rules this takes a while; it is made off the event loop.
    package init(_ configuration: AggregatorConfiguration) {
        let plain = configuration.classes["default"]?.budgets ?? .init()
        var named: Set<String> = []
        for pattern in configuration.rules.flatMap({ [$0.owner, $0.party] }) + configuration.spam.exempt {
            if case .domainClass(let name) = pattern { named.insert(name) }
        }
        // Domains of which nobody asks the class need no entry.
        let special = configuration.classes.filter { named.contains($0.key) || $0.value.budgets != plain }
        var classOf: [Domain: String] = [:]
        for hosted in configuration.domains where special[hosted.className] != nil {
            classOf[hosted.domain] = hosted.className
        }
        for domainClass in special.values {
            for member in domainClass.members { classOf[member] = domainClass.name }
        }
        rules = RuleBook(configuration.rules, classes: classOf, blocked: configuration.blocked)
        spam = SpamSettings(
            configuration.spam,
            plain: plain,
            classes: special.mapValues(\.budgets),
            classOf: classOf
        )
    }
}

/// Where envelopes are let in or turned away, and where presence asks who may see.
///
/// Confined to one event loop.
package final class Gate {
    /// What turned an envelope away, beside the causes of ``SpamGuard``.
    private static let blockedName = "blocked"
    private static let ruleName = "rule"

    /// The rules in force.
    package private(set) var rules: RuleBook
    private var guardian: SpamGuard
    private var blocked: UInt64 = 0
    private var denied: UInt64 = 0
    /// Whether a domain is hosted here; rules have owners here alone.
    package var isHosted: (Domain) -> Bool = { _ in true } {
        didSet { guardian.isHosted = isHosted }
    }
    /// Whether the party is a contact of the owner: one that the owner has approved as a watcher, or watches with the
    /// party's approval. Asked only where a rule cares.
    package var isContact: (_ owner: Address, _ party: Address) -> Bool = { _, _ in false }
    /// Whether a message from the party is no surprise to the owner. Asked only where strangers are not welcome.
    package var knows: (_ owner: Address, _ party: Address) -> Bool = { _, _ in false }
    /// Whether the watcher has a live subscription to the presentity, so that a wish to see is a renewal.
    package var hasLease: (_ presentity: Address, _ watcher: Address) -> Bool = { _, _ in false }

    /// Called with whom a user here has written to, for those who remember it beyond this process; once a day for each.
    package var onContact: ((_ writer: Address, _ reader: Address) -> Void)? {
        get { guardian.onContact }
        set { guardian.onContact = newValue }
    }

    /// Takes up whom a user here had written to before this process; the last word first counts as the oldest.
    package func restoreContact(of writer: Address, with reader: Address, now: Instant) {
        guardian.restoreContact(of: writer, with: reader, now: now)
    }

    /// A gate that has seen nothing.
    package init(_ tables: PolicyTables) {
        rules = tables.rules
        guardian = SpamGuard(tables.spam)
    }

    /// Takes over other tables; budgets keep their fill.
    package func replace(_ tables: PolicyTables) {
        rules = tables.rules
        guardian.settings = tables.spam
    }

    /// Decides whether `party` may do `action` to `owner`. Where the owner is not hosted here, its own side decides.
    package func decide(_ action: RuleBook.Action, owner: Address, party: Address) -> RuleBook.Decision {
        if owner == party { return RuleBook.Decision(verdict: .allow, reason: .oneself) }
        guard !rules.isEmpty else { return RuleBook.Decision(verdict: .ask, reason: .noRule) }
        guard isHosted(owner.domain) else { return RuleBook.Decision(verdict: .ask, reason: .noRule) }
        return rules.decide(action, owner: owner, party: party, isContact: { isContact(owner, party) })
    }

    /// Why an envelope is turned away; nil where it is let in, which its sender's budgets then pay for.
    package func refusal(of envelope: Envelope, now: Instant) -> Outcome? {
        let source = envelope.source
        let destination = envelope.destination
        if rules.blocked.contains(source.domain) {  // IMX 6.4(1): again at data, after the refusal of the claim
            blocked += 1
            return Outcome(.refused, "the sender's domain is blocked")
        }
        var kind = SpamGuard.Kind(envelope)
        // Many renewals at once are what a restart of the other side looks like; they ask nobody anything.
        if kind == .subscribe, case .subscribe(let wish) = envelope.operation, wish.seconds > 0,
            hasLease(destination, source)
        {
            kind = .renewal
        }
        if kind == .message || kind == .chatState || kind == .report, !rules.rules.isEmpty {
            // RFC 2779 2.3.5, 5.4.10: word about a message is shown like one. Wishes to see are decided where
            // subscriptions are kept.
            if decide(.message, owner: destination, party: source).verdict == .deny {
                denied += 1
                return Outcome(.refused, "the recipient takes no messages from this sender")
            }
        }
        return guardian.admit(kind, from: source, to: destination, now: now) {
            knows(destination, source)
        }?.outcome
    }

    /// What the budgets would say now if `party` did `kind` to `owner`; it costs nobody anything.
    package func outlook(_ kind: SpamGuard.Kind, owner: Address, party: Address, now: Instant) -> SpamGuard.Outlook {
        guardian.outlook(kind, from: party, to: owner, now: now) { knows(owner, party) }
    }

    /// The messages a minute that one user of `domain` may send here; nil for no limit.
    package func perMinute(ofSendersAt domain: Domain) -> Int? { guardian.perMinute(ofSendersAt: domain) }

    /// How often envelopes were turned away, by name.
    package var counts: [(name: String, count: UInt64)] {
        [(Self.blockedName, blocked), (Self.ruleName, denied)]
            + SpamGuard.Cause.allCases.map { ($0.rawValue, guardian.counts[$0] ?? 0) }
    }
}

extension SpamGuard.Kind {
    /// The most octets that a typing notice may carry for its own protocol's other end: hints to servers.
    private static let noticeBaggage = 1_024

    /// What an envelope costs as.
    init(_ envelope: Envelope) {
        switch envelope.operation {
        case .message: self = Self.isNotice(envelope) ? .chatState : .message
        case .subscribe(let wish): self = wish.seconds > 0 ? .subscribe : .fetch
        case .report: self = .report
        case .notify: self = .notify
        case .getAttributes: self = .attributes
        case .pushAttributes: self = .notify
        case .unknown: self = .message
        }
    }

    /// Whether a message says nothing but what its sender does at the conversation.
    private static func isNotice(_ envelope: Envelope) -> Bool {
        guard envelope.hasDetails, envelope.body == .none, envelope.chatState != nil, let details = envelope.details
        else { return false }
        return details.subjects.isEmpty && details.replaces == nil
            && details.baggage.reduce(0) { $0 + $1.octets.readableBytes } <= noticeBaggage
    }
}
