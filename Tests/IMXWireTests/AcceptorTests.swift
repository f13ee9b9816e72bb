// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore
import Testing

@testable import IMXWire

@Suite struct AcceptorTests {
    @Test(
        "IMX 6.3.1-1, IMX 6.3.1-5, dialback 3: an honest claim is proved on its own connection, confirmed, and trusted for a day at most"
    )
    func honest() throws {
        var scene = DialbackScene()
        let claim = try scene.makeClaim()
        let id = try pending(scene.take(claim, tag: 9))
        let verify = try #require(scene.acceptor.verify(id))
        #expect(verify.token == claim.token)
        guard case .prove(let connection, let proof, let answer) = scene.check(verify) else {
            Issue.record("not proved")
            return
        }
        #expect(connection == scene.first)
        #expect(answer.code == .delivered)
        guard case .ignore = scene.acceptor.verifyAnswered(id, .delivered, now: scene.now),
            case .trust(scene.first, scene.pair, let until, 9, let trust) =
                scene.acceptor.proof(proof, on: scene.first, now: scene.now)
        else {
            Issue.record("not trusted")
            return
        }
        #expect(until == scene.now + .seconds(86_400))
        #expect(
            scene.answered(trust)
                == .trusted(scene.pair, until: scene.now + .seconds(86_400), verifiedOn: scene.leg)
        )
        #expect(scene.acceptor.pendingCount == 0)
        #expect(scene.claimant.claimCount == 0)
    }

    @Test("dialback 3.1, G.5: a claim is looked at in the fixed order: hosted, source and policy, quotas")
    func order() throws {
        var scene = DialbackScene()
        let claim = try scene.makeClaim()
        let cases: [(DialbackAcceptor.Facts, OutcomeCode)] = [
            (.init(targetIsHosted: false, sourceIsHosted: true, policyAllows: false), .notServedHere),
            (.init(targetIsHosted: true, sourceIsHosted: true), .refused),
            (.init(targetIsHosted: true, policyAllows: false), .refused),
        ]
        for (facts, expected) in cases { #expect(code(scene.take(claim, facts: facts)) == expected) }
        #expect(scene.acceptor.pendingCount == 0)
        _ = try pending(scene.take(claim))
        #expect(code(scene.take(claim)) == .rateLimited)
        #expect(code(scene.take(claim, facts: .init(targetIsHosted: true, policyAllows: false))) == .refused)
    }

    @Test(
        "IMX 6.3.1-3, IMX 6.3.1-4, dialback 4, G.3-4: the same claim on two connections has two secrets, and one proof serves one of them"
    )
    func twoConnections() throws {
        var scene = DialbackScene()
        let claim = try scene.makeClaim()
        let honest = try pending(scene.take(claim, on: 1))
        let other = try pending(scene.take(claim, on: 7))
        let verify = try #require(scene.acceptor.verify(honest))
        #expect(verify.secret != scene.acceptor.verify(other)?.secret)
        let shown = try proof(scene.check(verify))
        #expect(code(scene.acceptor.proof(shown, on: ConnectionHandle(rawValue: 7), now: scene.now)) == .notVerified)
        guard case .trust = scene.acceptor.proof(shown, on: scene.first, now: scene.now) else {
            Issue.record("not trusted")
            return
        }
    }

    @Test("G.3-16: claims are bounded for a connection, a neighbourhood, a source, and in all")
    func quotas() throws {
        func admitted(_ limits: DialbackLimits, _ claim: (Int) -> (source: String, connection: UInt64, block: UInt32))
            -> Int
        {
            var scene = DialbackScene(limits: limits)
            var count = 0
            for index in 0..<5000 {
                let (source, connection, block) = claim(index)
                let record = ClaimRecord(source: text(source), target: text("a.example"), token: range(0, 16))
                if case .dialAndVerify = scene.take(
                    record,
                    on: connection,
                    block: AddressBlock(ipv4: block << 8)
                ) {
                    count += 1
                }
            }
            return count
        }
        var limits = DialbackLimits()
        limits.dialBurst = 100_000
        #expect(admitted(limits) { ("s\($0).example", 1, UInt32($0)) } == 8)
        #expect(admitted(limits) { ("s\($0).example", UInt64($0), 1) } == 32)
        #expect(admitted(limits) { ("b.example", UInt64($0), UInt32($0)) } == 8)
        #expect(admitted(limits) { ("s\($0).example", UInt64($0), UInt32($0)) } == 3072)
    }

    @Test("G.3-16: a part of the table is kept for sources authenticated in the last day")
    func reserve() throws {
        var limits = DialbackLimits()
        limits.pendingInAll = 4
        limits.pendingReserved = 2
        var scene = DialbackScene(limits: limits)
        let certified = DialbackAcceptor.Facts(targetIsHosted: true, isCertified: true)
        #expect(code(scene.take(Samples.claim, facts: certified)) == .delivered)
        for index in 0..<2 as Range<UInt64> {
            let claim = ClaimRecord(source: text("s\(index)"), target: text("a.example"), token: range(0, 16))
            _ = try pending(scene.take(claim, on: index))
        }
        let stranger = ClaimRecord(source: text("s9"), target: text("a.example"), token: range(0, 16))
        #expect(code(scene.take(stranger, on: 9)) == .rateLimited)
        _ = try pending(scene.take(Samples.claim, on: 5))
        scene.now = scene.now + .seconds(86_401)
        _ = scene.acceptor.expire(now: scene.now)
        for index in 10..<12 as Range<UInt64> {
            let claim = ClaimRecord(source: text("s\(index)"), target: text("a.example"), token: range(0, 16))
            _ = try pending(scene.take(claim, on: index))
        }
        #expect(code(scene.take(Samples.claim, on: 5)) == .rateLimited)
    }

    @Test("G.3-18: a quota is given back at every end of a claim")
    func released() throws {
        var scene = DialbackScene()
        for round in 0..<50 {
            scene.now = scene.now + .seconds(11)
            let id = try pending(scene.take(Samples.claim))
            switch round % 4 {
            case 0: #expect(code(scene.acceptor.unreachable(id, now: scene.now)) == .notVerifiedNow)
            case 1: #expect(code(scene.acceptor.verifyAnswered(id, .rateLimited, now: scene.now)) == .notVerifiedNow)
            case 2: scene.acceptor.closed(scene.first)
            default:
                scene.now = scene.now + .seconds(25)
                #expect(scene.acceptor.expire(now: scene.now).map(code) == [.notVerifiedNow])
            }
            #expect(scene.acceptor.verify(id) == nil)
        }
        #expect(scene.acceptor.pendingCount == 0)
    }

    @Test("dialback 3.1, G.5: three failed attempts close a connection that has no trusted pair, and no other")
    func threeFailures() throws {
        for isTrusted in [false, true] {
            var scene = DialbackScene()
            if isTrusted {
                let id = try pending(scene.take(try scene.makeClaim()))
                let verify = try #require(scene.acceptor.verify(id))
                _ = scene.acceptor.proof(try proof(scene.check(verify)), on: scene.first, now: scene.now)
            }
            var closes: [Bool] = []
            for _ in 0..<3 {
                _ = try pending(scene.take(Samples.claim))
                let wrong = ProofRecord(source: text("b.example"), target: text("a.example"), proof: range(0, 32))
                if case .refuse(_, _, _, let answer, let close) =
                    scene.acceptor.proof(wrong, on: scene.first, now: scene.now)
                {
                    #expect(answer.code == .notVerified)
                    closes.append(close)
                }
            }
            #expect(closes == (isTrusted ? [false, false, false] : [false, false, true]))
            #expect(code(scene.take(Samples.claim)) == .notVerified, "nobody is asked a fourth time")
        }
    }

    @Test("G.3-1, IMX 6.3.1-3: a proof without a claim, for another pair, or too late is ignored and counted")
    func strayProofs() throws {
        var scene = DialbackScene()
        let claim = try scene.makeClaim()
        let shown = ProofRecord(source: claim.source, target: claim.target, proof: range(0, 32))
        let expectations: [DialbackAcceptor.Action] = [
            scene.acceptor.proof(shown, on: scene.first, now: scene.now)
        ]
        _ = scene.take(claim)
        let other = ProofRecord(source: claim.source, target: text("a2.example"), proof: range(0, 32))
        let more = [
            scene.acceptor.proof(other, on: scene.first, now: scene.now),
            scene.acceptor.proof(shown, on: scene.leg, now: scene.now),
            scene.acceptor.proof(shown, on: scene.first, now: scene.now + .seconds(25)),
        ]
        for action in expectations + more { #expect(code(action) == nil) }
        #expect(scene.acceptor.strayProofs == 4)
    }

    @Test("dialback 3.1: an answer about an earlier claim does not touch a later one for the same pair")
    func serials() throws {
        var scene = DialbackScene()
        let old = try pending(scene.take(Samples.claim))
        _ = scene.acceptor.unreachable(old, now: scene.now)
        let new = try pending(scene.take(Samples.claim))
        #expect(code(scene.acceptor.verifyAnswered(old, .notVerified, now: scene.now)) == nil)
        #expect(scene.acceptor.verify(new) != nil)
        #expect(scene.acceptor.verify(old) == nil)
    }
}
