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
    private func facts(of pair: DomainPair, on connection: FrontConnection) -> DialbackAcceptor.Facts {
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
        switch required(hosted: target, peer: source) {
        case .dialback: return true
        case .tls: return reached >= .tls
        case .certificate:
            // The certificate is shown where the source's server is asked. What binds that to this connection is the
            // proof, which somebody between could pass on unless it covers the TLS session too.
            let isBound = connection.security?.exporter == nil || connection.machine.bothHave(.channelBinding)
            return reached == .certificate || reached == .tls && isBound
        }
    }

    func take(_ record: ProofRecord, on connection: FrontConnection) {
        let action = acceptor.proof(record, on: connection.handle, now: now)
        if case .ignore = action {
            host.count(.strayProof)
            connection.burden.refusals &+= 1
        }
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
            guard !refuseForWantOfConnections(source, domains, tag, until: until, on: connection) else { return }
            connection.machine.markAuthenticated()
            connection.trust(source, target, until: until)
            noteProof(of: source, domains, on: connection)
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
            connection.legLevels[domains] = nil
            connection.burden.refusals &+= 1
            connection.machine.answer(answer, to: .claim, tag: tag, now: now)
            if close { connection.machine.close(.notVerified, "too many failed claims", now: now) }
            markDirty(connection)
            host.count(.unauthenticated)
            count(.claim(answer.code))
            notice(
                "claim refused",
                on: connection,
                metadata: [
                    "from": "\(String(buffer: domains.source))", "to": "\(String(buffer: domains.target))",
                    "outcome": "\(answer.code)",
                ]
            )
        }
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
            case .success(let connection): ask(id, on: connection)
            case .failure: verificationFailed(id)
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
        if let source = Domain(canonical: id.pair.source) {
            connections[id.connection]?.legLevels[id.pair] = level(of: connection, for: source)
        }
        markDirty(connection)
    }

    /// Remembers how well the source has proved itself, so that it is never believed with less: what its own server
    /// showed where it was asked, if both connections were encrypted. What only the claimant's end shows does not count;
    /// it says nothing about what the source's server will show the next time.
    private func noteProof(of source: Domain, _ pair: DomainPair, on connection: FrontConnection) {
        guard let leg = connection.legLevels.removeValue(forKey: pair), connection.security != nil else { return }
        policy.noteTrust(source, leg)
    }

    func verificationAnswered(_ id: DialbackAcceptor.PendingID, _ code: OutcomeCode) {
        carryOut(acceptor.verifyAnswered(id, code, now: now))
    }

    func verificationFailed(_ id: DialbackAcceptor.PendingID) {
        carryOut(acceptor.unreachable(id, now: now))
    }

    // MARK: Ends

    /// What is hosted here or whom the operator lets in has changed: trust and claims that would not be given now end,
    /// each pair by itself; the connections and their other pairs go on.
    package func policyChanged() {
        burst {
            for connection in connections.values {
                let ended = connection.endTrust { pair in policy.isBlocked(pair.source) || !isHosted(pair.target) }
                for pair in ended {
                    if policy.isBlocked(pair.source) { provedDomains.forget(pair.source, on: connection.handle) }
                    host.logger.notice(
                        "peer no longer trusted",
                        metadata: [
                            "from": "\(pair.source)", "to": "\(pair.target)", "address": "\(connection.address)",
                            "reason": "\(policy.isBlocked(pair.source) ? "blocked" : "not hosted here")",
                        ]
                    )
                }
            }
            let refusals = acceptor.policyChanged { handle, pair in
                guard let connection = connections[handle] else { return .init(targetIsHosted: false) }
                return facts(of: pair, on: connection)
            }
            for refusal in refusals { carryOut(refusal) }
        }
    }

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
