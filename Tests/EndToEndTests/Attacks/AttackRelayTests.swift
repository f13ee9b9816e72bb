// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

extension EndToEnd {
    /// M serves m.example, is hostile, and is written to by b.example; it wants others to take it for b.example.
    @Suite("Attacks by relaying", .serialized, .timeLimit(.minutes(10)))
    struct AttackRelayTests {}
}

/// What M gets when b.example's aggregator connects to it: the claim, with the genuine token.
private final class Catch: Sendable {
    struct Claim: Sendable {
        var source: String
        var target: String
        var token: [UInt8]
    }
    let claims = Locked<[Claim]>([])
    let proofs = Locked<[[UInt8]]>([])
    /// The caller's nonce, and the one to answer it with.
    let callersNonce = Locked<[UInt8]?>(nil)
    let nonce = Locked<[UInt8]?>(nil)
    let mayClose = Locked<Bool>(false)

    /// Greets with whatever nonce M is given, takes the claim, and keeps the connection.
    func run(_ peer: RawPeer) {
        guard peer.welcome(nonce: nonce.value) != nil else { return }
        peer.wait(atMost: 0.2)
        for _ in 0..<200 where !mayClose.value {
            guard let record = peer.record() else { continue }
            if record.type == RawPeer.claim, let source = record.text(0x0020), let target = record.text(0x0021),
                let token = record.field(0x0022)
            {
                claims.change { $0.append(Claim(source: source, target: target, token: token)) }
            }
            if record.type == RawPeer.proof, let proof = record.field(0x0024) { proofs.change { $0.append(proof) } }
        }
    }

    func claim() async throws -> Claim {
        try await eventually("the claim of b.example", within: .seconds(10)) { claims.value.first }
    }
}

extension EndToEnd.AttackRelayTests {
    private func lured(_ name: String) async throws -> (Battlefield, Catch, Catch.Claim, HostileServer) {
        let caught = Catch()
        let server = try HostileServer { caught.run($1) }
        let field = try await Battlefield(name, peers: ["m.example": server.port])
        field.send("bob@b.example", "mo@m.example")
        return (field, caught, try await caught.claim(), server)
    }

    @Test("S02, G.3-8, G.6: a genuine token shown to somebody else brings neither a proof nor trust")
    func transplant() async throws {
        let (field, caught, claim, server) = try await lured("transplant")
        #expect(claim.source == "b.example" && claim.target == "m.example")
        // A is the good peer's aggregator, which finds b.example at its true place and asks there.
        for source in 1...3 {
            let peer = try RawPeer.greeted(
                port: field.north.plan.listen,
                dialled: "good.example",
                from: Battlefield.address(source)
            )
            peer.send(
                RawPeer.claimRecord(tag: 1, source: "b.example", target: "good.example", token: claim.token)
            )
            #expect(peer.answer(to: 1)?.code == 5015)
            #expect(peer.fate("bob@b.example", "alice@good.example", tag: 2) == 5005)
        }
        #expect(caught.proofs.value.isEmpty, "a proof came for a pair that was not asked about")
        withExtendedLifetime(server) {}
        try await field.end()
    }

    /// How the server of careless.example makes a proof for a claim that it never made.
    enum Careless: String, CaseIterable {
        /// It does not look whether the token was made for this target, but takes the names from its own claim.
        case ownNames
        /// It takes the names from VERIFY, and the connection from its own claim.
        case namesOfVerify
        /// It signs whatever connection it is told: what has to succeed, or the script would prove nothing.
        case signsAnything
    }

    @Test("S02, G.6: whatever a careless server signs, we take nobody for it", arguments: Careless.allCases)
    private func careless(_ how: Careless) async throws {
        let server = try HostileServer()
        let field = try await Battlefield("careless", peers: ["careless.example": server.port])
        // careless.example has greeted M with this nonce and claimed itself for m.example; M mirrors both nonces.
        let callers = RawPeer.helloRecord(dialled: "m.example")
        let nonce = try #require(callers.field(0x0010))
        let peer = try RawPeer(port: field.port, from: Battlefield.address(1))
        let hello = try #require(try peer.greet(dialled: "b.example", nonce: nonce))
        let mirrored = RawPeer.helloRecord(dialled: nil, nonce: hello.field(0x0010))
        let token = RawPeer.random(56)
        peer.send(RawPeer.claimRecord(tag: 1, source: "careless.example", target: "b.example", token: token))
        let asked = try #require(server.verification(of: token))
        let own = RawPeer.connectionID(callers.octets, mirrored.octets)
        let proof = RawPeer.mac(
            secret: asked.secret,
            source: "careless.example",
            target: how == .ownNames ? "m.example" : asked.target,
            token: token,
            connection: how == .signsAnything ? peer.connectionID : own
        )
        peer.send(RawPeer.proofRecord(source: "careless.example", target: "b.example", proof: proof))
        let isFooled = how == .signsAnything
        #expect(peer.answer(to: 1)?.code == (isFooled ? 2000 : 5015))
        #expect(peer.fate("eve@careless.example", "bob@b.example", tag: 2) == (isFooled ? 2000 : 5005))
        try await field.end()
    }

    @Test("G.6: (iii), (iv) a token is proved once, and never after its connection has closed")
    func onceAndWhileOpen() async throws {
        let (field, caught, claim, server) = try await lured("proved-once")
        let legs = try (1...6).map { try field.stranger($0) }
        for leg in legs {
            leg.send(
                RawPeer.verifyRecord(
                    tag: 1,
                    source: claim.source,
                    target: claim.target,
                    token: claim.token,
                    secret: RawPeer.random(32)
                )
            )
        }
        let codes = legs.map { $0.answer(to: 1)?.code }
        #expect(codes.count { $0 == 2000 } == 1 && codes.count { $0 == 5015 } == 5, "\(codes)")
        try await eventually("one proof", within: .seconds(5)) { !caught.proofs.value.isEmpty }
        #expect(caught.proofs.value.count == 1)
        caught.claims.set([])
        caught.mayClose.set(true)
        try await eventually("the connection to close", within: .seconds(5)) {
            try field.south.log(holding: "peer disconnected").contains { $0.contains(":\(server.port)") }
        }
        let late = try field.stranger(7)
        late.send(
            RawPeer.verifyRecord(
                tag: 1,
                source: claim.source,
                target: claim.target,
                token: claim.token,
                secret: RawPeer.random(32)
            )
        )
        #expect(late.answer(to: 1)?.code == 5015)
        try await field.end()
    }

    @Test("G.6: (v), (vi) a proof holds on its own connection, and for its own pair")
    func misplaced() async throws {
        let server = try HostileServer()
        let field = try await Battlefield("misplaced", peers: ["m.example": server.port])
        func proof(_ peer: RawPeer, _ target: String, _ token: [UInt8]) throws -> [UInt8] {
            let asked = try #require(server.verification(of: token))
            return RawPeer.mac(
                secret: asked.secret,
                source: "m.example",
                target: target,
                token: token,
                connection: peer.connectionID
            )
        }
        let (peer, other) = (try field.stranger(1), try field.stranger(2))
        let token = RawPeer.random(32)
        peer.send(RawPeer.claimRecord(tag: 1, source: "m.example", target: "b.example", token: token))
        let right = try proof(peer, "b.example", token)
        other.send(RawPeer.proofRecord(source: "m.example", target: "b.example", proof: right))
        #expect(other.fate("eve@m.example", "bob@b.example", tag: 2) == 5005)
        let second = RawPeer.random(32)
        // A stranger may cause no more octets than it pays for.
        peer.send(
            RawPeer.Record(type: RawPeer.ping, flags: 1, tag: 2, payload: RawPeer.field(0x000E, RawPeer.random(250)))
        )
        peer.send(RawPeer.claimRecord(tag: 3, source: "m.example", target: "b2.example", token: second))
        #expect(server.verification(of: second) != nil)
        peer.send(RawPeer.proofRecord(source: "m.example", target: "b2.example", proof: right))
        #expect(peer.answer(to: 3)?.code == 5015)
        #expect(peer.fate("eve@m.example", "ben@b2.example", tag: 4) == 5005)
        // None of that has harmed the claim that was right.
        peer.send(RawPeer.proofRecord(source: "m.example", target: "b.example", proof: right))
        #expect(peer.answer(to: 1)?.code == 2000)
        try await field.end()
    }
}
