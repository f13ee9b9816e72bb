// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

/// Stops those who send faster than people do, and strangers where they are not wished for (IMX 6.4).
///
/// Every sender, every sender's domain and every recipient has a budget that fills with time. What does not fit into
/// one of them takes from none. Memory is fixed; the time is passed in.
package struct SpamGuard {
    /// What is sent, as far as its cost goes.
    package enum Kind: Sendable, Hashable {
        case message, chatState, report, subscribe, fetch, renewal, attributes, notify
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
            case .strangers: "too much for strangers"
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
        let charge = weigh(kind, sender, recipient, now, knows)
        if let refusal = charge.refusal { return refusal }
        if let bySender = charge.bySender { senders.set(bySender.place, bySender.spent, at: now) }
        if let byDomain = charge.byDomain { domains.set(byDomain.place, byDomain.spent, at: now) }
        if let byRecipient = charge.byRecipient { recipients.set(byRecipient.place, byRecipient.spent, at: now) }
        if let byStrangers = charge.byStrangers { strangers.set(byStrangers.place, byStrangers.spent, at: now) }
        return nil
    }

    /// What is to be taken from which budget, or why that cannot be. All is looked at before anything is taken: a
    /// refusal costs nothing, and gives the longest wait.
    private func weigh(
        _ kind: Kind,
        _ sender: Address,
        _ recipient: Address,
        _ now: Instant,
        _ knows: () -> Bool
    ) -> Charge {
        let from = settings.budgets(of: sender.domain)
        let to = settings.budgets(of: recipient.domain)
        let counted = Counted(kind)
        var charge = Charge()
        var isStranger = false
        if counted.strangers, to.firstContact != .allow, isHosted(recipient.domain),
            !isKnown(sender, to: recipient, knows)
        {
            // Strangers may ask to see also where they may not write: how else would they meet? But not without end.
            if to.firstContact == .refuse, kind != .subscribe {
                charge.refusal = Refusal(cause: .stranger, wait: nil)
                return charge
            }
            isStranger = true
        }
        var bill = Bill(cost: cost(of: kind), now: now)
        charge.bySender = counted.sender ? bill.look(senders, sender, from.sender, .sender) : nil
        charge.byDomain = bill.look(domains, sender.domain, from.domain, .domain)
        charge.byRecipient = counted.recipient ? bill.look(recipients, recipient, to.recipient, .recipient) : nil
        charge.byStrangers = isStranger ? bill.look(strangers, sender, to.strangers, .strangers) : nil
        charge.refusal = bill.cause.map { Refusal(cause: $0, wait: bill.wait) }
        return charge
    }

    /// Whether the recipient has written to the sender, or has approved it.
    func isKnown(_ sender: Address, to recipient: Address, _ knows: () -> Bool) -> Bool {
        correspondents.contains(Correspondents(writer: recipient, reader: sender)) || knows()
    }

    private func cost(of kind: Kind) -> Double {
        switch kind {
        case .message: 1
        case .chatState, .report: settings.costs.chatState
        case .subscribe, .fetch: settings.costs.subscribe
        case .attributes: settings.costs.attributes
        case .renewal, .notify: settings.costs.notify
        }
    }

    /// Whose budgets a kind is taken from, beside that of the sender's domain.
    private struct Counted {
        var sender = true
        var recipient = true
        /// Whether it matters that the recipient does not know the sender. A look at somebody's presence asks nobody.
        var strangers = true

        init(_ kind: Kind) {
            switch kind {
            case .message, .chatState, .report, .subscribe: break
            case .fetch: strangers = false
            case .attributes: (recipient, strangers) = (false, false)
            case .renewal, .notify: (sender, recipient, strangers) = (false, false, false)
            }
        }
    }

    /// What one operation comes to.
    private struct Charge {
        var refusal: Refusal?
        var bySender: (place: RecentTable.Place, spent: Double)?
        var byDomain: (place: RecentTable.Place, spent: Double)?
        var byRecipient: (place: RecentTable.Place, spent: Double)?
        var byStrangers: (place: RecentTable.Place, spent: Double)?
    }
}

/// What budgets would say, for people who wish to know; nothing is taken from any.
extension SpamGuard {
    /// A case that nothing was sent in.
    package struct Outlook: Sendable, Hashable {
        /// The class of the recipient's domain, and what it says of strangers: `allow`, `limit`, `refuse`.
        package let recipientClass: String
        package let firstContact: String
        /// The class of the sender's domain, whose budgets the sender is under.
        package let senderClass: String
        /// Whether no budget counts the sender.
        package let isExempt: Bool
        /// Whether the recipient knows the sender: has approved it, watches it, or has written to it.
        package let isKnown: Bool
        /// Why it would be refused now; nil where it would be let in.
        package let refusal: Refusal?
    }

    /// What `sender` would hear now who did `kind` to `recipient`.
    package func outlook(
        _ kind: Kind,
        from sender: Address,
        to recipient: Address,
        now: Instant,
        knows: () -> Bool
    ) -> Outlook {
        let isExempt = settings.isExempt(sender, to: recipient)
        let to = settings.budgets(of: recipient.domain)
        return Outlook(
            recipientClass: to.name,
            firstContact: to.firstContact.rawValue,
            senderClass: settings.budgets(of: sender.domain).name,
            isExempt: isExempt,
            isKnown: isKnown(sender, to: recipient, knows),
            refusal: isExempt ? nil : weigh(kind, sender, recipient, now, knows).refusal
        )
    }

    /// The messages a minute that one user of `domain` may send here after a burst; nil for no limit.
    package func perMinute(ofSendersAt domain: Domain) -> Int? {
        let budget = settings.budgets(of: domain).sender
        return budget.isUnlimited ? nil : Int((budget.perSecond * 60).rounded())
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
