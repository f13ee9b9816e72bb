// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import Glibc
import IMXWire
import Logging

import struct NIOCore.ByteBuffer

/// Trust, in both directions: what we claim on connections that we dialled, and what others claim on theirs.
/// The machines decide; this file carries out (IMX-1 §6).
extension IMXFront {
    // MARK: What we claim

    /// Asks the peer to trust us for the pair, or to go on doing so.
    func askForTrust(_ pair: PairQueue, on connection: FrontConnection) {
        guard connection.machine.requestRoom > 0, let id = connectionID(connection) else { return }
        guard
            let claim = claimant.claim(
                pair.domains,
                on: connection.handle,
                id: id,
                attempt: pair.refusals + 1,
                now: now,
                using: &generator
            )
        else { return }
        let cookie = connection.remember(.claim(pair), now: now)
        guard case .sent = connection.machine.send(claim: claim, cookie: cookie, now: now) else {
            _ = connection.take(cookie)
            return
        }
        if pair.claim != .confirmed { pair.claim = .asked }
        markDirty(connection)
    }

    /// Asks for trust again at half of its life. Should that fail, the peer says so when its trust has run out.
    private func renew(_ pair: PairQueue, until: Instant, on connection: FrontConnection) {
        pair.renewal?.cancel()
        let half = Interval(nanoseconds: (until - now).nanoseconds / 2)
        pair.renewal = host.scheduler.schedule(after: half) { [weak self, weak connection] in
            guard let self, let connection, pair.claim == .confirmed else { return }
            burst { self.askForTrust(pair, on: connection) }
        }
    }

    /// Both greetings in one value; nil before they are exchanged.
    private func connectionID(_ connection: FrontConnection) -> ConnectionID? {
        connection.machine.helloOctets.map { ConnectionID(dialler: $0.dialler, acceptor: $0.acceptor) }
    }

    func claimAnswered(_ pair: PairQueue, _ answer: AnswerRecord, on connection: FrontConnection) {
        let outcome = claimant.answered(
            answer,
            pair: pair.domains,
            on: connection.handle,
            now: now,
            using: &generator
        )
        let text = answer.details?.text.map { String(buffer: $0) }
        settleClaim(pair, outcome, text: text, on: connection)
    }

    private func settleClaim(
        _ pair: PairQueue,
        _ outcome: DialbackClaimant.Outcome,
        text: String?,
        on connection: FrontConnection
    ) {
        switch outcome {
        case .ignore:
            host.count(.strayAnswer)
        case .trusted(_, let until, _):
            pair.claim = .confirmed
            pair.confirmedAt = now
            pair.refusals = 0
            connection.hasServed = true
            renew(pair, until: until, on: connection)
            connection.machine.markAuthenticated()
            // The other side is who our own look-up says it is, so its answers and its data for us are welcome here.
            connection.trust(pair.target, pair.source, until: until)
            log("trusted by the peer", pair, connection)
            if let link = connection.link { pump(pair, link) }
        case .failed where pair.claim == .confirmed:
            log("trust was not renewed", pair, connection)
        case .failed(_, let code, let attempt, let retryAt):
            pair.refusals = attempt
            guard let retryAt else {
                let reason = text ?? "the peer refused to trust \(pair.source)"
                return claimFailed(pair, Outcome(code, "\(pair.target) said: \(reason)"), on: connection)
            }
            pair.claim = .later
            host.scheduler.schedule(after: retryAt - now) { [weak self, weak connection] in
                guard let self, pair.claim == .later else { return }
                pair.claim = .none
                guard let link = connection?.link else { return }
                link.hasBacklog = true
                burst { self.pump(pair, link) }
            }
        case .closeConnection:
            host.logger.warning("the peer could not confirm a claim", metadata: metadata(pair, connection))
            pair.claim = .none
            connection.machine.close(.notVerified, "not confirmed", now: now)
        }
    }

    /// The peer will not trust us for the pair: what waits for it ends.
    func claimFailed(_ pair: PairQueue, _ outcome: Outcome, on connection: FrontConnection) {
        pair.claim = .none
        pair.refusals = 0
        host.logger.notice("not trusted by the peer: \(outcome.code)", metadata: metadata(pair, connection))
        refuse(pair, outcome)
    }

    /// Somebody asks whether we made a claim. No authentication is needed for that (IMX-1 §6.5).
    func take(_ record: VerifyRecord, tag: UInt32, on connection: FrontConnection) {
        let isServed = Domain(canonical: record.source).map(isHosted) ?? false
        switch claimant.verify(record, on: connection.handle, sourceIsServed: isServed, now: now) {
        case .prove(let handle, let proof, let answer):
            if let claimed = connections[handle] {
                claimed.machine.send(proof: proof, now: now)
                markDirty(claimed)
            }
            connection.machine.vouch()
            connection.machine.answer(answer, to: .verify, tag: tag, now: now)
        case .refuse(let answer):
            connection.machine.answer(answer, to: .verify, tag: tag, now: now)
        }
    }

    // MARK: What others claim

    func take(_ record: ClaimRecord, tag: UInt32, on connection: FrontConnection) {
        guard let id = connectionID(connection) else { return }
        let facts = DialbackAcceptor.Facts(
            targetIsHosted: Domain(canonical: record.target).map(isHosted) ?? false,
            sourceIsHosted: Domain(canonical: record.source).map(isHosted) ?? true
        )
        carryOut(
            acceptor.claim(
                record,
                tag: tag,
                on: connection.handle,
                id: id,
                from: block(of: connection.address),
                facts: facts,
                now: now,
                using: &generator
            )
        )
    }

    func take(_ record: ProofRecord, on connection: FrontConnection) {
        let action = acceptor.proof(record, on: connection.handle, now: now)
        if case .ignore = action { host.count(.strayProof) }
        carryOut(action)
    }

    private func carryOut(_ action: DialbackAcceptor.Action) {
        switch action {
        case .ignore:
            break
        case .dialAndVerify(let id):
            verify(id)
        case .trust(let handle, let domains, let until, let tag, let answer):
            guard let connection = connections[handle], let source = Domain(canonical: domains.source),
                let target = Domain(canonical: domains.target)
            else { return }
            connection.machine.markAuthenticated()
            connection.trust(source, target, until: until)
            connection.machine.answer(answer, to: .claim, tag: tag, now: now)
            markDirty(connection)
            host.logger.info(
                "peer trusted",
                metadata: [
                    "from": "\(source)", "to": "\(target)", "address": "\(connection.address)", "how": "dial-back",
                ]
            )
        case .refuse(let handle, let domains, let tag, let answer, let close):
            guard let connection = connections[handle] else { return }
            connection.machine.answer(answer, to: .claim, tag: tag, now: now)
            if close { connection.machine.close(.notVerified, "too many failed claims", now: now) }
            markDirty(connection)
            host.count(.unauthenticated)
            notice(
                "claim refused: \(answer.code)",
                metadata: [
                    "from": "\(String(buffer: domains.source))", "to": "\(String(buffer: domains.target))",
                    "address": "\(connection.address)",
                ]
            )
        }
    }

    /// Asks the claimed domain's own server, found by our own look-up alone (IMX 6.3.1).
    private func verify(_ id: DialbackAcceptor.PendingID) {
        guard let source = Domain(canonical: id.pair.source), let target = Domain(canonical: id.pair.target) else {
            return
        }
        reach(source, atLeast: required(hosted: target, peer: source)) { [weak self] result in
            guard let self else { return }
            switch result {
            case .success(let connection): ask(id, on: connection)
            case .failure: carryOut(acceptor.unreachable(id))
            }
        }
    }

    func ask(_ id: DialbackAcceptor.PendingID, on connection: FrontConnection) {
        guard let record = acceptor.verify(id) else { return }
        if connection.machine.isOpen, connection.machine.requestRoom == 0, let link = connection.link {
            guard link.verifications.count < 4096 else { return carryOut(acceptor.unreachable(id)) }
            link.verifications.append(id)  // a busy link is no sign that nobody is there
            link.hasBacklog = true
            return
        }
        let cookie = connection.remember(.verification(id), now: now)
        guard case .sent = connection.machine.send(verify: record, cookie: cookie, now: now) else {
            _ = connection.take(cookie)
            return carryOut(acceptor.unreachable(id))
        }
        markDirty(connection)
    }

    func verificationAnswered(_ id: DialbackAcceptor.PendingID, _ code: OutcomeCode) {
        carryOut(acceptor.verifyAnswered(id, code))
    }

    func verificationFailed(_ id: DialbackAcceptor.PendingID) {
        carryOut(acceptor.unreachable(id))
    }

    // MARK: Ends

    func forgetDialbacks(of connection: FrontConnection) {
        acceptor.closed(connection.handle)
        _ = claimant.closed(connection.handle)
    }

    func expireDialbacks() {
        for action in acceptor.expire(now: now) { carryOut(action) }
        for (handle, outcome) in claimant.expire(now: now, using: &generator) {
            guard let connection = connections[handle], case .failed(let domains, _, _, _) = outcome,
                let pair = connection.link?.pairs.first(where: { $0.domains == domains })
            else { continue }
            settleClaim(pair, outcome, text: "no answer to the claim in time", on: connection)
        }
    }

    // MARK: Helpers

    private func block(of address: String) -> AddressBlock {
        var v4 = in_addr()
        if inet_pton(AF_INET, address, &v4) == 1 { return AddressBlock(ipv4: UInt32(bigEndian: v4.s_addr)) }
        var v6 = in6_addr()
        guard inet_pton(AF_INET6, address, &v6) == 1 else { return AddressBlock(ipv4: 0) }
        return AddressBlock(
            ipv6High: withUnsafeBytes(of: v6) { UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self)) }
        )
    }

    private func log(_ what: Logger.Message, _ pair: PairQueue, _ connection: FrontConnection) {
        host.logger.info(what, metadata: metadata(pair, connection))
    }

    private func metadata(_ pair: PairQueue, _ connection: FrontConnection) -> Logger.Metadata {
        [
            "from": "\(pair.source)", "to": "\(pair.target)",
            "peer": "\(connection.link?.endpoint.description ?? connection.address)",
        ]
    }
}
