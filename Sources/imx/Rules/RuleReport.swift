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
    /// What first contact and budgets say where no rule turns the party away.
    var outlook: OutlookReport?
}

/// What first contact and budgets say to a case (IMX 6.4).
struct OutlookReport: Codable, Sendable, Hashable {
    /// The code that the party would get now; nil where it would be let in.
    var code: UInt16?
    /// Why.
    var reason: String?
    /// Seconds after which another try makes sense.
    var retryAfter: UInt32?
    /// The class of the owner's domain, and its word about strangers: `allow`, `limit`, `refuse`.
    var ownerClass: String
    var firstContact: String
    /// The class whose budgets the party is under.
    var partyClass: String
    /// Whether the party is exempt from budgets and from the rule about strangers.
    var isExempt: Bool
    /// Whether the owner knows the party.
    var isKnown: Bool

    init(_ outlook: SpamGuard.Outlook) {
        let outcome = outlook.refusal?.outcome
        code = outcome?.code.rawValue
        reason = outcome?.text
        retryAfter = outcome?.details?.retryAfter
        ownerClass = outlook.recipientClass
        firstContact = outlook.firstContact
        partyClass = outlook.senderClass
        isExempt = outlook.isExempt
        isKnown = outlook.isKnown
    }
}

extension RuleBook.Action {
    /// What the action costs as; nil for what no budget counts.
    fileprivate var kind: SpamGuard.Kind? {
        switch self {
        case .message: .message
        case .subscribe: .subscribe
        case .fetch: .fetch
        case .attributes: .attributes
        case .watchers: nil
        }
    }
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
        let tables = PolicyTables(configuration)
        let book = tables.rules
        var report = Self.report(book, case_, isContact: isContact)
        let gate = Gate(tables)
        let hosted = Set(configuration.domains.map(\.domain))
        gate.isHosted = { hosted.contains($0) }
        gate.knows = { _, _ in isContact }
        Self.look(&report, gate, case_, now: .start)
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
    func answer(by gate: Gate, isHosted: (Domain) -> Bool, now: Instant) -> ControlResponse {
        do {
            let case_ = try parsed()
            guard isHosted(case_.owner.domain) else { return .refused(Self.notHosted(case_.owner)) }
            let isContact = gate.isContact(case_.owner, case_.party)
            var report = Self.report(gate.rules, case_, isContact: isContact)
            Self.look(&report, gate, case_, now: now)
            return .rules(report)
        } catch let failure as CommandFailure {
            return .refused(failure.message)
        } catch {
            return .refused("\(error)")
        }
    }

    private static func notHosted(_ owner: Address) -> String {
        "\(owner.domain) is not hosted here: its own side decides"
    }

    /// Adds what comes after the rules, where the case comes so far.
    private static func look(_ report: inout RuleReport, _ gate: Gate, _ it: Parsed, now: Instant) {
        guard report.verdict != RuleBook.Verdict.deny.rawValue, it.owner != it.party, let kind = it.action.kind else {
            return
        }
        report.outlook = OutlookReport(gate.outlook(kind, owner: it.owner, party: it.party, now: now))
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
        return (lines + (report.outlook.map(Self.lines) ?? [])).joined(separator: "\n")
    }

    private static func lines(_ outlook: OutlookReport) -> [String] {
        if outlook.isExempt { return ["no budget: the party is exempt (spam.exempt)"] }
        var first = "budgets: let in"
        if let code = outlook.code {
            first = "budgets: \(code), \(Terminal.safe(outlook.reason ?? ""))"
            if let seconds = outlook.retryAfter { first += ", again in \(seconds) s" }
        }
        let party = outlook.isKnown ? "known to the owner" : "a stranger, never approved, watched or written to"
        return [
            first, "  first-contact: \(outlook.firstContact), of the class \(Terminal.safe(outlook.ownerClass))",
            "  the party is \(party), and under the budgets of the class \(Terminal.safe(outlook.partyClass))",
        ]
    }
}
