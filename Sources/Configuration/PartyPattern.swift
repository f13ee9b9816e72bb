// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

/// Whom a rule is about, as a configuration file writes it.
package enum PartyPattern: Sendable, Hashable, CustomStringConvertible {
    /// One user: `bob@b.example`.
    case address(Address)
    /// Users of one domain whose local parts look alike: `news-*@b.example`; each star stands for any octets.
    case likeness(Address)
    /// Everybody of one domain: `b.example`.
    case domain(Domain)
    /// Everybody of every domain below one: `.b.example`.
    case below(Domain)
    /// Everybody of the domains of one class: `class:partners`.
    case domainClass(String)
    /// Whom the owner has approved: `contacts`.
    case contacts
    /// `everybody`.
    case everybody

    static let everybodyWord = "everybody"
    static let contactsWord = "contacts"
    private static let classPrefix = "class:"

    /// What `text` stands for; nil where it stands for nobody. A domain of one label is written `*@localhost`, so that
    /// a slip in one of the words is not taken for a domain.
    package init?(_ text: String) {
        switch text {
        case Self.everybodyWord: self = .everybody
        case Self.contactsWord: self = .contacts
        case _ where text.hasPrefix(Self.classPrefix): self = .domainClass(String(text.dropFirst(6)))
        case _ where text.contains("@"):
            guard let address = Address(text) else { return nil }
            let local = text.prefix { $0 != "@" }
            if local == "*" {
                self = .domain(address.domain)
            } else {
                self = local.utf8.contains(UInt8(ascii: "*")) ? .likeness(address) : .address(address)
            }
        case _ where text.hasPrefix("."):
            guard let domain = Domain(text.dropFirst()) else { return nil }
            self = .below(domain)
        default:
            guard let domain = Domain(text), domain.name.utf8.contains(UInt8(ascii: ".")) else { return nil }
            self = .domain(domain)
        }
    }

    /// The pattern as a configuration file writes it.
    package var description: String {
        switch self {
        case .address(let address), .likeness(let address): address.description
        case .domain(let domain): domain.name.contains(".") ? domain.name : "*@\(domain)"
        case .below(let domain): ".\(domain)"
        case .domainClass(let name): Self.classPrefix + name
        case .contacts: Self.contactsWord
        case .everybody: Self.everybodyWord
        }
    }

    /// The domain that the pattern names, if it names one.
    var namedDomain: Domain? {
        switch self {
        case .address(let address), .likeness(let address): address.domain
        case .domain(let domain), .below(let domain): domain
        case .domainClass, .contacts, .everybody: nil
        }
    }
}

/// Which patterns may stand in a place of the file.
public enum PartyRole: Sendable, Hashable {
    /// A rule's party: any pattern.
    case party
    /// A rule's owner: users, domains and classes that are hosted here.
    case owner
    /// A sender that is exempt from budgets: any pattern that does not depend on the recipient.
    case sender

    func takes(_ pattern: PartyPattern) -> Bool {
        switch (self, pattern) {
        case (.party, _): true
        case (.owner, .likeness), (.owner, .below), (.owner, .contacts): false
        case (.sender, .contacts), (.sender, .everybody): false
        case (.owner, _), (.sender, _): true
        }
    }

    var expectation: String {
        switch self {
        case .party: "an address, a domain, .domain for what is below it, class:NAME, contacts or everybody"
        case .owner: "an address, a domain, class:NAME or everybody"
        case .sender: "an address, a domain, .domain for what is below it, or class:NAME"
        }
    }

    var words: [String] {
        switch self {
        case .party: [PartyPattern.contactsWord, PartyPattern.everybodyWord]
        case .owner: [PartyPattern.everybodyWord]
        case .sender: []
        }
    }
}

/// One rule about who may do what, as it stands in the file.
package struct AccessRule: Sendable, Hashable, CustomStringConvertible {
    /// What a rule is about; `presence` is to subscribe, to fetch and to read attributes.
    package static let actions = ["presence", "subscribe", "fetch", "attributes", "message", "watchers"]
    /// What a rule says.
    package static let verdicts = ["allow", "deny", "polite", "ask"]

    /// One of ``actions``.
    package let action: String
    /// Whose presence, attributes, inbox or watchers it is about.
    package let owner: PartyPattern
    /// Who wishes to see, to send or to know.
    package let party: PartyPattern
    /// One of ``verdicts``.
    package let verdict: String
    /// Where the rule stands.
    package let position: SettingsPosition

    /// Makes a rule.
    package init(
        _ verdict: String,
        _ action: String,
        owner: PartyPattern = .everybody,
        party: PartyPattern = .everybody,
        position: SettingsPosition = SettingsPosition(file: "", line: 0, column: 0)
    ) {
        self.action = action
        self.owner = owner
        self.party = party
        self.verdict = verdict
        self.position = position
    }

    /// The rule as a configuration file writes it.
    package var description: String {
        "{ action: \(action), owner: \(quoted(owner)), party: \(quoted(party)), verdict: \(verdict) }"
    }

    private func quoted(_ pattern: PartyPattern) -> String {
        let text = pattern.description
        return text.contains { ":*\"'{}[],&#?|<>=!%`\\ ".contains($0) } ? "\"\(text)\"" : text
    }

    /// Whether both say the same, wherever they stand.
    package static func == (a: AccessRule, b: AccessRule) -> Bool {
        a.action == b.action && a.owner == b.owner && a.party == b.party && a.verdict == b.verdict
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(action)
        hasher.combine(owner)
        hasher.combine(party)
        hasher.combine(verdict)
    }
}
