// SPDX-License-Identifier: Apache-2.0

/// Every number that the aggregator shows. One list gives names, kinds and help wherever numbers are written.
public enum Metric: String, Sendable, Hashable, CaseIterable {
    /// Seconds since the start.
    case uptime = "imx_uptime_seconds"
    /// Envelopes accepted.
    case accepted = "imx_envelopes_accepted_total"
    /// Envelopes by final state; the label is `disposition`.
    case settled = "imx_envelopes_settled_total"
    /// Envelopes without an outcome.
    case waiting = "imx_envelopes_waiting"
    /// Octets of the envelopes without an outcome, by lane; the labels are `from` and `to`.
    case waitingOctets = "imx_lane_waiting_octets"
    /// Envelopes without an outcome, by lane; the labels are `from` and `to`.
    case laneWaiting = "imx_lane_waiting"
    /// Envelopes by lane and final state; the labels are `from`, `to` and `disposition`.
    case laneSettled = "imx_lane_settled_total"
    /// Outcomes given, by code; the label is `code`.
    case outcomes = "imx_outcomes_total"
    /// What was dropped without an answer, by reason; the label is `reason`.
    case drops = "imx_drops_total"
    /// Repeats that were answered without a second delivery.
    case repeats = "imx_repeats_total"
    /// Entries that the repeat window gave up before their time.
    case lostRepeats = "imx_repeat_entries_lost_total"
    /// Whether an adapter's link is up, 1 or 0; the labels are `adapter` and `kind`.
    case linkUp = "imx_adapter_link_up"
    /// Deliveries that are with an adapter; the label is `adapter`.
    case outstanding = "imx_adapter_outstanding"
    /// Open connections to and from peers; the label is `state`.
    case connections = "imx_peer_connections"
    /// What rules and budgets turned away, by reason; the label is `reason`.
    case turnedAway = "imx_turned_away_total"
    /// Subscriptions now, and what happened to them since the start; the label is `what`.
    case presence = "imx_presence"
    /// What was refused to peers, by reason; the label is `reason`.
    case refusals = "imx_peer_refusals_total"
    /// Log lines about peers and lost messages that were left out.
    case linesLeftOut = "imx_log_lines_left_out_total"
    /// Outcomes that the database could not take.
    case lostOutcomes = "imx_outcome_records_lost_total"
    /// Proofs of foreign domains that the database could not take.
    case lostTrust = "imx_trust_records_lost_total"
    /// Hosted domains whose own DNS records do not lead here.
    case domainsAstray = "imx_domains_astray"

    /// Whether the number only grows.
    public var isCounter: Bool { rawValue.hasSuffix("_total") }

    /// What the number says, in one line.
    public var help: String {
        switch self {
        case .uptime: "Seconds since the start of the process."
        case .accepted: "Envelopes accepted. Equals the sum of settled and waiting."
        case .settled: "Envelopes by final state: delivered, failed, expired, uncertain."
        case .waiting: "Envelopes without an outcome."
        case .waitingOctets: "Octets of the envelopes without an outcome, by lane."
        case .laneWaiting: "Envelopes without an outcome, by lane."
        case .laneSettled: "Envelopes by lane and final state."
        case .outcomes: "Outcomes given, by code."
        case .drops: "What was dropped without an answer, by reason."
        case .repeats: "Repeats that were answered without a second delivery."
        case .lostRepeats: "Entries that the repeat window gave up before their time."
        case .linkUp: "Whether an adapter's link is up."
        case .outstanding: "Deliveries that are with an adapter."
        case .connections: "Open connections to and from peers, by state."
        case .turnedAway: "What rules and budgets turned away, by reason."
        case .presence: "Subscriptions now, and what happened to them since the start."
        case .refusals: "What was refused to peers, by reason."
        case .linesLeftOut: "Log lines about peers and lost messages that were left out because there were too many."
        case .lostOutcomes: "Outcomes that the database could not take."
        case .lostTrust: "Proofs of foreign domains that the database could not take."
        case .domainsAstray: "Hosted domains whose own DNS records do not lead here."
        }
    }
}

/// Numbers at one moment, written in the text format of Prometheus.
public struct MetricsText: Sendable {
    private var samples: [Metric: [String]] = [:]

    /// Makes an empty set.
    public init() {}

    /// Adds one number. Labels are written in the order given; their values may be any text.
    public mutating func add(_ metric: Metric, _ value: UInt64, _ labels: KeyValuePairs<String, String> = [:]) {
        let text = labels.map { "\($0.key)=\"\(escaped($0.value))\"" }.joined(separator: ",")
        samples[metric, default: []].append("\(metric.rawValue)\(text.isEmpty ? "" : "{\(text)}") \(value)")
    }

    /// The text: for each metric that has a number, its help, its kind, and its numbers.
    public var text: String {
        Metric.allCases.map { metric in
            guard let lines = samples[metric] else { return "" }
            let head = "# HELP \(metric.rawValue) \(metric.help)\n# TYPE \(metric.rawValue) "
            return head + (metric.isCounter ? "counter" : "gauge") + "\n" + lines.joined(separator: "\n") + "\n"
        }.joined()
    }

    private func escaped(_ value: String) -> String {
        let visible = String(value.unicodeScalars.map { $0 == "\n" || !$0.isUnseen ? Character($0) : "\u{FFFD}" })
        return visible.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }
}
