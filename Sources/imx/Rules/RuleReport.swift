// SPDX-License-Identifier: Apache-2.0
import Configuration
import EnvelopeModel
import Policy

/// Somebody's wish, for which the deciding rule is looked for.
struct RuleQuestion: Codable, Sendable, Hashable {
    /// What somebody wishes to do.
    var action: String
    /// To whom.
    var owner: String
    /// Who.
    var party: String
}

/// One rule and its place.
struct RuleLine: Codable, Sendable, Hashable {
    /// The file, line and column.
    var place: String
    /// The rule as the file writes it.
    var rule: String

    init(_ rule: AccessRule) {
        place = rule.position.description
        self.rule = rule.description
    }
}

/// Which rule decides a case.
struct RuleReport: Codable, Sendable, Hashable {
    /// `allow`, `deny`, `polite` or `ask`.
    var verdict: String
    /// Why, in a few words.
    var reason: String
    /// Whether the party was taken for a contact of the owner.
    var isContact: Bool
    /// The rules that speak about the case; the first decides, where a rule does.
    var rules: [RuleLine] = []
    /// What would be decided if the party were a contact; nil where that is the same or not asked.
    var contactVerdict: String?
    /// The rule that would decide then.
    var contactRule: RuleLine?
}

extension RuleQuestion {
    private struct Parsed {
        var action: RuleBook.Action
        var owner: Address
        var party: Address
    }

    private func parsed() throws -> Parsed {
        guard let action = RuleBook.Action(rawValue: action) else {
            let words = RuleBook.Action.allCases.map(\.rawValue)
            // A rule may be about presence as a whole; a case is always about one way to it.
            let hint =
                self.action == "presence"
                ? "a rule about presence counts for each of: subscribe, fetch, attributes"
                : nearest(to: self.action, among: words).map { "did you mean \"\($0)\"?" }
            throw CommandFailure(
                "there is no action \"\(Terminal.safe(self.action))\"\n    "
                    + (hint ?? "the actions are: \(words.joined(separator: ", "))")
            )
        }
        guard let owner = Address(owner) else {
            throw CommandFailure("OWNER is no address: \"\(Terminal.safe(owner))\"")
        }
        guard let party = Address(party) else {
            throw CommandFailure("PARTY is no address: \"\(Terminal.safe(party))\"")
        }
        return Parsed(action: action, owner: owner, party: party)
    }

    /// What the rules of a file say; who is a contact is not known to it.
    func answer(by configuration: AggregatorConfiguration, isContact: Bool) throws -> RuleReport {
        let case_ = try parsed()
        guard configuration.domains.contains(where: { $0.domain == case_.owner.domain }) else {
            throw CommandFailure(Self.notHosted(case_.owner))
        }
        let book = PolicyTables(configuration).rules
        var report = Self.report(book, case_, isContact: isContact)
        if !isContact {
            let other = Self.report(book, case_, isContact: true)
            if other.rules.first != report.rules.first {
                report.contactVerdict = other.verdict
                report.contactRule = other.rules.first
            }
        }
        return report
    }

    /// What the running aggregator decides.
    func answer(by gate: Gate, isHosted: (Domain) -> Bool) -> ControlResponse {
        do {
            let case_ = try parsed()
            guard isHosted(case_.owner.domain) else { return .refused(Self.notHosted(case_.owner)) }
            let isContact = gate.isContact(case_.owner, case_.party)
            return .rules(Self.report(gate.rules, case_, isContact: isContact))
        } catch let failure as CommandFailure {
            return .refused(failure.message)
        } catch {
            return .refused("\(error)")
        }
    }

    private static func notHosted(_ owner: Address) -> String {
        "\(owner.domain) is not hosted here: its own side decides"
    }

    private static func report(_ book: RuleBook, _ it: Parsed, isContact: Bool) -> RuleReport {
        let decision = book.decide(it.action, owner: it.owner, party: it.party) { isContact }
        let reason =
            switch decision.reason {
            case .rule: "the most specific rule"
            case .blocked: "\(it.party.domain) stands under block"
            case .oneself: "everybody may see and write to oneself"
            case .noRule: "no rule speaks about it; the service of \(it.owner.domain) decides"
            }
        var report = RuleReport(verdict: decision.verdict.rawValue, reason: reason, isContact: isContact)
        guard decision.rule != nil else { return report }
        report.rules = book.matching(it.action, owner: it.owner, party: it.party, isContact: isContact)
            .map { RuleLine($0) }
        return report
    }
}

extension Display {
    /// Which rule decides, and which others would have.
    static func text(_ report: RuleReport) -> String {
        func line(_ rule: RuleLine) -> String { "  \(Terminal.safe(rule.place))  \(Terminal.safe(rule.rule))" }
        var lines = ["\(report.verdict): \(Terminal.safe(report.reason))"]
        if let first = report.rules.first { lines.append(line(first)) }
        if report.rules.count > 1 {
            lines.append("less specific:")
            lines += report.rules.dropFirst().prefix(20).map(line)
            if report.rules.count > 21 { lines.append("  and \(report.rules.count - 21) more") }
        }
        if let verdict = report.contactVerdict {
            lines.append("if the party is a contact of the owner: \(verdict)")
            if let rule = report.contactRule { lines.append(line(rule)) }
        }
        return lines.joined(separator: "\n")
    }
}
