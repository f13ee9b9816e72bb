// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import IMXWire
import Logging

import struct NIOCore.ByteBuffer

/// What a connection's machine has to say.
extension IMXFront {
    func handle(_ event: Inbound, on connection: FrontConnection) {
        switch event {
        case .message(let tag, let isRetry, let record): take(record, tag: tag, isRetry: isRetry, on: connection)
        case .answer(let cookie, let answer): take(answer, to: cookie, on: connection)
        case .report(let tag, _, let record): take(record, tag: tag, on: connection)
        case .dialled(let hello): decide(hello, on: connection)
        case .established(let hello): established(hello, on: connection)
        case .claim(let tag, let record): take(record, tag: tag, on: connection)
        case .verify(let tag, let record): take(record, tag: tag, on: connection)
        case .proof(let record): take(record, on: connection)
        case .unreadableAnswer(let cookie, let error): unreadable(cookie, error, on: connection)
        case .subscribe(let tag, _, let record): take(record, tag: tag, on: connection)
        case .notify(let tag, _, let record): take(record, tag: tag, on: connection)
        case .get(let tag, let record): take(record, tag: tag, on: connection)
        case .pushAttributes(let record): take(record, on: connection)
        case .redirect(let record): take(record, on: connection)
        case .refused(let type, _, let error): refused(type, error, on: connection)
        case .closing(let close): closing(close, on: connection)
        case .closed(let end): over(end, on: connection)
        }
    }

    // MARK: Greeting

    /// IMX-1 §4: whoever dials a domain that is not hosted here is turned away.
    private func decide(_ hello: HelloRecord, on connection: FrontConnection) {
        guard let dialled = hello.dialled.flatMap({ Domain(canonical: $0) }), isHosted(dialled) else {
            return connection.machine.refuse(.notServedHere, "not served here", now: now)
        }
        greeted(hello, connection)
        connection.machine.accept(now: now)
    }

    private func established(_ hello: HelloRecord, on connection: FrontConnection) {
        greeted(hello, connection)
        if let link = connection.link { linkIsUp(link, connection) }
    }

    private func greeted(_ hello: HelloRecord, _ connection: FrontConnection) {
        connection.peer = hello.serverID
        connection.isReturning = peerMemory.note(hello.serverID)
    }

    private func over(_ end: ConnectionEnd, on connection: FrontConnection) {
        switch end {
        case .orderly: connection.endReason = "closed in order"
        case .failed(let error): connection.endReason = "\(error.code) \(error.text)"
        case .closedByPeer(let code): connection.endReason = "the peer closed with \(code)"
        case .lost: connection.endReason = nil
        }
        if case .failed(let error) = end {
            count(.closed(error.code))
            notice(
                "connection closed for an error",
                on: connection,
                metadata: ["code": "\(error.code)", "reason": "\(error.text)"]
            )
        }
        markDirty(connection)
        connection.mustClose = true
    }

    // MARK: Data

    private func take(_ record: MessageRecord, tag: UInt32, isRetry: Bool, on connection: FrontConnection) {
        guard let pair = connection.trustedPair(record.from.domain, record.to.domain, now: now) else {
            return deny(record.from.domain, record.to.domain, .message, tag, on: connection)
        }
        if isRetry, !connection.isReturning {  // IMX-1 §5.6
            let outcome = Outcome(.uncertain, "a repeat of something that was sent to an earlier process")
            return connection.machine.answer(outcome: outcome, to: .message, tag: tag, now: now)
        }
        let envelope = record.envelope(
            source: pair.source,
            destination: pair.target,
            deadline: deadline(record.deadline),
            freshTrace: host.makeTraceID()
        )
        host.note(envelope.trace, "received from \(connection.peerName)")
        let token = RequestToken(connection.handle, tag: tag, .message)
        submissions.append(Submission(token: token.rawValue, envelope: envelope))
    }

    private func take(_ record: ReportRecord, tag: UInt32, on connection: FrontConnection) {
        guard let pair = connection.trustedPair(record.from.domain, record.to.domain, now: now) else {
            return deny(record.from.domain, record.to.domain, .report, tag, on: connection)
        }
        // A REPORT has no identifier of its own. One is made of what tells it from others, so that the same report is
        // taken once (IMX-1 §5.6).
        var id = record.about
        id.writeString("!" + String(record.code.rawValue))
        if let stage = record.stage { id.writeString("!" + String(stage)) }
        let envelope = record.envelope(
            source: pair.source,
            destination: pair.target,
            messageID: MessageID(unchecked: id),
            deadline: deadline(record.deadline),
            freshTrace: host.makeTraceID()
        )
        let token = RequestToken(connection.handle, tag: tag, .report)
        submissions.append(Submission(token: token.rawValue, envelope: envelope))
    }

    /// When the peer's patience ends, by our clock.
    func deadline(_ milliseconds: UInt32?) -> Instant {
        milliseconds.map { now + .milliseconds(Int($0)) } ?? .distantFuture
    }

    /// IMX 6.3(2), 6.2.2.1(3): a record for a pair that is not authenticated on this connection.
    func deny(
        _ from: ByteBuffer,
        _ to: ByteBuffer,
        _ type: RecordType,
        _ tag: UInt32,
        on connection: FrontConnection
    ) {
        host.count(.unauthenticated)
        connection.violations += 1
        let outcome = denial(from, to, on: connection)
        connection.machine.answer(outcome: outcome, to: type, tag: tag, now: now)
        count(.data(outcome.code))
        connection.burden.refusals &+= 1
        guard connection.violations == 1 else { return }
        notice(
            "record refused",
            on: connection,
            metadata: [
                "from": "\(String(buffer: from))", "to": "\(String(buffer: to))",
                "outcome": "\(outcome.code)",
            ]
        )
    }

    private func refused(_ type: RecordType, _ error: IMXError, on connection: FrontConnection) {
        host.count(.malformed)
        connection.violations += 1
        count(.record(error.code))
        guard connection.violations == 1 else { return }
        notice(
            "record refused",
            on: connection,
            metadata: [
                "type": "\(type.rawValue)", "outcome": "\(error.code)", "reason": "\(error.text)",
                "field": "\(error.failedField.map { String($0.rawValue) } ?? "none")",
            ]
        )
    }

    // MARK: Answers

    private func take(_ answer: AnswerRecord, to cookie: UInt64, on connection: FrontConnection) {
        switch connection.take(cookie, answeredAt: now) {
        case .delivery(let delivery, let pair, let isRepeat):
            connection.hasServed = true
            switch answer.code {
            case .notAuthenticated: denied(delivery, of: pair, isRepeat: isRepeat, answer.outcome, on: connection)
            case .notServedHere: misdirected(delivery, of: pair, isRepeat: isRepeat, answer.outcome, on: connection)
            default: host.settle(delivery.ticket, answer.outcome)
            }
            landed(pair, on: connection)
        case .claim(let pair): claimAnswered(pair, answer, on: connection)
        case .verification(let id):
            if answer.code == .delivered { connection.line?.verified -= 1 }  // IMX-1 §4.4: a right one costs nothing
            verificationAnswered(id, answer.code)
        case nil: host.count(.strayAnswer)
        }
    }

    private func unreadable(_ cookie: UInt64, _ error: IMXError, on connection: FrontConnection) {
        host.count(.malformed)
        switch connection.take(cookie, answeredAt: now) {
        case .delivery(let delivery, let pair, _):
            host.settle(delivery.ticket, Outcome(.uncertain, "the peer's answer could not be read: \(error.text)"))
            landed(pair, on: connection)
        case .claim(let pair):
            claimFailed(pair, Outcome(.malformed, "the peer's answer could not be read"), on: connection)
        case .verification(let id): verificationFailed(id)
        case nil: host.count(.strayAnswer)
        }
    }
}
