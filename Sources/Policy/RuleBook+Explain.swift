// SPDX-License-Identifier: Apache-2.0
package import Configuration
package import EnvelopeModel
import NIOCore

/// Looks at every rule, for people who wish to know why.
extension RuleBook {
    /// All rules that speak about the case, the one that decides first, found by looking at each.
    package func matching(
        _ action: Action,
        owner: Address,
        party: Address,
        isContact: Bool
    ) -> [AccessRule] {
        let found = rules.enumerated().filter { _, rule in
            speaks(rule, of: action) && includes(rule.owner, owner, false) && includes(rule.party, party, isContact)
        }
        return found.sorted { a, b in
            isMoreSpecific(a.element.owner, b.element.owner) ?? isMoreSpecific(a.element.party, b.element.party)
                ?? (a.element.action != b.element.action ? a.element.action == action.rawValue : a.offset < b.offset)
        }.map(\.element)
    }

    /// Which of two patterns comes first; nil where they are the same.
    private func isMoreSpecific(_ a: PartyPattern, _ b: PartyPattern) -> Bool? {
        if a == b { return nil }
        if case .likeness(let a) = a, case .likeness(let b) = b {
            return RuleIndex.Likeness(pattern: a).isBefore(RuleIndex.Likeness(pattern: b))
        }
        return rank(a).lexicographicallyPrecedes(rank(b)) == false
    }

    private func speaks(_ rule: AccessRule, of action: Action) -> Bool {
        rule.action == action.rawValue || (action.isPresence && Action(rawValue: rule.action) == nil)
    }

    private func includes(_ pattern: PartyPattern, _ address: Address, _ isContact: Bool) -> Bool {
        switch pattern {
        case .address(let it): it == address
        case .likeness(let it):
            it.domain == address.domain
                && it.localPart.readableBytesView.isLikeness(of: address.localPart.readableBytesView)
        case .domain(let it): it == address.domain
        case .below(let it): address.domain.name.hasSuffix(".\(it.name)")
        case .domainClass(let it): it == domainClass(of: address.domain)
        case .contacts: isContact
        case .everybody: true
        }
    }

    /// How specific a pattern is; the greatest decides.
    private func rank(_ pattern: PartyPattern) -> [Int] {
        switch pattern {
        case .address: [6, 0]
        case .likeness: [5, 0]
        case .domain: [4, 0]
        case .below(let it): [3, it.name.utf8.count]
        case .domainClass: [2, 0]
        case .contacts: [1, 0]
        case .everybody: [0, 0]
        }
    }
}
