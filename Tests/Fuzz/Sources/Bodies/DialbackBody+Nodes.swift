// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import IMXWire
import NIOCore

/// B's two nodes, and what they say to each other.
extension DialbackBody {
    mutating func claimHonestly(_ number: UInt64, target: ByteBuffer) throws(Violation) {
        let connection = handle(number)
        let node = Self.owner(connection)
        let pair = DomainPair(source: Self.b, target: target)
        let key = ClaimKey(connection: connection, pair: pair)
        let id = Self.id(connection)
        let claim = nodes[node].claim(pair, on: connection, id: id, now: now, using: &draw)
        guard let claim else { return }
        try hold(!tokens.contains(claim.token), "a token is made twice")
        tokens = tokens.suffix(255) + [claim.token]
        claimed.insert(key)
        lastToken[key] = claim.token
        if Self.isHonest(connection) { network.append(.claim(claim, on: connection)) }
    }

    /// The clock of a node goes on, or back.
    mutating func turnDay(_ node: Int, _ day: UInt32) {
        days[node] = day
        nodes[node].rotate(to: nodeTokens(node, day))
    }

    /// Node `node` of B is asked whether B made a claim. Nil where it has to ask the other.
    mutating func verify(
        _ verify: VerifyRecord,
        at node: Int,
        for purpose: NodeBusModel.Purpose
    ) throws(Violation) -> AnswerRecord? {
        // Only A and strangers dial in; the connection is one of those that a node has for it.
        var leg = ConnectionHandle(rawValue: 41 + UInt64(node))
        if case .stranger = purpose { leg = ConnectionHandle(rawValue: 51 + UInt64(node)) }
        let action = nodes[node].verify(
            verify,
            on: leg,
            from: AddressBlock(ipv4: UInt32(truncatingIfNeeded: leg.rawValue) << 8),
            sourceIsServed: verify.source == Self.b,
            now: now
        )
        guard case .ask(let number) = action else { return try answer(verify, action, from: node) }
        try hold(number == UInt16(2 - node), "node \(number) is asked by node \(node + 1)")
        try hold(verify.source == Self.b, "a node is asked for what is not served")
        bus.ask(from: node, verify, for: purpose, secret: cluster, now: now)
        return nil
    }

    private mutating func answer(
        _ verify: VerifyRecord,
        _ action: DialbackClaimant.VerifyAction,
        from node: Int
    ) throws(Violation) -> AnswerRecord {
        switch action {
        case .ask: throw Violation("a node that is asked asks on")
        case .refuse(let answer):
            try hold([.notVerified, .rateLimited].contains(answer.code), "a refusal with \(answer.code)")
            let isAlike = answer.details?.text == DialbackClaimant.refusal.details?.text
            try hold(isAlike || answer.code == .rateLimited, "a refusal that tells why")
            return answer
        case .prove(let connection, let proof, let answer):
            let key = ClaimKey(connection: connection, pair: DomainPair(source: proof.source, target: proof.target))
            try hold(claimed.contains(key), "a proof of what was never claimed")
            try hold(connection == handle(Self.number(connection)), "a proof for a connection that is gone")
            try hold(Self.owner(connection) == node, "a node proves another's claim")
            try hold(key.pair == DomainPair(source: verify.source, target: verify.target), "a proof of another pair")
            hasWord.insert(key)
            try hold(spent.insert(verify.token).inserted, "a token is good twice")
            if Self.isHonest(connection) {
                network.append(.proof(proof, on: connection))
            } else {
                proofs = proofs.suffix(31) + [proof]
            }
            return answer
        }
    }

    /// The acceptor has answered a claim of B.
    mutating func hear(_ answer: AnswerRecord, _ pair: DomainPair, on connection: ConnectionHandle) throws(Violation) {
        let node = Self.owner(connection)
        let outcome = nodes[node].answered(answer, pair: pair, on: connection, now: now, using: &draw)
        if case .trusted(let found, let until, let leg) = outcome {
            let key = ClaimKey(connection: connection, pair: found)
            let isConfirmed = lastToken[key].map(confirmed.contains) ?? false
            try hold(everTrusted.contains(key) && isConfirmed, "B trusts what A does not")
            try hold(until == now + limits.trustLife, "trust without end")
            // Over the bus the other node's connection is nobody's to trust here.
            try hold(leg == nil || leg?.rawValue == 41 + UInt64(node), "B trusts a connection of somebody else")
        }
        try check(outcome)
    }

    /// Another attempt comes soon, but not at once, and not for ever: IMX-1 §6.6.
    func check(_ outcome: DialbackClaimant.Outcome) throws(Violation) {
        guard case .failed(_, _, let attempt, let retryAt?) = outcome else { return }
        try hold(attempt < limits.claimAttempts, "attempts without end")
        try hold(
            retryAt >= now + .milliseconds(500 * attempt) && retryAt <= now + .milliseconds(1500 * attempt),
            "an attempt at the wrong time"
        )
    }

    // MARK: The bus

    mutating func bus(_ input: inout FuzzInput) throws(Violation) {
        try moveBus(input.number(below: 4), 1 + input.number(below: 256))
    }

    /// So many octets more arrive on one of the four ways, and what is whole then is taken.
    mutating func moveBus(_ wire: Int, _ count: Int) throws(Violation) {
        let asker = wire / 2
        bus.wires[wire].move(count)
        while let message = try bus.hear(wire, secret: cluster) {
            switch message.body {
            case .question(let record):
                try hold(wire % 2 == 0 && message.from == UInt16(asker + 1), "a question in the wrong direction")
                let node = 1 - asker
                let action = nodes[node].verify(record, on: nil, from: nil, sourceIsServed: true, now: now)
                let isProved = try answer(record, action, from: node).code == .delivered
                bus.answer(message, isProved, secret: cluster)
            case .answer(let isProved):
                try hold(wire % 2 == 1 && message.to == UInt16(asker + 1), "an answer in the wrong direction")
                if let purpose = bus.settle(asker, message.id) { settle(purpose, isProved) }
            }
        }
        if bus.wires[wire].isBroken {
            for purpose in bus.lose(asker) { settle(purpose, false) }
        }
    }

    mutating func settle(_ purpose: NodeBusModel.Purpose, _ isProved: Bool) {
        guard case .claim(let id) = purpose else { return }
        network.append(.verifyAnswer(id, isProved ? AnswerRecord(.delivered) : DialbackClaimant.refusal))
    }

    /// Octets on a node's socket from somebody who does not have the cluster's key, or from a node that says anything.
    mutating func hostileOctets(_ input: inout FuzzInput) throws(Violation) {
        let choice = input.number(below: 3)
        guard choice > 0 else { return try NodeBusModel.reject(input.buffer(input.octet() == 0 ? 64 : 1100), cluster) }
        let record = VerifyRecord(
            source: input.buffer(input.number(below: 256)),
            target: input.pick(Self.domains) ?? Self.a,
            token: input.pick(tokens) ?? ByteBuffer(),
            secret: input.pick(secrets) ?? ByteBuffer()
        )
        let message = NodeMessage(from: UInt16(input.octet()), to: 2, id: 1, body: .question(record))
        if choice == 1 {
            try NodeBusModel.reject(message.encoded(secret: Octets32(hashing: [1])), cluster)
        } else {
            try NodeBusModel.accept(message, cluster)
            // Nor does a node ask on for another that asks it in error.
            let isServed = record.source == Self.b
            let action = nodes[listening].verify(record, on: nil, from: nil, sourceIsServed: isServed, now: now)
            _ = try answer(record, action, from: listening)
        }
    }
}
