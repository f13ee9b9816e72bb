// SPDX-License-Identifier: Apache-2.0
import Discovery
import Foundation
import Testing

/// A validating chain, from the anchor of `example` down to its children, on each kind of server.
@Suite struct ChainTests {
    static let zones = [
        TestZone(
            name: "example",
            records: imxLine("acme", "10 0 5290 TLS front1.acme.example") + "front1.acme A 127.9.9.1"
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
        TestZone(
            name: "forged.example",
            records: imxLine("@", "10 0 5290 - front1.b.example"),
            hasWrongDS: true
        ),
    ]

    @Test(
        "IMX 4.2.3: the record of a signed domain is found, with every host, its addresses and its state",
        arguments: NameServerKind.allCases
    )
    func signed(kind: NameServerKind) async throws {
        let server = try await NameServer(kind, Self.zones)
        let anchor = try #require(server.anchors["example"])
        let bed = try await ResolverBed.start(server, zones: ["example"], anchors: [anchor])
        let service = try await bed.service("b.example")
        #expect(service.origin == .imxRecord)
        #expect(service.security == .secure)
        #expect(service.hosts.count == 2)
        let first = try #require(service.hosts.first { $0.preference == 10 })
        #expect(first.name == "front1.b.example")
        #expect(Set(first.addresses) == ["127.9.9.1", "::1"])
        #expect(first.port == 5290 && !first.usesTLS)
    }
}
