// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

extension EndToEnd {
    /// The attacker owns evil.example, and puts into its zone what he likes; the zone stands on a real name server.
    @Suite("Attacks by DNS", .serialized, .enabled(if: Place.has("knotd")), .timeLimit(.minutes(10)))
    struct AttackDNSTests {}
}

extension EndToEnd.AttackDNSTests {
    /// Every kind of special address, and the transition forms that stand for one.
    private static let special = [
        "0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.66.77.88", "169.254.169.254", "172.16.0.1",
        "172.31.255.254", "192.0.0.1", "192.168.0.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::",
        "2002:a00:1::1", "fc00::1", "fd12:3456::1", "fe80::1", "ff02::1",
    ]

    private static func records(port: UInt16) -> String {
        special.enumerated().map { index, address in
            let kind = address.contains(":") ? "AAAA" : "A"
            return """
                _imx._tcp.s\(index) SRV 0 0 \(port) h\(index)
                h\(index) \(kind) \(address)
                """
        }.joined(separator: "\n")
    }

    /// A battlefield whose attacked aggregator asks the attacker's name server about the attacker's zone.
    private func field(
        _ name: String,
        allowed: String = "[]",
        _ records: String
    ) async throws -> (Battlefield, KnotServer) {
        let scratch = try Scratch("zone")
        let server = try await KnotServer("evil.example", records, in: scratch)
        let field = try await Battlefield(name) { plan in
            plan.dns = try server.configuration(allowing: allowed, in: scratch)
        }
        field.keep(scratch)
        return (field, server)
    }

    private func claim(_ name: String, in field: Battlefield, network: Int) throws -> (code: Int?, seconds: Double) {
        let peer = try field.stranger(network * 200, patience: 60)
        let start = Date()
        peer.send(RawPeer.claimRecord(tag: 1, source: name, target: "b.example", token: RawPeer.random(32)))
        return (peer.answer(to: 1)?.code, Date().timeIntervalSince(start))
    }

    @Test("S06, G.3-16: records that lead to loopback, private and other special addresses have nobody dialled")
    func specialAddresses() async throws {
        let victim = try CountingVictim()
        let (field, server) = try await field("special-addresses", Self.records(port: victim.port))
        for index in Self.special.indices {
            #expect(
                try claim("s\(index).evil.example", in: field, network: index).code == 4005,
                "\(Self.special[index])"
            )
        }
        #expect(victim.count.dials == 0, "dialled inside")
        let status = try await field.south.status()
        let out = status.peers.filter { $0.direction == "out" && $0.state == "open" }.map(\.address)
        #expect(out.allSatisfy { $0.hasSuffix(":\(field.north.plan.listen)") }, "\(out)")
        // Each was refused as an address, and none as a place where nobody answers.
        let lines = try field.south.log(holding: "peer not reached")
        let dialled = lines.filter { !$0.contains("address") }
        #expect(dialled.isEmpty, "\(dialled)")
        let refused = status.dropped("refused-address")
        #expect(refused >= Self.special.count, "\(refused) \(lines)")
        withExtendedLifetime(server) {}
        try await field.end()
    }

    @Test("S06: the same records have the victim dialled where the configuration allows the range: the test bites")
    func allowedAddresses() async throws {
        let victim = try CountingVictim()
        let (field, server) = try await field(
            "allowed-addresses",
            allowed: "[ \"127.0.0.0/8\" ]",
            Self.records(port: victim.port)
        )
        for name in ["127.0.0.1", "127.66.77.88", "::ffff:127.0.0.1"] {
            let index = try #require(Self.special.firstIndex(of: name))
            #expect(try claim("s\(index).evil.example", in: field, network: index).code == 4005)
        }
        #expect(victim.count.dials >= 2)
        withExtendedLifetime(server) {}
        try await field.end()
    }

    @Test("S06: records that lead to our own listener do not have us dial ourselves, even where the range is allowed")
    func ownListener() async throws {
        let scratch = try Scratch("own-listener")
        let own = try Ports.free()
        let server = try await KnotServer("evil.example", "_imx._tcp SRV 0 0 \(own) h\nh A 127.0.0.1", in: scratch)
        let field = try await Battlefield("own-listener") { plan in
            plan.listen = own
            plan.dns = try server.configuration(allowing: "[ \"127.0.0.0/8\" ]", in: scratch)
        }
        #expect(try claim("evil.example", in: field, network: 1).code == 4005)
        let status = try await field.south.status()
        #expect(status.dropped("refused-address") >= 1, "\(status.drops)")
        let addresses = status.peers.filter { $0.state == "open" }.map(\.address)
        #expect(!addresses.contains { $0.hasSuffix(":\(own)") }, "\(addresses)")
        try await field.end()
    }

    @Test(
        "S50, G.3-9: 500 addresses, chains and loops of aliases, and a name server that is silent cost one claim 4 dials and bounded time"
    )
    func endlessAnswers() async throws {
        let victim = try CountingVictim()
        let many = (0..<500).map { "many A 127.70.\($0 / 250).\(1 + $0 % 250)" }.joined(separator: "\n")
        let chain = (0..<20).map { "c\($0) CNAME c\($0 + 1)" }.joined(separator: "\n")
        let (field, server) = try await field(
            "endless-answers",
            allowed: "[ \"127.0.0.0/8\" ]",
            """
            _imx._tcp.addresses SRV 0 0 \(victim.port) many
            \(many)
            \((0..<500).map { "_imx._tcp.hosts SRV \($0 % 3) 0 \(victim.port) t\($0)\nt\($0) A 127.71.0.1" }.joined(separator: "\n"))
            \(chain)
            c20 A 127.72.0.1
            _imx._tcp.chain SRV 0 0 \(victim.port) c0
            l0 CNAME l1
            l1 CNAME l0
            _imx._tcp.loop SRV 0 0 \(victim.port) l0
            _imx._tcp.none SRV 0 0 0 .
            silent NS ns.silent
            ns.silent A 127.99.99.99
            """
        )
        for (index, name) in ["addresses", "hosts", "chain", "loop", "none", "x.silent", "absent"].enumerated() {
            let before = victim.count.dials
            let (code, seconds) = try claim("\(name).evil.example", in: field, network: index)
            #expect(code == 4005, "\(name): \(code ?? 0)")
            // Five seconds for the look-up, five for the dial, and what a busy machine adds to them.
            #expect(seconds < 40, "\(name) took \(seconds) s")
            let dials = victim.count.dials - before
            // Only the first two lead to anybody at all.
            #expect(index < 2 ? (1...4).contains(dials) : dials == 0, "\(name): \(dials) dials")
        }
        withExtendedLifetime(server) {}
        try await field.end()
    }
}
