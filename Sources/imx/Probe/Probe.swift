// SPDX-License-Identifier: Apache-2.0
import Discovery
import EnvelopeModel
import IMXFront
import TransportSecurity

/// Looks at a peer as a stranger would, step by step: IMX-1 from the connection to the orderly close.
///
/// Nothing that it sends can harm a peer that keeps the rules; what a peer may bound (claims, connections) is used once.
final class Probe {
    /// What is to be probed.
    struct Plan {
        /// As it was written.
        var target: String
        /// The domain to ask for.
        var domain: Domain
        /// Whether the domain was said; where only a place was, it is `nobody`.
        var isDomainKnown: Bool
        /// Where to connect, where that is known before any look-up.
        var places: [Place]
        /// The domain to claim in the rehearsal; nil claims `nobody`.
        var source: Domain?
        /// A name that is never in the DNS (RFC 6761).
        var nobody: Domain
        /// How names are looked up.
        var dns = DNSSettings()
        /// Which addresses records may lead to.
        var policy = AddressPolicy()
        /// Whom to trust in TLS.
        var tls = TLSSettings()
        /// The most that a class of the configuration asks of peers; nil without a configuration.
        var demanded: TrustLevel?
        /// How long a connection may take.
        var connectTimeout = Interval.seconds(5)
        /// How long an answer may take.
        var patience = Interval.seconds(10)
        /// How long the answer to a claim may take: IMX-1 §6.6 has 25 s.
        var claimPatience = Interval.seconds(30)
    }

    /// A place to connect to.
    struct Place {
        var endpoint: PeerEndpoint
        /// What the DNS says about it.
        var host: PeerService.Host?
        var security = PeerService.Security.insecure
    }

    let plan: Plan
    private(set) var report: ProbeReport
    /// The place that was reached.
    var place: Place?

    init(_ plan: Plan) {
        self.plan = plan
        report = ProbeReport(target: plan.target, domain: plan.isDomainKnown ? plan.domain.name : nil)
    }

    /// Makes all steps. Blocks for as long as the peer takes; every wait has its bound.
    func run() -> ProbeReport {
        if let session = open() {
            ping(session)
            grease(session)
            criticalField(session)
            unknownRequest(session)
            rehearse(session)
            close(session)
            refusedVersion()
            refusedSize()
            refusedDomain()
            refusedPreface()
        }
        return report
    }

    /// How long an answer may take, for people.
    var patience: String { "\(Int(plan.patience.seconds)) s" }

    /// Makes one step and notes how it ended. Returns whether the next ones make sense.
    @discardableResult
    func step(
        _ name: String,
        _ did: String,
        expecting expected: String,
        _ section: String,
        on session: ProbeSession? = nil,
        _ body: () -> ProbeFinding
    ) -> Bool {
        let start = ContinuousClock.now
        let isOver = session?.isOver ?? false
        let finding = isOver ? ProbeFinding(verdict: .skipped, got: "not tried: the connection is over") : body()
        let time = (ContinuousClock.now - start).components
        report.steps.append(
            ProbeStep(
                name: name,
                did: did,
                expected: expected,
                section: section,
                got: finding.got,
                verdict: finding.verdict,
                side: finding.side,
                remedy: finding.remedy,
                milliseconds: Double(time.seconds) * 1000 + Double(time.attoseconds) / 1e15
            )
        )
        if let place { report.place = place.endpoint.description }
        return finding.verdict != .wrong
    }

    /// What a failure to read means where a record was awaited.
    func finding(_ failure: ProbeSession.Failure) -> ProbeFinding {
        switch failure {
        case .silence:
            .wrong(
                .theirs,
                "nothing in \(patience)",
                "the service answers no more; look at its log, and whether it is overloaded"
            )
        case .ended(let reason):
            .wrong(
                .theirs,
                "the connection ended without a word: \(reason)",
                "look at the service's log for the reason"
            )
        case .closed(let close):
            .wrong(.theirs, ProbeText.close(close), "the service closed instead of answering; its log says why")
        case .malformed(let reason):
            .wrong(.theirs, reason, "the service breaks IMX-1; report it to whoever makes it")
        }
    }
}
