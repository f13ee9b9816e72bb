// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore
import Testing

@testable import IMXWire

/// One honest service A and the steps of a claim toward it.
private struct Scene {
    var acceptor: DialbackAcceptor
    var claimant: DialbackClaimant
    var generator = SeededGenerator(state: 1)
    var now = Instant(nanoseconds: 1_000_000_000_000)
    let first = ConnectionHandle(rawValue: 1)
    let leg = ConnectionHandle(rawValue: 2)
    let pair = DomainPair(source: text("b.example"), target: text("a.example"))
    let id = ConnectionID(dialler: Samples.helloDialler, acceptor: Samples.helloAcceptor)
    let block = AddressBlock(ipv4: 0xC000_0201)
    let hosted = DialbackAcceptor.Facts(targetIsHosted: true)

    init(limits: DialbackLimits = .init()) {
        acceptor = DialbackAcceptor(limits: limits)
        var keys = CountingGenerator(octet: 0xA0)
        claimant = DialbackClaimant(tokens: ClaimTokens(key: Octets32(using: &keys)), limits: limits)
    }

    mutating func makeClaim(_ pair: DomainPair? = nil, on connection: UInt64 = 1, attempt: Int = 1) throws
        -> ClaimRecord
    {
        let claim = claimant.claim(
            pair ?? self.pair,
            on: ConnectionHandle(rawValue: connection),
            id: id,
            attempt: attempt,
            now: now,
            using: &generator
        )
        return try #require(claim)
    }

    mutating func take(
        _ claim: ClaimRecord,
        tag: UInt32 = 1,
        on connection: UInt64 = 1,
        facts: DialbackAcceptor.Facts? = nil,
        id: ConnectionID? = nil,
        block: AddressBlock? = nil
    ) -> DialbackAcceptor.Action {
        acceptor.claim(
            claim,
            tag: tag,
            on: ConnectionHandle(rawValue: connection),
            id: id ?? self.id,
            from: block ?? self.block,
            facts: facts ?? hosted,
            now: now,
            using: &generator
        )
    }

    mutating func answered(_ answer: AnswerRecord) -> DialbackClaimant.Outcome {
        claimant.answered(answer, pair: pair, on: first, now: now, using: &generator)
    }

    mutating func check(_ verify: VerifyRecord, served: Bool = true) -> DialbackClaimant.VerifyAction {
        claimant.verify(verify, on: leg, sourceIsServed: served, now: now)
    }
}

private func code(_ action: DialbackAcceptor.Action) -> OutcomeCode? {
    switch action {
    case .refuse(_, _, _, let answer, _), .trust(_, _, _, _, let answer): answer.code
    case .ignore, .dialAndVerify: nil
    }
}

private func pending(_ action: DialbackAcceptor.Action) throws -> DialbackAcceptor.PendingID {
    guard case .dialAndVerify(let id) = action else { throw Unusable() }
    return id
}

private func refusal(_ action: DialbackClaimant.VerifyAction) -> AnswerRecord? {
    if case .refuse(let answer) = action { answer } else { nil }
}

private func proof(_ action: DialbackClaimant.VerifyAction) throws -> ProofRecord {
    guard case .prove(_, let proof, _) = action else { throw Unusable() }
    return proof
}

@Suite struct DialbackTests {
    @Test("6.3.1: an honest claim is proved on its own connection, confirmed, and trusted for a day at most")
    func honest() throws {
        var scene = Scene()
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
        guard case .ignore = scene.acceptor.verifyAnswered(id, .delivered),
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

    @Test("G.5: a claim is looked at in the fixed order: hosted, source and policy, quotas")
    func order() throws {
        var scene = Scene()
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

    @Test("G.3-4: the same claim on two connections has two secrets, and one proof serves one of them")
    func twoConnections() throws {
        var scene = Scene()
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
            var scene = Scene(limits: limits)
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
        let limits = DialbackLimits()
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
        var scene = Scene(limits: limits)
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
        var scene = Scene()
        for round in 0..<50 {
            let id = try pending(scene.take(Samples.claim))
            switch round % 4 {
            case 0: #expect(code(scene.acceptor.unreachable(id)) == .notVerifiedNow)
            case 1: #expect(code(scene.acceptor.verifyAnswered(id, .rateLimited)) == .notVerifiedNow)
            case 2: scene.acceptor.closed(scene.first)
            default:
                scene.now = scene.now + .seconds(25)
                #expect(scene.acceptor.expire(now: scene.now).map(code) == [.notVerifiedNow])
            }
            #expect(scene.acceptor.verify(id) == nil)
        }
        #expect(scene.acceptor.pendingCount == 0)
    }

    @Test("G.5: three failed attempts close a connection that has no trusted pair, and no other")
    func threeFailures() throws {
        for isTrusted in [false, true] {
            var scene = Scene()
            if isTrusted {
                let id = try pending(scene.take(try scene.makeClaim()))
                let verify = try #require(scene.acceptor.verify(id))
                _ = scene.acceptor.proof(try proof(scene.check(verify)), on: scene.first, now: scene.now)
            }
            var closes: [Bool] = []
            for _ in 0..<4 {
                _ = try pending(scene.take(Samples.claim))
                let wrong = ProofRecord(source: text("b.example"), target: text("a.example"), proof: range(0, 32))
                if case .refuse(_, _, _, let answer, let close) =
                    scene.acceptor.proof(wrong, on: scene.first, now: scene.now)
                {
                    #expect(answer.code == .notVerified)
                    closes.append(close)
                }
            }
            #expect(closes == (isTrusted ? [false, false, false, false] : [false, false, true, true]))
        }
    }

    @Test("G.3-1: a proof without a claim, for another pair, or too late is ignored and counted")
    func strayProofs() throws {
        var scene = Scene()
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

    @Test("6.3.1: an answer about an earlier claim does not touch a later one for the same pair")
    func serials() throws {
        var scene = Scene()
        let old = try pending(scene.take(Samples.claim))
        _ = scene.acceptor.unreachable(old)
        let new = try pending(scene.take(Samples.claim))
        #expect(code(scene.acceptor.verifyAnswered(old, .notVerified)) == nil)
        #expect(scene.acceptor.verify(new) != nil)
        #expect(scene.acceptor.verify(old) == nil)
    }

    @Test("G.3-8: every refusal of VERIFY after the budget reads the same, whatever was wrong")
    func uniform() throws {
        var scene = Scene()
        let claim = try scene.makeClaim()
        let good = VerifyRecord(source: claim.source, target: claim.target, token: claim.token, secret: range(0, 32))
        func changed(_ change: (inout VerifyRecord) -> Void) -> VerifyRecord {
            var record = good
            change(&record)
            return record
        }
        var flipped = claim.token
        flipped.setInteger(UInt8(0xFF), at: 10)
        let wrong = [
            changed { $0.target = text("a2.example") }, changed { $0.source = text("b2.example") },
            changed { $0.token = range(0, 56) }, changed { $0.token = range(0, 16) },
            changed { $0.token = flipped }, changed { $0.secret = range(0, 31) },
        ]
        var answers = wrong.compactMap { refusal(scene.check($0)) }
        #expect(answers.count == wrong.count)
        answers += [refusal(scene.check(good, served: false))].compactMap { $0 }
        _ = try proof(scene.check(good))
        answers += [refusal(scene.check(good))].compactMap { $0 }  // The token is spent.
        var late = Scene()
        let other = try late.makeClaim()
        late.now = late.now + .seconds(35)
        answers += [
            refusal(
                late.check(
                    VerifyRecord(source: other.source, target: other.target, token: other.token, secret: range(0, 32))
                )
            )
        ].compactMap { $0 }
        #expect(answers.count == wrong.count + 3)
        var written: Set<ByteBuffer> = []
        for answer in answers {
            #expect(answer.code == .notVerified)
            var out = ByteBuffer()
            answer.write(to: &out, answering: .verify, tag: 1)
            written.insert(out)
        }
        #expect(written.count == 1)
    }

    @Test("G.3-16: VERIFY has a budget, and the budget speaks first")
    func budget() throws {
        var limits = DialbackLimits()
        limits.verifiesPerSecond = 10
        limits.verifyBurst = 20
        var scene = Scene(limits: limits)
        let verify = VerifyRecord(source: text("b"), target: text("a"), token: range(0, 56), secret: range(0, 32))
        let codes = (0..<21).compactMap { _ in refusal(scene.check(verify))?.code }
        #expect(codes == Array(repeating: .notVerified, count: 20) + [.rateLimited])
        scene.now = scene.now + .milliseconds(100)
        #expect(refusal(scene.check(verify))?.code == .notVerified)
        #expect(refusal(scene.check(verify))?.code == .rateLimited)
    }

    @Test("G.5: a claimant believes 2000 only with the right confirmation")
    func confirmation() throws {
        var scene = Scene()
        var wrong = AnswerRecord.Details()
        wrong.confirm = range(0, 32)
        for (answer, isVerified) in [
            (AnswerRecord(.delivered), true), (AnswerRecord(.delivered, details: wrong), true),
            (AnswerRecord(.delivered, details: wrong), false), (AnswerRecord(.delivered), false),
        ] {
            let claim = try scene.makeClaim()
            if isVerified {
                _ = try proof(
                    scene.check(
                        VerifyRecord(
                            source: claim.source,
                            target: claim.target,
                            token: claim.token,
                            secret: range(0, 32)
                        )
                    )
                )
            }
            #expect(scene.answered(answer) == .closeConnection(scene.pair))
        }
        #expect(scene.answered(AnswerRecord(.delivered)) == .ignore)
    }

    @Test("G.5: a refused claim is tried three times in all, with a new token and some patience")
    func retries() throws {
        var scene = Scene()
        var tokens: Set<ByteBuffer> = []
        for attempt in 1...3 {
            tokens.insert(try scene.makeClaim(attempt: attempt).token)
            guard case .failed(_, .notVerified, attempt, let retryAt) = scene.answered(AnswerRecord(.notVerified))
            else {
                Issue.record("no failure")
                return
            }
            #expect((retryAt == nil) == (attempt == 3))
            if let retryAt { #expect(retryAt >= scene.now + .milliseconds(500 * attempt)) }
        }
        #expect(tokens.count == 3)
        _ = try scene.makeClaim()
        guard case .failed(_, .notServedHere, 1, nil) = scene.answered(AnswerRecord(.notServedHere)) else {
            Issue.record("retried")
            return
        }
    }

    @Test("6.3(3): trust dies with its connection and after a day, and is asked for octet by octet")
    func trust() {
        var trusted = TrustedPairs()
        let now = Instant.start
        let pair = DomainPair(source: text("b.example"), target: text("a.example"))
        #expect(trusted.isEmpty)
        func holds(_ source: String, _ target: String, _ now: Instant) -> Bool {
            trusted.contains(source: text(source), target: text(target), now: now)
        }
        trusted.trust(pair, until: now + .seconds(86_400))
        trusted.trust(DomainPair(source: text("c.example"), target: text("a.example")), until: now + .seconds(10))
        #expect(holds("b.example", "a.example", now))
        #expect(holds("c.example", "a.example", now))
        #expect(!holds("a.example", "b.example", now))
        #expect(!holds("x.b.example", "a.example", now))
        #expect(!holds("b.example", "c.example", now))
        let later = now + .seconds(10)
        #expect(!holds("c.example", "a.example", later))
        let gone = trusted.expire(now: later)
        #expect(gone.count == 1)
        #expect(holds("b.example", "a.example", later))
        #expect(!holds("b.example", "a.example", now + .seconds(86_400)))
        trusted.revoke(pair)
        #expect(!holds("b.example", "a.example", now))
    }
}
