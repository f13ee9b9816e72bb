// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

extension EndToEnd {
    /// Whoever has not proved a pair of domains on a connection speaks for nobody there, whatever it says.
    @Suite("Attacks on trust", .serialized, .timeLimit(.minutes(10)))
    struct AttackTrustTests {}
}

extension RawPeer {
    /// What becomes of a message that is sent on this connection.
    func fate(_ from: String, _ to: String, tag: UInt32, id: String? = nil) -> Int? {
        send(Self.messageRecord(tag: tag, from: from, to: to, id: id))
        return answer(to: tag)?.code
    }
}

extension EndToEnd.AttackTrustTests {
    /// What nobody asked for, in every form that an answer can have.
    private static func unasked(_ source: String, _ tag: UInt32) -> [RawPeer.Record] {
        let confirm = RawPeer.random(32)
        return [
            RawPeer.answerRecord(type: RawPeer.claim, tag: tag, code: 2000, confirm: confirm),
            RawPeer.answerRecord(type: RawPeer.claim, tag: tag, code: 2000),
            RawPeer.answerRecord(type: RawPeer.verify, tag: tag, code: 2000),
            RawPeer.answerRecord(type: RawPeer.proof, tag: tag, code: 2000),
            RawPeer.answerRecord(type: RawPeer.hello, tag: tag, code: 2000),
            RawPeer.proofRecord(source: source, target: "b.example", proof: RawPeer.random(32)),
            RawPeer.proofRecord(source: "b.example", target: source, proof: RawPeer.random(32)),
        ]
    }

    @Test("S01, G.3-1, G.3-2, G.3-3: proofs and answers that nobody asked for make nobody trusted, in any state")
    func unsolicited() async throws {
        // The server of victim.example answers nothing, so that claims for it stay open.
        let victim = try HostileServer { server, peer in
            guard peer.welcome() != nil else { return }
            while let record = peer.record() { server.note(record) }
        }
        let field = try await Battlefield("unsolicited", peers: ["victim.example": victim.port])
        var tag: UInt32 = 100
        for number in 1...7 {
            let early = try RawPeer(port: field.port, from: Battlefield.address(number))
            early.send(RawPeer.preface)
            early.send(Self.unasked("victim.example", 1)[number - 1])
            #expect(early.isClosedByPeer(), "a first record that is not HELLO")
        }
        for state in ["open", "claimed"] {
            let peer = try field.stranger(1)
            var open: UInt32 = 1
            if state == "claimed" {
                open = 77
                let token = RawPeer.random(32)
                peer.send(
                    RawPeer.claimRecord(tag: open, source: "victim.example", target: "b.example", token: token)
                )
                #expect(victim.verification(of: token) != nil)
            }
            for guess in [open, 0, 1, 2, 4096, .max] {
                for record in Self.unasked("victim.example", guess) where state == "open" || record.type != 0x12 {
                    peer.send(record)
                }
                tag += 1
                #expect(peer.fate("eve@victim.example", "bob@b.example", tag: tag) == 5005, "\(state), tag \(guess)")
            }
        }
        let status = try await field.south.status()
        #expect(!status.peers.contains { $0.pairs.contains { $0.contains("victim.example") } })
        #expect(status.dropped("stray-proof") >= 12, "each is counted: \(status.drops)")
        try await field.end()
    }

    @Test("S01, G.3-1: the answer 2000 to VERIFY is worth nothing without the proof on the claim's own connection")
    func verifiedWithoutProof() async throws {
        let server = try HostileServer()
        let field = try await Battlefield("without-proof", peers: ["m.example": server.port])
        let peer = try field.stranger()
        let token = RawPeer.random(32)
        peer.send(RawPeer.claimRecord(tag: 1, source: "m.example", target: "b.example", token: token))
        let asked = try #require(server.verification(of: token))
        try await Task.sleep(for: .milliseconds(300))
        #expect(peer.fate("eve@m.example", "bob@b.example", tag: 2) == 5005)
        // The same claim with the proof is believed: the script is right but for what it leaves out.
        let proof = RawPeer.mac(
            secret: asked.secret,
            source: "m.example",
            target: "b.example",
            token: token,
            connection: peer.connectionID
        )
        peer.send(RawPeer.proofRecord(source: "m.example", target: "b.example", proof: proof))
        #expect(peer.answer(to: 1)?.code == 2000)
        #expect(peer.fate("mo@m.example", "bob@b.example", tag: 3) == 2000)
        try await field.end()
    }

    @Test("S01, G.3-2: a false confirmation of our own claim closes the connection and carries nothing")
    func falseConfirmation() async throws {
        let told = Told()
        let server = try HostileServer { _, peer in
            guard peer.welcome() != nil else { return }
            while let record = peer.record() {
                if record.type == RawPeer.message { told.note("message") }
                if record.type == RawPeer.close, record.code == 5015 {
                    told.note("closed")
                    return
                }
                guard record.type == RawPeer.claim else { continue }
                told.note("claim")
                let confirm = told.count("claim") % 2 == 0 ? RawPeer.random(32) : nil
                peer.send(RawPeer.answerRecord(type: RawPeer.claim, tag: record.tag, code: 2000, confirm: confirm))
            }
        }
        let field = try await Battlefield("false-confirmation", peers: ["m.example": server.port])
        field.send("bob@b.example", "mo@m.example")
        try await eventually("the second refusal", within: .seconds(10)) { told.count("closed") >= 2 }
        #expect(told.count("message") == 0)
        try await field.end()
    }

    @Test("G.3-4: of two that claim one domain at once, each stands for itself")
    func twoClaims() async throws {
        let server = try HostileServer()
        let field = try await Battlefield("two-claims", peers: ["m.example": server.port])
        let (honest, thief) = (try field.stranger(1), try field.stranger(201))
        let tokens = [RawPeer.random(32), RawPeer.random(32)]
        thief.send(RawPeer.claimRecord(tag: 1, source: "m.example", target: "b.example", token: tokens[0]))
        honest.send(RawPeer.claimRecord(tag: 1, source: "m.example", target: "b.example", token: tokens[1]))
        let asked = try tokens.map { try #require(server.verification(of: $0)) }
        #expect(asked[0].secret != asked[1].secret)
        let proof = RawPeer.proofRecord(
            source: "m.example",
            target: "b.example",
            proof: RawPeer.mac(
                secret: asked[1].secret,
                source: "m.example",
                target: "b.example",
                token: tokens[1],
                connection: honest.connectionID
            )
        )
        honest.send(proof)
        #expect(honest.answer(to: 1)?.code == 2000)
        #expect(thief.fate("eve@m.example", "bob@b.example", tag: 2) == 5005, "inherits the other's success")
        thief.send(proof)
        #expect(thief.answer(to: 1)?.code == 5015)
        #expect(thief.fate("eve@m.example", "bob@b.example", tag: 3) == 5005)
        #expect(honest.fate("mo@m.example", "bob@b.example", tag: 4) == 2000)
        try await field.end()
    }

    @Test("G.3-13: what is sent before the proof is refused for good, and what is sent after it is taken")
    func race() async throws {
        let server = try HostileServer()
        let field = try await Battlefield("race", peers: ["m.example": server.port])
        let peer = try field.stranger()
        let token = RawPeer.random(32)
        peer.send(
            RawPeer.claimRecord(tag: 1, source: "m.example", target: "b.example", token: token).octets
                + RawPeer.messageRecord(tag: 2, from: "mo@m.example", to: "bob@b.example").octets
        )
        let asked = try #require(server.verification(of: token))
        let proof = RawPeer.mac(
            secret: asked.secret,
            source: "m.example",
            target: "b.example",
            token: token,
            connection: peer.connectionID
        )
        peer.send(
            RawPeer.messageRecord(tag: 3, from: "mo@m.example", to: "bob@b.example").octets
                + RawPeer.proofRecord(source: "m.example", target: "b.example", proof: proof).octets
                + RawPeer.messageRecord(tag: 4, from: "mo@m.example", to: "bob@b.example").octets
        )
        var codes: [UInt32: Int] = [:]
        while codes.count < 4, let answer = peer.record() { codes[answer.tag] = answer.code }
        #expect(codes == [1: 2000, 2: 5005, 3: 5005, 4: 2000])
        try await field.end()
    }

    @Test("G.3-14: pairs that fail harm no other pair of the connection")
    func badPairs() async throws {
        let servers = try (0..<2).map { _ in try HostileServer() }
        let field = try await Battlefield(
            "bad-pairs",
            peers: ["m.example": servers[0].port, "victim.example": servers[1].port]
        )
        let peer = try field.stranger()
        #expect(try peer.claim("m.example", for: "b.example", tag: 1, at: servers[0])?.code == 2000)
        for tag in 2...7 as ClosedRange<UInt32> {
            let token = RawPeer.random(32)
            peer.send(RawPeer.claimRecord(tag: tag, source: "victim.example", target: "b.example", token: token))
            // After three in a row nobody is asked any more, and the answer stays the same.
            if tag < 5 { #expect(servers[1].verification(of: token) != nil) }
            peer.send(RawPeer.proofRecord(source: "victim.example", target: "b.example", proof: RawPeer.random(32)))
            #expect(peer.answer(to: tag)?.code == 5015)
            #expect(peer.fate("mo@m.example", "bob@b.example", tag: tag + 100) == 2000)
        }
        #expect(try peer.claim("m.example", for: "b2.example", tag: 8, at: servers[0])?.code == 2000)
        #expect(peer.closes.isEmpty, "the connection was closed for the bad pair")
        try await field.end()
    }
}

/// What a hostile server's threads tell the test.
final class Told: Sendable {
    private let counts = Locked<[String: Int]>([:])

    func note(_ what: String) { counts.change { $0[what, default: 0] += 1 } }
    func count(_ what: String) -> Int { counts.value[what] ?? 0 }
}
