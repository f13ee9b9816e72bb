// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import XMLStream

import struct NIOCore.ByteBuffer

/// Envelopes into message stanzas (RFC 3922 §4, RFC 6121 §5; standards reference F.2).
struct MessageWriter {
    let addresses: AddressMap

    /// What came of writing one envelope.
    enum Result {
        /// It stands in the buffer. The fingerprint finds it again; the losses are what could not be carried.
        case written(fingerprint: Int, losses: [Loss])
        /// Nothing was written.
        case refused(Outcome)
    }

    /// Writes `envelope` as a stanza whose sender is shown in `form`.
    func write(_ envelope: Envelope, as form: AddressForm, to buffer: inout ByteBuffer) -> Result {
        let start = buffer.writerIndex
        var losses: [Loss] = []
        let result = write(envelope, form, &buffer, &losses)
        switch result {
        case .success(let fingerprint): return .written(fingerprint: fingerprint, losses: losses)
        case .failure(let refusal):
            buffer.moveWriterIndex(to: start)
            return .refused(refusal.outcome)
        }
    }

    private struct Refusal: Error {
        var outcome: Outcome

        init(_ code: OutcomeCode, _ text: String) { outcome = Outcome(code, text) }
    }

    private func write(
        _ envelope: Envelope,
        _ form: AddressForm,
        _ buffer: inout ByteBuffer,
        _ losses: inout [Loss]
    ) -> Swift.Result<Int, Refusal> {
        let bodies: [TextBody]
        switch TextBody.all(in: envelope.body, &losses) {
        case .success(let found): bodies = found
        case .failure(let outcome): return .failure(Refusal(outcome.code, outcome.text))
        }
        let details = envelope.details
        if let critical = details?.baggage.first(where: { $0.isCritical }) {
            return .failure(Refusal(.notUnderstood, "\(critical.origin) \(critical.name) is not understood"))
        }
        buffer.writeStaticString("<message ")
        let headerStart = buffer.writerIndex
        guard
            writeHeader(
                source: envelope.source,
                destination: envelope.destination,
                messageID: envelope.messageID,
                form,
                &buffer
            )
        else { return .failure(Refusal(.addressInvalid, "an address cannot be expressed in XMPP")) }
        let fingerprint = Fingerprint.of(buffer, from: headerStart)
        writeRest(details, form, &buffer, &losses)
        for body in bodies { body.write(to: &buffer, &losses) }
        if let details { DetailsWriter.write(details, to: &buffer, &losses) }
        buffer.writeStaticString("</message>")
        return .success(fingerprint)
    }

    /// Writes what identifies the stanza, up to the open end of the recipient's address.
    private func writeHeader(
        source: Address,
        destination: Address,
        messageID: MessageID,
        _ form: AddressForm,
        _ buffer: inout ByteBuffer
    ) -> Bool {
        buffer.writeStaticString("id='")
        StanzaID.write(messageID, to: &buffer)
        // No escaping: what XML would escape is no part of a JID.
        buffer.writeStaticString("' to='")
        guard addresses.writeLocal(destination, to: &buffer) else { return false }
        buffer.writeStaticString("' from='")
        return addresses.writeForeign(source, as: form, to: &buffer)
    }

    private func writeRest(
        _ details: Envelope.Details?,
        _ form: AddressForm,
        _ buffer: inout ByteBuffer,
        _ losses: inout [Loss]
    ) {
        if let instance = details?.sourceInstance { writeResource(instance, &buffer, &losses) }
        switch details?.messageType {
        case nil, "chat": buffer.writeStaticString("' type='chat'>")
        case "headline": buffer.writeStaticString("' type='headline'>")
        default: buffer.writeStaticString("' type='normal'>")
        }
    }

    private func writeResource(_ instance: ByteBuffer, _ buffer: inout ByteBuffer, _ losses: inout [Loss]) {
        let isText = String(validating: instance.readableBytesView, as: UTF8.self) != nil
        guard isText, JID.isLegal(resource: instance) else {
            losses.append(Loss("instance", reason: "cannot be expressed as an XMPP resource"))
            return
        }
        buffer.writeStaticString("/")
        buffer.writeXMLValue(instance)
    }

    /// Writes later word about a message that a local user had sent: an error stanza where it failed, nothing else.
    func writeReport(
        _ report: Envelope.Report,
        source: Address,
        destination: Address,
        as form: AddressForm,
        to buffer: inout ByteBuffer
    ) -> Bool {
        var local = ByteBuffer()
        var foreign = ByteBuffer()
        guard addresses.writeLocal(destination, to: &local), addresses.writeForeign(source, as: form, to: &foreign)
        else { return false }
        let header = StanzaHeader(kind: .message, from: local, to: foreign, id: nativeID(of: report.messageID))
        if report.outcome.disposition != .delivered {
            ReplyWriter.writeError(report.outcome, answering: header, to: &buffer)
        }
        return true
    }

    /// The id of the stanza that became the message `id`: the core puts its own mark behind it.
    private func nativeID(of id: MessageID) -> ByteBuffer {
        let view = id.octets.readableBytesView
        guard let end = view.lastIndex(of: UInt8(ascii: "~")), end > view.startIndex else { return id.octets }
        return id.octets.getSlice(at: view.startIndex, length: end - view.startIndex) ?? id.octets
    }

    /// The fingerprint that the stanza had which `failure` speaks of.
    func fingerprint(of failure: StanzaFailure) -> Int? {
        guard let messageID = StanzaID.messageID(failure.id) else { return nil }
        var buffer = ByteBuffer()
        guard
            writeHeader(
                source: failure.source,
                destination: failure.destination,
                messageID: messageID,
                failure.form,
                &buffer
            )
        else { return nil }
        return Fingerprint.of(buffer, from: 0)
    }
}

/// The hash by which a stanza of ours is known again when an error comes back.
enum Fingerprint {
    /// Servers may fold the case of addresses on the way, so letters count alike in both. Seeded at every start of the
    /// process; a stranger who does not know the identifier cannot hit it.
    static func of(_ buffer: ByteBuffer, from start: Int) -> Int {
        var hasher = Hasher()
        buffer.withUnsafeReadableBytes { bytes in
            var rest = UnsafeRawBufferPointer(rebasing: bytes[(start - buffer.readerIndex)...])
            while rest.count >= 8 {
                let word = rest.loadUnaligned(as: UInt64.self)
                hasher.combine(word | 0x2020_2020_2020_2020)
                rest = UnsafeRawBufferPointer(rebasing: rest[8...])
            }
            for octet in rest { hasher.combine(octet | 0x20) }
        }
        return hasher.finalize()
    }
}

/// Message identifiers as the `id` of a stanza.
enum StanzaID {
    private static let prefix = Array("imx-hex-".utf8)

    /// Writes `messageID`: as it is where it is printable, else in hexadecimal behind a prefix.
    static func write(_ messageID: MessageID, to buffer: inout ByteBuffer) {
        if messageID.isPrintable, !messageID.octets.readableBytesView.starts(with: prefix) {
            buffer.writeXMLValue(messageID.octets)
            return
        }
        buffer.writeBytes(prefix)
        let digits = Array("0123456789abcdef".utf8)
        for octet in messageID.octets.readableBytesView {
            buffer.writeInteger(digits[Int(octet >> 4)])
            buffer.writeInteger(digits[Int(octet & 15)])
        }
    }

    /// The identifier that we had written as `id`; nil where we never write such a one.
    static func messageID(_ id: ByteBuffer) -> MessageID? {
        let view = id.readableBytesView
        guard view.starts(with: prefix) else { return MessageID(id) }
        var octets = ByteBuffer()
        var high: UInt8?
        for digit in view.dropFirst(prefix.count) {
            guard let value = Character(Unicode.Scalar(digit)).hexDigitValue.map(UInt8.init) else { return nil }
            if let first = high {
                octets.writeInteger(first << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        return high == nil ? MessageID(octets) : nil
    }
}
