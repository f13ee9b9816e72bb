// SPDX-License-Identifier: Apache-2.0
import Configuration
import EnvelopeModel
import Testing

@testable import Policy

/// The hashed look-up against a scan of all rules that knows nothing of it.
@Suite("The rule that decides is found by look-up") struct LookUpTests {
    private static let locals = ["a", "b", "ab", "abc", "ba"]
    private static let domains = ["x.example", "y.x.example", "z.y.x.example", "w.example"]
    private static let classNames = ["one", "two"]

    @Test("RFC2779 2.3.1, RFC2779 2.3.5: in random books the look-up and a plain scan decide every case the same")
    func sameAsScan() throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = Random(state: seed)
        var decided = 0
        for _ in 0..<600 {
            let rules = Self.rules(&random)
            var classes: [Domain: String] = [:]
            for name in Self.domains where Bool.random(using: &random) {
                classes[try domain(name)] = Bool.random(using: &random) ? "one" : "two"
            }
            let book = RuleBook(rules, classes: classes)
            for _ in 0..<60 {
                let owner = try user(Self.address(&random))
                let party = try user(Self.address(&random))
                let action = try #require(RuleBook.Action.allCases.randomElement(using: &random))
                let isContact = Bool.random(using: &random)
                let found = book.decide(action, owner: owner, party: party) { isContact }
                guard owner != party else { continue }
                let scanned = Scan(action, owner, party, isContact, classes).best(of: rules)
                #expect(found.rule == scanned, "seed \(seed), \(action) \(owner) \(party) \(rules)")
                #expect(book.matching(action, owner: owner, party: party, isContact: isContact).first == scanned)
                if scanned != nil { decided += 1 }
            }
        }
        #expect(decided > 1000)
    }

    @Test("RFC2779 2.3.1: among a hundred thousand rules each case finds its own")
    func manyRules() throws {
        let rules = try (0..<100_000).map {
            try rule("deny", "message", to: "u\($0 % 1000)@a.example", for: "p\($0)@b.example")
        }
        let book = RuleBook(rules)
        let owner = try user("u7@a.example")
        let denied = try (0..<10_000).filter {
            let party = try user("p\($0)@b.example")
            return book.decide(.message, owner: owner, party: party, isContact: { false }).verdict == .deny
        }
        #expect(denied == Array(stride(from: 7, to: 10_000, by: 1000)))
    }

    private static func address(_ random: inout Random) -> String {
        "\(locals.randomElement(using: &random) ?? "a")@\(domains.randomElement(using: &random) ?? "x.example")"
    }

    private static func pattern(_ random: inout Random, owner: Bool) -> PartyPattern {
        let domain = domains.randomElement(using: &random) ?? "x.example"
        let likeness = ["a*", "*a", "*b*", "a*b", "*", "ab*", "*ab*"].randomElement(using: &random) ?? "*"
        let text =
            switch Int.random(in: 0..<(owner ? 4 : 7), using: &random) {
            case 0: address(&random)
            case 1: domain
            case 2: "class:\(classNames.randomElement(using: &random) ?? "one")"
            case 3: "everybody"
            case 4: "\(likeness)@\(domain)"
            case 5: [".example", ".x.example", ".y.x.example"].randomElement(using: &random) ?? ".example"
            default: "contacts"
            }
        return PartyPattern(text) ?? .everybody
    }

    /// Up to 24 rules, no two about the same case.
    private static func rules(_ random: inout Random) -> [AccessRule] {
        var seen: Set<String> = []
        var rules: [AccessRule] = []
        for number in 0..<Int.random(in: 0...24, using: &random) {
            let rule = AccessRule(
                AccessRule.verdicts.randomElement(using: &random) ?? "deny",
                AccessRule.actions.randomElement(using: &random) ?? "message",
                owner: pattern(&random, owner: true),
                party: pattern(&random, owner: false),
                position: SettingsPosition(file: "f", line: number + 1, column: 1)
            )
            if seen.insert("\(rule.action) \(rule.owner) \(rule.party)").inserted { rules.append(rule) }
        }
        return rules
    }
}

/// The order of specificity as the documentation has it, by scores and text alone.
private struct Scan {
    let action: String
    let owner: String
    let party: String
    let isContact: Bool
    let classes: [String: String]

    init(_ action: RuleBook.Action, _ owner: Address, _ party: Address, _ isContact: Bool, _ classes: [Domain: String])
    {
        self.action = action.rawValue
        self.owner = owner.description
        self.party = party.description
        self.isContact = isContact
        self.classes = Dictionary(uniqueKeysWithValues: classes.map { ($0.key.name, $0.value) })
    }

    func best(of rules: [AccessRule]) -> AccessRule? {
        var best: (rule: AccessRule, key: String)?
        for rule in rules {
            let isGroup = rule.action == "presence" && ["subscribe", "fetch", "attributes"].contains(action)
            guard rule.action == action || isGroup, let byOwner = key(rule.owner.description, owner),
                let byParty = key(rule.party.description, party)
            else { continue }
            let key = "\(byOwner)|\(byParty)|\(isGroup ? 1 : 0)"
            if key < (best?.key ?? "~") { best = (rule, key) }
        }
        return best?.rule
    }

    /// A text that sorts before those of less specific patterns; nil where the pattern does not speak of the address.
    private func key(_ pattern: String, _ address: String) -> String? {
        let domain = String(address.split(separator: "@")[1])
        if pattern == "everybody" { return "9" }
        if pattern == "contacts" { return isContact ? "8" : nil }
        if pattern.hasPrefix("class:") { return (classes[domain] ?? "") == pattern.dropFirst(6) ? "7" : nil }
        if pattern.hasPrefix(".") { return domain.hasSuffix(pattern) ? "6\(999 - pattern.count)" : nil }
        guard pattern.contains("@") else { return pattern == domain ? "5" : nil }
        if !pattern.contains("*") { return pattern == address ? "1" : nil }
        let sides = pattern.split(separator: "@").map(String.init)
        let local = String(address.split(separator: "@")[0])
        guard sides[1] == domain, Self.likens(Array(sides[0]), Array(local)) else { return nil }
        return "2\(999 - sides[0].count { $0 != "*" })\(sides[0])"
    }

    private static func likens(_ pattern: [Character], _ text: [Character]) -> Bool {
        guard let first = pattern.first else { return text.isEmpty }
        let rest = Array(pattern.dropFirst())
        if first == "*" { return (0...text.count).contains { likens(rest, Array(text.dropFirst($0))) } }
        return text.first == first && likens(rest, Array(text.dropFirst()))
    }
}

private struct Random: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z &>> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z &>> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z &>> 31)
    }
}
