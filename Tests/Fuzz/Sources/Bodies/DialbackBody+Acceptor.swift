// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import IMXWire
import NIOCore

/// A, who is claimed to, and its operator.
extension DialbackBody {
    private func facts(of key: ClaimKey) -> DialbackAcceptor.Facts {
        DialbackAcceptor.Facts(
            targetIsHosted: key.pair.target == Self.a && isHosted,
            sourceIsHosted: key.pair.source == Self.a,
            policyAllows: !blocked.contains(key.pair.source),
            isCertified: key.pair.source == Self.m && certified.contains(key.connection)
        )
    }

    /// The code that policy refuses a claim with; nil where it lets it in.
    private func policyRefusal(_ key: ClaimKey) -> OutcomeCode? {
        let facts = facts(of: key)
        guard facts.targetIsHosted else { return .notServedHere }
        return facts.sourceIsHosted || !facts.policyAllows ? .refused : nil
    }

    mutating func take(_ claim: ClaimRecord, on connection: ConnectionHandle) throws(Violation) {
        let key = ClaimKey(connection: connection, pair: DomainPair(source: claim.source, target: claim.target))
        let tag = nextTag
        nextTag += 1
        octets.came(claim, on: connection)
        let expected = policyRefusal(key)
        let remembered = failures.code(key, now: now)
        let action = acceptor.claim(
            claim,
            tag: tag,
            on: connection,
            id: Self.id(connection),
            from: Self.block(connection),
            octetsIn: octets.came(on: connection),
            facts: facts(of: key),
            now: now,
            using: &draw
        )
        switch action {
        case .dialAndVerify(let id):
            try hold(open[key] == nil && expected == nil, "a claim that cannot be is asked for")
            try hold(id.connection == connection && id.pair == key.pair, "another claim is asked for")
            try hold(remembered == nil, "what has just failed is tried again")
            open[key] = Open(id: id, tag: tag, token: claim.token)
            ids = ids.suffix(31) + [id]
            network.append(.reach(id))
        case .refuse(let on, let pair, let answered, let answer, let close):
            try hold(on == connection && pair == key.pair && answered == tag, "another claim is refused")
            // IMX-1 §6.4: policy first, then what is remembered of this claimant alone, then quotas and budgets.
            try hold(answer.code == expected ?? remembered ?? .rateLimited, "refused with \(answer.code)")
            try hold(!close, "a connection is closed for one claim")
            try hold(expected != nil || !facts(of: key).isCertified, "a certificate is not enough")
            reply(answer, key)
        case .trust(_, _, let until, let answered, let answer):
            try hold(expected == nil && facts(of: key).isCertified && answered == tag, "trust without a proof")
            try trust(key, until, answer)
        case .ignore: throw Violation("a claim is not answered")
        }
    }

    private mutating func reply(_ answer: AnswerRecord, _ key: ClaimKey) {
        if Self.isHonest(key.connection) { network.append(.answer(answer, key.pair, on: key.connection)) }
    }

    private mutating func trust(_ key: ClaimKey, _ until: Instant, _ answer: AnswerRecord) throws(Violation) {
        try hold(answer.code == .delivered, "trust with \(answer.code)")
        try hold(until > now && until <= now + limits.trustLife, "trust that is over, or without end")
        // A repeated claim renews trust and never shortens it: IMX-1 §6.4.
        if let before = trusted[key] { try hold(until >= before, "trust is shortened") }
        // What all of this is for: IMX-1 §6.
        if key.pair.source == Self.b {
            try hold(Self.isHonest(key.connection), "the attacker is trusted as b.example")
            try hold(hasWord.contains(key), "b.example is trusted without its word")
        }
        try hold(key.pair.source != Self.a && key.pair.target == Self.a, "trust in a pair that cannot be")
        try hold(policyRefusal(key) == nil, "trust in what policy refuses")
        trusted[key] = until
        everTrusted.insert(key)
        proved.insert(key.connection)
        reply(answer, key)
    }

    mutating func act(_ action: DialbackAcceptor.Action, isProof: Bool = false) throws(Violation) {
        switch action {
        case .ignore: return
        case .dialAndVerify: throw Violation("a claim is asked for again")
        case .refuse(let connection, let pair, let tag, let answer, let close):
            let key = ClaimKey(connection: connection, pair: pair)
            try hold(open.removeValue(forKey: key)?.tag == tag, "a refusal of no claim")
            try hold([.notVerified, .notVerifiedNow].contains(answer.code), "a claim ends with \(answer.code)")
            failures.note(key, answer.code, now: now)
            reply(answer, key)
            if close {
                try hold(!proved.contains(connection), "a connection with a proved pair is closed")
                try hold(answer.code == .notVerified, "a connection is closed for what nobody has denied")
                try self.close(Self.number(connection))
            }
        case .trust(let connection, let pair, let until, let tag, let answer):
            let key = ClaimKey(connection: connection, pair: pair)
            try hold(isProof, "trust without a proof")
            let claim = open.removeValue(forKey: key)
            try hold(claim?.tag == tag, "trust without a claim")
            if let claim { confirmed.insert(claim.token) }
            failures.clear(key)
            try trust(key, until, answer)
        }
    }

    // MARK: Asking

    /// The source is looked up. What comes of it, and whether a connection to it is there already, the input says.
    mutating func reach(_ id: DialbackAcceptor.PendingID, _ input: inout FuzzInput) throws(Violation) {
        let key = ClaimKey(connection: id.connection, pair: id.pair)
        let isOpen = open[key]?.id == id
        let choice = input.number(below: 4)
        switch choice {
        case 1:
            acceptor.needsNoDial(id)
            network.append(.verify(id))
        case 2: try act(acceptor.unreachable(id, now: now))
        default:
            guard let refusal = acceptor.needsDial(id, octetsIn: octets.came(on: id.connection), now: now) else {
                try hold(isOpen, "a dial for no claim")
                try dials.dial(Self.block(id.connection), now: now)
                try cause(limits.openingOctets + id.pair.source.readableBytes, on: id.connection)
                network.append(choice == 0 ? .verify(id) : .silence(id))
                return
            }
            switch refusal {
            case .ignore: try hold(!isOpen, "no dial for a claim that wants one")
            case .refuse(_, _, let tag, let answer, let close):
                try hold(open.removeValue(forKey: key)?.tag == tag && isOpen, "a refusal of no claim")
                try hold(answer.code == .rateLimited && !close, "a dial is refused with \(answer.code)")
                try hold(!proved.contains(id.connection), "octets are counted after a proof")
                reply(answer, key)
            case .trust, .dialAndVerify: throw Violation("a dial that needs none")
            }
        }
    }

    mutating func ask(_ id: DialbackAcceptor.PendingID) throws(Violation) {
        let isOpen = open[ClaimKey(connection: id.connection, pair: id.pair)]?.id == id
        guard let record = acceptor.verify(id) else { return try hold(!isOpen, "a claim is not asked for") }
        try hold(isOpen, "a claim that is gone is asked for")
        var written = ByteBuffer()
        record.write(to: &written, tag: 0)
        try cause(written.readableBytes, on: id.connection)
        if record.source == Self.b {
            if let answer = try verify(record, at: listening, for: .claim(id)) {
                network.append(.verifyAnswer(id, answer))
            }
            return
        }
        try askAttacker(record, id)
    }

    /// Octets go out to others because of what came on `connection`: 1.5 for each until it has proved a pair.
    private mutating func cause(_ count: Int, on connection: ConnectionHandle) throws(Violation) {
        octets.caused(count, on: connection)
        try hold(
            proved.contains(connection) || octets.isWithinBudget(connection),
            "\(octets.caused(on: connection)) octets are sent to others for \(octets.came(on: connection))"
        )
    }

    // MARK: Policy

    /// The operator hosts or blocks something, or lets it in again.
    mutating func changePolicy(_ choice: Int) throws(Violation) {
        switch choice {
        case 0: isHosted.toggle()
        case 1: blocked.formSymmetricDifference([Self.b])
        default: blocked.formSymmetricDifference([Self.m])
        }
        let known = self
        for action in acceptor.policyChanged({ known.facts(of: ClaimKey(connection: $0, pair: $1)) }) {
            guard case .refuse(let connection, let pair, let tag, let answer, false) = action else {
                throw Violation("policy does something else than refuse")
            }
            let key = ClaimKey(connection: connection, pair: pair)
            try hold(open.removeValue(forKey: key)?.tag == tag, "a refusal of no claim")
            try hold(answer.code == policyRefusal(key), "policy refuses with \(answer.code)")
            reply(answer, key)
        }
        try hold(open.keys.allSatisfy { policyRefusal($0) == nil }, "a claim outlives what let it in")
        trusted = trusted.filter { policyRefusal($0.key) == nil }
    }

    /// Something is said about a claim, most often about one that is over, and then nothing may come of it.
    mutating func poke(_ input: inout FuzzInput) throws(Violation) {
        guard let id = input.pick(ids) else { return }
        let isOpen = open[ClaimKey(connection: id.connection, pair: id.pair)]?.id == id
        let action: DialbackAcceptor.Action
        switch input.number(below: 5) {
        case 0: action = acceptor.unreachable(id, now: now)
        case 1: action = acceptor.verifyAnswered(id, .notVerified, now: now)
        case 2: action = acceptor.verifyAnswered(id, .delivered, now: now)
        case 3 where !isOpen:
            acceptor.needsNoDial(id)
            return
        case 4 where !isOpen: action = acceptor.needsDial(id, octetsIn: 1 << 40, now: now) ?? .dialAndVerify(id)
        default: return
        }
        if !isOpen {
            guard case .ignore = action else { throw Violation("something comes of a claim that is over") }
        }
        try act(action)
    }
}
