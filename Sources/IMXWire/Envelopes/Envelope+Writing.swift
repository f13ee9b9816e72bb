// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

package import struct NIOCore.ByteBuffer

extension ByteBuffer {
    /// Appends the MESSAGE that carries `envelope`, straight from the envelope.
    ///
    /// - Parameters:
    ///   - envelope: an envelope whose operation is a message.
    ///   - mime: the content as a MIME entity; where it is nil, the envelope's own entity, if it has one.
    ///   - deadline: the milliseconds that the receiver may take to answer.
    ///   - tag: the request's tag.
    ///   - isRetry: whether it may be a repeat.
    package mutating func writeMessage(
        _ envelope: Envelope,
        mime: ByteBuffer? = nil,
        deadline: UInt32?,
        tag: UInt32,
        isRetry: Bool = false
    ) {
        let start = beginRecord(.message, isRetry ? [.request, .retry] : .request, tag: tag)
        writeField(.from, envelope.source)
        writeField(.to, envelope.destination)
        writeField(.messageID, envelope.messageID.octets)
        writeField(.hops, max(1, envelope.hops) - 1)  // RFC 3860 §3.4.2
        writeField(.deadline, deadline)
        if let mime {
            writeField(.mime, mime)
        } else if case .entity(let octets) = envelope.body, octets.readableBytes > 0 {
            writeField(.mime, octets)
        }
        writeField(.trace, envelope.trace)
        if let details = envelope.details { writeDetails(details) }
        endRecord(at: start)
    }

    /// Appends the REPORT that carries `envelope`, whose operation is `report`.
    package mutating func writeReport(
        _ report: Envelope.Report,
        of envelope: Envelope,
        deadline: UInt32?,
        tag: UInt32,
        isRetry: Bool = false
    ) {
        let start = beginRecord(.report, isRetry ? [.request, .retry] : .request, tag: tag)
        writeField(.from, envelope.source)
        writeField(.to, envelope.destination)
        writeField(.hops, max(1, envelope.hops) - 1)  // RFC 3860 §3.4.2
        writeField(.deadline, deadline)
        writeField(.about, report.messageID.octets)
        writeField(.code, report.outcome.code.rawValue)
        writeField(.text, report.outcome.details?.text.map { $0.prefix(octets: Bound.outcomeText) })
        writeLanguage(report.outcome.details?.language)
        if report.stage == .display { writeField(.stage, ReportRecord.displayStage) }
        writeField(.trace, envelope.trace)
        endRecord(at: start)
    }

    /// A receiver refuses a record for a field that is too long, so texts for people are cut to what it takes, and what
    /// cannot be cut is left out and listed as a loss.
    private mutating func writeDetails(_ details: Envelope.Details) {
        var left: [FieldID] = []
        writeWhole(.sentAt, details.sentAt, Bound.sentAt, &left)
        if details.wantsReceipt { writeField(.receiptWanted, true) }
        writeField(.replaces, details.replaces?.octets)
        // IMX-1 §7.1: a full trail loses its oldest servers; loops end all the same, by the others and by hops.
        for server in details.trail.suffix(FieldReader.repeatLimit) { writeField(.trail, server) }
        for subject in details.subjects.prefix(FieldReader.repeatLimit) where !subject.text.isEmpty {
            writeLocalized(.subject, subject.text, subject.language)
        }
        writeWhole(.thread, details.thread?.id, Bound.identifier, &left)
        writeWhole(.threadParent, details.thread?.parent, Bound.identifier, &left)
        writeWhole(.messageType, details.messageType, Bound.word, &left)
        writeWhole(.fromInstance, details.sourceInstance, MessageDetails.instanceLimit, &left)
        writeWhole(.toInstance, details.destinationInstance, MessageDetails.instanceLimit, &left)
        if let name = details.sourceName, !name.text.isEmpty { writeLocalized(.fromName, name.text, name.language) }
        writeWhole(.nativeID, details.nativeID, Bound.identifier, &left)
        writeField(.chatState, details.chatState?.code)
        if details.wantsReadReport { writeField(.readReportWanted, true) }
        if !writeRecipients(details.otherRecipients) { left.append(.recipient) }
        if !writeAttributes(details.attributes) { left.append(.attribute) }
        var pieces = 0
        for piece in details.baggage {
            pieces += 1
            if !writeBaggage(piece, fits: pieces <= FieldReader.repeatLimit) { left.append(.baggage) }
        }
        let losses = left.map { Loss("imx:\($0.baggageName)", reason: "longer than a field may be") } + details.losses
        for loss in losses.prefix(FieldReader.repeatLimit) { writeLoss(loss) }
    }

    /// False where one of them is left out: a URI cannot be cut.
    private mutating func writeRecipients(_ recipients: [OtherRecipient]) -> Bool {
        var isWhole = recipients.count <= FieldReader.repeatLimit
        for recipient in recipients.prefix(FieldReader.repeatLimit) {
            guard (1...Bound.uri).contains(recipient.uri.utf8.count) else {
                isWhole = false
                continue
            }
            let name = recipient.name.flatMap { $0.isEmpty ? nil : $0.prefix(octets: Bound.identifier) }
            RecipientField(
                kind: recipient.kind.code,
                uri: ByteBuffer(string: recipient.uri),
                name: name.map { ByteBuffer(string: $0) }
            ).write(to: &self)
        }
        return isWhole
    }

    /// False where one of them is left out.
    mutating func writeAttributes(_ attributes: [Attribute]) -> Bool {
        var isWhole = attributes.count <= FieldReader.repeatLimit
        for attribute in attributes.prefix(FieldReader.repeatLimit) {
            guard let field = AttributeField(attribute) else {
                isWhole = false
                continue
            }
            field.write(to: &self)
        }
        return isWhole
    }

    mutating func writeLocalized(_ id: FieldID, _ text: String, _ language: String?) {
        let start = beginField(id)
        writeField(.text, text.prefix(octets: Bound.text))
        writeLanguage(language)
        endField(at: start)
    }

    mutating func writeLoss(_ loss: Loss) {
        guard !loss.feature.isEmpty else { return }
        let start = beginField(.loss)
        writeField(.text, loss.reason.prefix(octets: Bound.identifier))
        writeField(.lossFeature, loss.feature.prefix(octets: Bound.feature))
        endField(at: start)
    }

    /// Baggage of IMX itself is a field that we did not know, and goes out as that field again. Gives false for a piece
    /// that is left out; a critical one never is, so that a receiver refuses the record rather than miss it.
    mutating func writeBaggage(_ piece: Baggage, fits: Bool) -> Bool {
        if piece.origin == FieldID.baggageWord, let id = FieldID(baggageName: piece.name) {
            writeField(id, piece.octets)
            return true
        }
        guard !piece.origin.isEmpty, !piece.name.isEmpty else { return true }
        let isShort = piece.origin.utf8.count <= Bound.word && piece.name.utf8.count <= Bound.identifier
        guard piece.isCritical || (fits && isShort) else { return false }
        let start = beginField(.baggage)
        writeField(.baggageOrigin, piece.origin)
        writeField(.baggageName, piece.name)
        writeField(.baggageOctets, piece.octets)
        if piece.isCritical { writeField(.baggageCritical, true) }
        endField(at: start)
        return true
    }

    private mutating func writeLanguage(_ language: String?) {
        if let language, (1...Bound.word).contains(language.utf8.count) { writeField(.language, language) }
    }

    private mutating func writeWhole(_ id: FieldID, _ value: String?, _ limit: Int, _ left: inout [FieldID]) {
        guard let value, !value.isEmpty else { return }
        if value.utf8.count <= limit { writeField(id, value) } else { left.append(id) }
    }

    private mutating func writeWhole(_ id: FieldID, _ value: ByteBuffer?, _ limit: Int, _ left: inout [FieldID]) {
        guard let value, value.readableBytes > 0 else { return }
        if value.readableBytes <= limit { writeField(id, value) } else { left.append(id) }
    }
}

/// The most octets that a reader takes in the fields that envelopes fill.
enum Bound {
    static let sentAt = 64
    /// A message type, a language, an origin of baggage.
    static let word = 64
    static let feature = 256
    /// A thread, a native identifier, a name of baggage, the reason of a loss.
    static let identifier = 1024
    /// The text of an outcome; a reader takes 4,096.
    static let outcomeText = 1024
    static let text = 65_535
    static let uri = 2048
    static let attributeType = 255
}

extension String {
    /// The longest beginning of at most `limit` octets that ends between two characters of Unicode.
    func prefix(octets limit: Int) -> String {
        guard utf8.count > limit else { return self }
        var end = utf8.index(utf8.startIndex, offsetBy: limit)
        while end > utf8.startIndex, utf8[end] & 0xC0 == 0x80 { end = utf8.index(before: end) }
        return String(decoding: utf8[..<end], as: UTF8.self)
    }
}

extension FieldID {
    /// The origin of baggage that is a field of this protocol.
    static let baggageWord = "imx"

    /// The name under which the field travels as baggage: its number in four hexadecimal digits.
    var baggageName: String {
        let digits = String(rawValue, radix: 16)
        return String(repeating: "0", count: 4 - digits.count) + digits
    }

    /// The field that a piece of baggage names; nil where it names one that this version gives a meaning to, so that
    /// nobody smuggles a second sender into a record, or where it is critical.
    init?(baggageName: String) {
        guard let number = UInt16(baggageName, radix: 16) else { return nil }
        let id = FieldID(rawValue: number)
        guard !(id.isAssigned || id.isCritical) else { return nil }
        self = id
    }

    /// Whether this version gives the number a meaning.
    var isAssigned: Bool {
        switch rawValue {
        case 0x0001...0x000E, 0x0010...0x0011, 0x0020...0x0025, 0x0100...0x0109, 0x0110...0x0116, 0x0120...0x0125,
            0x0130...0x0134, 0x0140...0x0142, 0x0180...0x0195:
            true
        default: false
        }
    }
}
