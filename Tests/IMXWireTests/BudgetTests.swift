// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore
import Testing

@testable import IMXWire

/// What claims may cost us and others.
@Suite struct BudgetTests {
    private func claim(_ source: String, _ target: String = "a.example") -> ClaimRecord {
        ClaimRecord(source: text(source), target: text(target), token: range(0, 16))
    }

    private func isDialled(_ action: DialbackAcceptor.Action) -> Bool {
        if case .dialAndVerify = action { true } else { false }
    }

    @Test("S07, G.3-16: 10,000 claims for 10,000 names in a minute cause no more dials than the budget")
    func tenThousand() throws {
        func dials(networks: Int, known: Bool = false) -> Int {
            var scene = DialbackScene()
            var count = 0
            for index in 0..<10_000 {
                scene.now = scene.now + .milliseconds(6)
                let block = AddressBlock(ipv4: UInt32(index % networks) << 8)
                let action = scene.take(claim("s\(index).example"), on: UInt64(index), block: block)
                guard case .dialAndVerify(let id) = action else {
                    #expect(code(action) == .rateLimited)
                    continue
                }
                count += 1
                #expect(code(scene.acceptor.unreachable(id, now: scene.now)) == .notVerifiedNow)
            }
            return count
        }
        #expect(dials(networks: 1) == 64 + 2 * 60 - 1)
        #expect(dials(networks: 10) == 10 * (64 + 2 * 60 - 1))
        let spread = dials(networks: 10_000)
        #expect(spread <= 512 * 3 / 4 + 50 * 60 + 1 && spread > 2500)
    }

    @Test("S07, dialback 4: a claim that needs no dial of its own is not charged for one")
    func merged() throws {
        var limits = DialbackLimits()
        limits.dialBurstPerBlock = 2
        var scene = DialbackScene(limits: limits)
        for index in 0..<50 {
            let id = try pending(scene.take(claim("b.example", "a\(index).example"), on: UInt64(index)))
            scene.acceptor.needsNoDial(id)
            scene.acceptor.needsNoDial(id)
            scene.acceptor.closed(ConnectionHandle(rawValue: UInt64(index)))
        }
        for index in 0..<3 {
            let action = scene.take(claim("s\(index).example"), on: UInt64(index))
            #expect(isDialled(action) == (index < 2))
        }
    }

    @Test("S07, dialback 4: claims whose sources are looked up for long cause no more dials at once than others")
    func late() throws {
        var limits = DialbackLimits()
        limits.dialBurstPerBlock = 4
        for (isMerged, expected) in [(false, 4), (true, 4)] {
            var scene = DialbackScene(limits: limits)
            let early = try (0..<4).map { try pending(scene.take(claim("e\($0).example"), on: UInt64($0))) }
            scene.now = scene.now + .seconds(20)
            var dials = 0
            func dial(_ id: DialbackAcceptor.PendingID) {
                if scene.acceptor.needsDial(id, octetsIn: 1 << 40, now: scene.now) == nil { dials += 1 }
            }
            for round in 0..<2 {
                for index in 10..<20 {
                    let action = scene.take(claim("l\(round)-\(index).example"), on: UInt64(index))
                    if case .dialAndVerify(let id) = action { dial(id) }
                }
                for id in early { isMerged ? scene.acceptor.needsNoDial(id) : dial(id) }
            }
            #expect(dials == expected)
        }
    }

    @Test(
        "S07, dialback 4: a connection that has proved nothing has at most 1.5 octets sent to others for each of its own"
    )
    func amplification() throws {
        for (source, target, alone, merged) in [
            ("b.example", "a.example", 23, 58), ("b.c", "a.d", 20, 53),
            (String(repeating: "b", count: 60), "a.d", 28, 60),
        ] {
            for (merges, expected) in [(false, alone), (true, merged)] {
                var scene = DialbackScene()
                // The least that a dialler can send: preface, HELLO without anything optional, CLAIM.
                var hello = ByteBuffer()
                HelloRecord(serverID: Samples.server, nonce: Samples.nonce(0), dialled: text(target)).write(to: &hello)
                var record = ByteBuffer()
                claim(source, target).write(to: &record, tag: 1)
                var octetsIn = 8 + hello.readableBytes
                var octetsOut = 0
                var dialled = 0
                for index in 0..<60 {
                    octetsIn += record.readableBytes
                    let name = String(repeating: "0", count: 2 - "\(index)".count) + "\(index)" + source.dropFirst(2)
                    let action = scene.take(claim(name, target), octetsIn: octetsIn)
                    guard case .dialAndVerify(let id) = action else { continue }
                    var verify = ByteBuffer()
                    try #require(scene.acceptor.verify(id)).write(to: &verify, tag: 1)
                    if merges {
                        scene.acceptor.needsNoDial(id)
                    } else if let refusal = scene.acceptor.needsDial(id, octetsIn: octetsIn, now: scene.now) {
                        #expect(code(refusal) == .rateLimited)
                        continue
                    } else {
                        octetsOut += opening(to: name)
                    }
                    dialled += 1
                    octetsOut += verify.readableBytes
                    #expect(octetsOut * 2 <= octetsIn * 3)
                    scene.now = scene.now + .seconds(1)
                    _ = scene.acceptor.unreachable(id, now: scene.now)
                }
                #expect(dialled == expected, "\(source), \(merges)")
            }
        }
    }

    /// What our end sends on a connection that it makes for a VERIFY.
    private func opening(to domain: String) -> Int {
        let hello = HelloRecord(
            serverID: Samples.server,
            maxRecord: 65_536,
            maxInflight: 256,
            idleSeconds: 300,
            capabilities: [.channelBinding],
            nonce: Samples.nonce(0),
            dialled: text(domain)
        )
        var octets = ByteBuffer()
        hello.write(to: &octets)
        return 8 + octets.readableBytes
    }

    @Test("G.3-16: what has failed three times in a row is not tried again for some seconds, and ends as it did before")
    func negative() throws {
        var scene = DialbackScene()
        for _ in 0..<3 {
            let id = try pending(scene.take(claim("b.example")))
            _ = scene.acceptor.unreachable(id, now: scene.now)
        }
        #expect(code(scene.take(claim("b.example"))) == .notVerifiedNow)
        #expect(code(scene.take(claim("b.example"), on: 9)) == .notVerifiedNow)
        scene.now = scene.now + .seconds(10)
        _ = try pending(scene.take(claim("b.example")))
    }

    @Test("G.3-16: false claims and unreachable servers never have another's true claim refused")
    func trueClaim() throws {
        var scene = DialbackScene()
        let elsewhere = AddressBlock(ipv4: 0xC633_6401)
        for connection in 100..<110 as Range<UInt64> {  // the attacker names b.example, from two networks
            for block in [scene.block, elsewhere] {
                let id = try pending(scene.take(claim("b.example"), on: connection, block: block))
                _ = scene.acceptor.verifyAnswered(id, .notVerified, now: scene.now)
            }
        }
        // Neither the network of the claimant, which the attacker shares here, nor the name counts.
        let honest = try pending(scene.take(try scene.makeClaim()))
        scene.acceptor.closed(honest.connection)
        for connection in 200..<210 as Range<UInt64> {
            let id = scene.take(claim("b.example"), on: connection, block: elsewhere)
            if case .dialAndVerify(let id) = id { _ = scene.acceptor.unreachable(id, now: scene.now) }
        }
        #expect(code(scene.take(claim("b.example"), on: 210, block: elsewhere)) == .notVerifiedNow)
        _ = try pending(scene.take(try scene.makeClaim(on: 2), on: 2))
    }

    @Test("S12, dialback 3.1: a claim under way ends when its source is blocked or its target leaves")
    func policy() throws {
        var scene = DialbackScene()
        _ = try pending(scene.take(claim("b.example"), tag: 1))
        _ = try pending(scene.take(claim("c.example"), tag: 2))
        _ = try pending(scene.take(claim("b.example", "a2.example"), tag: 3))
        let actions = scene.acceptor.policyChanged { _, pair in
            DialbackAcceptor.Facts(
                targetIsHosted: pair.target == text("a.example"),
                policyAllows: pair.source == text("b.example")
            )
        }
        let codes = Dictionary(
            uniqueKeysWithValues: actions.compactMap { action -> (UInt32, OutcomeCode)? in
                guard case .refuse(_, _, let tag, let answer, false) = action else { return nil }
                return (tag, answer.code)
            }
        )
        #expect(codes == [2: .refused, 3: .notServedHere])
        #expect(scene.acceptor.pendingCount == 1)
    }
}

/// Several nodes that serve the same domains.
@Suite struct ClusterTokenTests {
    private func tokens(_ node: UInt16, _ day: UInt32, secret: UInt8 = 0) -> ClaimTokens {
        var keys = CountingGenerator(octet: secret)
        return ClaimTokens(node: node, cluster: Octets32(using: &keys), day: day)
    }

    @Test("dialback 3.2: every node tells a forged token from a true one, and asks the node that holds the claim")
    func holder() throws {
        var scene = DialbackScene()
        scene.claimant = DialbackClaimant(tokens: tokens(1, 20_000))
        var other = DialbackClaimant(tokens: tokens(2, 20_000))
        var stranger = DialbackClaimant(tokens: tokens(2, 20_000, secret: 9))
        let claim = try scene.makeClaim()
        let verify = VerifyRecord(source: claim.source, target: claim.target, token: claim.token, secret: range(0, 32))
        func asked(_ node: inout DialbackClaimant, _ verify: VerifyRecord, bus: Bool = false) -> UInt16? {
            let action = node.verify(
                verify,
                on: bus ? nil : scene.leg,
                from: scene.block,
                sourceIsServed: true,
                now: .start  // the clock of another node says nothing about the token's age
            )
            if case .ask(let node) = action { return node }
            #expect(refusal(action)?.code == .notVerified)
            return nil
        }
        #expect(asked(&other, verify) == 1)
        #expect(asked(&other, verify, bus: true) == nil, "a question goes over the bus once")
        #expect(asked(&stranger, verify) == nil)
        var wrong = verify
        wrong.target = text("a2.example")
        #expect(asked(&other, wrong) == nil)
        let proved = scene.claimant.verify(verify, on: nil, from: nil, sourceIsServed: true, now: scene.now)
        _ = try proof(proved)
        #expect(refusal(scene.check(verify))?.code == .notVerified, "the holder gives one proof for it")
    }

    @Test("dialback 3.2: keys change every day, and clocks that differ around midnight do no harm")
    func days() {
        var generator = CountingGenerator(octet: 0)
        let pair = DomainPair(source: text("b.example"), target: text("a.example"))
        let now = Instant(nanoseconds: 100_000_000_000)
        for (made, checked, isGood) in [
            (20_000, 20_000, true), (20_000, 20_001, true), (20_001, 20_000, true),
            (20_000, 20_002, false), (20_256, 20_000, false),
        ] as [(UInt32, UInt32, Bool)] {
            let token = tokens(1, made).make(pair, expiry: now + .seconds(35), using: &generator)
            #expect((tokens(2, checked).maker(of: token, for: pair, now: now) == 1) == isGood)
        }
    }
}
