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
        take(.subscribe, .subscribe, record.watcher.domain, record.target.domain, record.handling, tag, connection) {
            record.envelope(source: $0.source, destination: $0.target, messageID: $1, deadline: $2, freshTrace: $3)
        }
    }

    // IMX 6.2.2.1(2): nobody tells the state of another domain's users.
    func take(_ record: NotifyRecord, tag: UInt32, on connection: FrontConnection) {
        take(.notify, .notify, record.presentity.domain, record.watcher.domain, record.handling, tag, connection) {
            record.envelope(source: $0.source, destination: $0.target, messageID: $1, deadline: $2, freshTrace: $3)
        }
    }

    // IMX 6.2.2.1(1): nor does anybody ask in the name of another domain.
    func take(_ record: GetRecord, tag: UInt32, on connection: FrontConnection) {
        take(.get, .get, record.requester.domain, record.subject.domain, record.handling, tag, connection) {
            record.envelope(source: $0.source, destination: $0.target, messageID: $1, deadline: $2, freshTrace: $3)
        }
    }

    /// Submits what `read` makes of a request, where its pair of domains is trusted on the connection.
    private func take(
        _ type: RecordType,
        _ kind: RequestToken.Kind,
        _ from: ByteBuffer,
        _ to: ByteBuffer,
        _ handling: Handling,
        _ tag: UInt32,
        _ connection: FrontConnection,
        read: (FrontConnection.TrustedPair, MessageID, Instant, TraceID) -> Envelope?
    ) {
        guard let pair = connection.trustedPair(from, to, now: now) else {
            return deny(from, to, type, tag, on: connection)
        }
        // IMX-1 §5.4: ten seconds where the peer does not say.
        let envelope = read(
            pair,
            host.makeMessageID(native: nil),
            deadline(handling.deadline ?? 10_000),
            host.makeTraceID()
        )
        submit(envelope, kind, tag, on: connection)
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
