// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

import struct NIOCore.ByteBuffer

/// The claimant's side of the dial-back: it claims pairs on connections that it dialled, and stands by its claims when
/// somebody asks.
///
/// Every input of a proof but the secret comes from the claim's own record; nothing that VERIFY says is ever put into
/// one. That is what makes a relayed claim worthless.
package struct DialbackClaimant: Sendable {
    /// How far a claim has come.
    enum State: Sendable {
        /// CLAIM is sent; the token can be verified once.
        case claimed
        /// PROOF is sent for a VERIFY with this secret, which came on this connection; the token is spent.
        case proving(Octets32, verifiedOn: ConnectionHandle?)
    }

    struct Claim: Sendable {
        let connectionID: ConnectionID
        let token: ByteBuffer
        let attempt: Int
        let expiry: Instant
        var state = State.claimed
    }

    struct Key: Hashable, Sendable {
        let connection: ConnectionHandle
        let pair: DomainPair
    }

    /// What is to be done about a VERIFY.
    package enum VerifyAction: Sendable {
        /// Send the proof on the claim's own connection, then answer the VERIFY.
        case prove(on: ConnectionHandle, ProofRecord, AnswerRecord)
        /// The token is another node's of the same aggregator, which alone knows whether the claim is alive: ask it, and
        /// answer what it says. Where it cannot be asked, ``refusal``.
        case ask(node: UInt16)
        /// Answer the VERIFY.
        case refuse(AnswerRecord)
    }

    /// The one answer to a VERIFY for which no proof is given, whatever the reason (IMX-1 §6.5).
    package static var refusal: AnswerRecord { AnswerRecord(.notVerified, text: "not verified") }

    /// What became of a claim.
    package enum Outcome: Sendable, Equatable {
        /// No such claim.
        case ignore
        /// Data of the pair may flow on the connection, and data of the reversed pair is trusted there. Where both ends
        /// list `mutual`, data of the reversed pair is trusted on `verifiedOn` too.
        case trusted(DomainPair, until: Instant, verifiedOn: ConnectionHandle?)
        /// The claim failed. `retryAt` says when another attempt makes sense, after a fresh look-up and with a new
        /// token; nil: give up, and fail what waits with the code.
        case failed(DomainPair, OutcomeCode, attempt: Int, retryAt: Instant?)
        /// The acceptor could not confirm: close the connection.
        case closeConnection(DomainPair)
    }

    let limits: DialbackLimits
    private(set) var tokens: ClaimTokens
    /// The claims under way, by connection.
    var claims: [ConnectionHandle: [DomainPair: Claim]] = [:]
    /// Where the claim of a token stands.
    var byToken: [ByteBuffer: Key] = [:]
    private var budget: NetworkBudget

    package init(tokens: ClaimTokens, limits: DialbackLimits = .init()) {
        self.tokens = tokens
        self.limits = limits
        self.budget = NetworkBudget(
            block: RateBudget(perSecond: limits.verifiesPerSecondAndBlock, burst: limits.verifyBurstPerBlock),
            inAll: RateBudget(perSecond: limits.verifiesPerSecond, burst: limits.verifyBurst)
        )
    }

    /// The number of claims under way.
    package var claimCount: Int { claims.values.reduce(0) { $0 + $1.count } }

    /// Takes other keys for tokens.
    package mutating func rotate(to tokens: ClaimTokens) {
        self.tokens = tokens
    }

    /// A CLAIM for `pair` on a connection that this end dialled; nil while one is under way there, or as many as an
    /// acceptor takes at a time.
    package mutating func claim(
        _ pair: DomainPair,
        on connection: ConnectionHandle,
        id: ConnectionID,
        attempt: Int = 1,
        now: Instant,
        using generator: inout some RandomNumberGenerator
    ) -> ClaimRecord? {
        let key = Key(connection: connection, pair: pair.detached())
        let underWay = claims[connection] ?? [:]
        guard underWay[key.pair] == nil, underWay.count < limits.pendingPerConnection else { return nil }
        let expiry = now + limits.tokenLife
        let token = tokens.make(key.pair, expiry: expiry, using: &generator)
        claims[connection, default: [:]][key.pair] = Claim(
            connectionID: id,
            token: token,
            attempt: attempt,
            expiry: expiry
        )
        byToken[token] = key
        return ClaimRecord(source: key.pair.source, target: key.pair.target, token: token)
    }

    /// A VERIFY came from anybody. The order of the checks is IMX-1 §6.5; every refusal after the budget reads the same,
    /// so that nobody learns which of them it was.
    ///
    /// - Parameters:
    ///   - connection: the connection that it came on; nil where it came to another node of the aggregator, which asks
    ///     on its behalf.
    ///   - block: where it came from; nil where the node that asks has charged that already.
    package mutating func verify(
        _ verify: VerifyRecord,
        on connection: ConnectionHandle?,
        from block: AddressBlock?,
        sourceIsServed: Bool,
        now: Instant
    ) -> VerifyAction {
        if let block, !budget.take(block, now: now) {
            return .refuse(AnswerRecord(.rateLimited, text: "too many verifications"))
        }
        let asked = DomainPair(source: verify.source, target: verify.target)
        let maker = tokens.maker(of: verify.token, for: asked, now: now)
        let key = byToken[verify.token]
        guard let maker, sourceIsServed, let secret = Octets32(verify.secret) else { return .refuse(Self.refusal) }
        guard tokens.isOwn(maker) else { return connection == nil ? .refuse(Self.refusal) : .ask(node: maker) }
        guard let key, key.pair == asked, var claim = claims[key.connection]?[key.pair],
            case .claimed = claim.state, now < claim.expiry
        else { return .refuse(Self.refusal) }
        claim.state = .proving(secret, verifiedOn: connection)
        claims[key.connection]?[key.pair] = claim
        byToken[claim.token] = nil
        let proof = binding(key, claim).proof(secret).buffer
        return .prove(
            on: key.connection,
            ProofRecord(source: key.pair.source, target: key.pair.target, proof: proof),
            AnswerRecord(.delivered)
        )
    }

    /// The acceptor answered the CLAIM for `pair` on `connection`.
    ///
    /// - Parameter isCertified: whether this end logged in with a client certificate, which needs no confirmation.
    package mutating func answered(
        _ answer: AnswerRecord,
        pair: DomainPair,
        on connection: ConnectionHandle,
        isCertified: Bool = false,
        now: Instant,
        using generator: inout some RandomNumberGenerator
    ) -> Outcome {
        let key = Key(connection: connection, pair: pair)
        guard let claim = remove(key) else { return .ignore }
        let until = now + limits.trustLife
        guard answer.code == .delivered else {
            return failed(key, claim, answer.code, now: now, using: &generator)
        }
        if let shown = answer.details?.confirm.flatMap(Octets32.init) {
            guard case .proving(let secret, let leg) = claim.state, shown == binding(key, claim).confirm(secret)
            else { return .closeConnection(key.pair) }
            return .trusted(key.pair, until: until, verifiedOn: leg)
        }
        return isCertified ? .trusted(key.pair, until: until, verifiedOn: nil) : .closeConnection(key.pair)
    }

    /// The connection is gone: its claims come to nothing, and a VERIFY for one of them is refused. Returns the pairs.
    package mutating func closed(_ connection: ConnectionHandle) -> [DomainPair] {
        let gone = claims.removeValue(forKey: connection) ?? [:]
        for claim in gone.values { byToken[claim.token] = nil }
        return Array(gone.keys)
    }

    /// Ends the claims whose time is over.
    package mutating func expire(
        now: Instant,
        using generator: inout some RandomNumberGenerator
    ) -> [(ConnectionHandle, Outcome)] {
        var ended: [(ConnectionHandle, Outcome)] = []
        for (connection, underWay) in claims {
            for (pair, claim) in underWay where claim.expiry <= now {
                let key = Key(connection: connection, pair: pair)
                remove(key)
                ended.append((connection, failed(key, claim, .timedOut, now: now, using: &generator)))
            }
        }
        return ended
    }

    @discardableResult
    private mutating func remove(_ key: Key) -> Claim? {
        guard let claim = claims[key.connection]?.removeValue(forKey: key.pair) else { return nil }
        if claims[key.connection]?.isEmpty == true { claims[key.connection] = nil }
        byToken[claim.token] = nil
        return claim
    }

    func binding(_ key: Key, _ claim: Claim) -> ClaimBinding {
        ClaimBinding(
            source: key.pair.source,
            target: key.pair.target,
            token: claim.token,
            connection: claim.connectionID
        )
    }

    /// Another attempt comes 0.5 to 1.5 seconds later, twice that after the second.
    private func failed(
        _ key: Key,
        _ claim: Claim,
        _ code: OutcomeCode,
        now: Instant,
        using generator: inout some RandomNumberGenerator
    ) -> Outcome {
        let mayRetry = (code == .notVerified || code.isTemporary) && claim.attempt < limits.claimAttempts
        guard mayRetry else { return .failed(key.pair, code, attempt: claim.attempt, retryAt: nil) }
        let jitter = 500 + Int(generator.next(upperBound: 1001 as UInt64))
        let retryAt = now + .milliseconds(jitter * claim.attempt)
        return .failed(key.pair, code, attempt: claim.attempt, retryAt: retryAt)
    }
}
