// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import IMXWire
import Logging

import struct NIOCore.ByteBuffer

/// Subscriptions, notifications and attributes from peers. Each must be of a pair of domains that is trusted on its very
/// connection, as a message must: what is not is refused before the core sees it.
///
/// None of these records has an identifier of its own, and none needs one: each says what is to be so, and saying it
/// again changes nothing (IMX-1 §5.6).
extension IMXFront {
    // IMX 6.2.2.1(1): nobody watches in the name of another domain.
    func take(_ record: SubscribeRecord, tag: UInt32, on connection: FrontConnection) {
        let (from, to) = (record.watcher.domain, record.target.domain)
        guard let pair = connection.trustedPair(from, to, now: now) else {
            return deny(from, to, .subscribe, tag, on: connection)
        }
        let envelope = record.envelope(
            source: pair.source,
            destination: pair.target,
            messageID: host.makeMessageID(native: nil),
            deadline: presenceDeadline(record.handling.deadline),
            freshTrace: host.makeTraceID()
        )
        submit(envelope, .subscribe, tag, on: connection)
    }

    // IMX 6.2.2.1(2): nobody tells the state of another domain's users.
    func take(_ record: NotifyRecord, tag: UInt32, on connection: FrontConnection) {
        let (from, to) = (record.presentity.domain, record.watcher.domain)
        guard let pair = connection.trustedPair(from, to, now: now) else {
            return deny(from, to, .notify, tag, on: connection)
        }
        let envelope = record.envelope(
            source: pair.source,
            destination: pair.target,
            messageID: host.makeMessageID(native: nil),
            deadline: presenceDeadline(record.handling.deadline),
            freshTrace: host.makeTraceID()
        )
        submit(envelope, .notify, tag, on: connection)
    }

    // IMX 6.2.2.1(1): nor does anybody ask in the name of another domain.
    func take(_ record: GetRecord, tag: UInt32, on connection: FrontConnection) {
        let (from, to) = (record.requester.domain, record.subject.domain)
        guard let pair = connection.trustedPair(from, to, now: now) else {
            return deny(from, to, .get, tag, on: connection)
        }
        let envelope = record.envelope(
            source: pair.source,
            destination: pair.target,
            messageID: host.makeMessageID(native: nil),
            deadline: presenceDeadline(record.handling.deadline),
            freshTrace: host.makeTraceID()
        )
        submit(envelope, .get, tag, on: connection)
    }

    // IMX 4.6.1: attributes count only where their subject's domain is the sender's.
    func take(_ record: PushAttributesRecord, on connection: FrontConnection) {
        guard let pair = connection.trustedPair(from: record.subject.domain, now: now) else {
            host.count(.unauthenticated)
            connection.violations += 1
            connection.burden.refusals &+= 1
            return count(.data(.notAuthenticated))
        }
        let envelope = record.envelope(
            source: pair.source,
            destination: pair.target,
            messageID: host.makeMessageID(native: nil),
            trace: host.makeTraceID()
        )
        submit(envelope, .none, 0, on: connection)
    }

    private func submit(
        _ envelope: Envelope?,
        _ kind: RequestToken.Kind,
        _ tag: UInt32,
        on connection: FrontConnection
    ) {
        guard let envelope else { return }
        host.note(envelope.trace, "received from \(connection.peerName)")
        let token = RequestToken(connection.handle, tag: tag, kind)
        submissions.append(Submission(token: token.rawValue, envelope: envelope))
    }

    /// IMX-1 §5.4: ten seconds where the peer does not say.
    private func presenceDeadline(_ milliseconds: UInt32?) -> Instant {
        deadline(milliseconds ?? 10_000)
    }
}

extension Envelope.Operation {
    /// Whether it says what is to be so, and may therefore be said again to anybody who can take it, whatever became of
    /// the first time (IMX-1 §5.6).
    var isIdempotent: Bool {
        switch self {
        case .subscribe, .notify, .getAttributes, .pushAttributes: true
        case .message, .report, .unknown: false
        }
    }
}

extension Envelope {
    /// Why no peer could read the operation; nil where one can.
    var wireRefusal: Outcome? {
        switch operation {
        case .unknown: return Outcome(.notUnderstood, "IMX/1 cannot carry this operation")
        case .getAttributes(let keys):
            guard keys.count <= GetRecord.keyLimit else {
                return Outcome(.tooLarge, "at most \(GetRecord.keyLimit) keys in one request")
            }
            guard keys.allSatisfy({ (1...Attribute.keyLimit).contains($0.utf8.count) }) else {
                return Outcome(.malformed, "a key has 1 to \(Attribute.keyLimit) octets")
            }
            return nil
        case .message, .report, .subscribe, .notify, .pushAttributes: return nil
        }
    }
}
