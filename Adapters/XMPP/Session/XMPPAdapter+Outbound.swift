// SPDX-License-Identifier: Apache-2.0
public import AdapterKit
import EnvelopeModel
import NIOCore

/// Envelopes on their way to the server.
extension XMPPAdapter {
    /// The most octets gathered before they are flushed, so that a slow server is noticed within a batch.
    private static let flushOctets = 65_536
    /// How many pings may be unanswered; more would only cost the server.
    private static let barrierLimit = 2

    /// Writes the batch, or keeps what the link does not take now.
    public func deliver(_ batch: [Delivery]) {
        host.turn {
            for delivery in batch { take(delivery) }
            finishBatch()
        }
    }

    private func take(_ delivery: Delivery) {
        if isStopping {
            host.settle(delivery.ticket, Outcome(.unavailable, "the aggregator is stopping"))
        } else if queue.isEmpty, canWrite {
            write(delivery)
        } else {
            var kept = delivery.envelope
            kept.detach()
            queue.append(Delivery(ticket: delivery.ticket, envelope: kept))
        }
    }

    /// Takes back what has not been written.
    public func withdraw(_ ticket: Ticket) -> Withdrawal {
        guard let place = queue.firstIndex(where: { $0?.ticket == ticket }) else {
            ledger.void(ticket)
            losses[ticket] = nil
            return .tooLate
        }
        queue[place] = nil
        while let first = queue.first, first == nil { queue.removeFirst() }
        return .withdrawn
    }

    /// Writes what waits, as far as the link takes it, and closes the batch.
    func drain() {
        while canWrite, let first = queue.popFirst() {
            if let delivery = first { write(delivery) }
        }
        finishBatch()
    }

    private var canWrite: Bool {
        guard let link, link.isWritable else { return false }
        return ledger.count < settings.window
    }

    private func write(_ delivery: Delivery) {
        guard let link else { return }
        let envelope = delivery.envelope
        if case .message = envelope.operation {
            guard senders.admit(envelope.source) else {
                let text = "somebody else's address differs in case only, which XMPP does not tell apart"
                host.settle(delivery.ticket, Outcome(.addressInvalid, text))
                return
            }
            let isState = envelope.isMereState
            // XEP-0085 §5.1
            guard !isState || conversations.understandsStates(envelope.destination, of: envelope.source) else {
                host.count(.chatState)
                host.settle(delivery.ticket, .delivered)
                return
            }
            let shown = gated(envelope)
            switch writer.write(shown ?? envelope, as: form(for: envelope.destination), to: &link.output) {
            case .refused(let outcome):
                host.settle(delivery.ticket, outcome)
            case .written(let fingerprint, var lost):
                if shown != nil { lost.append(Loss("request", reason: "without a text, from a stranger")) }
                // Nobody hears that a state did not arrive, so an error about one finds nothing.
                ledger.append(delivery.ticket, fingerprint: isState ? 0 : fingerprint)
                host.note(envelope.trace, "written for the server, to be confirmed")
                if !lost.isEmpty {
                    host.note(envelope.trace, "lost " + lost.map(\.description).joined(separator: "; "))
                    losses[delivery.ticket] = lost.map(\.description).joined(separator: "; ")
                }
                if link.output.readableBytes >= XMPPAdapter.flushOctets { link.flush() }
            }
        } else {
            settleReport(delivery)
        }
    }

    /// XEP-0085 §5.1, XEP-0184 §8: a message without a text to show says what its sender does, and asks for answers, only
    /// where the two talk already: a client that answers a stranger unasked tells that somebody is there. Nil where
    /// nothing needs to be left out.
    private func gated(_ envelope: Envelope) -> Envelope? {
        guard case .none = envelope.body, var details = envelope.details,
            details.chatState != nil || details.wantsReceipt || details.wantsReadReport,
            !conversations.understandsStates(envelope.destination, of: envelope.source)
        else { return nil }
        details.chatState = nil
        details.wantsReceipt = false
        details.wantsReadReport = false
        var gated = envelope
        gated.details = details
        return gated
    }

    /// A report about a message that a local user sent becomes a receipt, a marker, or an error stanza.
    private func settleReport(_ delivery: Delivery) {
        guard let link, case .report(let report) = delivery.envelope.operation else {
            host.settle(delivery.ticket, Outcome(.notUnderstood, "the operation is not carried to XMPP"))
            return
        }
        // Anybody may report about anything; what was never sent from here has not failed, nor was it read.
        let (user, peer) = (delivery.envelope.destination, delivery.envelope.source)
        guard conversations.hasSent(report.messageID, from: user, to: peer) else {
            host.count(.report)
            host.settle(delivery.ticket, .delivered)
            return
        }
        let result = writer.writeReport(
            report,
            of: delivery.envelope,
            id: conversations.stanzaID(of: report.messageID),
            as: form(for: delivery.envelope.destination),
            to: &link.output
        )
        switch result {
        case .unaddressable:
            host.settle(delivery.ticket, Outcome(.addressInvalid, "an address cannot be expressed in XMPP"))
        case .nothing:
            host.count(.report)
            host.settle(delivery.ticket, .delivered)
        case .written:
            // Nobody answers an error; the barrier alone confirms it.
            ledger.append(delivery.ticket, fingerprint: 0)
        }
    }

    /// Puts one ping behind what was written, and flushes once.
    private func finishBatch() {
        guard let link, link.isUp else { return }
        if ledger.needsBarrier, ledger.barrierCount < XMPPAdapter.barrierLimit { writePing(on: link) }
        link.flush()
    }

    /// Writes a ping to the server's own domain (XEP-0199 §4); its answer, of whatever kind, proves what was taken.
    func writePing(on link: ComponentLink) {
        if let target = pingTarget, !host.serves(target) { pingTarget = nil }
        guard let server = pingTarget ?? host.domains.first else { return }
        pingTarget = server
        if pingedAt == nil { pingedAt = host.scheduler.now }
        link.output.writeStaticString("<iq type='get' id='imx-ping-")
        link.output.writeString(String(ledger.openBarrier(), radix: 16))
        link.output.writeStaticString("' from='")
        addresses.names.write(settings.component, to: &link.output)
        link.output.writeStaticString("' to='")
        addresses.names.write(server, to: &link.output)
        link.output.writeStaticString("'><ping xmlns='urn:xmpp:ping'/></iq>")
    }

    /// Settles what a ping's answer confirmed.
    func barrierAnswered(_ number: UInt64) -> Bool {
        let host = self.host
        var lost = losses
        let isOurs = ledger.closeBarrier(number) { ticket in
            if lost.isEmpty {
                host.settle(ticket, .delivered)
            } else if let text = lost.removeValue(forKey: ticket) {
                host.settle(ticket, Outcome(.delivered, "not carried: \(text)"))
            } else {
                host.settle(ticket, .delivered)
            }
        }
        losses = lost
        if isOurs { pingedAt = ledger.barrierCount == 0 ? nil : host.scheduler.now }
        return isOurs
    }
}
