// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore
import TestSupport
import Testing

@testable import IMXWire

/// One honest service A and the steps of a claim toward it.
struct DialbackScene {
    var acceptor: DialbackAcceptor
    var claimant: DialbackClaimant
    var generator = SeededGenerator(seed: 1)
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

    mutating func claimIfPossible() -> ClaimRecord? {
        claimant.claim(pair, on: first, id: id, now: now, using: &generator)
    }

    mutating func take(
        _ claim: ClaimRecord,
        tag: UInt32 = 1,
        on connection: UInt64 = 1,
        facts: DialbackAcceptor.Facts? = nil,
        id: ConnectionID? = nil,
        block: AddressBlock? = nil,
        octetsIn: Int = 1 << 40
    ) -> DialbackAcceptor.Action {
        acceptor.claim(
            claim,
            tag: tag,
            on: ConnectionHandle(rawValue: connection),
            id: id ?? self.id,
            from: block ?? self.block,
            octetsIn: octetsIn,
            facts: facts ?? hosted,
            now: now,
            using: &generator
        )
    }

    mutating func answered(_ answer: AnswerRecord) -> DialbackClaimant.Outcome {
        claimant.answered(answer, pair: pair, on: first, now: now, using: &generator)
    }

    mutating func check(_ verify: VerifyRecord, served: Bool = true) -> DialbackClaimant.VerifyAction {
        claimant.verify(verify, on: leg, from: block, sourceIsServed: served, now: now)
    }
}

func code(_ action: DialbackAcceptor.Action) -> OutcomeCode? {
    switch action {
    case .refuse(_, _, _, let answer, _), .trust(_, _, _, _, let answer): answer.code
    case .ignore, .dialAndVerify: nil
    }
}

func pending(_ action: DialbackAcceptor.Action) throws -> DialbackAcceptor.PendingID {
    guard case .dialAndVerify(let id) = action else { throw Unusable() }
    return id
}

func refusal(_ action: DialbackClaimant.VerifyAction) -> AnswerRecord? {
    if case .refuse(let answer) = action { answer } else { nil }
}

func proof(_ action: DialbackClaimant.VerifyAction) throws -> ProofRecord {
    guard case .prove(_, let proof, _) = action else { throw Unusable() }
    return proof
}
