// SPDX-License-Identifier: Apache-2.0
package import Configuration
package import EnvelopeModel

/// All rules about who may see, watch and write to whom, as a value that decides without anybody's help: the owner need
/// not be there (RFC 2779 2.3.7).
///
/// The most specific rule decides. First by its owner: a user, the user's domain, the domain's class, everybody. Among
/// rules of the same owner by its party: an address, a likeness (the most letters beside stars, then the first by the
/// alphabet), a domain, what is below a domain (the longest), a class of domains, contacts, everybody. Among rules of the
/// same owner and party, one about the action itself before one about `presence`. Where no rule speaks, the owner's
/// service decides. A blocked domain may do nothing, and oneself may do everything.
package struct RuleBook: Sendable {
    /// What somebody wishes to do.
    package enum Action: String, Sendable, Hashable, CaseIterable {
        /// To be told of the owner's presence from now on.
        case subscribe
        /// To see the owner's presence now.
        case fetch
        /// To read the owner's attributes.
        case attributes
        /// To send the owner a message.
        case message
        /// To know who watches the owner.
        case watchers
    }

    /// What is decided.
    package enum Verdict: String, Sendable, Hashable, CaseIterable {
        /// Yes.
        case allow
        /// No.
        case deny
        /// It looks granted and is never served (RFC 2779 5.1.15). For presence only.
        case polite
        /// The owner's service decides.
        case ask
    }

    /// A verdict and what decided it.
    package struct Decision: Sendable, Hashable {
        /// The verdict.
        package let verdict: Verdict
        /// What decided.
        package let reason: Reason

        /// The rule that decided, if one did.
        package var rule: AccessRule? { if case .rule(let rule) = reason { rule } else { nil } }
    }

    /// What decided a case.
    package enum Reason: Sendable, Hashable {
        /// This rule.
        case rule(AccessRule)
        /// The party's domain is on the block list.
        case blocked
        /// The party is the owner.
        case oneself
        /// No rule speaks about the case.
        case noRule
    }

    /// The rules in the order of the file.
    package let rules: [AccessRule]
    /// Domains that may do nothing.
    package let blocked: Set<Domain>
    var index = RuleIndex()
    private let classes: [Domain: String]

    /// A book of `rules`.
    ///
    /// - Parameters:
    ///   - classes: The class of each domain, hosted or foreign; those suffice that a rule names.
    ///   - blocked: Domains that may do nothing.
    package init(_ rules: [AccessRule], classes: [Domain: String] = [:], blocked: Set<Domain> = []) {
        self.rules = rules
        self.classes = classes
        self.blocked = blocked
        for number in rules.indices { index.add(rules[number], number) }
    }

    /// Whether no case can be decided here.
    package var isEmpty: Bool { rules.isEmpty && blocked.isEmpty }

    /// Decides whether `party` may do `action` to `owner`, who is hosted here.
    ///
    /// - Parameter isContact: Whether the owner has approved the party; asked at most once, and only where it matters.
    package func decide(
        _ action: Action,
        owner: Address,
        party: Address,
        isContact: () -> Bool
    ) -> Decision {
        if owner == party { return Decision(verdict: .allow, reason: .oneself) }
        if blocked.contains(party.domain) { return Decision(verdict: .deny, reason: .blocked) }  // IMX 6.4(1)
        guard let number = deciding(action, owner: owner, party: party, isContact: isContact) else {
            return Decision(verdict: .ask, reason: .noRule)
        }
        let rule = rules[number]
        return Decision(verdict: Verdict(rawValue: rule.verdict) ?? .deny, reason: .rule(rule))
    }

    /// The number of the rule that decides.
    private func deciding(
        _ action: Action,
        owner: Address,
        party: Address,
        isContact: () -> Bool
    ) -> Int? {
        guard !rules.isEmpty else { return nil }
        var search = RuleIndex.Search(action: action, party: party, partyClass: classes[party.domain])
        if let scope = index.users[owner], let found = index.find(&search, in: scope, isContact) { return found }
        if let scope = index.domains[owner.domain], let found = index.find(&search, in: scope, isContact) {
            return found
        }
        if let name = classes[owner.domain], let scope = index.classes[name],
            let found = index.find(&search, in: scope, isContact)
        {
            return found
        }
        return index.find(&search, in: index.everybody, isContact)
    }

    /// The class of `domain`, where a rule or the caller has an interest in it.
    func domainClass(of domain: Domain) -> String? { classes[domain] }
}
