// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore
import Testing

@testable import IMXWire

@Suite struct ClaimantTests {
    @Test("dialback 3.1, G.3-8: every refusal of VERIFY after the budget reads the same, whatever was wrong")
    func uniform() throws {
        var scene = DialbackScene()
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
        var late = DialbackScene()
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
        limits.verifiesPerSecondAndBlock = 10
        limits.verifyBurstPerBlock = 20
        var scene = DialbackScene(limits: limits)
        let verify = VerifyRecord(source: text("b"), target: text("a"), token: range(0, 56), secret: range(0, 32))
        let codes = (0..<21).compactMap { _ in refusal(scene.check(verify))?.code }
        #expect(codes == Array(repeating: .notVerified, count: 20) + [.rateLimited])
        scene.now = scene.now + .milliseconds(100)
        #expect(refusal(scene.check(verify))?.code == .notVerified)
        #expect(refusal(scene.check(verify))?.code == .rateLimited)
        let other = scene.claimant.verify(
            verify,
            on: scene.leg,
            from: AddressBlock(ipv4: 0xC633_6401),
            sourceIsServed: true,
            now: scene.now
        )
        #expect(refusal(other)?.code == .notVerified, "one network's flood is not another's")
    }

    @Test("dialback 3.1: no more claims are out on a connection than an acceptor takes at a time")
    func eightAtATime() throws {
        var scene = DialbackScene()
        for index in 0..<8 {
            _ = try scene.makeClaim(DomainPair(source: text("b\(index).example"), target: text("a.example")))
        }
        #expect(scene.claimIfPossible() == nil)
        let first = DomainPair(source: text("b0.example"), target: text("a.example"))
        let answer = AnswerRecord(.notVerifiedNow)
        _ = scene.claimant.answered(answer, pair: first, on: scene.first, now: scene.now, using: &scene.generator)
        #expect(scene.claimIfPossible() != nil)
        #expect(scene.claimant.closed(scene.first).count == 8 && scene.claimant.claimCount == 0)
    }

    @Test("dialback 3.1, G.5: a claimant believes 2000 only with the right confirmation")
    func confirmation() throws {
        var scene = DialbackScene()
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

    @Test("dialback 3.1: a refused claim is tried three times in all, with a new token and some patience")
    func retries() throws {
        var scene = DialbackScene()
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
}
