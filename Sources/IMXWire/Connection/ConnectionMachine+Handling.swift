// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

import struct NIOCore.ByteBuffer

extension ConnectionMachine {
    /// Looks at one whole record; nil where the holder need not know of it.
    mutating func handle(_ header: RecordHeader, _ record: ByteBuffer, now: Instant) throws(IMXError) -> Inbound? {
        counters.recordsIn &+= 1
        if !isAuthenticated { try gaugeRecord(record.readableBytes) }
        var payload = record
        payload.moveReaderIndex(forwardBy: RecordHeader.size)
        if phase == .hello { return try handleFirst(header, payload, record: record, now: now) }
        if header.flags.contains(.response) {
            guard !header.flags.contains(.request) else {  // IMX-1 §3.1: neither request nor answer.
                counters.strayRecords &+= 1
                counters.idleRecords &+= 1
                return nil
            }
            return handleAnswer(header, payload, now: now)
        }
        // What comes after our last CLOSE is not taken; the peer learns it from the last tag. A CLOSE that comes as a
        // request is none.
        let isClose = header.type == .close && !header.flags.contains(.request)
        guard phase == .open || isClose else { return nil }
        if header.flags.contains(.request) { return handleRequest(header, payload, now: now) }
        return try handleNotice(header, payload, now: now)
    }

    /// IMX-1 §4.4
    @inline(never)
    private mutating func gaugeRecord(_ octets: Int) throws(IMXError) {
        let fits = gauge.take(record: octets)
        updateRecordLimit()
        guard fits else { throw .fatal(.rateLimited, "too many records before authentication") }
    }

    /// A request: decoded and handed out, or answered here.
    @inline(__always)
    private mutating func handleRequest(_ header: RecordHeader, _ payload: ByteBuffer, now: Instant) -> Inbound? {
        if header.type == .ping { return answerPing(header, payload) }
        lastActivity = now
        lastTaken = header.tag
        do throws(IMXError) {
            guard inboundOpen < Int(settings.maxInflight) else {
                throw IMXError(.shortOfResources, "more requests than max-inflight")
            }
            let event = try decodeRequest(header, payload)
            inboundOpen &+= 1
            if !isAuthenticated { gauge.pause(now: now) }
            return event
        } catch {
            return refuse(header, error)
        }
    }

    private func decodeRequest(_ header: RecordHeader, _ payload: ByteBuffer) throws(IMXError) -> Inbound {
        let isRetry = header.flags.contains(.retry)
        let tag = header.tag
        guard tag != CloseRecord.nothingTaken, tag != CloseRecord.draining else {
            throw IMXError(.malformed, "reserved tag")
        }
        switch header.type {
        case .message: return .message(tag: tag, isRetry: isRetry, try MessageRecord(payload: payload))
        case .report: return .report(tag: tag, isRetry: isRetry, try ReportRecord(payload: payload))
        case .subscribe: return .subscribe(tag: tag, isRetry: isRetry, try SubscribeRecord(payload: payload))
        case .notify: return .notify(tag: tag, isRetry: isRetry, try NotifyRecord(payload: payload))
        case .get: return .get(tag: tag, try GetRecord(payload: payload))
        case .claim:
            try requireAcceptor()
            return .claim(tag: tag, try ClaimRecord(payload: payload))
        case .verify:
            try requireAcceptor()
            return .verify(tag: tag, try VerifyRecord(payload: payload))
        case .hello, .close, .redirect, .proof, .pushAttributes:
            throw IMXError(.malformed, "not a request")
        default:
            throw IMXError(.notUnderstood, "record type not known")
        }
    }

    /// Dial-back travels from the dialler to the acceptor only: IMX-1 §6.2.
    private func requireAcceptor() throws(IMXError) {
        guard role == .acceptor else { throw IMXError(.malformed, "dial-back in the wrong direction") }
    }

    /// Answers a request that cannot be taken.
    @inline(never)
    private mutating func refuse(_ header: RecordHeader, _ error: IMXError) -> Inbound? {
        if isUnknown(header.type) {
            counters.unknownRecords &+= 1
        } else {
            counters.refusedRecords &+= 1
        }
        counters.idleRecords &+= 1
        if phase == .open {
            AnswerRecord(error).write(to: &outbound, answering: header.type, tag: header.tag)
        }
        return .refused(header.type, tag: header.tag, error)
    }

    /// A record that wants no answer.
    private mutating func handleNotice(
        _ header: RecordHeader,
        _ payload: ByteBuffer,
        now: Instant
    ) throws(IMXError) -> Inbound? {
        switch header.type {
        case .close:
            do throws(IMXError) {
                return handleClose(try CloseRecord(payload: payload), now: now)
            } catch {
                throw error.fatal()
            }
        case .hello: throw .fatal(.malformed, "second HELLO")  // IMX-1 §4.2
        default: break
        }
        do throws(IMXError) {
            let event: Inbound
            switch header.type {
            case .redirect: event = .redirect(try RedirectRecord(payload: payload))
            case .pushAttributes:
                event = .pushAttributes(try PushAttributesRecord(payload: payload))
                counters.idleRecords &+= 1  // no answer bounds them, as max-inflight bounds requests
            case .proof:
                try requireAcceptor()
                event = .proof(try ProofRecord(payload: payload))
            case .ping, .claim, .verify, .message, .report, .subscribe, .notify, .get:
                throw IMXError(.malformed, "request without the REQ flag")
            default:
                counters.unknownRecords &+= 1  // IMX 4.4.2
                counters.idleRecords &+= 1
                return nil
            }
            lastActivity = now
            return event
        } catch {
            counters.refusedRecords &+= 1
            counters.idleRecords &+= 1
            return .refused(header.type, tag: 0, error)
        }
    }

    private mutating func answerPing(_ header: RecordHeader, _ payload: ByteBuffer) -> Inbound? {
        lastTaken = header.tag
        counters.idleRecords &+= 1
        do throws(IMXError) {
            let ping = try PingRecord(payload: payload)
            prepareOutbound()
            let start = outbound.beginRecord(.ping, .response, tag: header.tag)
            outbound.writeField(.code, OutcomeCode.delivered.rawValue)
            outbound.writeField(.opaque, ping.opaque)
            outbound.endRecord(at: start)
            return nil
        } catch {
            return refuse(header, error)
        }
    }

    /// An answer: matched by tag and type, else passed over.
    private mutating func handleAnswer(_ header: RecordHeader, _ payload: ByteBuffer, now: Instant) -> Inbound? {
        guard let entry = window.remove(header.tag, type: header.type) else {
            counters.strayRecords &+= 1
            counters.idleRecords &+= 1
            return nil
        }
        if !isAuthenticated {  // what was asked for is no burden
            gauge.refund(atMost: 512)
            updateRecordLimit()
        }
        defer { finishIfDrained(now: now) }
        if entry.type == .ping { return nil }
        lastActivity = now
        guard let cookie = entry.cookie else {
            counters.lateAnswers &+= 1
            return nil
        }
        do throws(IMXError) {
            return .answer(cookie: cookie, try AnswerRecord(payload: payload))
        } catch {
            counters.refusedRecords &+= 1
            return .unreadableAnswer(cookie: cookie, error)
        }
    }

    private func isUnknown(_ type: RecordType) -> Bool {
        switch type {
        case .hello, .close, .redirect, .ping, .claim, .verify, .proof, .message, .report, .subscribe, .notify, .get,
            .pushAttributes:
            false
        default: true
        }
    }
}
