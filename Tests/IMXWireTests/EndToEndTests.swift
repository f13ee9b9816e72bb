// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore
import TestSupport
import Testing

@testable import IMXWire

/// A dial-back over two real connections: c1 from B to A, c2 from A to B.
private struct TwoConnections {
    var first = Pair(authenticated: false)
    var second = Pair(authenticated: false)
    var generator = SeededGenerator(seed: 3)
    var a = DialbackAcceptor()
    var b: DialbackClaimant
    let handle = (first: ConnectionHandle(rawValue: 1), second: ConnectionHandle(rawValue: 2))
    let pair = DomainPair(source: text("b.example"), target: text("a.example"))
    var outcome: DialbackClaimant.Outcome?

    init() {
        b = DialbackClaimant(tokens: ClaimTokens(key: Octets32(using: &generator)))
    }

    private func id(_ machine: ConnectionMachine) throws -> ConnectionID {
        let hellos = try #require(machine.helloOctets)
        return ConnectionID(dialler: hellos.dialler, acceptor: hellos.acceptor)
    }

    mutating func claim() throws {
        let made = b.claim(pair, on: handle.first, id: try id(first.dialler), now: first.now, using: &generator)
        _ = first.dialler.send(claim: try #require(made), cookie: 10, now: first.now)
        first.run()
        guard case .claim(let tag, let claim) = first.acceptorSaid.first,
            case .dialAndVerify(let pending) = a.claim(
                claim,
                tag: tag,
                on: handle.first,
                id: try id(first.acceptor),
                from: AddressBlock(ipv4: 1),
                facts: .init(targetIsHosted: true),
                now: first.now,
                using: &generator
            )
        else { throw Unusable() }
        _ = second.dialler.send(verify: try #require(a.verify(pending)), cookie: 20, now: second.now)
        second.run()
    }

    mutating func prove() throws {
        guard case .verify(let tag, let verify) = second.acceptorSaid.first,
            case .prove(handle.first, let proof, let answer) = b.verify(
                verify,
                on: handle.second,
                from: AddressBlock(ipv4: 2),
                sourceIsServed: true,
                now: first.now
            )
        else { throw Unusable() }
        first.dialler.send(proof: proof, now: first.now)
        second.acceptor.answer(answer, to: .verify, tag: tag, now: second.now)
        first.run()
        second.run()
    }

    mutating func confirm() throws {
        guard case .proof(let proof) = first.acceptorSaid.last,
            case .trust(handle.first, pair, _, let tag, let answer) = a.proof(
                proof,
                on: handle.first,
                now: first.now
            )
        else { throw Unusable() }
        first.acceptor.answer(answer, to: .claim, tag: tag, now: first.now)
        first.run()
        guard case .answer(10, let confirmed) = first.diallerSaid.last else { throw Unusable() }
        outcome = b.answered(confirmed, pair: pair, on: handle.first, now: first.now, using: &generator)
    }
}

@Suite struct EndToEndTests {
    @Test("IMX 6.1.1, IMX 6.1.2, dialback 3: a dial-back over two connections, octet for octet")
    func dialback() throws {
        var scene = TwoConnections()
        try scene.claim()
        try scene.prove()
        guard case .answer(20, let answer) = scene.second.diallerSaid.last else {
            Issue.record("VERIFY is not answered")
            return
        }
        #expect(answer.code == .delivered)
        try scene.confirm()
        guard case .trusted(scene.pair, _, scene.handle.second) = scene.outcome else {
            Issue.record("\(String(describing: scene.outcome))")
            return
        }
    }
}
