// SPDX-License-Identifier: Apache-2.0
public import AdapterKit
import EnvelopeModel
import Logging
import NIOCore
import XMLStream

/// Stanzas on their way from the server.
extension XMPPAdapter {
    /// The most submissions held back while the core is full and our own deliveries still await their confirmation.
    private static let heldLimit = 4_096
    /// The most octets of answers that wait for a link.
    private static let deferredLimit = 262_144
    /// How long a chat state is worth carrying.
    private static let statePatience = Interval.seconds(15)
    /// The token of every chat state without a message; no other submission has it.
    private static let stateToken = UInt64.max

    func linkReceived(_ stanza: XMLElement) {
        switch stanza.name {
        case Names.message: receivedMessage(stanza)
        case Names.iq: receivedRequest(stanza)
        case Names.presence: receivedPresence(stanza)
        default: drop(.malformed, stanza)
        }
    }

    func linkReceivedOversize(_ stanza: XMLElement, _ limit: XMLLimit) {
        drop(.malformed, stanza)
        let kinds: [XMLName: StanzaHeader.Kind] = [Names.message: .message, Names.iq: .iq, Names.presence: .presence]
        guard let kind = kinds[stanza.name], let header = StanzaHeader(stanza, kind),
            !stanza.attribute(Names.type, is: "error"), !stanza.attribute(Names.type, is: "result")
        else { return }
        answer(Outcome(.tooLarge, "too many \(limit.rawValue)"), header)
    }

    private func receivedMessage(_ stanza: XMLElement) {
        switch MessageReader.read(stanza, context) {
        case .envelope(let envelope, let form): receivedMessage(envelope, form, stanza)
        case .quiet(let envelope, let form): receivedWord(envelope, form, stanza)
        case .refused(let outcome):
            drop(.malformed, stanza)
            if let header = StanzaHeader(stanza, .message) { answer(outcome, header) }
        case .dropped(.report): drop(.report, stanza)
        case .dropped(.malformed): drop(.malformed, stanza)
        case .failure(let failure): received(failure, stanza)
        }
    }

    private func receivedMessage(_ read: Envelope, _ form: AddressForm, _ stanza: XMLElement) {
        var envelope = read
        let destination = senders.meant(by: envelope.destination)
        if destination != envelope.destination { envelope.destination = destination }
        guard let header = StanzaHeader(stanza, .message) else { return drop(.malformed, stanza) }
        if isStopping { return answer(Outcome(.unavailable, "the aggregator is stopping"), header) }
        remember(form, of: envelope.source)
        let losses = envelope.losses
        if !losses.isEmpty {
            host.note(envelope.trace, "lost " + losses.map(\.description).joined(separator: "; "))
        }
        _ = conversations.admit(envelope)
        conversations.noteSent(envelope.messageID, from: envelope.source, to: envelope.destination)
        note(envelope.details?.sourceName, of: envelope.source)
        if let id = stanza.attribute(Names.id), id.readableBytes > 0 {
            let isOdd = envelope.nativeID != nil
            conversations.note(envelope.messageID, id: id, isOdd: isOdd, from: envelope.source, to: read.destination)
        }
        if isPaused { envelope.detach() }
        incoming.append(Submission(token: submissions.insert(header), envelope: envelope))
    }

    /// A receipt, or a chat state without a message. Nobody waits to hear what becomes of it, so a paused core is spared.
    private func receivedWord(_ read: Envelope, _ form: AddressForm, _ stanza: XMLElement) {
        var envelope = read
        envelope.destination = senders.original(of: envelope.destination)
        remember(form, of: envelope.source)
        if case .report = envelope.operation {
            if isStopping { return drop(.report, stanza) }
            if isPaused { envelope.detach() }
            incoming.append(Submission(token: 0, envelope: envelope))
            return
        }
        guard !isStopping, !isPaused, conversations.admit(envelope) else { return drop(.chatState, stanza) }
        // What somebody did a while ago is no news.
        envelope.deadline = host.scheduler.now + XMPPAdapter.statePatience
        incoming.append(Submission(token: XMPPAdapter.stateToken, envelope: envelope))
    }

    /// Answers go back in the form that the local user used last.
    private func remember(_ form: AddressForm, of user: Address) {
        if form == defaultForm {
            if !forms.isEmpty { forms[user.hashValue] = nil }
        } else {
            forms[user.hashValue] = form
        }
    }

    /// The form in which foreign people are shown to a user who wrote to none of them in particular.
    func form(for user: Address) -> AddressForm {
        forms.isEmpty ? defaultForm : forms[user.hashValue] ?? defaultForm
    }

    /// An error for something that we sent: the outcome of a delivery, or later word about it.
    private func received(_ failure: StanzaFailure, _ stanza: XMLElement) {
        var failure = failure
        failure.source = senders.original(of: failure.source)
        guard let fingerprint = writer.fingerprint(of: failure) else { return drop(.strayError, stanza) }
        switch ledger.take(fingerprint) {
        case .pending(let ticket):
            losses[ticket] = nil
            host.settle(ticket, failure.outcome)
        case .confirmed:
            guard let about = StanzaID.messageID(failure.id), !isStopping else { return drop(.strayError, stanza) }
            let report = Envelope(
                operation: .report(Envelope.Report(about: about, outcome: failure.outcome)),
                source: failure.destination,
                destination: failure.source,
                messageID: host.makeMessageID(native: nil),
                trace: host.makeTraceID()
            )
            incoming.append(Submission(token: 0, envelope: report))
        case .none:
            drop(.strayError, stanza)
        }
    }

    /// Counts a stanza that is dropped, and says at level debug whose it was.
    func drop(_ reason: DropReason, _ stanza: XMLElement) {
        host.count(reason)
        host.logger.debug("dropped a stanza: \(reason.rawValue)", metadata: ["from": .string(sender(of: stanza))])
    }

    private func sender(of stanza: XMLElement) -> String {
        stanza.attribute(Names.from).flatMap { JID($0, names: addresses.names) }.map { jid in
            (jid.localPart.map { String(buffer: $0) + "@" } ?? "") + jid.domain.name
        } ?? "nobody"
    }

    // MARK: Requests

    /// Whether an answer came from the server that we ping, and to one of our pings.
    func takeAnswer(_ stanza: XMLElement) -> Bool {
        let prefix = "imx-ping-"
        guard let id = stanza.string(Names.id), id.hasPrefix(prefix),
            let number = UInt64(id.dropFirst(prefix.utf8.count), radix: 16),
            let from = stanza.attribute(Names.from).flatMap({ JID($0, names: addresses.names) }),
            from.localPart == nil, from.resource == nil, host.serves(from.domain)
        else { return false }
        return barrierAnswered(number)
    }

    // MARK: Settlements and answers

    /// Tells the senders of messages that failed.
    public func settled(_ batch: [Settlement]) {
        for settlement in batch {
            if settlement.token == XMPPAdapter.stateToken {
                // Its sender never hears of it: it was no message (standards reference F.4).
                if settlement.outcome.disposition != .delivered { host.count(.chatState) }
                continue
            }
            if settlement.outcome.code == .noSuchUser, let envelope = settlement.envelope {
                senders.release(envelope.destination)
            }
            guard let header = submissions.remove(settlement.token) else { continue }
            if let question = requests.removeValue(forKey: settlement.token) {
                answer(question, settlement.outcome, header)
                continue
            }
            if settlement.outcome.disposition != .delivered { answer(settlement.outcome, header) }
        }
        link?.flush()
        finishIfIdle()
    }

    func answer(_ outcome: Outcome, _ header: StanzaHeader) {
        reply { ReplyWriter.writeError(outcome, answering: header, to: &$0) }
    }

    /// Writes an answer now, or keeps it for the next link.
    func reply(_ write: (inout ByteBuffer) -> Void) {
        if let link, link.isUp {
            write(&link.output)
        } else if deferred.readableBytes < XMPPAdapter.deferredLimit {
            write(&deferred)
        } else {
            host.logger.warning("an answer was dropped: the link is down and too many wait already")
        }
    }

    // MARK: Back-pressure

    /// Stops reading from the server, unless confirmations are due.
    public func pause() {
        isPaused = true
        updateReading()
    }

    /// Hands over what was held back, and reads again.
    public func resume() {
        isPaused = false
        submitIncoming()
        updateReading()
    }

    /// Hands this burst to the core. While the core is full, it is held back, but not without end.
    func submitIncoming() {
        guard !incoming.isEmpty, !isPaused || incoming.count >= XMPPAdapter.heldLimit else { return }
        let batch = incoming
        incoming.removeAll(keepingCapacity: true)
        host.submit(batch)
    }

    /// Gives back what is held and will not be submitted any more.
    func refuseHeld() {
        for submission in incoming {
            guard let header = submissions.remove(submission.token) else { continue }
            answer(Outcome(.unavailable, "the aggregator is stopping"), header)
        }
        incoming.removeAll()
    }

    /// A full core stops our reading, but never while answers are due that make room in it: messages between two
    /// domains of one link would wait for each other.
    func updateReading() {
        link?.setReading(!isPaused || ledger.count > 0 || ledger.barrierCount > 0)
    }
}
