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
        writeField(.text, report.outcome.details?.text)
        writeField(.language, report.outcome.details?.language)
        writeField(.trace, envelope.trace)
        endRecord(at: start)
    }

    private mutating func writeDetails(_ details: Envelope.Details) {
        writeNonEmpty(.sentAt, details.sentAt)
        if details.wantsReceipt { writeField(.receiptWanted, true) }
        writeField(.replaces, details.replaces?.octets)
        for server in details.trail { writeField(.trail, server) }
        for subject in details.subjects where !subject.text.isEmpty {
            writeLocalized(.subject, subject.text, subject.language)
        }
        writeNonEmpty(.thread, details.thread?.id)
        writeNonEmpty(.threadParent, details.thread?.parent)
        writeNonEmpty(.messageType, details.messageType)
        writeNonEmpty(.fromInstance, details.sourceInstance)
        writeNonEmpty(.toInstance, details.destinationInstance)
        if let name = details.sourceName, !name.text.isEmpty { writeLocalized(.fromName, name.text, name.language) }
        writeNonEmpty(.nativeID, details.nativeID)
        for loss in details.losses { writeLoss(loss) }
        for piece in details.baggage { writeBaggage(piece) }
    }

    private mutating func writeLocalized(_ id: FieldID, _ text: String, _ language: String?) {
        let start = beginField(id)
        writeField(.text, text)
        writeNonEmpty(.language, language)
        endField(at: start)
    }

    private mutating func writeLoss(_ loss: Loss) {
        guard !loss.feature.isEmpty else { return }
        let start = beginField(.loss)
        writeField(.text, loss.reason)
        writeField(.lossFeature, loss.feature)
        endField(at: start)
    }

    /// Baggage of IMX itself is a field that we did not know, and goes out as that field again.
    mutating func writeBaggage(_ piece: Baggage) {
        if piece.origin == FieldID.baggageWord, let id = FieldID(baggageName: piece.name) {
            return writeField(id, piece.octets)
        }
        guard !piece.origin.isEmpty, !piece.name.isEmpty else { return }
        let start = beginField(.baggage)
        writeField(.baggageOrigin, piece.origin)
        writeField(.baggageName, piece.name)
        writeField(.baggageOctets, piece.octets)
        if piece.isCritical { writeField(.baggageCritical, true) }
        endField(at: start)
    }

    private mutating func writeNonEmpty(_ id: FieldID, _ value: String?) {
        if let value, !value.isEmpty { writeField(id, value) }
    }

    private mutating func writeNonEmpty(_ id: FieldID, _ value: ByteBuffer?) {
        if let value, value.readableBytes > 0 { writeField(id, value) }
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
        guard id == .attribute || !(id.isAssigned || id.isCritical) else { return nil }
        self = id
    }

    /// Whether this version gives the number a meaning.
    var isAssigned: Bool {
        switch rawValue {
        case 0x0001...0x000E, 0x0010...0x0011, 0x0020...0x0025, 0x0100...0x0109, 0x0110...0x0116, 0x0120...0x0125,
            0x0130...0x0134, 0x0140...0x0142, 0x0180...0x018F:
            true
        default: false
        }
    }
}
