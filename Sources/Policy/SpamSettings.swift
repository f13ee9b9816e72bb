// SPDX-License-Identifier: Apache-2.0
package import Configuration
package import EnvelopeModel

/// What the spam controls are told by the configuration.
package struct SpamSettings: Sendable {
    /// So much at once, and so much in a second after that.
    struct Budget: Sendable {
        let burst: Double
        let perSecond: Double

        init(_ budget: AggregatorConfiguration.Budget) {
            burst = Double(budget.burst)
            perSecond = Double(budget.perMinute) / 60
        }

        var isUnlimited: Bool { burst == 0 }
    }

    /// Messages and wishes to see from those whom the recipient does not know.
    enum FirstContact: String, Sendable {
        case allow, limit, refuse
    }

    /// The budgets of a class.
    struct Class: Sendable {
        let name: String
        let sender: Budget
        let domain: Budget
        let recipient: Budget
        let strangers: Budget
        let firstContact: FirstContact

        init(_ name: String, _ budgets: AggregatorConfiguration.Budgets) {
            self.name = name
            sender = Budget(budgets.sender)
            domain = Budget(budgets.domain)
            recipient = Budget(budgets.recipient)
            strangers = Budget(budgets.strangers)
            firstContact = FirstContact(rawValue: budgets.firstContact) ?? .refuse
        }
    }

    /// What an operation costs, in messages.
    struct Costs: Sendable {
        let chatState: Double
        let subscribe: Double
        let attributes: Double
        let notify: Double
    }

    let plain: Class
    private let classes: [Class]
    private let classOf: [Domain: UInt16]
    let costs: Costs
    /// Allows everything to whoever is exempt.
    private let exempt: RuleBook?
    /// How many of each kind are remembered.
    let remembered: Int
    /// Whether it matters anywhere who knows whom.
    let mindsStrangers: Bool

    /// Settings for tests and for the program.
    ///
    /// - Parameters:
    ///   - spam: What is said for all.
    ///   - plain: The budgets of domains that are in no class of `classes`.
    ///   - classes: The budgets of classes by name.
    ///   - classOf: The classes of domains.
    package init(
        _ spam: AggregatorConfiguration.Spam = .init(),
        plain: AggregatorConfiguration.Budgets = .init(),
        classes: [String: AggregatorConfiguration.Budgets] = [:],
        classOf: [Domain: String] = [:]
    ) {
        self.plain = Class("default", plain)
        let names = classes.keys.sorted()
        self.classes = names.map { Class($0, classes[$0] ?? plain) }
        let numbers = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, UInt16(clamping: $0)) })
        self.classOf = classOf.compactMapValues { numbers[$0] }
        costs = Costs(
            chatState: Double(spam.chatStateCost) / 100,
            subscribe: Double(spam.subscribeCost) / 100,
            attributes: Double(spam.attributesCost) / 100,
            notify: Double(spam.notifyCost) / 100
        )
        exempt =
            spam.exempt.isEmpty
            ? nil : RuleBook(spam.exempt.map { AccessRule("allow", "message", party: $0) }, classes: classOf)
        remembered = spam.remembered
        mindsStrangers = ([self.plain] + self.classes).contains { $0.firstContact != .allow }
    }

    /// The budgets that `domain` is under.
    func budgets(of domain: Domain) -> Class {
        if classOf.isEmpty { return plain }
        return classOf[domain].map { classes[Int($0)] } ?? plain
    }

    /// Whether no budget counts what `sender` sends to `recipient`.
    func isExempt(_ sender: Address, to recipient: Address) -> Bool {
        guard let exempt else { return false }
        return exempt.decide(.message, owner: recipient, party: sender, isContact: { false }).rule != nil
    }
}
