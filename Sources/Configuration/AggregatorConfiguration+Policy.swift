// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

extension AggregatorConfiguration {
    /// How much one kind of sender may send: so much at once, and so much in a minute after that.
    package struct Budget: Sendable, Hashable {
        /// Messages at once; 0 for no limit.
        package var burst: Int
        /// Messages a minute.
        package var perMinute: Int

        /// Makes a budget.
        package init(burst: Int, perMinute: Int) {
            self.burst = burst
            self.perMinute = perMinute
        }
    }

    /// What users of a class may send and get.
    package struct Budgets: Sendable, Hashable {
        /// What one user may send.
        package var sender = Budget(burst: 200, perMinute: 600)
        /// What one domain may send.
        package var domain = Budget(burst: 0, perMinute: 60_000)
        /// What one user may get.
        package var recipient = Budget(burst: 0, perMinute: 600)
        /// What one user may send to strangers, where they limit it.
        package var strangers = Budget(burst: 5, perMinute: 1)
        /// `allow`, `limit` or `refuse`: messages to users of the class from those whom they do not know.
        package var firstContact = "allow"

        /// Makes the budgets of a class that says nothing of them.
        package init() {}
    }

    /// What spam controls have beside the budgets of the classes.
    package struct Spam: Sendable, Hashable {
        /// Who is exempt.
        package var exempt: [PartyPattern] = []
        /// The cost of a typing notice, in hundredths of a message.
        package var chatStateCost = 10
        /// The cost of a wish to see presence.
        package var subscribeCost = 100
        /// The cost of a question for attributes.
        package var attributesCost = 20
        /// The cost of a presence notification.
        package var notifyCost = 10
        /// How many of each kind are remembered.
        package var remembered = 65_536

        /// Makes the settings of a file that says nothing of them.
        package init() {}
    }
}

extension AggregatorConfiguration.Budgets {
    init(_ row: Settings) throws {
        let budgets = try row.section("budgets")
        func budget(_ name: String) throws -> AggregatorConfiguration.Budget {
            .init(
                burst: try budgets.integer("\(name)-burst"),
                perMinute: try budgets.integer("\(name)-per-minute")
            )
        }
        sender = try budget("sender")
        domain = try budget("domain")
        recipient = try budget("recipient")
        strangers = try budget("strangers")
        firstContact = try row.text("first-contact")
    }
}

extension AggregatorConfiguration.Spam {
    init(_ settings: Settings) throws {
        exempt = try settings.texts("exempt").compactMap { PartyPattern($0) }
        let costs = try settings.section("costs")
        chatStateCost = try costs.integer("chat-state")
        subscribeCost = try costs.integer("subscribe")
        attributesCost = try costs.integer("attributes")
        notifyCost = try costs.integer("notify")
        remembered = try settings.integer("remembered")
    }
}

extension AccessRule {
    init?(_ row: Settings) throws {
        guard let owner = PartyPattern(try row.text("owner")), let party = PartyPattern(try row.text("party")) else {
            return nil
        }
        self.init(
            try row.text("verdict"),
            try row.text("action"),
            owner: owner,
            party: party,
            position: row.position
        )
    }
}

// MARK: What goes beyond one value

extension AggregatorConfiguration {
    /// Rules that decide nothing or the same case twice, and domains that belong to two classes.
    static func policyProblems(_ settings: Settings, hosted: Set<String>) -> [ConfigurationProblem] {
        memberProblems(settings, hosted: hosted) + ruleProblems(settings, hosted: hosted) + exemptProblems(settings)
            + contactProblems(settings)
    }

    /// What others are told must be of use to their programs.
    private static func contactProblems(_ settings: Settings) -> [ConfigurationProblem] {
        ((try? settings.table("classes")) ?? []).compactMap { name, row in
            guard row.has("contact"), let text = try? row.text("contact") else { return nil }
            let isURI = text.utf8.count <= 1_023 && text.wholeMatch(of: /[A-Za-z][A-Za-z0-9+.\-]*:[!-~]+/) != nil
            guard !isURI else { return nil }
            return row.problem(
                at: "contact",
                "\"classes.\(name).contact\": \"\(printable(text))\" is no URI",
                remedy: text.contains("@") ? "write mailto:\(printable(text))" : "for example: mailto:abuse@a.example"
            )
        }
    }

    private static func memberProblems(_ settings: Settings, hosted: Set<String>) -> [ConfigurationProblem] {
        var problems: [ConfigurationProblem] = []
        var homes: [Domain: String] = [:]
        for (name, row) in (try? settings.table("classes")) ?? [] {
            for member in (try? row.list("members")) ?? [] {
                guard let domain = try? member.domain("value") else { continue }
                if hosted.contains(domain.name) {
                    problems.append(
                        member.problem(
                            at: "value",
                            "\"\(domain)\" is hosted here and no foreign member of a class",
                            remedy: "say its class under domains, for example: \(domain): { class: \(name), ... }"
                        )
                    )
                } else if let home = homes.updateValue(name, forKey: domain) {
                    problems.append(
                        member.problem(
                            at: "value",
                            "\"\(domain)\" is a member of two classes, \"\(home)\" and \"\(name)\"",
                            remedy: "keep one of them"
                        )
                    )
                }
            }
        }
        return problems
    }

    private static func exemptProblems(_ settings: Settings) -> [ConfigurationProblem] {
        guard let spam = try? settings.section("spam"), let known = settings.names("classes") else { return [] }
        return ((try? spam.list("exempt")) ?? []).compactMap { entry in
            guard let text = try? entry.text("value"), case .domainClass(let name)? = PartyPattern(text) else {
                return nil
            }
            return known.contains(name) ? nil : unknownClass(entry, "value", "spam.exempt", name, known)
        }
    }

    private struct RuleCase: Hashable {
        let action: String
        let owner: PartyPattern
        let party: PartyPattern
    }

    private static func ruleProblems(_ settings: Settings, hosted: Set<String>) -> [ConfigurationProblem] {
        var problems: [ConfigurationProblem] = []
        var cases: [RuleCase: SettingsPosition] = [:]
        for row in (try? settings.list("rules")) ?? [] {
            guard let rule = try? AccessRule(row) else { continue }
            if rule.verdict == "polite", ["message", "watchers"].contains(rule.action) {
                problems.append(
                    row.problem(
                        at: "verdict",
                        "\"\(row.path).verdict\": polite is for presence and not for \(rule.action)",
                        remedy: "write verdict: deny"
                    )
                )
            }
            problems += patternProblems(rule, row, settings, hosted: hosted)
            let place = RuleCase(action: rule.action, owner: rule.owner, party: rule.party)
            if let first = cases[place] {
                problems.append(
                    ConfigurationProblem(
                        row.position,
                        "\"\(row.path)\" is about the same action, owner and party as the rule in line \(first.line)",
                        remedy: "keep one of them"
                    )
                )
            } else {
                cases[place] = row.position
            }
        }
        return problems
    }

    private static func patternProblems(
        _ rule: AccessRule,
        _ row: Settings,
        _ settings: Settings,
        hosted: Set<String>
    ) -> [ConfigurationProblem] {
        var problems: [ConfigurationProblem] = []
        // A table that could not be read has been reported; what it defines is not known.
        if let known = settings.names("classes") {
            for (key, pattern) in [("owner", rule.owner), ("party", rule.party)] {
                guard case .domainClass(let name) = pattern, !known.contains(name) else { continue }
                problems.append(unknownClass(row, key, "\(row.path).\(key)", name, known))
            }
        }
        if let domain = rule.owner.namedDomain, settings.names("domains") != nil, !hosted.contains(domain.name) {
            // A rule about nobody protects nobody; and what it said shall not come to life with a later tenant.
            problems.append(
                row.problem(
                    at: "owner",
                    "\"\(row.path).owner\": \"\(domain)\" is not hosted here",
                    remedy: nearest(to: domain.name, among: hosted).map { "did you mean \"\($0)\"?" }
                        ?? "an owner's domain stands under domains; whom the rule is for or against is its party"
                )
            )
        }
        return problems
    }

    private static func unknownClass(
        _ row: Settings,
        _ key: String,
        _ path: String,
        _ name: String,
        _ known: [String]
    ) -> ConfigurationProblem {
        row.problem(
            at: key,
            "\"\(path)\": there is no \"\(printable(name))\" under \"classes\"",
            remedy: nearest(to: name, among: known).map { "did you mean \"\($0)\"?" }
                ?? "one of: \(known.joined(separator: ", "))"
        )
    }
}
