// SPDX-License-Identifier: Apache-2.0
import Discovery
import EnvelopeModel
import Foundation
import NIOCore
import Testing

/// Answers of every kind from real servers.
@Suite(.serialized) struct ServerTests {
    /// A server with one signed zone `example`, and a resolver that trusts it.
    static func bed(
        _ kind: NameServerKind,
        _ records: String,
        _ change: (inout DNSSettings) -> Void = { _ in }
    ) async throws -> (NameServer, ResolverBed) {
        let server = try await NameServer(kind, [TestZone(name: "example", records: records, negativeSeconds: 1)])
        let anchor = try #require(server.anchors["example"])
        return (server, try await ResolverBed.start(server, zones: ["example"], anchors: [anchor], change))
    }

    static let kinds = """
        srv A 127.9.9.1
        _imx._tcp.srv SRV 5 0 5291 host
        _im._imx.srv SRV 5 0 5292 host
        _im._imx.rfc3861 SRV 5 0 5293 host
        _pres._imx.rfc3861 SRV 5 0 5294 host
        bare A 127.9.9.4
        bare AAAA ::1
        text TXT "no address here"
        _imx._tcp.refuses SRV 0 0 0 .
        refuses A 127.9.9.1
        _imx._tcp.aliased SRV 5 0 5291 alias
        alias CNAME host
        www CNAME srv2
        \(imxLine("srv2", "1 0 5295 - host.example"))host A 127.9.9.2

        """

    @Test(
        "I.2: SRV, then RFC 3861's names, then the address; a target of the root, an alias, an alias of the domain",
        arguments: NameServerKind.allCases
    )
    func kinds(kind: NameServerKind) async throws {
        let (server, bed) = try await Self.bed(kind, Self.kinds)
        for (name, purpose, origin, port) in [
            ("srv.example", .messages, .srv, 5291), ("rfc3861.example", .messages, .instantMessagingSRV, 5293),
            ("rfc3861.example", .presence, .instantMessagingSRV, 5294), ("bare.example", .messages, .address, 5290),
            ("www.example", .messages, .imxRecord, 5295),
        ] as [(String, ServicePurpose, PeerService.Origin, UInt16)] {
            let service = try await bed.service(name, for: purpose)
            #expect(service.origin == origin && service.hosts.map(\.port) == [port], "\(name)")
            #expect(service.security == .secure, "\(name)")
        }
        #expect(
            try await bed.resolve("text.example").text
                == "not found: text.example has neither an IMX nor an SRV record, nor an address"
        )
        #expect(try await bed.resolve("refuses.example").text.hasPrefix("not found: refuses.example says"))
        #expect(
            try await bed.resolve("aliased.example").text.contains("alias.example: it is an alias of host.example.")
        )
        withExtendedLifetime(server) {}
    }

    @Test("S50: a loop of aliases and a chain of 20 end in time, and lead nowhere", arguments: NameServerKind.allCases)
    func aliases(kind: NameServerKind) async throws {
        let chain = (0..<20).map { "c\($0) CNAME c\($0 + 1)\n" }.joined()
        let records =
            chain + imxLine("c20", "1 0 5290 - host.example") + "loop CNAME pool\npool CNAME loop\nhost A 127.9.9.1\n"
        let (server, bed) = try await Self.bed(kind, records)
        #expect(try await bed.resolve("loop.example").text.hasPrefix("unavailable: "))
        #expect(try await bed.resolve("c0.example").text.contains("over 8 in a row"))
        #expect(try await bed.resolve("c11.example").text.contains("over 8 in a row"))
        #expect(try await bed.service("c12.example").hosts.map(\.name) == ["host.example"])
        #expect(try await bed.service("c15.example").hosts.map(\.name) == ["host.example"])
        // Each alias on the way is in the answer already; what leads nowhere is not asked for again.
        #expect(try await bed.counts.asked == 9)
        withExtendedLifetime(server) {}
    }

    @Test("S50: 500 records come over TCP, and the hosts tried first are kept", arguments: NameServerKind.allCases)
    func many(kind: NameServerKind) async throws {
        let records = (0..<500).map {
            imxLine("@", "\(1000 - $0) 0 5290 - h\($0).example") + "h\($0) A 127.9.\($0 / 250).\($0 % 250 + 1)\n"
        }.joined()
        let (server, bed) = try await Self.bed(kind, records)
        let service = try await bed.service("example")
        #expect(Set(service.hosts.map(\.name)) == Set((484..<500).map { "h\($0).example" }))
        #expect(service.security == .secure)
        #expect(try await bed.counts.asked <= 56)
        withExtendedLifetime(server) {}
    }

    @Test("S06: special addresses in answers are refused before a connection", arguments: NameServerKind.allCases)
    func specialAddresses(kind: NameServerKind) async throws {
        let special = [
            "A 0.0.0.0", "A 10.1.2.3", "A 100.64.0.1", "A 127.0.0.1", "A 169.254.169.254", "A 192.168.0.1",
            "A 224.0.0.1",
            "A 255.255.255.255", "AAAA ::", "AAAA ::1", "AAAA ::ffff:127.0.0.1", "AAAA 64:ff9b::7f00:1",
            "AAAA 2002:7f00:1::1", "AAAA 2001::1", "AAAA fd00::1", "AAAA fe80::1", "AAAA ff02::1",
        ]
        let lines = special.enumerated().map { imxLine("d\($0)", "1 0 5290 - h\($0).example") + "h\($0) \($1)\n" }
        let (server, bed) = try await Self.bed(
            kind,
            lines.joined() + imxLine("d", "1 0 5290 - h.example") + "h A 8.8.8.8\n"
        )
        let policy = AddressPolicy()
        for index in special.indices {
            let host = try #require(try await bed.service("d\(index).example").hosts.first)
            #expect(host.addresses.count == 1)
            for address in host.addresses { #expect(policy.refusal(of: address, port: host.port) != nil, "\(address)") }
        }
        let ordinary = try #require(try await bed.service("d.example").hosts.first?.addresses.first)
        #expect(policy.refusal(of: ordinary, port: 5290) == nil)
        withExtendedLifetime(server) {}
    }

    @Test(
        "I.2: hostile data beside a good record is passed over, alone it is bogus",
        arguments: NameServerKind.allCases
    )
    func hostile(kind: NameServerKind) async throws {
        let bad = [
            "\\# 1 00", "\\# 10 000A000014AAFFFFC00C", "\\# 9 000A000014AA00003F", "\\# 8 000A000014AA0000",
        ]
        let lines =
            "empty TYPE65370 \\# 0\n"
            + bad.enumerated().map { "bad\($0) TYPE65370 \($1)\nmixed TYPE65370 \($1)\n" }.joined()
        let (server, bed) = try await Self.bed(
            kind,
            lines + imxLine("mixed", "1 0 5290 - HOST.Example") + "host A 127.9.9.1\n"
        )
        // The library refuses an answer in which a record has no data at all.
        #expect(try await bed.resolve("empty.example").text.hasPrefix("unavailable: "))
        for index in bad.indices {
            #expect(try await bed.resolve("bad\(index).example").text.hasPrefix("bogus: no record at"), "\(bad[index])")
        }
        #expect(try await bed.service("mixed.example").hosts.map(\.name) == ["host.example"])
        withExtendedLifetime(server) {}
    }

    @Test(
        "I.2: a time to live of 0 is used once; others are kept",
        arguments: NameServerKind.allCases
    )
    func lives(kind: NameServerKind) async throws {
        func records(_ host: String) -> String {
            imxLine("zero 0 IN", "1 0 5290 - \(host).example") + imxLine("long 600 IN", "1 0 5290 - \(host).example")
                + "old 600 IN A 127.9.9.1\nold 600 IN AAAA ::1\nnew A 127.9.9.2\n"
        }
        let (server, bed) = try await Self.bed(kind, records("old")) { $0.limits.positiveSeconds = 1...3600 }
        for name in ["zero.example", "long.example"] {
            #expect(try await bed.service(name).hosts.map(\.name) == ["old.example"])
        }
        try await server.change("example", records("new"))
        let asked = try await bed.counts.asked
        #expect(try await bed.service("long.example").hosts.map(\.name) == ["old.example"])
        #expect(try await bed.counts.asked == asked)
        #expect(try await bed.service("zero.example").hosts.map(\.name) == ["new.example"])
    }

    @Test(
        "IMX 4.2.3: a server that is gone means not now, and absence runs out too",
        arguments: NameServerKind.allCases
    )
    func gone(kind: NameServerKind) async throws {
        let (server, bed) = try await Self.bed(kind, "host A 127.9.9.1\n") {
            $0.limits.negativeSeconds = 1...900
            $0.limits.failureSeconds = 1
            $0.limits.time = .seconds(5)
        }
        #expect(try await bed.resolve("late.example").text.hasPrefix("not found: "))
        server.stop()
        #expect(try await bed.resolve("other.example").text.hasPrefix("unavailable: "))
        try await server.change("example", imxLine("late", "1 0 5290 - host.example") + "host A 127.9.9.1\n")
        try await eventually("late.example", within: 60) {
            if case .service = try await bed.resolve("late.example") { return true }
            return false
        }
    }
}
