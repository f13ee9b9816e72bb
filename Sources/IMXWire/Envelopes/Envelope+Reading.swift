// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

import struct NIOCore.ByteBuffer

extension MessageRecord {
    /// The envelope that the record carries. Its octets share the record's memory.
    ///
    /// - Parameters:
    ///   - source: the domain of `from`, found by its octets.
    ///   - destination: the domain of `to`, found by its octets.
    ///   - deadline: when an answer must have been given, by our own clock.
    ///   - freshTrace: the trace identifier, where the record brings none.
    package func envelope(
        source: Domain,
        destination: Domain,
        deadline: Instant,
        freshTrace: @autoclosure () -> TraceID
    ) -> Envelope {
        var envelope = Envelope(
            source: from.address(at: source),
            destination: to.address(at: destination),
            messageID: MessageID(unchecked: messageID),
            hops: hops,
            trace: trace ?? freshTrace(),
            deadline: deadline,
            body: mime.map(Body.entity) ?? .none
        )
        if details != nil || receiptWanted {
            var read = details?.read() ?? Envelope.Details()
            read.wantsReceipt = receiptWanted
            envelope.details = read
        }
        return envelope
    }
}

extension ReportRecord {
    /// The envelope that the record carries. Its octets share the record's memory.
    ///
    /// - Parameter messageID: the report's own identifier, which the record does not have.
    package func envelope(
        source: Domain,
        destination: Domain,
        messageID: MessageID,
        deadline: Instant,
        freshTrace: @autoclosure () -> TraceID
    ) -> Envelope {
        var details: Outcome.Details?
        if let text {
            details = Outcome.Details(text: String(buffer: text), language: language.map(String.init(buffer:)))
        }
        let report = Envelope.Report(
            about: MessageID(unchecked: about),
            outcome: Outcome(code, details: details),
            stage: stage == ReportRecord.displayStage ? .display : .delivery
        )
        return Envelope(
            operation: .report(report),
            source: from.address(at: source),
            destination: to.address(at: destination),
            messageID: messageID,
            hops: hops ?? Envelope.initialHops,
            trace: trace ?? freshTrace(),
            deadline: deadline
        )
    }
}

extension MessageDetails {
    fileprivate func read() -> Envelope.Details {
        var read = Envelope.Details()
        read.sentAt = sentAt.map(String.init(buffer:))
        read.replaces = replaces.map(MessageID.init(unchecked:))
        read.trail = trail
        read.subjects = subjects.map {
            LocalizedText(String(buffer: $0.text), language: $0.language.map(String.init(buffer:)))
        }
        read.thread = thread.map {
            MessageThread(id: String(buffer: $0), parent: threadParent.map(String.init(buffer:)))
        }
        read.messageType = messageType.map(String.init(buffer:))
        read.sourceInstance = fromInstance
        read.destinationInstance = toInstance
        read.sourceName = fromName.map {
            DisplayName(String(buffer: $0.text), language: $0.language.map(String.init(buffer:)))
        }
        read.nativeID = nativeID
        read.losses = losses.map(Loss.init)
        read.chatState = chatState.flatMap(ChatState.init(code:))
        read.wantsReadReport = readReportWanted ?? false
        read.otherRecipients = recipients.compactMap(OtherRecipient.init)
        read.attributes = attributes.map(Attribute.init)
        read.baggage = baggage.map(Baggage.init) + extra.map(Baggage.init)
        return read
    }
}

extension Baggage {
    init(_ field: BaggageField) {
        self.init(
            origin: String(buffer: field.origin),
            name: String(buffer: field.name),
            isCritical: field.isCritical,
            octets: field.octets
        )
    }

    init(_ field: UnknownField) {
        self.init(origin: FieldID.baggageWord, name: field.id.baggageName, octets: field.value)
    }
}
