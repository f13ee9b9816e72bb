// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

extension EndToEnd {
    /// Trust that policy takes back, and trust that policy would never give.
    @Suite("Attacks on policy", .serialized, .timeLimit(.minutes(10)))
    struct AttackPolicyTests {}
}

extension EndToEnd.AttackPolicyTests {
    @Test(
        "S12, G.3-20, IMX 6.3(3), IMX 6.4(1): a domain that is blocked loses its trust on live connections within two seconds, others keep theirs"
    )
    func blocked() async throws {
        let server = try HostileServer()
        let field = try await Battlefield(
            "blocked",
            peers: ["m1.example": server.port, "m2.example": server.port]
        )
        let peer = try field.stranger()
        #expect(try peer.claim("m1.example", for: "b.example", tag: 1, at: server)?.code == 2000)
        #expect(try peer.claim("m2.example", for: "b.example", tag: 2, at: server)?.code == 2000)
        #expect(peer.fate("mo@m1.example", "bob@b.example", tag: 3) == 2000)
        try field.south.change { $0.more = "block: [ m1.example ]" }
        let reload = try await field.south.run(["reload"])
        #expect(reload.end == .exited(0), "\(reload.out)")
        // Once the reload is told to be over, not one message more is taken.
        #expect(peer.fate("mo@m1.example", "bob@b.example", tag: 10) == 5004)
        #expect(peer.fate("mo@m2.example", "bob@b.example", tag: 100) == 2000, "another pair lost its trust")
        peer.send(
            RawPeer.claimRecord(tag: 101, source: "m1.example", target: "b.example", token: RawPeer.random(32))
        )
        #expect(peer.answer(to: 101)?.code == 5004)
        try await field.end()
    }

    @Test("S12, G.3-20: a hosted domain that is removed takes nothing any more on live connections, others do")
    func removed() async throws {
        let server = try HostileServer()
        let field = try await Battlefield("removed", peers: ["m.example": server.port])
        let peer = try field.stranger()
        #expect(try peer.claim("m.example", for: "b.example", tag: 1, at: server)?.code == 2000)
        #expect(try peer.claim("m.example", for: "b2.example", tag: 2, at: server)?.code == 2000)
        #expect(peer.fate("mo@m.example", "ben@b2.example", tag: 3) == 2000)
        try field.south.change { $0.domains["b2.example"] = nil }
        #expect(try await field.south.run(["reload"]).end == .exited(0))
        #expect(peer.fate("mo@m.example", "ben@b2.example", tag: 10) == 5006)
        #expect(peer.fate("mo@m.example", "bob@b.example", tag: 100) == 2000, "another pair lost its trust")
        try await field.end()
    }

    @Test(
        "S27, G.3-10, G.3-11, IMX 6.1.3: where policy asks for TLS, a plain connection proves nothing and nobody is dialled"
    )
    func plainRefused() async throws {
        let victim = try CountingVictim()
        let field = try await Battlefield("plain-refused", peers: ["m.example": victim.port]) { plan in
            plan.classes["strict"] = "{ trust: tls }"
            plan.domains["b2.example"] = nil
            plan.strictDomains["b2.example"] = ("memory", "strict")
        }
        let peer = try field.stranger()
        peer.send(RawPeer.claimRecord(tag: 1, source: "m.example", target: "b2.example", token: RawPeer.random(32)))
        #expect(peer.answer(to: 1)?.code == 5004)
        #expect(victim.count.dials == 0)
        #expect(peer.fate("mo@m.example", "ben@b2.example", tag: 2) == 5005)
        // The class of one domain is not the class of another.
        peer.send(RawPeer.claimRecord(tag: 3, source: "m.example", target: "b.example", token: RawPeer.random(32)))
        #expect(peer.answer(to: 3)?.code == 4005)
        #expect(victim.count.dials >= 1)
        try await field.end()
    }

    @Test(
        "IMX 6.4(4), RFC2779 5.4.10, S41: a flood from a verified domain is told to slow down, a barred sender no, others pass"
    )
    func budgets() async throws {
        let server = try HostileServer()
        let field = try await Battlefield("budgets", peers: ["m.example": server.port]) { plan in
            plan.classes["default"] = "{ budgets: { sender-burst: 3, sender-per-minute: 1 } }"
            plan.more = """
                rules: [ { action: message, party: eve@m.example, verdict: deny } ]
                spam: { exempt: [ news@m.example ] }
                """
        }
        let peer = try field.stranger()
        #expect(try peer.claim("m.example", for: "b.example", tag: 1, at: server)?.code == 2000)
        let flood = (10..<16).map { peer.fate("mo@m.example", "bob@b.example", tag: $0) }
        #expect(flood == [2000, 2000, 2000, 4004, 4004, 4004])
        let news = (20..<30).map { peer.fate("news@m.example", "bob@b.example", tag: $0) }
        #expect(news.allSatisfy { $0 == 2000 })
        #expect(peer.fate("eve@m.example", "bob@b.example", tag: 40) == 5004)
        #expect(peer.fate("max@m.example", "bob@b.example", tag: 41) == 2000)
        let metrics = try await field.south.run(["status", "--metrics"]).out
        #expect(metrics.contains("imx_turned_away_total{reason=\"sender-too-fast\"} 3"))
        #expect(metrics.contains("imx_turned_away_total{reason=\"rule\"} 1"))
        try await field.end()
    }

    /// What becomes of a word about a message that was never sent.
    private func report(_ peer: RawPeer, _ from: String, _ tag: UInt32) -> Int? {
        let fields =
            [
                (0x0100, Array(from.utf8)), (0x0101, Array("bob@b.example".utf8)), (0x0109, Array("m\(tag)".utf8)),
                (0x0120, [0x13, 0x8C]), (0x0121, Array("BUY NOW".utf8)), (0x0103, [128]),
            ] as [(UInt16, [UInt8])]
        let payload = fields.flatMap { RawPeer.field($0.0, $0.1) }
        peer.send(RawPeer.Record(type: 0x0021, flags: RawPeer.Record.request, tag: tag, payload: payload))
        return peer.answer(to: tag)?.code
    }

    @Test(
        "IMX 6.4(4), RFC2779 5.4.10, S41: a flood of word about messages is told to slow down, a barred sender no, others pass"
    )
    func reports() async throws {
        let server = try HostileServer()
        let field = try await Battlefield("reports", peers: ["m.example": server.port]) { plan in
            plan.classes["default"] = "{ budgets: { sender-burst: 1, sender-per-minute: 1 } }"
            plan.more = """
                rules: [ { action: message, party: eve@m.example, verdict: deny } ]
                spam: { exempt: [ good.example ] }
                """
        }
        let peer = try field.stranger()
        #expect(try peer.claim("m.example", for: "b.example", tag: 1, at: server)?.code == 2000)
        let flood = (10..<40).map { report(peer, "mo@m.example", $0) }
        #expect(flood == Array(repeating: 2000, count: 10) + Array(repeating: 4004, count: 20))
        #expect(report(peer, "eve@m.example", 50) == 5004)
        #expect(report(peer, "max@m.example", 51) == 2000)
        try await field.end()
    }
}
