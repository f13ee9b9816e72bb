// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

/// Stops those who send faster than people do, and strangers where they are not wished for (IMX 6.4).
///
/// Every sender, every sender's domain and every recipient has a budget that fills with time. What does not fit into
/// one of them takes from none. Memory is fixed; the time is passed in.
package struct SpamGuard {
    /// What is sent, as far as its cost goes.
    package enum Kind: Sendable, Hashable {
        case message, chatState, subscribe, renewal, attributes, notify
    }

    /// Why something is refused; the raw value is its name in the counters.
    package enum Cause: String, Sendable, Hashable, CaseIterable {
        /// One user sends too fast.
        case sender = "sender-too-fast"
        /// The users of one domain together send too fast.
        case domain = "domain-too-fast"
        /// Too much comes for one user.
        case recipient = "recipient-too-fast"
        /// The recipient takes nothing from strangers.
        case stranger = "stranger"
        /// One user writes to too many strangers, or too fast.
        case strangers = "strangers-too-fast"

        var text: String {
            switch self {
            case .sender: "the sender sends too fast"
            case .domain: "the sender's domain sends too fast"
            case .recipient: "too much comes for the recipient"
            case .stranger: "the recipient takes no messages from strangers"
            case .strangers: "too many messages to strangers"
            }
        }
    }

    /// A refusal.
    package struct Refusal: Sendable, Hashable {
        /// Why.
        package let cause: Cause
        /// After what time the same would be taken; nil where it never would.
        package let wait: Interval?

        /// The outcome that the sender is told: 4004 with a time, or 5004.
        package var outcome: Outcome {
            guard let wait else { return Outcome(.refused, cause.text) }
            let seconds = wait.nanoseconds / 1_000_000_000 + 1
            return Outcome(.rateLimited, cause.text, retryAfter: UInt32(clamping: seconds))
        }
    }

    private struct Correspondents: Hashable {
        let writer: Address
        let reader: Address
    }

    /// Whether a domain is hosted here. Only recipients here have strangers, and only what users here write to makes
    /// nobody one: the other side decides for its own.
    package var isHosted: (Domain) -> Bool = { _ in true }
    /// What the configuration says. Budgets keep their fill when it changes.
    package var settings: SpamSettings
    private var senders: RecentTable
    private var domains: RecentTable
    private var recipients: RecentTable
    private var strangers: RecentTable
    private var correspondents: RecentTable
    /// Called with whom a user here has written to, for those who remember it longer; once a day for each.
    var onContact: ((_ writer: Address, _ reader: Address) -> Void)?
    /// How often each cause refused.
    package private(set) var counts: [Cause: UInt64] = [:]

    /// A guard that has seen nothing.
    package init(_ settings: SpamSettings) {
        self.settings = settings
        senders = RecentTable(capacity: settings.remembered)
        domains = RecentTable(capacity: settings.remembered)
        recipients = RecentTable(capacity: settings.remembered)
        strangers = RecentTable(capacity: settings.remembered)
        correspondents = RecentTable(capacity: settings.remembered)
    }

    /// Takes what `sender` sends to `recipient` from their budgets, or says why not.
    ///
    /// - Parameter knows: Whether the recipient has approved the sender; asked only where strangers matter.
    package mutating func admit(
        _ kind: Kind,
        from sender: Address,
        to recipient: Address,
        now: Instant,
        knows: () -> Bool
    ) -> Refusal? {
        let refusal =
            settings.isExempt(sender, to: recipient)  // IMX 6.4(4)
            ? nil : charge(kind, sender, recipient, now, knows)
        if let refusal {
            counts[refusal.cause, default: 0] += 1
        } else if kind == .message, settings.mindsStrangers, isHosted(sender.domain) {
            noteContact(Correspondents(writer: sender, reader: recipient), now)
        }
        return refusal
    }

    private mutating func noteContact(_ pair: Correspondents, _ now: Instant) {
        let (place, entry) = correspondents.look(pair)
        // The number is the second at which it was written down, counted so that it is never 0.
        let second = Double(now.nanoseconds / 1_000_000_000 + 1)
        let isWritten = entry.value > 0 && second - entry.value < 86_400
        correspondents.set(place, isWritten ? entry.value : second, at: now)
        if !isWritten { onContact?(pair.writer, pair.reader) }
    }

    /// Takes up what an earlier process remembered; those that wrote last come last.
    mutating func restoreContact(of writer: Address, with reader: Address, now: Instant) {
        let (place, _) = correspondents.look(Correspondents(writer: writer, reader: reader))
        correspondents.set(place, Double(now.nanoseconds / 1_000_000_000 + 1), at: now)
    }

    private mutating func charge(
        _ kind: Kind,
        _ sender: Address,
        _ recipient: Address,
        _ now: Instant,
        _ knows: () -> Bool
    ) -> Refusal? {
        let cost = cost(of: kind)
        let from = settings.budgets(of: sender.domain)
        let to = settings.budgets(of: recipient.domain)
        let counted = Counted(kind)
        var isStranger = false
        if counted.recipient, kind != .subscribe, to.firstContact != .allow, isHosted(recipient.domain),
            !isKnown(sender, to: recipient, knows)
        {
            if to.firstContact == .refuse { return Refusal(cause: .stranger, wait: nil) }
            isStranger = true
        }
        // All is looked at before anything is taken: a refusal costs nothing, and gives the longest wait.
        var bill = Bill(cost: cost, now: now)
        let bySender = counted.sender ? bill.look(senders, sender, from.sender, .sender) : nil
        let byDomain = bill.look(domains, sender.domain, from.domain, .domain)
        let byRecipient = counted.recipient ? bill.look(recipients, recipient, to.recipient, .recipient) : nil
        let byStrangers = isStranger ? bill.look(strangers, sender, to.strangers, .strangers) : nil
        if let cause = bill.cause { return Refusal(cause: cause, wait: bill.wait) }
        if let bySender { senders.set(bySender.place, bySender.spent, at: now) }
        if let byDomain { domains.set(byDomain.place, byDomain.spent, at: now) }
        if let byRecipient { recipients.set(byRecipient.place, byRecipient.spent, at: now) }
        if let byStrangers { strangers.set(byStrangers.place, byStrangers.spent, at: now) }
        return nil
    }

    /// Whether the recipient has written to the sender, or has approved it.
    private func isKnown(_ sender: Address, to recipient: Address, _ knows: () -> Bool) -> Bool {
        correspondents.contains(Correspondents(writer: recipient, reader: sender)) || knows()
    }

    private func cost(of kind: Kind) -> Double {
        switch kind {
        case .message: 1
        case .chatState: settings.costs.chatState
        case .subscribe: settings.costs.subscribe
        case .attributes: settings.costs.attributes
        case .renewal, .notify: settings.costs.notify
        }
    }

    /// Whose budgets a kind is taken from, beside that of the sender's domain.
    private struct Counted {
        var sender = true
        var recipient = true

        init(_ kind: Kind) {
            switch kind {
            case .message, .chatState, .subscribe: break
            case .attributes: recipient = false
            case .renewal, .notify: (sender, recipient) = (false, false)
            }
        }
    }
}

/// What one operation costs, and which budget does not hold it.
private struct Bill {
    let cost: Double
    let now: Instant
    private(set) var cause: SpamGuard.Cause?
    private(set) var wait = Interval.zero

    init(cost: Double, now: Instant) {
        self.cost = cost
        self.now = now
    }

    /// What the budget of `key` comes to with this operation; nil where nothing counts it.
    mutating func look(
        _ table: RecentTable,
        _ key: some Hashable,
        _ budget: SpamSettings.Budget,
        _ cause: SpamGuard.Cause
    ) -> (place: RecentTable.Place, spent: Double)? {
        guard !budget.isUnlimited, cost > 0 else { return nil }
        let (place, entry) = table.look(key)
        // A budget that was larger before is at most spent.
        let before = min(entry.value, budget.burst)
        let gained = max(0, (now - entry.at).seconds) * budget.perSecond
        let spent = max(0, before - gained) + min(cost, budget.burst)
        let missing = spent - budget.burst
        guard missing > 1e-9 else { return (place, spent) }
        let seconds = missing / budget.perSecond
        let needed = Interval(nanoseconds: Int64(min(seconds * 1e9, 9e18)))
        if self.cause == nil { self.cause = cause }
        wait = max(wait, needed)
        return nil
    }
}

extension SpamGuard {
    /// How many senders are remembered.
    var rememberedSenders: Int { senders.count }
}
