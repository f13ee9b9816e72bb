// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

import struct NIOCore.ByteBuffer

/// The acceptor's side of the dial-back: it checks claims by asking the claimed domain's own server.
///
/// A claim lives here from its CLAIM to its answer, keyed by the connection it came on and its pair of domains. Its
/// secret is its own, whatever else is dialled to the same place. Lengths and names are checked before they come here.
package struct DialbackAcceptor: Sendable {
    let limits: DialbackLimits
    var connections: [ConnectionHandle: Claims] = [:]
    var quotas = DialbackQuotas()
    private var dials: NetworkBudget
    private var memory: FailureMemory
    private var serial: UInt64 = 0
    private var nextSweep = Instant.start
    /// PROOF records that matched no claim.
    package private(set) var strayProofs = 0

    package init(limits: DialbackLimits = .init()) {
        self.limits = limits
        dials = NetworkBudget(
            block: RateBudget(perSecond: limits.dialsPerSecondAndBlock, burst: limits.dialBurstPerBlock),
            inAll: RateBudget(perSecond: limits.dialsPerSecond, burst: limits.dialBurst)
        )
        memory = FailureMemory(limits)
    }

    /// The number of claims under way.
    package var pendingCount: Int { quotas.total }

    /// Whether claims on `connection` are under way.
    package func isChecking(_ connection: ConnectionHandle) -> Bool {
        !(connections[connection]?.pending.isEmpty ?? true)
    }

    /// A CLAIM came on `connection`, from an address in `block`. The order of the checks is IMX-1 §6.4.
    ///
    /// - Parameter octetsIn: the octets that have come on the connection so far; claims on a connection without a
    ///   proved pair never make us send others much more than that.
    package mutating func claim(
        _ claim: ClaimRecord,
        tag: UInt32,
        on connection: ConnectionHandle,
        id: ConnectionID,
        from block: AddressBlock,
        octetsIn: Int = 1 << 40,
        facts: Facts,
        now: Instant,
        using generator: inout some RandomNumberGenerator
    ) -> Action {
        let pair = DomainPair(source: claim.source, target: claim.target).detached()
        func refuse(_ code: OutcomeCode, _ text: String) -> Action {
            .refuse(connection, pair, tag: tag, AnswerRecord(code, text: text), close: false)
        }
        guard facts.targetIsHosted else { return refuse(.notServedHere, Self.notServed) }
        guard !facts.sourceIsHosted, facts.policyAllows else { return refuse(.refused, Self.sourceRefused) }
        if facts.isCertified {
            connections[connection, default: Claims()].hasProved = true
            quotas.remember(pair.source, now: now)
            return .trust(connection, pair, until: now + limits.trustLife, tag: tag, AnswerRecord(.delivered))
        }
        if let code = failedBefore(pair, connection, block, now: now) { return refuse(code, Self.text(code)) }
        let octets = Self.verifySize(pair, claim.token)
        let dial = admit(pair, on: connection, from: block, octets: octets, octetsIn: octetsIn, now: now)
        guard let dial else {
            return refuse(.rateLimited, Self.tooMany)
        }
        serial += 1
        quotas.add(block, pair.source)
        connections[connection, default: Claims()].octetsCaused += octets
        connections[connection]?.pending[pair] = Pending(
            serial: serial,
            tag: tag,
            token: ByteBuffer(bytes: claim.token.readableBytesView),
            secret: Octets32(using: &generator),
            connectionID: id,
            block: block,
            expiry: now + limits.pendingLife,
            start: now,
            dial: dial
        )
        return .dialAndVerify(PendingID(connection: connection, pair: pair, serial: serial))
    }

    /// Room for the dial of one more claim, which has `octets` more sent to others; nil where it is not taken.
    private mutating func admit(
        _ pair: DomainPair,
        on connection: ConnectionHandle,
        from block: AddressBlock,
        octets: Int,
        octetsIn: Int,
        now: Instant
    ) -> NetworkBudget.Hold? {
        let claims = connections[connection] ?? Claims()
        guard claims.pending[pair] == nil, claims.mayCause(octets, octetsIn: octetsIn),
            quotas.admits(block, pair.source, onConnection: claims.pending.count, limits: limits, now: now)
        else { return nil }
        return dials.hold(block, isKnown: quotas.isKnown(pair.source, now: now), now: now)
    }

    /// No dial is made for the claim: its VERIFY goes out on a connection that is there, or being made, for others.
    package mutating func needsNoDial(_ id: PendingID) {
        guard let dial = find(id)?.dial else { return }
        connections[id.connection]?.pending[id.pair]?.dial = nil
        dials.giveBack(dial)
    }

    /// A dial is about to be made for the claim. Nil where it may be; else the claim ends, because its connection would
    /// have others sent more than is right for what came on it, or because no dial is left in the budget.
    package mutating func needsDial(_ id: PendingID, octetsIn: Int, now: Instant) -> Action? {
        guard let found = find(id), let claims = connections[id.connection] else { return .ignore }
        let octets = limits.openingOctets + id.pair.source.readableBytes
        // Room was kept for one dial; another one needs its own.
        let isKnown = quotas.isKnown(id.pair.source, now: now)
        guard claims.mayCause(octets, octetsIn: octetsIn),
            let dial = found.dial ?? dials.hold(found.block, isKnown: isKnown, now: now)
        else {
            needsNoDial(id)
            remove(id.connection, id.pair)
            // Its VERIFY is not sent either; or the next try would find nothing left.
            connections[id.connection]?.octetsCaused -= Self.verifySize(id.pair, found.token)
            let answer = AnswerRecord(.rateLimited, text: Self.tooMany)
            return .refuse(id.connection, id.pair, tag: found.tag, answer, close: false)
        }
        dials.spend(dial, now: now)
        connections[id.connection]?.pending[id.pair]?.dial = nil
        connections[id.connection]?.octetsCaused += octets
        return nil
    }

    /// The VERIFY to send for a claim; nil once the claim is gone.
    package func verify(_ id: PendingID) -> VerifyRecord? {
        guard let found = find(id) else { return nil }
        return VerifyRecord(
            source: id.pair.source,
            target: id.pair.target,
            token: found.token,
            secret: found.secret.buffer
        )
    }

    /// VERIFY was answered.
    package mutating func verifyAnswered(_ id: PendingID, _ code: OutcomeCode, now: Instant) -> Action {
        guard find(id) != nil else { return .ignore }
        switch code {
        case .delivered: return .ignore  // The proof is what counts.
        case .notVerified: return fail(id.connection, id.pair, .notVerified, now: now)
        default: return unreachable(id, now: now)
        }
    }

    /// The source's server was not found, not reached, filtered, or silent. One code for all: else claims scan ports.
    package mutating func unreachable(_ id: PendingID, now: Instant) -> Action {
        guard find(id) != nil else { return .ignore }
        return fail(id.connection, id.pair, .notVerifiedNow, now: now)
    }

    /// A PROOF came on `connection`. A right one makes the pair trusted there; a wrong one ends that attempt.
    package mutating func proof(_ proof: ProofRecord, on connection: ConnectionHandle, now: Instant) -> Action {
        let pair = DomainPair(source: proof.source, target: proof.target)
        guard let found = connections[connection]?.pending[pair], now < found.expiry else {
            strayProofs += 1
            return .ignore
        }
        let binding = ClaimBinding(
            source: proof.source,
            target: proof.target,
            token: found.token,
            connection: found.connectionID
        )
        guard let shown = Octets32(proof.proof), shown == binding.proof(found.secret) else {
            return fail(connection, pair, .notVerified, now: now)
        }
        remove(connection, pair)
        connections[connection]?.hasProved = true
        quotas.remember(pair.source, now: now)
        memory.clear(.disowned(connection, pair))
        memory.clear(.unreachable(source: pair.source, from: found.block))
        var details = AnswerRecord.Details()
        details.confirm = binding.confirm(found.secret).buffer
        return .trust(
            connection,
            pair.detached(),
            until: now + limits.trustLife,
            tag: found.tag,
            AnswerRecord(.delivered, details: details)
        )
    }

    /// The connection is gone, and its claims with it. VERIFY records that are out come to nothing.
    package mutating func closed(_ connection: ConnectionHandle) {
        for pair in (connections[connection]?.pending ?? [:]).keys { remove(connection, pair) }
        connections[connection] = nil
    }

    /// What is hosted here or let in has changed: claims that would not be looked at now end.
    package mutating func policyChanged(_ facts: (ConnectionHandle, DomainPair) -> Facts) -> [Action] {
        var ended: [Action] = []
        for (connection, claims) in connections {
            for pair in claims.pending.keys {
                let facts = facts(connection, pair)
                let mayStay = facts.targetIsHosted && !facts.sourceIsHosted && facts.policyAllows
                guard !mayStay, let found = remove(connection, pair) else { continue }
                let answer =
                    facts.targetIsHosted
                    ? AnswerRecord(.refused, text: Self.sourceRefused)
                    : AnswerRecord(.notServedHere, text: Self.notServed)
                ended.append(.refuse(connection, pair, tag: found.tag, answer, close: false))
            }
        }
        return ended
    }

    /// Ends the claims whose time is over.
    package mutating func expire(now: Instant) -> [Action] {
        if now >= nextSweep {
            quotas.forget(now: now)
            memory.forget(now: now)
            nextSweep = now + .seconds(60)
        }
        guard quotas.total > 0 else { return [] }
        let late = connections.flatMap { connection, claims in
            claims.pending.filter { $0.value.expiry <= now }.map { (connection, $0.key, $0.value.serial) }
        }
        return late.sorted { $0.2 < $1.2 }.map { fail($0.0, $0.1, .notVerifiedNow, now: now) }
    }

    private func find(_ id: PendingID) -> Pending? {
        let found = connections[id.connection]?.pending[id.pair]
        return found?.serial == id.serial ? found : nil
    }

    /// The code that another try would end with, where it has just ended so several times.
    private func failedBefore(
        _ pair: DomainPair,
        _ connection: ConnectionHandle,
        _ block: AddressBlock,
        now: Instant
    ) -> OutcomeCode? {
        if memory.holds(.unreachable(source: pair.source, from: block), now: now) { return .notVerifiedNow }
        return memory.holds(.disowned(connection, pair), now: now) ? .notVerified : nil
    }

    private mutating func fail(
        _ connection: ConnectionHandle,
        _ pair: DomainPair,
        _ code: OutcomeCode,
        now: Instant
    ) -> Action {
        guard let found = remove(connection, pair) else { return .ignore }
        var close = false
        if code == .notVerified {
            connections[connection]?.failures += 1
            let claims = connections[connection] ?? Claims()
            // A connection that has proved a pair is never closed for this.
            close = !claims.hasProved && claims.failures >= limits.failedAttempts
            memory.note(.disowned(connection, pair.detached()), now: now)
        } else {
            memory.note(.unreachable(source: pair.detached().source, from: found.block), now: now)
        }
        let answer = AnswerRecord(code, text: Self.text(code))
        return .refuse(connection, pair.detached(), tag: found.tag, answer, close: close)
    }

    @discardableResult
    private mutating func remove(_ connection: ConnectionHandle, _ pair: DomainPair) -> Pending? {
        guard let found = connections[connection]?.pending.removeValue(forKey: pair) else { return nil }
        quotas.remove(found.block, pair.source)
        // A claim that ends before that was known is charged for the dial, as from its beginning.
        if let dial = found.dial { dials.spend(dial, now: found.start) }
        return found
    }
}

extension DialbackAcceptor {
    /// The answer to a claim that policy refuses, whatever the reason.
    package static var refused: AnswerRecord { AnswerRecord(.refused, text: sourceRefused) }
    /// The answer to a claim that could not be verified, whatever the reason.
    package static var unverified: AnswerRecord { AnswerRecord(.notVerifiedNow, text: text(.notVerifiedNow)) }

    fileprivate static let tooMany = "too many claims"
    fileprivate static let notServed = "target not served here"
    fileprivate static let sourceRefused = "source refused"

    fileprivate static func text(_ code: OutcomeCode) -> String {
        code == .notVerified ? "not verified" : "could not verify now"
    }

    /// The octets of the VERIFY for a claim: as many as of the claim, and the secret.
    fileprivate static func verifySize(_ pair: DomainPair, _ token: ByteBuffer) -> Int {
        RecordHeader.size + 4 * 6 + pair.source.readableBytes + pair.target.readableBytes
            + token.readableBytes + VerifyRecord.secretSize
    }
}
