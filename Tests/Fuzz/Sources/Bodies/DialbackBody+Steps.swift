// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import IMXWire
import NIOCore

extension DialbackBody {
    // MARK: B

    mutating func claimHonestly(_ number: UInt64, target: ByteBuffer) {
        let connection = ConnectionHandle(rawValue: number)
        let pair = DomainPair(source: Self.b, target: target)
        let claim = claimant.claim(pair, on: connection, id: Self.id(connection), now: now, using: &draw)
        guard let claim else { return }
        tokens.append(claim.token)
        let key = ClaimKey(connection: connection, pair: pair)
        claimed.insert(key)
        if Self.honest.contains(number) { network.append(.claim(claim, on: connection)) }
    }

    /// B is asked whether it made a claim, by A or by anybody.
    private mutating func verify(_ verify: VerifyRecord, on connection: UInt64) throws(Violation) -> AnswerRecord {
        let leg = ConnectionHandle(rawValue: connection)
        switch claimant.verify(
            verify,
            on: leg,
            from: AddressBlock(ipv4: UInt32(truncatingIfNeeded: connection) << 8),
            sourceIsServed: verify.source == Self.b,
            now: now
        ) {
        case .refuse(let answer):
            try hold(answer.code != .delivered, "a refusal that says yes")
            return answer
        case .ask: throw Violation("another node is asked, and there is none")
        case .prove(let connection, let proof, let answer):
            let key = ClaimKey(connection: connection, pair: DomainPair(source: proof.source, target: proof.target))
            try hold(claimed.contains(key), "a proof of what was never claimed")
            try hold(key.pair == DomainPair(source: verify.source, target: verify.target), "a proof of another pair")
            hasWord.insert(key)
            try hold(spent.insert(verify.token).inserted, "a token is good twice")
            if Self.honest.contains(connection.rawValue) {
                network.append(.proof(proof, on: connection))
            } else {
                proofs.append(proof)
            }
            return answer
        }
    }

    // MARK: A

    private mutating func take(_ claim: ClaimRecord, on connection: ConnectionHandle) throws(Violation) {
        let key = ClaimKey(connection: connection, pair: DomainPair(source: claim.source, target: claim.target))
        let tag = nextTag
        nextTag += 1
        let wasOpen = open[key] != nil
        let facts = DialbackAcceptor.Facts(
            targetIsHosted: claim.target == Self.a,
            sourceIsHosted: claim.source == Self.a
        )
        let action = acceptor.claim(
            claim,
            tag: tag,
            on: connection,
            id: Self.id(connection),
            from: AddressBlock(ipv4: connection.rawValue < 10 ? 0x0A00_0001 : 0xC000_0201),
            facts: facts,
            now: now,
            using: &draw
        )
        switch action {
        case .dialAndVerify(let id):
            try hold(
                !wasOpen && claim.target == Self.a && claim.source != Self.a,
                "a claim that cannot be is asked for"
            )
            open[key] = tag
            network.append(.verify(id))
        case .refuse(_, _, let answered, let answer, _):
            try hold(answered == tag && answer.code != .delivered, "another claim is refused")
            reply(answer, key)
        case .ignore, .trust: throw Violation("a claim is trusted or forgotten as soon as it is made")
        }
    }

    private mutating func reply(_ answer: AnswerRecord, _ key: ClaimKey) {
        if Self.honest.contains(key.connection.rawValue) {
            network.append(.answer(answer, key.pair, on: key.connection))
        }
    }

    private mutating func act(_ action: DialbackAcceptor.Action, isProof: Bool = false) throws(Violation) {
        switch action {
        case .ignore: return
        case .dialAndVerify: throw Violation("a claim is asked for again")
        case .refuse(let connection, let pair, let tag, let answer, let close):
            let key = ClaimKey(connection: connection, pair: pair)
            try hold(open.removeValue(forKey: key) == tag, "a refusal of no claim")
            try hold(answer.code != .delivered, "a refusal that says yes")
            reply(answer, key)
            if close {
                let hasTrust = trusted.contains { $0.connection == connection }
                try hold(!hasTrust, "a connection with a trusted pair is closed")
                try self.close(connection)
            }
        case .trust(let connection, let pair, let until, let tag, let answer):
            let key = ClaimKey(connection: connection, pair: pair)
            try hold(isProof, "trust without a proof")
            try hold(open.removeValue(forKey: key) == tag, "trust without a claim")
            try hold(until > now, "trust that is over")
            // What all of this is for: IMX-1 §6.
            if pair.source == Self.b {
                try hold(Self.honest.contains(connection.rawValue), "the attacker is trusted as b.example")
                try hold(hasWord.contains(key), "b.example is trusted without its word")
            }
            try hold(pair.source != Self.a && pair.target == Self.a, "trust in a pair that cannot be")
            trusted.insert(key)
            reply(answer, key)
        }
    }

    // MARK: The network

    mutating func deliver(_ index: Int) throws(Violation) {
        guard network.indices.contains(index) else { return }
        switch network.remove(at: index) {
        case .claim(let claim, let connection): try take(claim, on: connection)
        case .verify(let id): try askAbout(id)
        case .verifyAnswer(let id, let answer): try act(acceptor.verifyAnswered(id, answer.code, now: now))
        case .proof(let proof, let connection):
            try act(acceptor.proof(proof, on: connection, now: now), isProof: true)
        case .answer(let answer, let pair, let connection):
            let key = ClaimKey(connection: connection, pair: pair)
            switch claimant.answered(answer, pair: pair, on: connection, now: now, using: &draw) {
            case .trusted: try hold(trusted.contains(key), "B trusts what A does not")
            case .ignore, .failed, .closeConnection: break
            }
        }
    }

    private mutating func askAbout(_ id: DialbackAcceptor.PendingID) throws(Violation) {
        guard let record = acceptor.verify(id) else { return }
        if record.source == Self.b {
            network.append(.verifyAnswer(id, try verify(record, on: 31)))
            return
        }
        // The attacker's own domain: he is asked himself, and knows the secret.
        secrets.append(record.secret)
        let leg = ConnectionHandle(rawValue: 32)
        switch attacker.verify(record, on: leg, from: AddressBlock(ipv4: 0), sourceIsServed: true, now: now) {
        case .prove(_, let proof, let answer):
            proofs.append(proof)
            network.append(.verifyAnswer(id, answer))
        case .refuse(let answer): network.append(.verifyAnswer(id, answer))
        case .ask: throw Violation("another node is asked, and there is none")
        }
    }

    mutating func drop(_ index: Int) {
        if network.indices.contains(index) { network.remove(at: index) }
    }

    /// Something comes twice, as from a peer that sends it twice.
    mutating func repeatMessage(_ input: inout FuzzInput) {
        guard network.count < 64, let message = input.pick(network) else { return }
        network.append(message)
    }

    mutating func close(_ connection: ConnectionHandle) throws(Violation) {
        acceptor.closed(connection)
        _ = claimant.closed(connection)
        open = open.filter { $0.key.connection != connection }
        trusted = trusted.filter { $0.connection != connection }
        hasWord = hasWord.filter { $0.connection != connection }
        // The wire is gone with all that was on it; the next connection is another one, whatever its number here.
        network.removeAll { message in
            switch message {
            case .claim(_, let on), .proof(_, let on), .answer(_, _, let on): on == connection
            case .verify, .verifyAnswer: false
            }
        }
    }

    mutating func pass(_ time: Interval) throws(Violation) {
        let until = now + time
        repeat {
            now = min(until, now + .seconds(5))
            for action in acceptor.expire(now: now) { try act(action) }
            _ = claimant.expire(now: now, using: &draw)
        } while now < until
        _ = attacker.expire(now: now, using: &draw)
    }

    // MARK: The attacker

    mutating func claimAsAttacker(_ number: UInt64) {
        let connection = ConnectionHandle(rawValue: number)
        let pair = DomainPair(source: Self.m, target: Self.a)
        let claim = attacker.claim(pair, on: connection, id: Self.id(connection), now: now, using: &draw)
        guard let claim else { return }
        tokens.append(claim.token)
        network.append(.claim(claim, on: connection))
    }

    mutating func forgeClaim(_ input: inout FuzzInput) throws(Violation) {
        guard let source = input.pick(Self.domains), let target = input.pick(Self.domains),
            let token = input.pick(tokens), let connection = input.pick(Self.hostile)
        else { return }
        let claim = ClaimRecord(source: source, target: target, token: token)
        try take(claim, on: ConnectionHandle(rawValue: connection))
    }

    mutating func forgeProof(_ input: inout FuzzInput) throws(Violation) {
        guard let source = input.pick(Self.domains), let target = input.pick(Self.domains),
            let connection = input.pick(Self.hostile)
        else { return }
        let proof = input.pick(proofs)?.proof ?? ByteBuffer(repeating: 0, count: ProofRecord.proofSize)
        let record = ProofRecord(source: source, target: target, proof: proof)
        try act(acceptor.proof(record, on: ConnectionHandle(rawValue: connection), now: now), isProof: true)
    }

    mutating func forgeVerify(_ input: inout FuzzInput) throws(Violation) {
        guard let source = input.pick(Self.domains), let target = input.pick(Self.domains),
            let token = input.pick(tokens), let secret = input.pick(secrets)
        else { return }
        _ = try verify(VerifyRecord(source: source, target: target, token: token, secret: secret), on: 33)
    }
}
