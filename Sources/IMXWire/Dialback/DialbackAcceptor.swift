// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

import struct NIOCore.ByteBuffer

/// The acceptor's side of the dial-back: it checks claims by asking the claimed domain's own server.
///
/// A claim lives here from its CLAIM to its answer, keyed by the connection it came on and its pair of domains. Its
/// secret is its own, whatever else is dialled to the same place. Lengths and names are checked before they come here.
package struct DialbackAcceptor: Sendable {
    /// What the holder finds out about a claim before it is looked at.
    package struct Facts: Sendable {
        /// The target is hosted here.
        package var targetIsHosted: Bool
        /// The source is hosted here, which makes the claim a lie.
        package var sourceIsHosted: Bool
        /// Policy lets the source in, and what it demands of the transport is met.
        package var policyAllows: Bool
        /// A client certificate for the source was verified on the connection, so that nobody need be asked.
        package var isCertified: Bool

        package init(
            targetIsHosted: Bool,
            sourceIsHosted: Bool = false,
            policyAllows: Bool = true,
            isCertified: Bool = false
        ) {
            self.targetIsHosted = targetIsHosted
            self.sourceIsHosted = sourceIsHosted
            self.policyAllows = policyAllows
            self.isCertified = isCertified
        }
    }

    /// What a claim is known by from one step to the next.
    package struct PendingID: Hashable, Sendable {
        package let connection: ConnectionHandle
        package let pair: DomainPair
        /// Tells a claim from an earlier one for the same pair.
        package let serial: UInt64
    }

    /// What is to be done.
    package enum Action: Sendable {
        /// Nothing. What was said matches no claim; count it.
        case ignore
        /// Look the source up, dial at most one address, and after its HELLO send what ``verify(_:)`` gives. Whatever
        /// prevents that: ``unreachable(_:)``.
        case dialAndVerify(PendingID)
        /// Trust the pair on its connection, and answer its CLAIM.
        case trust(ConnectionHandle, DomainPair, until: Instant, tag: UInt32, AnswerRecord)
        /// Answer the CLAIM, and where `close` is set close its connection.
        case refuse(ConnectionHandle, DomainPair, tag: UInt32, AnswerRecord, close: Bool)
    }

    struct Pending: Sendable {
        let serial: UInt64
        let tag: UInt32
        let token: ByteBuffer
        let secret: Octets32
        let connectionID: ConnectionID
        let block: AddressBlock
        let expiry: Instant
    }

    struct Key: Hashable, Sendable {
        let connection: ConnectionHandle
        let pair: DomainPair
    }

    let limits: DialbackLimits
    var pending: [Key: Pending] = [:]
    var quotas = DialbackQuotas()
    private var failures: [ConnectionHandle: Int] = [:]
    private var serial: UInt64 = 0
    /// PROOF records that matched no claim.
    package private(set) var strayProofs = 0

    package init(limits: DialbackLimits = .init()) {
        self.limits = limits
    }

    /// The number of claims under way.
    package var pendingCount: Int { pending.count }

    /// A CLAIM came on `connection`, from an address in `block`. The order of the checks is IMX-1 §6.4.
    package mutating func claim(
        _ claim: ClaimRecord,
        tag: UInt32,
        on connection: ConnectionHandle,
        id: ConnectionID,
        from block: AddressBlock,
        facts: Facts,
        now: Instant,
        using generator: inout some RandomNumberGenerator
    ) -> Action {
        let pair = DomainPair(source: claim.source, target: claim.target).detached()
        func refuse(_ code: OutcomeCode, _ text: String) -> Action {
            .refuse(connection, pair, tag: tag, AnswerRecord(code, text: text), close: false)
        }
        guard facts.targetIsHosted else { return refuse(.notServedHere, "target not served here") }
        guard !facts.sourceIsHosted, facts.policyAllows else { return refuse(.refused, "source refused") }
        if facts.isCertified {
            failures[connection] = .min
            quotas.remember(pair.source, now: now)
            return .trust(connection, pair, until: now + limits.trustLife, tag: tag, AnswerRecord(.delivered))
        }
        let key = Key(connection: connection, pair: pair)
        guard pending[key] == nil,
            quotas.admits(connection, block, pair.source, total: pending.count, limits: limits, now: now)
        else { return refuse(.rateLimited, "too many claims") }
        serial += 1
        pending[key] = Pending(
            serial: serial,
            tag: tag,
            token: ByteBuffer(bytes: claim.token.readableBytesView),
            secret: Octets32(using: &generator),
            connectionID: id,
            block: block,
            expiry: now + limits.pendingLife
        )
        quotas.add(connection, block, pair.source)
        return .dialAndVerify(PendingID(connection: connection, pair: pair, serial: serial))
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
    package mutating func verifyAnswered(_ id: PendingID, _ code: OutcomeCode) -> Action {
        guard find(id) != nil else { return .ignore }
        switch code {
        case .delivered: return .ignore  // The proof is what counts.
        case .notVerified: return fail(Key(connection: id.connection, pair: id.pair), .notVerified)
        default: return unreachable(id)
        }
    }

    /// The source's server was not found, not reached, filtered, or silent. One code for all: else claims scan ports.
    package mutating func unreachable(_ id: PendingID) -> Action {
        guard find(id) != nil else { return .ignore }
        return fail(Key(connection: id.connection, pair: id.pair), .notVerifiedNow)
    }

    /// A PROOF came on `connection`. A right one makes the pair trusted there; a wrong one ends that attempt.
    package mutating func proof(_ proof: ProofRecord, on connection: ConnectionHandle, now: Instant) -> Action {
        let key = Key(connection: connection, pair: DomainPair(source: proof.source, target: proof.target))
        guard let found = pending[key], now < found.expiry else {
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
            return fail(key, .notVerified)
        }
        remove(key)
        failures[connection] = .min
        quotas.remember(key.pair.source, now: now)
        var details = AnswerRecord.Details()
        details.confirm = binding.confirm(found.secret).buffer
        return .trust(
            connection,
            key.pair.detached(),
            until: now + limits.trustLife,
            tag: found.tag,
            AnswerRecord(.delivered, details: details)
        )
    }

    /// The connection is gone, and its claims with it. VERIFY records that are out come to nothing.
    package mutating func closed(_ connection: ConnectionHandle) {
        for key in pending.keys where key.connection == connection { remove(key) }
        failures[connection] = nil
    }

    /// Ends the claims whose time is over.
    package mutating func expire(now: Instant) -> [Action] {
        quotas.forget(now: now)
        let late = pending.filter { $0.value.expiry <= now }.sorted { $0.value.serial < $1.value.serial }
        return late.map { fail($0.key, .notVerifiedNow) }
    }

    /// When the next claim's time is over.
    package var nextWake: Instant? { pending.values.map(\.expiry).min() }

    private func find(_ id: PendingID) -> Pending? {
        let found = pending[Key(connection: id.connection, pair: id.pair)]
        return found?.serial == id.serial ? found : nil
    }

    private mutating func fail(_ key: Key, _ code: OutcomeCode) -> Action {
        guard let found = remove(key) else { return .ignore }
        var close = false
        if code == .notVerified {
            // A connection that has proved a pair is never closed for this.
            let count = (failures[key.connection] ?? 0) + 1
            failures[key.connection] = count
            close = count >= limits.failedAttempts
        }
        let text = code == .notVerified ? "not verified" : "could not verify now"
        return .refuse(key.connection, key.pair, tag: found.tag, AnswerRecord(code, text: text), close: close)
    }

    @discardableResult
    private mutating func remove(_ key: Key) -> Pending? {
        guard let found = pending.removeValue(forKey: key) else { return nil }
        quotas.remove(key.connection, found.block, key.pair.source)
        return found
    }
}

extension AnswerRecord {
    /// An answer with a text for the peer's log.
    package init(_ code: OutcomeCode, text: String) {
        var details = Details()
        details.text = ByteBuffer(string: text)
        self.init(code, details: details)
    }
}
