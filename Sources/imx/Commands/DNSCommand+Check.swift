// SPDX-License-Identifier: Apache-2.0
import Configuration
import Discovery
import EnvelopeModel

/// One thing that a check of a domain's records found.
struct DNSFinding: Codable, Equatable {
    enum Level: String, Codable { case right, note, warning, wrong }

    var level: Level
    /// What it is about.
    var topic: String
    /// What was found, in plain words.
    var text: String
    /// What to do: zone lines to add.
    var add: [String] = []
}

/// Everything that a check found.
struct DNSCheckReport: Codable {
    var domain: String
    /// Whether other aggregators find the domain, and nothing is wrong.
    var isRight: Bool
    var findings: [DNSFinding]
}

/// Judges a domain's records.
struct DNSCheck {
    let facts: DNSFacts
    private var findings: [DNSFinding] = []

    init(_ facts: DNSFacts) { self.facts = facts }

    private var domain: Domain { facts.domain }

    func report() -> DNSCheckReport {
        var check = self
        check.judge()
        return DNSCheckReport(
            domain: domain.name,
            isRight: !check.findings.contains { $0.level == .wrong },
            findings: check.findings
        )
    }

    private mutating func judge() {
        switch facts.report.resolution {
        case .service(let service):
            judgeOrigin(service)
            judgeSignatures(service)
            for host in service.hosts.sorted(by: { ($0.preference, $0.name) < ($1.preference, $1.name) }) {
                judge(host)
            }
            judgeRefused()
            judgeAuthorities(service)
            judgeOwnership(service)
        case .notFound(let reason):
            tell(.wrong, "service", "other aggregators do not find \(domain): \(reason)", add: suggestion)
            judgeRefused()
        case .unavailable(let reason):
            tell(.wrong, "service", "\(domain) cannot be looked up now: \(reason)")
            judgeRefused()
        case .bogus(let reason):
            judgeForgery(reason)
            judgeRefused()
        }
    }

    /// Whether the domain's signatures are at fault, or the way to all signatures.
    private mutating func judgeForgery(_ reason: String) {
        guard case .bogus = facts.answers[DNSFacts.root]?.status else {
            return tell(.wrong, "DNSSEC", "other aggregators refuse the answers about \(domain): \(reason)")
        }
        tell(
            .wrong,
            "DNSSEC",
            "not even the root's signatures hold here, so nothing about \(domain) can be told: the name servers that are "
                + "asked leave signatures out (set dns.resolver to recursive, or other dns.servers), this machine's clock "
                + "is wrong, or the trust anchor is old"
        )
    }

    /// What kind of record the domain was found by.
    private mutating func judgeOrigin(_ service: PeerService) {
        let records = facts.answers[DNSQuestion(name: domain.name, type: IMXRecord.type)]?.records ?? []
        switch service.origin {
        case .imxRecord:
            let texts = records.compactMap { try? IMXRecord(rdata: $0) }.sorted { $0.preference < $1.preference }
            for record in texts.prefix(16) { tell(.right, "IMX record", record.description) }
            let answer = facts.answers[DNSQuestion(name: "_imx._tcp.\(domain)", type: SRVRecord.type)]
            if answer?.status == .data {
                tell(
                    .right,
                    "SRV",
                    "\(answer?.records.count ?? 0) at _imx._tcp.\(domain), for who does not know the IMX record"
                )
            } else {
                tell(.note, "SRV", "none at _imx._tcp.\(domain); only who knows the IMX record finds the domain")
            }
        case .srv, .instantMessagingSRV:
            let place = service.origin == .srv ? "_imx._tcp.\(domain)" : "_im._imx.\(domain)"
            tell(.right, "SRV", "the domain is found by SRV at \(place)")
            tell(.warning, "IMX record", "there is none; it alone says which port speaks TLS", add: suggestion)
        case .address, .configured:
            tell(
                .warning,
                "IMX record",
                "there is neither an IMX nor an SRV record; others try the domain's own addresses and their default port",
                add: suggestion
            )
        }
    }

    private mutating func judgeSignatures(_ service: PeerService) {
        switch service.security {
        case .secure: tell(.right, "DNSSEC", "every answer on the way is signed, and the signatures hold")
        case .insecure:
            tell(
                .warning,
                "DNSSEC",
                "not every answer is signed: whoever sits on the way can send \(domain)'s messages elsewhere; sign the zone"
            )
        }
    }

    private mutating func judge(_ host: PeerService.Host) {
        let place = "\(host.name) port \(host.port)"
        var usable: [String] = []
        for address in host.addresses {
            if let refusal = facts.policy.refusal(of: address, port: host.port) {
                tell(.wrong, "address", "\(place): \(refusal), which others do not connect to")
            } else {
                usable.append(address)
            }
        }
        if !usable.isEmpty { tell(.right, "address", "\(place): \(usable.joined(separator: ", "))") }
        judgeCertificate(host, place)
    }

    private mutating func judgeCertificate(_ host: PeerService.Host, _ place: String) {
        let answer = facts.answers[DNSFacts.tlsaQuestion(host)]
        let published = (answer?.records ?? []).compactMap { try? TLSARecord(rdata: $0) }
        let owner = "_\(host.port)._tcp.\(host.name)"
        guard host.usesTLS else {
            if published.isEmpty {
                tell(.warning, "TLS", "\(place) speaks no TLS: everybody on the way can read along")
            } else {
                tell(.wrong, "TLS", "\(place) has TLSA records, but its record says that it speaks no TLS")
            }
            return
        }
        tell(.right, "TLS", "\(place) speaks TLS")
        if published.isEmpty {
            let lines = facts.own?.tlsa.map { [facts.own?.records.line(owner, "TLSA", ZoneRecords.tlsaText($0))] } ?? []
            let text =
                "there is no TLSA record at \(owner); with one, and signed zones, nobody else's certificate passes"
            return tell(.note, "TLSA", text, add: lines.compactMap { $0 })
        }
        if host.tlsa.isEmpty {
            tell(
                .warning,
                "TLSA",
                "the records at \(owner) do not count, because not every answer on the way is signed"
            )
        } else {
            tell(.right, "TLSA", "\(host.tlsa.count) signed at \(owner)")
        }
        judgeMatch(published, owner)
    }

    /// Whether the published TLSA records fit the certificate that we have.
    private mutating func judgeMatch(_ published: [TLSARecord], _ owner: String) {
        guard let own = facts.own, own.isHosted, let expected = own.tlsa else { return }
        if published.contains(expected) {
            return tell(.right, "TLSA", "one at \(owner) fits the certificate that is configured")
        }
        // Other kinds cannot be told from this one alone.
        guard published.allSatisfy({ ($0.usage, $0.selector, $0.matching) == (3, 1, 1) }) else {
            return tell(.note, "TLSA", "those at \(owner) are of another kind than 3 1 1 and were not compared")
        }
        tell(
            .wrong,
            "TLSA",
            "none at \(owner) fits the certificate that is configured: others will refuse it",
            add: [own.records.line(owner, "TLSA", ZoneRecords.tlsaText(expected))]
        )
    }

    private mutating func judgeRefused() {
        for refused in facts.report.refused {
            tell(.wrong, "host", "\(refused.name) cannot be used: \(refused.reason)")
        }
    }

    /// RFC 8659: who may issue certificates (S49).
    private mutating func judgeAuthorities(_ service: PeerService) {
        guard service.hosts.contains(where: \.usesTLS) else { return }
        let places = DNSFacts.parents(domain)
        let found = places.first {
            facts.answers[DNSQuestion(name: $0, type: DNSFacts.caaType)]?.status == .data
        }
        if let found { return tell(.right, "CAA", "\(found) says which authorities may issue certificates") }
        tell(
            .warning,
            "CAA",
            "no CAA record: any authority may issue a certificate for \(domain) to whoever persuades it",
            add: ["\(domain). 3600 IN CAA 0 issue \"the-authority-you-use.example\""]
        )
    }

    private mutating func judgeOwnership(_ service: PeerService) {
        guard let own = facts.own else { return }
        guard own.isHosted else {
            return tell(.note, "aggregator", "\(domain) is not among the domains of the configuration")
        }
        for host in service.hosts {
            let here = own.places.filter { $0.port == host.port && host.addresses.contains($0.host) }
            guard let first = here.first else { continue }
            if here.contains(where: { $0.usesTLS == host.usesTLS }) {
                return tell(.right, "aggregator", "\(host.name) port \(host.port) is this aggregator")
            }
            let said = host.usesTLS ? "with TLS" : "without TLS"
            return tell(.wrong, "aggregator", "the record leads here \(said), the listener \(first) is otherwise")
        }
        tell(
            .warning,
            "aggregator",
            "no record leads to an address and port of this machine; that is right only where something forwards to it",
            add: suggestion
        )
    }

    /// The lines that the zone lacks.
    private var suggestion: [String] {
        (try? (facts.own?.records ?? ZoneRecords(domain: domain, configuration: nil)).imxLines()) ?? []
    }

    private mutating func tell(_ level: DNSFinding.Level, _ topic: String, _ text: String, add: [String] = []) {
        findings.append(DNSFinding(level: level, topic: topic, text: text, add: add))
    }
}

extension Display {
    /// The findings, one in each line, what to add below.
    static func text(_ report: DNSCheckReport) -> String {
        let wrong = report.findings.filter { $0.level == .wrong }.count
        let warnings = report.findings.filter { $0.level == .warning }.count
        var head = report.isRight ? "other aggregators find \(report.domain)" : "\(wrong) to mend at \(report.domain)"
        if warnings > 0 { head += ", \(warnings) \(warnings == 1 ? "warning" : "warnings")" }
        let width = report.findings.map(\.topic.count).max() ?? 0
        return
            ([head]
            + report.findings.flatMap { finding -> [String] in
                let start = "  \(pad(finding.level.rawValue, 7))  \(pad(finding.topic, width))  "
                return [start + Terminal.safe(finding.text)]
                    + finding.add.map { "           add: \(Terminal.safe($0))" }
            }).joined(separator: "\n")
    }
}
