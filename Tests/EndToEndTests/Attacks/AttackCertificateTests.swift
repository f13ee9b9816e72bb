// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

extension EndToEnd {
    /// A hostile server that does all by the rules, except that its certificate is not what is asked for.
    @Suite("Attacks by certificates", .serialized, .timeLimit(.minutes(10)))
    struct AttackCertificateTests {}
}

extension EndToEnd.AttackCertificateTests {
    /// What is wrong with the certificate of each hostile domain; the last one is right.
    private static let flaws: [(name: String, shown: String, flaw: AttackAuthority.Flaw)] = [
        ("self.example", "self.example", .selfSigned), ("other.example", "evil.example", .none),
        ("above.example", "example", .none), ("below.example", "x.below.example", .none),
        ("wild.example", "*.example", .none), ("common.example", "common.example", .noName),
        ("stranger.example", "stranger.example", .stranger), ("right.example", "right.example", .none),
    ]

    @Test(
        "S46, G.3-10, IMX 6.2.2.2: where policy asks for a certificate, no message goes to who shows another's, his own or none"
    )
    func wrongCertificates() async throws {
        let scratch = try Scratch("wrong-certificates")
        let authority = try await AttackAuthority(in: scratch)
        let taken = Locked<[String]>([])
        let server = try HostileServer { server, peer in
            server.takeMessages(peer) { record in
                taken.change { $0.append(record.text(0x0101) ?? "") }
                return 2000
            }
        }
        var ends: [TLSEnd] = []
        for (name, shown, flaw) in Self.flaws {
            let folder = try await authority.certificate(shown, at: "hostile-\(name)", flaw)
            ends.append(try await TLSEnd(certificate: folder, to: server.port, in: scratch))
        }
        let ports = ends.map(\.port)
        let field = try await Battlefield("wrong-certificates") { plan in
            plan.classes["strict"] = "{ deadline: 30s, trust: certificate }"
            plan.domains["b2.example"] = nil
            plan.strictDomains["b2.example"] = ("memory", "strict")
            plan.more = "tls: { authorities: [ \"\(authority.root)\" ], system-authorities: false }"
            for (index, row) in Self.flaws.enumerated() {
                plan.farPeers[row.name] = "tls://127.0.0.1:\(ports[index])"
            }
            plan.farPeers["plain.example"] = "127.0.0.1:\(server.port)"
        }
        server.asksAt.set(field.port)
        for name in Self.flaws.map(\.name) + ["plain.example"] {
            let outcome = Locked<String>("")
            field.send("ben@b2.example", "eve@\(name)") { outcome.set($0) }
            try await eventually("outcome for \(name)", within: .seconds(60)) { !outcome.value.isEmpty }
            let code = name == "right.example" ? 2000 : 5004
            #expect(outcome.value.contains("\"code\":\(code)"), "\(name): \(outcome.value)")
        }
        #expect(taken.value == ["eve@right.example"], "\(taken.value)")
        // A domain whose class asks for less is not kept from writing: the rule is the class's.
        let outcome = Locked<String>("")
        field.send("bob@b.example", "eve@self.example") { outcome.set($0) }
        try await eventually("outcome", within: .seconds(60)) { !outcome.value.isEmpty }
        #expect(outcome.value.contains(#""code":2000"#), "\(outcome.value)")
        withExtendedLifetime(ends) {}
        try await field.end()
    }

    @Test("S49, S46: a good certificate that is not the one which the domain's signed zone names is worth nothing")
    func misissued() async throws {
        let scratch = try Scratch("misissued")
        let authority = try await AttackAuthority(in: scratch)
        let server = try HostileServer { server, peer in server.takeMessages(peer) { _ in 2000 } }
        // Both are issued by the authority that is believed, to the right name; the zone names the key of one.
        let own = try await authority.certificate("host.dane.example", at: "own")
        let stolen = try await authority.certificate("host.dane.example", at: "stolen")
        let digest = try await authority.keyDigest(own)
        let end = try await TLSEnd(certificate: stolen, to: server.port, in: scratch)
        let right = try await TLSEnd(certificate: own, to: server.port, in: scratch)
        let records = [("stolen", end.port), ("own", right.port)].map { name, port in
            """
            _imx._tcp.\(name) SRV 0 0 \(port) host
            _\(port)._tcp.host TLSA 3 1 1 \(digest)
            """
        }
        let zone = try await KnotServer(
            "dane.example",
            (records + ["host A 127.0.0.1"]).joined(separator: "\n"),
            isSigned: true,
            in: scratch
        )
        let field = try await Battlefield("misissued") { plan in
            plan.dns = try zone.configuration(allowing: "[ 127.0.0.0/8 ]", in: scratch)
            plan.classes["strict"] = "{ deadline: 30s, trust: certificate }"
            plan.domains["b2.example"] = nil
            plan.strictDomains["b2.example"] = ("memory", "strict")
            plan.more = "tls: { authorities: [ \"\(authority.root)\" ], system-authorities: false }"
        }
        field.keep(scratch)
        server.asksAt.set(field.port)
        for (name, code) in [("stolen", 5004), ("own", 2000)] {
            let outcome = Locked<String>("")
            field.send("ben@b2.example", "eve@\(name).dane.example") { outcome.set($0) }
            try await eventually("outcome for \(name)", within: .seconds(60)) { !outcome.value.isEmpty }
            #expect(outcome.value.contains("\"code\":\(code)"), "\(name): \(outcome.value)")
        }
        #expect(server.messages == 1)
        #expect(try !field.south.log(holding: "peer not trusted").isEmpty)
        withExtendedLifetime((end, right, zone)) {}
        try await field.end()
    }
}
