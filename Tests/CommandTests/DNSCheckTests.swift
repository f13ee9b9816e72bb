// SPDX-License-Identifier: Apache-2.0
import Configuration
import Discovery
import EnvelopeModel
import Testing

@testable import imx

/// What a check makes of the facts.
@Suite struct DNSCheckTests {
    private static func service(
        _ origin: PeerService.Origin = .imxRecord,
        _ security: PeerService.Security = .secure,
        tls: Bool = true,
        address: String = "8.8.8.8",
        tlsa: [TLSARecord] = []
    ) -> Resolution {
        let host = PeerService.Host(
            name: "imx.acme.example",
            addresses: [address],
            port: 5290,
            usesTLS: tls,
            preference: 10,
            tlsa: tlsa
        )
        return .service(PeerService(hosts: [host], origin: origin, security: security))
    }

    private static func facts(_ resolution: Resolution, refused: [RefusedHost] = []) throws -> DNSFacts {
        let domain = try #require(Domain("acme.example"))
        return DNSFacts(
            domain: domain,
            report: LookupReport(resolution: resolution, seconds: 60, steps: [], refused: refused),
            answers: [:]
        )
    }

    private static func levels(_ facts: DNSFacts) -> [String: Set<DNSFinding.Level>] {
        Dictionary(grouping: DNSCheck(facts).report().findings, by: \.topic).mapValues { Set($0.map(\.level)) }
    }

    private static let owner = DNSQuestion(name: "_5290._tcp.imx.acme.example", type: TLSARecord.type)
    private static let tlsa = TLSARecord(
        usage: 3,
        selector: 1,
        matching: 1,
        association: [UInt8](repeating: 7, count: 32)
    )

    @Test("S49: without a CAA record there is a warning; one above the domain is enough")
    func authorities() throws {
        var facts = try Self.facts(Self.service())
        #expect(Self.levels(facts)["CAA"] == [.warning])
        facts.answers[DNSQuestion(name: "acme.example", type: DNSFacts.caaType)] = DNSAnswer(.data, records: [[0]])
        #expect(Self.levels(facts)["CAA"] == [.right])
        #expect(
            DNSFacts.parents(try #require(Domain("a.b.acme.example"))) == [
                "a.b.acme.example", "b.acme.example", "acme.example",
            ]
        )
    }

    @Test("IMX 4.2.3: unsigned answers, no IMX record and no TLS are warnings, not mistakes")
    func warnings() throws {
        var levels = Self.levels(try Self.facts(Self.service(.address, .insecure, tls: false)))
        #expect(levels["IMX record"] == [.warning] && levels["DNSSEC"] == [.warning] && levels["TLS"] == [.warning])
        levels = Self.levels(try Self.facts(Self.service(.srv)))
        #expect(levels["IMX record"] == [.warning] && levels["SRV"] == [.right] && levels["DNSSEC"] == [.right])
        #expect(DNSCheck(try Self.facts(Self.service(.address, .insecure, tls: false))).report().isRight)
    }

    @Test("S06: an address that others do not connect to is wrong, unless the configuration allows it")
    func special() throws {
        var facts = try Self.facts(Self.service(address: "10.0.0.1"))
        #expect(Self.levels(facts)["address"] == [.wrong])
        facts.policy = AddressPolicy(allowed: [try #require(AddressRange("10.0.0.0/8"))])
        #expect(Self.levels(facts)["address"] == [.right])
    }

    @Test("RFC 6698: the TLS flag and TLSA records are held against each other, and both against the certificate")
    func certificates() throws {
        var facts = try Self.facts(Self.service())
        #expect(Self.levels(facts)["TLSA"] == [.note])
        facts.answers[Self.owner] = DNSAnswer(.data, records: [Self.tlsa.rdata])
        #expect(Self.levels(facts)["TLSA"] == [.warning])
        facts.report.resolution = Self.service(tlsa: [Self.tlsa])
        #expect(Self.levels(facts)["TLSA"] == [.right])
        facts.report.resolution = Self.service(tls: false)
        #expect(Self.levels(facts)["TLS"] == [.wrong])
        facts.report.resolution = Self.service(tlsa: [Self.tlsa])
        var own = DNSFacts.Own(
            isHosted: true,
            places: [],
            records: ZoneRecords(domain: facts.domain, configuration: nil),
            tlsa: Self.tlsa
        )
        facts.own = own
        #expect(Self.levels(facts)["TLSA"] == [.right])
        own.tlsa = TLSARecord(usage: 3, selector: 1, matching: 1, association: [UInt8](repeating: 8, count: 32))
        facts.own = own
        #expect(Self.levels(facts)["TLSA"] == [.right, .wrong])
    }

    @Test("Commands: dns check tells whether the records lead to this aggregator")
    func ownership() throws {
        var facts = try Self.facts(Self.service())
        for (isHosted, host, port, tls, level) in [
            (true, "8.8.8.8", 5290, true, .right), (true, "8.8.8.8", 5290, false, .wrong),
            (true, "8.8.8.8", 5291, true, .warning), (true, "8.8.4.4", 5290, true, .warning),
            (false, "8.8.8.8", 5290, true, .note),
        ] as [(Bool, String, UInt16, Bool, DNSFinding.Level)] {
            facts.own = DNSFacts.Own(
                isHosted: isHosted,
                places: [Endpoint(host: host, port: port, usesTLS: tls)],
                records: ZoneRecords(domain: facts.domain, configuration: nil)
            )
            #expect(Self.levels(facts)["aggregator"] == [level])
        }
    }

    @Test("S50: dns check tells a forged domain from name servers that leave all signatures out")
    func forged() throws {
        var facts = try Self.facts(.bogus("x"))
        for (status, start) in [
            (DNSAnswer.Status.data, "other aggregators refuse"),
            (.bogus("x"), "not even the root's signatures hold here"),
        ] {
            facts.answers[DNSFacts.root] = DNSAnswer(status)
            let findings = DNSCheck(facts).report().findings
            #expect(findings.count == 1 && findings.first?.text.hasPrefix(start) == true)
        }
    }

    @Test("Commands: dns check says why a domain is not found, and what to add")
    func notFound() throws {
        let refused = [RefusedHost(name: "alias.example", kind: .useless, reason: "it is an alias of x.")]
        let report = DNSCheck(try Self.facts(.notFound("no \u{1B}[31m host"), refused: refused)).report()
        #expect(!report.isRight)
        #expect(report.findings.first?.add.first?.contains("TYPE65370 \\# 26") == true)
        let text = Display.text(report)
        #expect(text.contains("alias.example cannot be used: it is an alias of x.") && !text.contains("\u{1B}"))
        for other in [Resolution.unavailable("x"), .bogus("x")] {
            #expect(!DNSCheck(try Self.facts(other)).report().isRight)
        }
    }
}
