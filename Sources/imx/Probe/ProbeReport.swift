// SPDX-License-Identifier: Apache-2.0

/// What a probe of a peer found. `imx probe --json` prints it as it is.
struct ProbeReport: Codable, Sendable, Hashable {
    /// What was to be probed, as it was written.
    var target: String
    /// The domain that was asked for, if any.
    var domain: String?
    /// The place that all steps but the first ones were tried at.
    var place: String?
    /// The steps in their order.
    var steps: [ProbeStep] = []

    /// The steps that went wrong.
    var faults: [ProbeStep] { steps.filter { $0.verdict == .wrong } }
}

/// One step of a probe.
struct ProbeStep: Codable, Sendable, Hashable {
    /// How a step ended.
    enum Verdict: String, Codable, Sendable {
        /// As the protocol wants it.
        case right
        /// Not as the protocol wants it.
        case wrong
        /// Not against the protocol, and worth a look.
        case note
        /// Not tried, because of what came before.
        case skipped
    }

    /// Whose the fault is.
    enum Side: String, Codable, Sendable {
        /// This machine's, or the command line's.
        case ours
        /// The probed service's.
        case theirs
        /// The way between the two.
        case network
        /// What the DNS says about the domain.
        case dns
    }

    /// One word for it.
    var name: String
    /// What was done.
    var did: String
    /// What is expected.
    var expected: String
    /// The section of IMX-1 that wants it; empty where another document does.
    var section: String
    /// What came.
    var got: String
    /// How it ended.
    var verdict: Verdict
    /// Whose the fault is, where there is one.
    var side: Side?
    /// What to do about it, where there is something.
    var remedy: String?
    /// How long it took.
    var milliseconds: Double
}

/// What a step found.
struct ProbeFinding {
    var verdict: ProbeStep.Verdict
    var got: String
    var side: ProbeStep.Side?
    var remedy: String?

    static func right(_ got: String) -> ProbeFinding { ProbeFinding(verdict: .right, got: got) }

    static func wrong(_ side: ProbeStep.Side, _ got: String, _ remedy: String) -> ProbeFinding {
        ProbeFinding(verdict: .wrong, got: got, side: side, remedy: remedy)
    }

    static func note(_ got: String, _ remedy: String? = nil) -> ProbeFinding {
        ProbeFinding(verdict: .note, got: got, remedy: remedy)
    }
}
