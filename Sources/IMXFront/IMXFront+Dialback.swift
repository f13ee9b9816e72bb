// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import IMXWire
import Logging
import TransportSecurity

import struct NIOCore.ByteBuffer

/// What others claim: their own servers are asked (IMX-1 §6.4). The machine decides; this file carries out.
extension IMXFront {
    // MARK: What others claim

    func take(_ record: ClaimRecord, tag: UInt32, on connection: FrontConnection) {
        guard let id = connectionID(connection), !refuseForWantOfRoom(record, tag: tag, on: connection) else { return }
        let pair = DomainPair(source: record.source, target: record.target)
        carryOut(
            acceptor.claim(
                record,
                tag: tag,
                on: connection.handle,
                id: id,
                from: connection.source.network,
                octetsIn: connection.machine.counters.octetsIn,
                facts: facts(of: pair, on: connection),
                now: now,
                using: &generator
            )
        )
    }

    /// What is hosted here, whom the operator lets in, and what the connection has to show for a claim. None of it is
    /// chosen by what the claimant offers.
    func facts(of pair: DomainPair, on connection: FrontConnection) -> DialbackAcceptor.Facts {
        guard let source = Domain(canonical: pair.source), let target = Domain(canonical: pair.target) else {
            return DialbackAcceptor.Facts(targetIsHosted: false)
        }
        // What a certificate says is looked at last: it takes longest.
        guard isHosted(target) else { return DialbackAcceptor.Facts(targetIsHosted: false) }
        return DialbackAcceptor.Facts(
            targetIsHosted: true,
            sourceIsHosted: isHosted(source),
            policyAllows: !policy.isBlocked(source) && suffices(connection, for: source, target),
            isCertified: level(of: connection, for: source) == .certificate
        )
    }

    /// Whether the connection is good enough for a claim, whatever its source's server will say (IMX-1 §6.7).
    private func suffices(_ connection: FrontConnection, for source: Domain, _ target: Domain) -> Bool {
        let reached = level(of: connection, for: source)
        switch requiredHere(hosted: target, peer: source) {
        case .dialback: return true
        case .tls: return reached >= .tls
        case .certificate:
            // The certificate is shown where the source's server is asked. What binds that to this connection is the
            // proof, which somebody between could pass on unless it covers the TLS session too.
            return reached == .certificate || reached == .tls && isBound(connection)
        }
    }

    /// Whether proofs cover the TLS session.
    func isBound(_ connection: FrontConnection) -> Bool {
        connection.machine.bothHave(.channelBinding)  // IMX-1 §6.7
    }

    /// How well the source has proved itself to us (IMX-1 §6.7): with what it shows on the claim's own connection, or
    /// with what its server showed where it was asked, `leg`.
    private func proved(_ source: Domain, leg: TrustLevel?, on connection: FrontConnection) -> TrustLevel {
        let reached = level(of: connection, for: source)
        guard reached == .tls, let leg else { return reached == .certificate ? reached : .dialback }
        return leg == .certificate && !isBound(connection) ? .tls : leg
    }

    func take(_ record: ProofRecord, on connection: FrontConnection) {
        let action = acceptor.proof(record, on: connection.handle, now: now)
        if case .ignore = action {
            host.count(.strayProof)
            connection.burden.refusals &+= 1
        }
        carryOut(action)
    }

    func carryOut(_ action: DialbackAcceptor.Action, because reason: String? = nil) {
        switch action {
        case .ignore:
            break
        case .dialAndVerify(let id):
            verify(id)
        case .trust(let handle, let domains, let until, let tag, let answer):
            guard let connection = connections[handle] else { return }
            trust(domains, until: until, tag: tag, answer, on: connection)
        case .refuse(let handle, let domains, let tag, let answer, let close):
            guard let connection = connections[handle] else { return }
            connection.legLevels[domains] = nil
            connection.burden.refusals &+= 1
            connection.machine.answer(answer, to: .claim, tag: tag, now: now)
            if close { connection.machine.close(.notVerified, "too many failed claims", now: now) }
            markDirty(connection)
            host.count(.unauthenticated)
            count(.claim(answer.code))
            var metadata: Logger.Metadata = [
                "from": "\(String(buffer: domains.source))", "to": "\(String(buffer: domains.target))",
                "outcome": "\(answer.code)",
            ]
            metadata["reason"] = (reason ?? whyRefused(domains, answer.code, on: connection)).map { "\($0)" }
            notice("claim refused", on: connection, metadata: metadata)
        }
    }

    /// The claim is proved: its pair is trusted, unless more is asked for by now.
    private func trust(
        _ domains: DomainPair,
        until: Instant,
        tag: UInt32,
        _ answer: AnswerRecord,
        on connection: FrontConnection
    ) {
        guard let source = Domain(canonical: domains.source), let target = Domain(canonical: domains.target) else {
            return
        }
        let leg = connection.legLevels.removeValue(forKey: domains)
        noteProof(of: source, leg, on: connection)
        let level = proved(source, leg: leg, on: connection)
        guard level >= requiredHere(hosted: target, peer: source) else {  // IMX 6.1.3
            let isWeakHere = !suffices(connection, for: source, target)
            let answer = isWeakHere ? DialbackAcceptor.refused : DialbackAcceptor.unverified
            let reason = "it has proved too little: \(demand(hosted: target, peer: source))"
            count(.weak(requiredHere(hosted: target, peer: source)))
            return carryOut(.refuse(connection.handle, domains, tag: tag, answer, close: false), because: reason)
        }
        guard !refuseForWantOfConnections(source, domains, tag, until: until, on: connection) else { return }
        connection.machine.markAuthenticated()
        connection.trust(source, target, until: until, level: level)
        connection.machine.answer(answer, to: .claim, tag: tag, now: now)
        markDirty(connection)
        host.logger.info(
            "peer trusted",
            metadata: [
                "from": "\(source)", "to": "\(target)", "address": "\(connection.address)", "how": "dial-back",
            ]
        )
    }

    /// Why policy refused a claim, for our log: the peer hears the same whatever it was.
    private func whyRefused(_ domains: DomainPair, _ code: OutcomeCode, on connection: FrontConnection) -> String? {
        guard code == .refused, let source = Domain(canonical: domains.source),
            let target = Domain(canonical: domains.target)
        else { return nil }
        if isHosted(source) { return "it is hosted here" }
        if policy.isBlocked(source) { return "blocked" }
        guard !suffices(connection, for: source, target) else { return nil }
        count(.weak(requiredHere(hosted: target, peer: source)))
        let lack = connection.security == nil ? "is not encrypted" : "lets no claim be bound to its TLS session"
        return "the connection \(lack), and \(demand(hosted: target, peer: source))"
    }

    /// Asks the claimed domain's own server, found by our own look-up alone (IMX 6.3.1), on a connection on which it has
    /// proved what is asked for. At most one place is dialled, and none where a connection is there or is being made.
    private func verify(_ id: DialbackAcceptor.PendingID) {
        guard let source = Domain(canonical: id.pair.source), let target = Domain(canonical: id.pair.target) else {
            return
        }
        let level = required(hosted: target, peer: source)
        let mayGoOn: (Bool) -> Bool = { [weak self] needsDial in self?.mayGoOn(id, needsDial: needsDial) ?? false }
        reach(source, atLeast: level, mayGoOn: mayGoOn) { [weak self] result in
            guard let self else { return }
            switch result {
            case .success(let reached):
                guard acceptor.verify(id) != nil else { return }  // the claim has ended meanwhile
                connections[id.connection]?.legLevels[id.pair] = reached.level
                ask(id, on: reached.connection)
            case .failure(let failure):
                let demand = level > .dialback ? "; " + demand(hosted: target, peer: source) : ""
                verificationFailed(id, because: failure.reason + demand)
            }
        }
    }

    private func mayGoOn(_ id: DialbackAcceptor.PendingID, needsDial: Bool) -> Bool {
        guard needsDial else {
            acceptor.needsNoDial(id)
            return true
        }
        guard let connection = connections[id.connection] else { return false }
        let refusal = acceptor.needsDial(id, octetsIn: connection.machine.counters.octetsIn, now: now)
        if let refusal { carryOut(refusal) }
        return refusal == nil
    }

    func ask(_ id: DialbackAcceptor.PendingID, on connection: FrontConnection) {
        guard let record = acceptor.verify(id) else { return }
        if connection.machine.isOpen, connection.machine.requestRoom == 0, let line = connection.line {
            guard line.verifications.count < 4096 else { return carryOut(acceptor.unreachable(id, now: now)) }
            line.verifications.append(id)  // a busy link is no sign that nobody is there
            line.hasBacklog = true
            return
        }
        connection.line?.verified += 1
        let cookie = connection.remember(.verification(id), now: now)
        guard case .sent = connection.machine.send(verify: record, cookie: cookie, now: now) else {
            _ = connection.take(cookie)
            return verificationFailed(id)
        }
        markDirty(connection)
    }

    /// What of `level` a peer can show again when it claims: without a way to bind its claims to a TLS session it never
    /// proves more than that it speaks TLS, and must not be locked out by its own certificate.
    func repeatable(_ level: TrustLevel, on connection: FrontConnection) -> TrustLevel {
        isBound(connection) ? level : min(level, .tls)
    }

    /// Remembers how well the source has proved itself, so that it is never believed with less: what its own server
    /// showed where it was asked, if both connections were encrypted. What only the claimant's end shows does not count;
    /// it says nothing about what the source's server will show the next time.
    private func noteProof(of source: Domain, _ leg: TrustLevel?, on connection: FrontConnection) {
        guard let leg, connection.security != nil else { return }
        noteTrust(in: source, repeatable(leg, on: connection))
    }

    func verificationAnswered(_ id: DialbackAcceptor.PendingID, _ code: OutcomeCode) {
        carryOut(acceptor.verifyAnswered(id, code, now: now))
    }

    func verificationFailed(_ id: DialbackAcceptor.PendingID, because reason: String? = nil) {
        carryOut(acceptor.unreachable(id, now: now), because: reason)
    }

    // MARK: Ends

    /// Why a record for a pair that is not trusted on its connection is refused. A peer that has proved nothing learns
    /// nothing about the rest.
    func denial(_ source: ByteBuffer, _ target: ByteBuffer, on connection: FrontConnection) -> Outcome {
        if connection.machine.isAuthenticated {
            if !(Domain(canonical: target).map(isHosted) ?? false) {
                return Outcome(.notServedHere, "not served here")  // IMX 4.3.3
            }
            if Domain(canonical: source).map(policy.isBlocked) ?? false { return Outcome(.refused, "source refused") }
        }
        return Outcome(.notAuthenticated, "this pair of domains is not authenticated on this connection")
    }

    func forgetDialbacks(of connection: FrontConnection) {
        acceptor.closed(connection.handle)
        _ = claimant.closed(connection.handle)
    }

    func expireDialbacks() {
        renewTokenKey()
        for action in acceptor.expire(now: now) { carryOut(action) }
        for (handle, outcome) in claimant.expire(now: now, using: &generator) {
            guard let connection = connections[handle], case .failed(let domains, _, _, _) = outcome,
                let pair = connection.line?.pairs.first(where: { $0.domains == domains })
            else { continue }
            settleClaim(pair, outcome, text: "no answer to the claim in time", on: connection)
        }
    }
}
