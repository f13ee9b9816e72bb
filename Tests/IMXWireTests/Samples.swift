// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore

@testable import IMXWire

/// One record of each kind, the same that the specification shows.
enum Samples {
    static let server = ServerID(high: 0x0001_0203_0405_0607, low: 0x0809_0A0B_0C0D_0E0F)
    static let otherServer = ServerID(high: 0x1011_1213_1415_1617, low: 0x1819_1A1B_1C1D_1E1F)

    static func nonce(_ first: UInt8) -> ConnectionNonce {
        var generator = CountingGenerator(octet: first)
        return ConnectionNonce(random: &generator)
    }

    static var helloDialler: ByteBuffer {
        var out = ByteBuffer()
        HelloRecord(serverID: server, maxRecord: 65_536, nonce: nonce(0x20), dialled: text("a.example"))
            .write(to: &out)
        return out
    }

    static var helloAcceptor: ByteBuffer {
        var out = ByteBuffer()
        HelloRecord(serverID: otherServer, maxRecord: 65_536, nonce: nonce(0x40)).write(to: &out)
        return out
    }

    static let mime = """
        From: <im:alice@a.example>\r\nTo: <im:bob@b.example>\r\nContent-Type: text/plain\r\n\r\nHello Bob\r\n
        """

    static func message() throws -> MessageRecord {
        MessageRecord(
            from: try address("alice@a.example"),
            to: try address("bob@b.example"),
            messageID: text("m1"),
            mime: text(mime)
        )
    }

    static func fullMessage() throws -> MessageRecord {
        var details = MessageDetails()
        details.sentAt = text("2026-01-02T03:04:05Z")
        details.replaces = text("m0")
        details.trail = [otherServer]
        details.subjects = [LocalizedOctets(text: text("Grüße"), language: text("de"))]
        details.thread = text("t1")
        details.threadParent = text("t0")
        details.messageType = text("normal")
        details.fromInstance = text("phone")
        details.toInstance = text("desk")
        details.fromName = LocalizedOctets(text: text("Alice"))
        details.nativeID = text("n1")
        details.losses = [LossField(feature: text("xmpp:xhtml-im"), reason: text("no place for it"))]
        details.baggage = [
            BaggageField(origin: text("xmpp"), name: text("x"), octets: text("<x/>"), isCritical: true)
        ]
        details.attributes = [AttributeField(key: text("alias"), type: text("text/plain"), value: text("Al"))]
        details.chatState = 1
        details.readReportWanted = true
        details.recipients = [
            RecipientField(kind: 1, uri: text("im:carol@c.example"), name: text("Carol")),
            RecipientField(kind: 2, uri: text("im:dan@d.example")),
        ]
        details.routing = ReplyRouting(origin: server, route: octets("0102"), sameConnection: true)
        details.extra = [UnknownField(id: FieldID(rawValue: 0x1A1A), value: octets("000102"))]
        return MessageRecord(
            from: try address("alice@a.example"),
            to: try address("bob@b.example"),
            messageID: text("m2"),
            hops: 127,
            receiptWanted: true,
            deadline: 30_000,
            trace: TraceID(high: 1, low: 2),
            mime: text("\r\nx"),
            details: details
        )
    }

    static func refusal() -> AnswerRecord {
        var details = AnswerRecord.Details()
        details.text = text("slow down")
        details.language = text("en")
        details.retryAfter = 60
        return AnswerRecord(.rateLimited, details: details)
    }

    static func written(_ write: (inout ByteBuffer) throws -> Void) rethrows -> ByteBuffer {
        var out = ByteBuffer()
        try write(&out)
        return out
    }

    static let token = range(0x60, 32)
    static let secret = range(0x80, 32)
    static var claim: ClaimRecord { .init(source: text("b.example"), target: text("a.example"), token: token) }

    /// The binding of the sample claim to the sample HELLO records.
    static var binding: ClaimBinding {
        ClaimBinding(
            source: text("b.example"),
            target: text("a.example"),
            token: token,
            connection: ConnectionID(dialler: helloDialler, acceptor: helloAcceptor)
        )
    }

    static func proof() throws -> ByteBuffer {
        guard let secret = Octets32(secret) else { throw Unusable() }
        return binding.proof(secret).buffer
    }

    static func confirm() throws -> ByteBuffer {
        guard let secret = Octets32(secret) else { throw Unusable() }
        return binding.confirm(secret).buffer
    }

    private static func sessionRecords() -> [(name: String, octets: ByteBuffer)] {
        let close = CloseRecord(code: .delivered, lastTag: 7, text: text("idle"))
        let redirect = RedirectRecord(
            domain: text("b.example"),
            host: text("front2.b.example"),
            port: 5290,
            seconds: 60,
            scope: .newWork
        )
        return [
            ("hello-dialler", helloDialler), ("hello-acceptor", helloAcceptor),
            ("close-first", written { CloseRecord(code: .delivered, lastTag: .max).write(to: &$0) }),
            ("close-last", written { close.write(to: &$0) }),
            ("redirect", written { redirect.write(to: &$0) }),
            ("ping", octets("00000008 0004 01 00 00000003  000E 00000002 CAFE")),
            ("ping-answer", octets("00000010 0004 02 00 00000003  0120 00000002 07D0  000E 00000002 CAFE")),
        ]
    }

    private static func dialbackRecords() throws -> [(name: String, octets: ByteBuffer)] {
        let claim = Samples.claim
        let verify = VerifyRecord(source: claim.source, target: claim.target, token: claim.token, secret: secret)
        let proof = ProofRecord(source: claim.source, target: claim.target, proof: try Samples.proof())
        var details = AnswerRecord.Details()
        details.confirm = try confirm()
        let confirmed = AnswerRecord(.delivered, details: details)
        return [
            ("claim", written { claim.write(to: &$0, tag: 1) }),
            ("verify", written { verify.write(to: &$0, tag: 1) }),
            ("proof", written { proof.write(to: &$0) }),
            ("claim-answer", written { confirmed.write(to: &$0, answering: .claim, tag: 1) }),
        ]
    }

    /// Every sample by the name that it has in the specification.
    static func all() throws -> [(name: String, octets: ByteBuffer)] {
        let message = try message()
        let full = try fullMessage()
        let report = ReportRecord(
            from: try address("bob@b.example"),
            to: try address("alice@a.example"),
            about: text("m1"),
            code: .delivered
        )
        var read = report
        read.stage = 2
        var details = MessageDetails()
        details.chatState = 2
        let state = MessageRecord(from: message.from, to: message.to, messageID: text("m3"), details: details)
        return sessionRecords() + (try dialbackRecords()) + [
            ("message", written { message.write(to: &$0, tag: 7) }),
            ("message-full", written { full.write(to: &$0, tag: 8, isRetry: true) }),
            ("answer", written { AnswerRecord(.delivered).write(to: &$0, answering: .message, tag: 7) }),
            ("answer-refused", written { refusal().write(to: &$0, answering: .message, tag: 8) }),
            ("report", written { report.write(to: &$0, tag: 10) }),
            ("report-read", written { read.write(to: &$0, tag: 10) }),
            ("message-state", written { state.write(to: &$0, tag: 9) }),
        ] + (try subscriptionRecords()) + (try attributeRecords())
    }

    /// Reads a record as its type wants it, and writes what was read again.
    static func rewrite(_ record: ByteBuffer) throws -> ByteBuffer {
        guard let header = record.recordHeader else { throw Unusable() }
        let payload = record.payload
        let isRetry = header.flags.contains(.retry)
        return try written { out in
            if header.flags.contains(.response) {
                return try AnswerRecord(payload: payload).write(to: &out, answering: header.type, tag: header.tag)
            }
            switch header.type {
            case .hello: try HelloRecord(payload: payload).write(to: &out)
            case .close: try CloseRecord(payload: payload).write(to: &out)
            case .redirect: try RedirectRecord(payload: payload).write(to: &out)
            case .ping:
                let ping = try PingRecord(payload: payload)
                let start = out.beginRecord(.ping, .request, tag: header.tag)
                out.writeField(.opaque, ping.opaque)
                out.endRecord(at: start)
            case .claim: try ClaimRecord(payload: payload).write(to: &out, tag: header.tag)
            case .verify: try VerifyRecord(payload: payload).write(to: &out, tag: header.tag)
            case .proof: try ProofRecord(payload: payload).write(to: &out)
            case .message: try MessageRecord(payload: payload).write(to: &out, tag: header.tag, isRetry: isRetry)
            case .report: try ReportRecord(payload: payload).write(to: &out, tag: header.tag, isRetry: isRetry)
            case .subscribe: try SubscribeRecord(payload: payload).write(to: &out, tag: header.tag, isRetry: isRetry)
            case .notify: try NotifyRecord(payload: payload).write(to: &out, tag: header.tag, isRetry: isRetry)
            case .get: try GetRecord(payload: payload).write(to: &out, tag: header.tag)
            case .pushAttributes: try PushAttributesRecord(payload: payload).write(to: &out)
            default: throw Unusable()
            }
        }
    }
}
