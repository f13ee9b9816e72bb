// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import IMXWire
import MessageFormats

import struct NIOCore.ByteBuffer

/// Between envelopes and MESSAGE and REPORT records. Nothing is parsed that routing does not need.
enum MessageTranslation {
    /// The envelope of a MESSAGE whose domains have been matched with an authenticated pair.
    static func envelope(
        of record: borrowing MessageRecord,
        source: Domain,
        target: Domain,
        trace: TraceID,
        now: Instant
    ) -> Envelope {
        Envelope(
            operation: .message,
            source: record.from.address(at: source),
            destination: record.to.address(at: target),
            messageID: MessageID(unchecked: record.messageID),
            hops: record.hops,
            trace: trace,
            deadline: record.deadline.map { now + .milliseconds(Int($0)) } ?? .distantFuture,
            body: record.mime.map(Body.entity) ?? .none,
            details: details(of: record)
        )
    }

    private static func details(of record: borrowing MessageRecord) -> Envelope.Details? {
        guard record.details != nil || record.receiptWanted else { return nil }
        var details = Envelope.Details()
        details.wantsReceipt = record.receiptWanted
        guard let fields = record.details else { return details }
        details.subjects = fields.subjects.map {
            LocalizedText(String(buffer: $0.text), language: $0.language.map { String(buffer: $0) })
        }
        details.thread = fields.thread.map {
            MessageThread(id: String(buffer: $0), parent: fields.threadParent.map { String(buffer: $0) })
        }
        details.messageType = fields.messageType.map { String(buffer: $0) }
        details.sourceInstance = fields.fromInstance
        details.destinationInstance = fields.toInstance
        details.sourceName = fields.fromName.map {
            DisplayName(String(buffer: $0.text), language: $0.language.map { String(buffer: $0) })
        }
        details.sentAt = fields.sentAt.map { String(buffer: $0) }
        details.replaces = fields.replaces.map { MessageID(unchecked: $0) }
        details.nativeID = fields.nativeID
        details.trail = fields.trail
        details.losses = fields.losses.map { Loss(String(buffer: $0.feature), reason: String(buffer: $0.reason)) }
        details.baggage = fields.baggage.map {
            Baggage(
                origin: String(buffer: $0.origin),
                name: String(buffer: $0.name),
                isCritical: $0.isCritical,
                octets: $0.octets
            )
        }
        details.baggage += fields.extra.map {
            Baggage(origin: "imx", name: String($0.id.rawValue), octets: $0.value)
        }
        return details
    }

    /// Sends the request that carries `envelope`; nil where IMX/1 has no record for it.
    static func send(
        _ envelope: borrowing Envelope,
        on machine: inout ConnectionMachine,
        cookie: UInt64,
        isRetry: Bool,
        now: Instant
    ) -> SendResult? {
        let left = (envelope.deadline - now).nanoseconds / 1_000_000
        let deadline = envelope.deadline == .distantFuture ? nil : UInt32(clamping: max(1, left))
        switch envelope.operation {
        case .message:
            return machine.send(
                message: record(of: envelope, deadline: deadline),
                cookie: cookie,
                isRetry: isRetry,
                now: now
            )
        case .report(let report):
            let record = ReportRecord(
                from: AddressField(envelope.source),
                to: AddressField(envelope.destination),
                about: report.messageID.octets,
                code: report.outcome.code,
                text: report.outcome.text.map { ByteBuffer(string: $0) },
                trace: envelope.trace,
                hops: max(1, envelope.hops) - 1,
                deadline: deadline
            )
            return machine.send(report: record, cookie: cookie, isRetry: isRetry, now: now)
        case .unknown:
            return nil
        }
    }

    /// The envelope of a REPORT whose domains have been matched with an authenticated pair.
    ///
    /// A REPORT has no identifier of its own. One is made of the message's and of the code, so that the same report
    /// is taken once.
    static func envelope(
        of record: borrowing ReportRecord,
        source: Domain,
        target: Domain,
        trace: TraceID,
        now: Instant
    ) -> Envelope {
        var id = record.about
        id.writeString("!" + String(record.code.rawValue))
        let outcome = Outcome(
            record.code,
            details: record.text.map {
                Outcome.Details(text: String(buffer: $0), language: record.language.map { String(buffer: $0) })
            }
        )
        return Envelope(
            operation: .report(Envelope.Report(about: MessageID(unchecked: record.about), outcome: outcome)),
            source: record.from.address(at: source),
            destination: record.to.address(at: target),
            messageID: MessageID(unchecked: id),
            hops: record.hops ?? Envelope.initialHops,
            trace: trace,
            deadline: record.deadline.map { now + .milliseconds(Int($0)) } ?? .distantFuture
        )
    }

    private static func record(of envelope: borrowing Envelope, deadline: UInt32?) -> MessageRecord {
        var mime: ByteBuffer?
        var losses: [Loss] = []
        // One buffer for everything that is made here, and all of it written before the first slice is taken.
        var made = ByteBuffer()
        made.reserveCapacity(256 + 2 * envelope.octetCount)
        let fromLength = AddressField.write(envelope.source, into: &made)
        let toLength = AddressField.write(envelope.destination, into: &made)
        if case .parts = envelope.body {
            losses = MIMEEntity.write(
                body: envelope.body,
                from: envelope.source,
                to: envelope.destination,
                into: &made
            )
        }
        let from = made.readSlice(length: fromLength) ?? ByteBuffer()
        let to = made.readSlice(length: toLength) ?? ByteBuffer()
        switch envelope.body {
        case .none: break
        case .entity(let octets): mime = octets
        case .parts: mime = made
        }
        return MessageRecord(
            from: AddressField(written: from, localLength: envelope.source.localPart.readableBytes),
            to: AddressField(written: to, localLength: envelope.destination.localPart.readableBytes),
            messageID: envelope.messageID.octets,
            hops: max(1, envelope.hops) - 1,
            receiptWanted: envelope.hasDetails && envelope.details?.wantsReceipt == true,
            deadline: deadline,
            trace: envelope.trace,
            mime: mime,
            details: fields(of: envelope, losses: losses)
        )
    }

    private static func fields(of envelope: borrowing Envelope, losses: [Loss]) -> MessageDetails? {
        guard envelope.hasDetails || !losses.isEmpty else { return nil }
        let details = envelope.details ?? Envelope.Details()
        var fields = MessageDetails()
        fields.subjects = details.subjects.map {
            LocalizedOctets(text: ByteBuffer(string: $0.text), language: $0.language.map { ByteBuffer(string: $0) })
        }
        fields.thread = details.thread.map { ByteBuffer(string: $0.id) }
        fields.threadParent = details.thread?.parent.map { ByteBuffer(string: $0) }
        fields.messageType = details.messageType.map { ByteBuffer(string: $0) }
        fields.fromInstance = details.sourceInstance
        fields.toInstance = details.destinationInstance
        fields.fromName = details.sourceName.map {
            LocalizedOctets(text: ByteBuffer(string: $0.text), language: $0.language.map { ByteBuffer(string: $0) })
        }
        fields.sentAt = details.sentAt.map { ByteBuffer(string: $0) }
        fields.replaces = details.replaces?.octets
        fields.nativeID = details.nativeID
        fields.trail = details.trail
        fields.losses = (details.losses + losses).map {
            LossField(feature: ByteBuffer(string: $0.feature), reason: ByteBuffer(string: $0.reason))
        }
        for piece in details.baggage {
            if piece.origin == "imx", let id = UInt16(piece.name) {
                fields.extra.append(UnknownField(id: FieldID(rawValue: id), value: piece.octets))
            } else {
                fields.baggage.append(
                    BaggageField(
                        origin: ByteBuffer(string: piece.origin),
                        name: ByteBuffer(string: piece.name),
                        octets: piece.octets,
                        isCritical: piece.isCritical
                    )
                )
            }
        }
        return fields
    }

    /// The outcome that an answer tells.
    static func outcome(of answer: borrowing AnswerRecord) -> Outcome {
        guard let fields = answer.details else { return Outcome(answer.code) }
        var details = Outcome.Details()
        details.text = fields.text.map { String(buffer: $0) }
        details.language = fields.language.map { String(buffer: $0) }
        details.retryAfter = fields.retryAfter
        details.newAddress = fields.newAddress?.address
        details.failedField = fields.failedField?.rawValue
        details.baggage = fields.baggage.map {
            Baggage(
                origin: String(buffer: $0.origin),
                name: String(buffer: $0.name),
                isCritical: $0.isCritical,
                octets: $0.octets
            )
        }
        return Outcome(answer.code, details: details)
    }

    /// The answer that tells an outcome.
    static func answer(_ outcome: Outcome) -> AnswerRecord {
        guard let details = outcome.details else { return AnswerRecord(outcome.code) }
        var fields = AnswerRecord.Details()
        fields.text = details.text.map { ByteBuffer(string: String($0.prefix(1000))) }
        fields.language = details.language.map { ByteBuffer(string: $0) }
        fields.retryAfter = details.retryAfter
        fields.newAddress = details.newAddress.map { AddressField($0) }
        fields.failedField = details.failedField.map(FieldID.init(rawValue:))
        fields.baggage = details.baggage.map {
            BaggageField(
                origin: ByteBuffer(string: $0.origin),
                name: ByteBuffer(string: $0.name),
                octets: $0.octets,
                isCritical: $0.isCritical
            )
        }
        return AnswerRecord(outcome.code, details: fields)
    }
}
