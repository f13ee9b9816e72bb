// SPDX-License-Identifier: Apache-2.0

/// What came of one check.
public struct CheckResult: Sendable {
    /// How a check ends.
    public enum Verdict: Sendable, Hashable {
        /// What had to be so was so.
        case pass
        /// It was not.
        case fail(expected: String, seen: String)
        /// It cannot be tried with this subject, for a reason that stands in the report.
        case notApplicable(reason: String)
    }

    /// The check's name, such as `outcomes.once`; stable, to be quoted and filtered by.
    public let id: String
    /// The one fact that the check is about.
    public let title: String
    /// The requirements that it proves.
    public let requirements: [String]
    /// How it ended.
    public let verdict: Verdict
    /// Where to look when it fails.
    public let hint: String
    /// What happened last before it failed: calls in both directions, oldest first.
    public let evidence: [String]

    /// Whether it failed.
    public var hasFailed: Bool {
        if case .fail = verdict { true } else { false }
    }
}

extension CheckResult: CustomStringConvertible {
    /// The result for people, with everything that is needed to mend a failure.
    public var description: String {
        let head = "\(id)  \(title) [\(requirements.joined(separator: ", "))]"
        switch verdict {
        case .pass: return "pass  \(head)"
        case .notApplicable(let reason): return "n/a   \(head)\n        why:      \(reason)"
        case .fail(let expected, let seen):
            let lines =
                ["FAIL  \(head)", "expected: \(expected)", "seen:     \(seen)", "hint:     \(hint)"]
                + (evidence.isEmpty ? [] : ["what happened last:"]) + evidence.map { "  \($0)" }
            return lines.joined(separator: "\n        ")
        }
    }
}

/// The whole run, check by check.
public struct HarnessReport: Sendable, CustomStringConvertible {
    /// The kind of the adapter.
    public let kind: String
    /// The results, in the order in which an author best mends them.
    public let results: [CheckResult]

    /// Whether nothing failed and something was tried. A run without a single passed check proves nothing.
    public var passed: Bool { failed.isEmpty && results.contains { $0.verdict == .pass } }

    /// The names of the checks that failed.
    public var failed: [String] { results.filter(\.hasFailed).map(\.id) }

    /// The names of the checks that could not be tried.
    public var notApplicable: [String] {
        results.filter { if case .notApplicable = $0.verdict { true } else { false } }.map(\.id)
    }

    /// The whole report for people.
    public var description: String {
        let count = results.count - failed.count - notApplicable.count
        return "adapter \(kind): \(count) passed, \(failed.count) failed, \(notApplicable.count) not applicable\n"
            + results.map(\.description).joined(separator: "\n")
    }
}
