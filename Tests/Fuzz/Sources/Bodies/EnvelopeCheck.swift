// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import IMXWire
import NIOCore

/// What comes in as a record goes out as one that the next aggregator reads.
enum EnvelopeCheck {
    static func message(_ payload: ByteBuffer) throws(Violation) {
        guard let record = try? MessageRecord(payload: payload) else { return }
        let first = try envelope(of: record)
        var out = ByteBuffer()
        out.writeMessage(first, deadline: record.deadline, tag: 1)
        let again = try CodecBody.again(out, MessageRecord.init)
        let second = try envelope(of: again)
        try hold(first.source == second.source && first.destination == second.destination, "the parties change")
        try hold(first.messageID == second.messageID && first.trace == second.trace, "the identifiers change")
        try hold(second.hops == max(1, first.hops) - 1, "the hop count does not go down")
        try hold(first.body == second.body, "the content changes")
        try hold(ordered(first.details) == ordered(second.details), "the details change")
    }

    static func report(_ payload: ByteBuffer) throws(Violation) {
        guard let record = try? ReportRecord(payload: payload) else { return }
        let (source, destination) = try domains(record.from, record.to)
        let envelope = record.envelope(
            source: source,
            destination: destination,
            messageID: MessageID(unchecked: ByteBuffer(string: "r")),
            deadline: .distantFuture,
            freshTrace: TraceID(high: 0, low: 1)
        )
        guard case .report(let report) = envelope.operation else { throw Violation("a report is no report") }
        var out = ByteBuffer()
        out.writeReport(report, of: envelope, deadline: record.deadline, tag: 1)
        let again = try CodecBody.again(out, ReportRecord.init)
        try hold(again.code == record.code && again.about == record.about, "a report changes")
        try hold((again.stage == 2) == (record.stage == 2), "a report's stage changes")
        if let text = record.text, text.readableBytes <= 1024 {
            try hold(again.text == text, "a report's text changes")
        }
    }

    static func answer(_ payload: ByteBuffer) throws(Violation) {
        guard let record = try? AnswerRecord(payload: payload) else { return }
        try answer(record.outcome)
    }

    static func answer(_ outcome: Outcome) throws(Violation) {
        var out = ByteBuffer()
        AnswerRecord(outcome: outcome).write(to: &out, answering: .message, tag: 1)
        let again = try CodecBody.again(out, AnswerRecord.init)
        try hold(again.code == outcome.code, "an answer's code changes")
        let (first, second) = (outcome.details, again.outcome.details)
        try hold(first?.grantedSeconds == second?.grantedSeconds, "the granted time changes")
        let sent = (first?.attributes ?? []).filter(PresenceCheck.isSendable)
        try hold(sent == second?.attributes ?? [], "the attributes of an answer change")
    }

    /// Whatever an adapter says, its envelope is a record that can be read.
    static func outgoing(_ octets: ByteBuffer) throws(Violation) {
        var input = FuzzInput(Array(octets.readableBytesView))
        guard let source = Address("alice@a.example"), let destination = Address("bob@b.example") else { return }
        var envelope = Envelope(
            source: source,
            destination: destination,
            messageID: MessageID(unchecked: ByteBuffer(string: "m")),
            hops: input.octet(),
            trace: TraceID(high: 1, low: 2),
            deadline: .distantFuture
        )
        let outcome = Outcome(
            OutcomeCode(rawValue: 5001),
            details: Outcome.Details(text: input.text(), language: input.flag() ? input.text() : nil)
        )
        try answer(outcome)
        var out = ByteBuffer()
        let report = Envelope.Report(about: envelope.messageID, outcome: outcome)
        out.writeReport(report, of: envelope, deadline: nil, tag: 1)
        _ = try CodecBody.again(out, ReportRecord.init)
        envelope.details = details(&input)
        out = ByteBuffer()
        out.writeMessage(envelope, deadline: nil, tag: 1)
        _ = try CodecBody.again(out, MessageRecord.init)
        try PresenceCheck.outgoing(&input, envelope)
    }

    private static func details(_ input: inout FuzzInput) -> Envelope.Details {
        var details = Envelope.Details()
        details.sentAt = input.flag() ? input.text() : nil
        details.wantsReceipt = input.flag()
        for _ in 0..<input.number(below: 3) {
            details.subjects.append(LocalizedText(input.text(), language: input.flag() ? input.text() : nil))
        }
        if input.flag() { details.thread = MessageThread(id: input.text(), parent: input.flag() ? input.text() : nil) }
        details.messageType = input.flag() ? input.text() : nil
        details.sourceInstance = input.flag() ? input.piece() : nil
        details.destinationInstance = input.flag() ? input.piece() : nil
        if input.flag() { details.sourceName = DisplayName(input.text(), language: input.flag() ? input.text() : nil) }
        details.nativeID = input.flag() ? input.piece() : nil
        for _ in 0..<input.number(below: 3) { details.losses.append(Loss(input.text(), reason: input.text())) }
        for _ in 0..<input.number(below: 3) {
            // An adapter's own baggage: that of IMX is made of records alone, and what is critical has a short name.
            let isCritical = input.flag()
            let name = isCritical ? "critical" : input.text()
            let origin = isCritical ? "xmpp" : "x" + input.text()
            details.baggage.append(
                Baggage(origin: origin, name: name, isCritical: isCritical, octets: input.piece())
            )
        }
        details.wantsReadReport = input.flag()
        details.chatState = input.flag() ? ChatState.allCases[input.number(below: 5)] : nil
        for _ in 0..<input.number(below: 3) {
            let name = input.flag() ? input.text() : nil
            details.otherRecipients.append(OtherRecipient(input.flag() ? .to : .cc, uri: input.text(), name: name))
        }
        details.attributes = PresenceCheck.attributes(&input)
        return details
    }

    private static func envelope(of record: MessageRecord) throws(Violation) -> Envelope {
        let (source, destination) = try domains(record.from, record.to)
        return record.envelope(
            source: source,
            destination: destination,
            deadline: .distantFuture,
            freshTrace: TraceID(high: 0, low: 1)
        )
    }

    static func domains(_ from: AddressField, _ to: AddressField) throws(Violation) -> (Domain, Domain) {
        guard let source = Domain(canonical: from.domain), let destination = Domain(canonical: to.domain) else {
            throw Violation("an address on the wire without a domain")
        }
        return (source, destination)
    }
}

extension FuzzInput {
    /// Some octets, now and then many times over, so that a short input reaches what bounds lengths.
    mutating func piece() -> ByteBuffer {
        let size = octet()
        let taken = buffer(Int(size & 0x3F))
        guard size >= 0xC0 else { return taken }
        var many = ByteBuffer()
        for _ in 0..<(1 << (size & 0x07)) * 4 { many.writeImmutableBuffer(taken) }
        return many
    }

    mutating func text() -> String { String(decoding: piece().readableBytesView, as: UTF8.self) }
}

/// The details with pieces of baggage of one name together: a field that we know from other records goes on wrapped and
/// so behind the others; only the order of fields of one name means anything.
private func ordered(_ details: Envelope.Details?) -> Envelope.Details {
    var details = details ?? .init()
    let pieces = details.baggage.enumerated().sorted {
        ($0.element.origin, $0.element.name, $0.offset) < ($1.element.origin, $1.element.name, $1.offset)
    }
    details.baggage = pieces.map(\.element)
    return details
}
