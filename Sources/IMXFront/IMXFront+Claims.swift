// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import Discovery
import EnvelopeModel
import IMXWire
import Logging
import TransportSecurity

import struct NIOCore.ByteBuffer

/// What we claim on connections that we dialled, and what we say when somebody asks about it (IMX-1 §6.5). The machine
/// decides; this file carries out.
extension IMXFront {
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

    /// Both greetings in one value, and where both ends bind to TLS what that gives; nil before they are exchanged.
    func connectionID(_ connection: FrontConnection) -> ConnectionID? {
        let binding = connection.machine.bothHave(.channelBinding) ? connection.security?.exporter : nil
        return connection.machine.helloOctets.map {
            ConnectionID(dialler: $0.dialler, acceptor: $0.acceptor, binding: binding)
        }
    }

    func claimAnswered(_ pair: PairQueue, _ answer: AnswerRecord, on connection: FrontConnection) {
        let outcome = claimant.answered(
            answer,
            pair: pair.domains,
            on: connection.handle,
            isCertified: settings.showsCertificate && connection.security != nil,
            now: now,
            using: &generator
        )
        let text = answer.details?.text.map { String(buffer: $0) }
        settleClaim(pair, outcome, text: text, on: connection)
    }

    func settleClaim(
        _ pair: PairQueue,
        _ outcome: DialbackClaimant.Outcome,
        text: String?,
        on connection: FrontConnection
    ) {
        switch outcome {
        case .ignore:
            host.count(.strayAnswer)
        case .trusted(_, let until, _):
            connection.hasServed = true
            connection.machine.markAuthenticated()
            believe(pair, until: until, on: connection)
            log("trusted by the peer", pair, connection)
            guard pair.connection === connection else { return }
            pair.claim = .confirmed
            pair.confirmedAt = now
            pair.refusals = 0
            pair.refusal = nil
            renew(pair, until: until, on: connection)
            pump(pair)
        case .failed where pair.connection !== connection:
            break  // it has moved to another connection since
        case .failed where pair.claim == .confirmed:
            log("trust was not renewed", pair, connection)
        case .failed(_, let code, let attempt, let retryAt):
            pair.refusals = attempt
            let reason = text ?? "the peer refused to trust \(pair.source)"
            let outcome = Outcome(code, "\(pair.target) said: \(reason)")
            // That the tries are too many says less than why the first of them failed.
            let word = code == .rateLimited ? pair.refusal ?? outcome : outcome
            pair.refusal = word
            guard let retryAt else { return claimFailed(pair, word, on: connection) }
            pair.claim = .later
            host.scheduler.schedule(after: retryAt - now) { [weak self, weak connection] in
                guard let self, let connection, pair.claim == .later else { return }
                burst { self.reconsider(pair, on: connection) }
            }
        case .closeConnection:
            host.logger.warning("the peer could not confirm a claim", metadata: metadata(pair, connection))
            connection.machine.close(.notVerified, "not confirmed", now: now)
            replace(connection)
        }
    }

    /// The other side is who our own look-up says it is, so its data for us is welcome here, if it has proved enough.
    private func believe(_ pair: PairQueue, until: Instant, on connection: FrontConnection) {
        let level = level(of: connection, for: pair.target)
        if pair.connection === connection { pair.level = max(pair.level, level) }
        if level >= required(hosted: pair.source, peer: pair.target) {
            connection.trust(pair.target, pair.source, until: until, level: level)
        }
        noteTrust(in: pair.target, repeatable(level, on: connection))
    }

    /// The peer will not trust us for the pair: what waits for it ends.
    func claimFailed(_ pair: PairQueue, _ outcome: Outcome, on connection: FrontConnection) {
        guard pair.connection === connection else { return }
        pair.claim = .none
        pair.refusals = 0
        pair.refusal = nil
        host.logger.notice("not trusted by the peer: \(outcome.code)", metadata: metadata(pair, connection))
        if outcome.code == .refused, mayProveMore(pair, than: connection) {
            pair.floor = (.tls, outcome)
            return move(pair, from: connection)
        }
        guard outcome.code == .notServedHere, let line = connection.line, !pair.isEmpty else {
            pair.floor = nil
            return refuse(pair, outcome)
        }
        pair.misdirection = (line.endpoint, outcome)  // it may be served elsewhere by now
        move(pair, from: connection)
    }

    /// Whether the peer may refuse the pair for want of encryption, and publishes a port that has it (IMX-1 §6.7).
    private func mayProveMore(_ pair: PairQueue, than connection: FrontConnection) -> Bool {
        connection.security == nil && pair.floor == nil && !pair.isEmpty
            && pair.peer.service?.hosts.contains(where: \.usesTLS) == true
    }

    /// Somebody asks whether we made a claim. No authentication is needed for that (IMX-1 §6.5).
    func take(_ record: VerifyRecord, tag: UInt32, on connection: FrontConnection) {
        let action = claimant.verify(
            record,
            on: connection.handle,
            from: connection.source.network,
            sourceIsServed: Domain(canonical: record.source).map(isHosted) ?? false,
            now: now
        )
        switch action {
        case .prove(let handle, let proof, let answer):
            send(proof, on: handle)
            connection.machine.vouch()
            connection.machine.answer(answer, to: .verify, tag: tag, now: now)
        case .refuse(let answer):
            refuse(answer, tag: tag, on: connection)
        case .ask(let node):
            let handle = connection.handle
            guard let bus else { return refuse(DialbackClaimant.refusal, tag: tag, on: connection) }
            host.logger.debug(
                "another node is asked whether it made a claim",
                metadata: [
                    "from": "\(String(buffer: record.source))", "to": "\(String(buffer: record.target))",
                    "node": "\(node)",
                ]
            )
            bus.ask(node, record) { [weak self] hasProved in
                guard let self, let connection = connections[handle] else { return }
                burst {
                    if hasProved {
                        connection.machine.vouch()
                        connection.machine.answer(AnswerRecord(.delivered), to: .verify, tag: tag, now: self.now)
                    } else {
                        self.refuse(DialbackClaimant.refusal, tag: tag, on: connection)
                    }
                    self.markDirty(connection)
                }
            }
        }
    }

    /// Refuses a VERIFY.
    private func refuse(_ answer: AnswerRecord, tag: UInt32, on connection: FrontConnection) {
        connection.burden.refusals &+= 1
        count(.verify(answer.code))
        notice("verification refused", on: connection, metadata: ["outcome": "\(answer.code)"])
        connection.machine.answer(answer, to: .verify, tag: tag, now: now)
    }

    /// Another node of this aggregator was asked whether a claim of ours was made. Whether it was; the proof is on its
    /// way then.
    func prove(_ record: VerifyRecord) -> Bool {
        var hasProved = false
        burst {
            let action = claimant.verify(
                record,
                on: nil,
                from: nil,
                sourceIsServed: Domain(canonical: record.source).map(isHosted) ?? false,
                now: now
            )
            guard case .prove(let handle, let proof, _) = action else { return }
            send(proof, on: handle)
            hasProved = true
        }
        return hasProved
    }

    /// Makes tokens under the key of the day, where this process is one of a cluster's nodes.
    func renewTokenKey() {
        guard let node = settings.node else { return }
        let day = UInt32(clamping: policy.wallTime().milliseconds / 86_400_000)
        guard day != tokenDay else { return }
        tokenDay = day
        claimant.rotate(to: ClaimTokens(node: node.number, cluster: node.secret, day: day))
    }

    private func send(_ proof: ProofRecord, on handle: ConnectionHandle) {
        guard let claimed = connections[handle] else { return }
        claimed.machine.send(proof: proof, now: now)
        markDirty(claimed)
    }

    private func log(_ what: Logger.Message, _ pair: PairQueue, _ connection: FrontConnection) {
        host.logger.info(what, metadata: metadata(pair, connection))
    }

    private func metadata(_ pair: PairQueue, _ connection: FrontConnection) -> Logger.Metadata {
        [
            "from": "\(pair.source)", "to": "\(pair.target)",
            "peer": "\(connection.peerName)",
        ]
    }
}
