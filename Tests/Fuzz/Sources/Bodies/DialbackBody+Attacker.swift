// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import IMXWire
import NIOCore

/// What the attacker does.
extension DialbackBody {
    mutating func claimAsAttacker(_ number: UInt64) {
        let connection = handle(number)
        let pair = DomainPair(source: Self.m, target: Self.a)
        let claim = attacker.claim(pair, on: connection, id: Self.id(connection), now: now, using: &draw)
        guard let claim else { return }
        tokens = tokens.suffix(255) + [claim.token]
        network.append(.claim(claim, on: connection))
    }

    mutating func forgeClaim(_ input: inout FuzzInput) throws(Violation) {
        guard let source = input.pick(Self.domains), let target = input.pick(Self.domains),
            let token = input.pick(tokens), let connection = input.pick(Self.hostile)
        else { return }
        let claim = ClaimRecord(source: source, target: target, token: token)
        try take(claim, on: handle(connection))
    }

    mutating func forgeProof(_ input: inout FuzzInput) throws(Violation) {
        guard let source = input.pick(Self.domains), let target = input.pick(Self.domains),
            let connection = input.pick(Self.hostile)
        else { return }
        let proof = input.pick(proofs)?.proof ?? ByteBuffer(repeating: 0, count: ProofRecord.proofSize)
        let record = ProofRecord(source: source, target: target, proof: proof)
        try act(acceptor.proof(record, on: handle(connection), now: now), isProof: true)
    }

    mutating func forgeVerify(_ input: inout FuzzInput) throws(Violation) {
        guard let source = input.pick(Self.domains), let target = input.pick(Self.domains),
            let token = input.pick(tokens), let secret = input.pick(secrets)
        else { return }
        let record = VerifyRecord(source: source, target: target, token: token, secret: secret)
        _ = try verify(record, at: listening, for: .stranger)
    }

    /// He is asked about a claim for his own domain, or for one that he made up, and learns the secret.
    mutating func askAttacker(_ record: VerifyRecord, _ id: DialbackAcceptor.PendingID) throws(Violation) {
        secrets = secrets.suffix(31) + [record.secret]
        let leg = ConnectionHandle(rawValue: 32)
        switch attacker.verify(record, on: leg, from: AddressBlock(ipv4: 0), sourceIsServed: true, now: now) {
        case .prove(_, let proof, let answer):
            proofs = proofs.suffix(31) + [proof]
            network.append(.verifyAnswer(id, answer))
        case .refuse(let answer): network.append(.verifyAnswer(id, answer))
        case .ask: throw Violation("another node is asked, and there is none")
        }
    }
}
