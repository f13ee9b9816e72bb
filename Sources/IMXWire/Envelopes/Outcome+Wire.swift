// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

package import struct NIOCore.ByteBuffer

extension AnswerRecord {
    /// The answer that tells `outcome`.
    package init(outcome: Outcome) {
        guard let known = outcome.details else {
            self.init(outcome.code)
            return
        }
        var details = Details()
        details.text = known.text.map { ByteBuffer(string: $0.prefix(octets: Bound.outcomeText)) }
        details.language = known.language.flatMap {
            (1...Bound.word).contains($0.utf8.count) ? ByteBuffer(string: $0) : nil
        }
        details.retryAfter = known.retryAfter
        details.newAddress = known.newAddress.map(AddressField.init)
        details.granted = known.grantedSeconds
        details.attributes = known.attributes.prefix(FieldReader.repeatLimit).compactMap(AttributeField.init)
        details.failedField = known.failedField.map(FieldID.init)
        details.baggage = known.baggage.filter { !$0.origin.isEmpty && !$0.name.isEmpty }.map(BaggageField.init)
        self.init(outcome.code, details: details)
    }

    /// The outcome that the answer tells. An unknown code is kept; who acts on it looks at its class.
    package var outcome: Outcome {
        guard let details else { return Outcome(code) }
        return Outcome(
            code,
            details: Outcome.Details(
                text: details.text.map(String.init(buffer:)),
                language: details.language.map(String.init(buffer:)),
                retryAfter: details.retryAfter,
                newAddress: details.newAddress?.address,
                grantedSeconds: details.granted,
                attributes: details.attributes.map(Attribute.init),
                failedField: details.failedField?.rawValue,
                baggage: details.baggage.map(Baggage.init)
            )
        )
    }
}

extension BaggageField {
    init(_ piece: Baggage) {
        self.init(
            origin: ByteBuffer(string: piece.origin),
            name: ByteBuffer(string: piece.name),
            octets: piece.octets,
            isCritical: piece.isCritical
        )
    }
}

extension ConnectionMachine {
    /// Sends the message `envelope`; see `writeMessage`.
    package mutating func send(
        envelope: Envelope,
        mime: ByteBuffer? = nil,
        deadline: UInt32?,
        cookie: UInt64,
        isRetry: Bool = false,
        now: Instant
    ) -> SendResult {
        if let obstacle { return obstacle }
        switch envelope.operation {
        case .message:
            let (start, tag) = begin(.message, cookie, now)
            outbound.writeMessage(envelope, mime: mime, deadline: deadline, tag: tag, isRetry: isRetry)
            return finish(start, tag)
        case .report(let report):
            let (start, tag) = begin(.report, cookie, now)
            outbound.writeReport(report, of: envelope, deadline: deadline, tag: tag, isRetry: isRetry)
            return finish(start, tag)
        case .subscribe(let wish):
            let (start, tag) = begin(.subscribe, cookie, now)
            outbound.writeSubscribe(wish, of: envelope, deadline: deadline, tag: tag)
            return finish(start, tag)
        case .notify(let notification):
            let (start, tag) = begin(.notify, cookie, now)
            outbound.writeNotify(notification, of: envelope, mime: mime, deadline: deadline, tag: tag)
            return finish(start, tag)
        case .getAttributes(let keys):
            let (start, tag) = begin(.get, cookie, now)
            outbound.writeGet(keys, of: envelope, deadline: deadline, tag: tag)
            return finish(start, tag)
        case .pushAttributes, .unknown: return .notOpen
        }
    }

    /// Sends the attributes that `envelope` pushes. They want no answer, so nothing is in flight afterwards.
    package mutating func send(pushed envelope: Envelope, now: Instant) -> SendResult {
        guard isOpen else { return .notOpen }
        prepareOutbound()
        let start = outbound.writerIndex
        outbound.writePush(of: envelope)
        guard outbound.writerIndex - start - RecordHeader.size <= peerLimit else {
            outbound.moveWriterIndex(to: start)
            return .tooLarge
        }
        lastActivity = now
        return .sent(tag: 0)
    }

    /// Answers the request `tag` of type `type` with an outcome. Each request is answered once.
    package mutating func answer(outcome: Outcome, to type: RecordType, tag: UInt32, now: Instant) {
        if outcome.details == nil {
            answer(outcome.code, to: type, tag: tag, now: now)
        } else {
            answer(AnswerRecord(outcome: outcome), to: type, tag: tag, now: now)
        }
    }
}
