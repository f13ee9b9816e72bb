// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

import struct NIOCore.ByteBuffer

extension ConnectionMachine {
    /// Sends a message. `cookie` comes back with the answer.
    package mutating func send(
        message: borrowing MessageRecord,
        cookie: UInt64,
        isRetry: Bool = false,
        now: Instant
    ) -> SendResult {
        if let obstacle { return obstacle }
        let (start, tag) = begin(.message, cookie, now)
        message.write(to: &outbound, tag: tag, isRetry: isRetry)
        return finish(start, tag)
    }

    package mutating func send(
        report: ReportRecord,
        cookie: UInt64,
        isRetry: Bool = false,
        now: Instant
    ) -> SendResult {
        if let obstacle { return obstacle }
        let (start, tag) = begin(.report, cookie, now)
        report.write(to: &outbound, tag: tag, isRetry: isRetry)
        return finish(start, tag)
    }

    package mutating func send(
        subscribe: SubscribeRecord,
        cookie: UInt64,
        isRetry: Bool = false,
        now: Instant
    ) -> SendResult {
        if let obstacle { return obstacle }
        let (start, tag) = begin(.subscribe, cookie, now)
        subscribe.write(to: &outbound, tag: tag, isRetry: isRetry)
        return finish(start, tag)
    }

    package mutating func send(
        notify: NotifyRecord,
        cookie: UInt64,
        isRetry: Bool = false,
        now: Instant
    ) -> SendResult {
        if let obstacle { return obstacle }
        let (start, tag) = begin(.notify, cookie, now)
        notify.write(to: &outbound, tag: tag, isRetry: isRetry)
        return finish(start, tag)
    }

    package mutating func send(get: GetRecord, cookie: UInt64, now: Instant) -> SendResult {
        if let obstacle { return obstacle }
        let (start, tag) = begin(.get, cookie, now)
        get.write(to: &outbound, tag: tag)
        return finish(start, tag)
    }

    package mutating func send(claim: ClaimRecord, cookie: UInt64, now: Instant) -> SendResult {
        if let obstacle { return obstacle }
        let (start, tag) = begin(.claim, cookie, now)
        claim.write(to: &outbound, tag: tag)
        return finish(start, tag)
    }

    package mutating func send(verify: VerifyRecord, cookie: UInt64, now: Instant) -> SendResult {
        if let obstacle { return obstacle }
        let (start, tag) = begin(.verify, cookie, now)
        verify.write(to: &outbound, tag: tag)
        return finish(start, tag)
    }

    /// Sends a record that wants no answer; it goes out as long as the connection stands, closing or not.
    package mutating func send(proof: ProofRecord, now: Instant) {
        guard phase == .open else { return }
        lastActivity = now
        proof.write(to: &outbound)
    }

    package mutating func send(redirect: RedirectRecord, now: Instant) {
        guard phase == .open else { return }
        lastActivity = now
        redirect.write(to: &outbound)
    }

    package mutating func send(pushAttributes: PushAttributesRecord, now: Instant) {
        guard isOpen else { return }
        lastActivity = now
        pushAttributes.write(to: &outbound)
    }

    /// Answers the request `tag` of type `type` with a code and nothing else. Each request is answered once.
    package mutating func answer(_ code: OutcomeCode, to type: RecordType, tag: UInt32, now: Instant) {
        settle(now)
        guard phase == .open else { return }
        prepareOutbound()
        // length 8, type, RSP, 0 | tag | code, 2 octets, value
        outbound.writeMultipleIntegers(
            0x0000_0008_0000_0200 | UInt64(type.rawValue) << 16,
            tag,
            FieldID.code.rawValue,
            UInt32(2),
            code.rawValue
        )
        finishIfDrained(now: now)
    }

    /// Answers the request `tag` of type `type`. Each request is answered once.
    package mutating func answer(_ answer: AnswerRecord, to type: RecordType, tag: UInt32, now: Instant) {
        settle(now)
        guard phase == .open else { return }
        prepareOutbound()
        let start = outbound.writerIndex
        answer.write(to: &outbound, answering: type, tag: tag)
        let excess = outbound.writerIndex - start - RecordHeader.size - peerLimit
        if excess > 0 {  // IMX-1 §3.2: a larger record would cost the connection
            outbound.moveWriterIndex(to: start)
            answer.shortened(by: excess).write(to: &outbound, answering: type, tag: tag)
        }
        finishIfDrained(now: now)
    }

    /// Gives up waiting for the answer to the request `tag`. A late answer is counted and passed over.
    package mutating func abandon(tag: UInt32) {
        window.abandon(tag)
    }

    /// The cookies, in order of sending, of the requests that the peer's last CLOSE says it has not taken. Each may be
    /// sent elsewhere as if it had never been sent.
    package mutating func takeUnhandled() -> [UInt64] {
        guard let peerClose, peerClose.lastTag != CloseRecord.draining else { return [] }
        return window.takeAll(after: peerClose.lastTag)
    }

    /// The cookies, in order of sending, of all requests that have no answer. What became of them is uncertain.
    package mutating func takeRemaining() -> [UInt64] {
        window.takeAll()
    }

    var obstacle: SendResult? {
        guard isOpen else { return .notOpen }
        return window.count < windowLimit ? nil : .windowFull
    }

    mutating func begin(_ type: RecordType, _ cookie: UInt64, _ now: Instant) -> (start: Int, tag: UInt32) {
        prepareOutbound()
        lastActivity = now
        return (outbound.writerIndex, window.add(type, cookie: cookie))
    }

    /// Takes a record back that the peer would not take.
    mutating func finish(_ start: Int, _ tag: UInt32) -> SendResult {
        guard outbound.writerIndex - start - RecordHeader.size <= peerLimit else {
            outbound.moveWriterIndex(to: start)
            _ = window.remove(tag)
            return .tooLarge
        }
        return .sent(tag: tag)
    }

    /// The largest payload that the peer takes now.
    var peerLimit: Int {
        Int(isAuthenticated ? peerMaxRecord : min(peerMaxRecord, settings.unauthenticatedRecord))
    }

    private mutating func settle(_ now: Instant) {
        inboundOpen = max(0, inboundOpen - 1)
        if !isAuthenticated, inboundOpen == 0 { gauge.resume(now: now) }
        lastActivity = now
    }
}
