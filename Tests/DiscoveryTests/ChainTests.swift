// SPDX-License-Identifier: Apache-2.0
import Discovery
import Foundation
import Testing

/// A validating chain, from the anchor of `example` down to its children, on each kind of server.
@Suite(.serialized) struct ChainTests {
    static let zones = [
        TestZone(
            name: "example",
            records: imxLine("acme", "10 0 5290 TLS front1.acme.example") + """
                front1.acme A 127.9.9.1
                _5290._tcp.front1.acme TLSA 3 1 1 \(String(repeating: "ab", count: 32))

                """ + imxLine("elsewhere", "10 0 5290 - front1.plain.example")
        ),
        TestZone(
            name: "b.example",
            records: imxLine("@", "10 0 5290 - front1.b.example") + imxLine("@", "20 0 5290 - front2.b.example") + """
                front1 A 127.9.9.1
                front1 AAAA ::1
                front2 A 127.9.9.2
                """
        ),
        TestZone(
            name: "plain.example",
            records: imxLine("@", "10 0 5290 - front1.plain.example") + "front1 A 127.9.9.3",
            isSigned: false
        ),
        TestZone(name: "forged.example", records: imxLine("@", "10 0 5290 - front1.b.example"), hasWrongDS: true),
    ]

    /// A server and a resolver that trusts `anchor` of it.
    static func bed(_ kind: NameServerKind, _ anchor: (String) -> [String]) async throws -> (NameServer, ResolverBed) {
        let server = try await NameServer(kind, zones)
        let right = try #require(server.anchors["example"])
        return (server, try await ResolverBed.start(server, zones: ["example"], anchors: anchor(right)))
    }

    @Test(
        "IMX 4.2.3: the record of a signed domain is found, with every host, its addresses and its state",
        arguments: NameServerKind.allCases
    )
    func signed(kind: NameServerKind) async throws {
        let (server, bed) = try await Self.bed(kind) { [$0] }
        let service = try await bed.service("b.example")
        #expect(service.origin == .imxRecord && service.security == .secure && service.hosts.count == 2)
        let first = try #require(service.hosts.first { $0.preference == 10 })
        #expect(first.name == "front1.b.example")
        #expect(Set(first.addresses) == ["127.9.9.1", "::1"])
        #expect(first.port == 5290 && !first.usesTLS)
        // In whatever case it is asked for.
        #expect(try await bed.service("B.eXample") == service)
        withExtendedLifetime(server) {}
    }

    @Test("RFC 7673 §3: a signed TLSA record comes with its host", arguments: NameServerKind.allCases)
    func certificates(kind: NameServerKind) async throws {
        let (server, bed) = try await Self.bed(kind) { [$0] }
        let host = try #require(try await bed.service("acme.example").hosts.first)
        #expect(host.usesTLS)
        let digest = [UInt8](repeating: 0xAB, count: 32)
        #expect(host.tlsa == [TLSARecord(usage: 3, selector: 1, matching: 1, association: digest)])
        withExtendedLifetime(server) {}
    }

    @Test(
        "G.3-9: unsigned children, hosts in them, and everything without an anchor are insecure, and found",
        arguments: NameServerKind.allCases
    )
    func insecure(kind: NameServerKind) async throws {
        let (server, bed) = try await Self.bed(kind) { [$0] }
        #expect(try await bed.service("plain.example").security == .insecure)
        #expect(try await bed.service("elsewhere.example").security == .insecure)
        let blind = try await ResolverBed.start(server, zones: ["example"], anchors: [])
        let service = try await blind.service("acme.example")
        #expect(service.security == .insecure && service.hosts.first?.tlsa == [])
        // A DS that does not fit does no harm to who checks nothing; its record is readable.
        #expect(try await blind.service("forged.example").security == .insecure)
    }

    @Test(
        "S50: answers that do not fit the DS above them are bogus and nothing of them is used",
        arguments: NameServerKind.allCases
    )
    func forged(kind: NameServerKind) async throws {
        let (server, bed) = try await Self.bed(kind) { [$0] }
        #expect(try await bed.resolve("forged.example").text.hasPrefix("bogus: "))
        #expect(try await bed.resolve("nobody.forged.example").text.hasPrefix("bogus: "))
        #expect(try await bed.service("b.example").security == .secure)
        let counts = try await bed.counts
        #expect(counts.bogus == 2 && counts.found == 1)
        withExtendedLifetime(server) {}
    }

    @Test("S50: with another key's anchor everything signed is bogus", arguments: NameServerKind.allCases)
    func wrongAnchor(kind: NameServerKind) async throws {
        let (server, bed) = try await Self.bed(kind) { [NameServer.spoilt($0)] }
        for name in ["b.example", "acme.example", "nobody.example", "plain.example"] {
            #expect(try await bed.resolve(name).text.hasPrefix("bogus: "), "\(name)")
        }
        withExtendedLifetime(server) {}
    }

    @Test("IMX 4.2.3: what is missing is told apart", arguments: NameServerKind.allCases)
    func missing(kind: NameServerKind) async throws {
        let (server, bed) = try await Self.bed(kind) { [$0] }
        #expect(
            try await bed.resolve("nobody.example").text == "not found: there is no domain nobody.example in the DNS"
        )
        #expect(
            try await bed.resolve("front1.acme.example").text
                == "service front1.acme.example"
        )
        withExtendedLifetime(server) {}
    }
}
