// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import MessageFormats
import XMLStream

import struct NIOCore.ByteBuffer

/// Envelopes into message stanzas (RFC 3922 §4, RFC 6121 §5; standards reference F.2).
struct MessageWriter {
    let addresses: AddressMap
    private let baggage: StanzaBaggage

    init(addresses: AddressMap) {
        self.addresses = addresses
        baggage = StanzaBaggage(addresses: addresses)
    }

    /// What came of writing one envelope.
    enum Result {
        /// It stands in the buffer. The fingerprint finds it again; the losses are what could not be carried.
        case written(fingerprint: Int, losses: [Loss])
        /// Nothing was written.
        case refused(Outcome)
    }

    /// The most octets of a stanza that is written: what is taken from a server is no more either.
    static let stanzaLimit = 262_144

    /// Writes `envelope` as a stanza whose sender is shown in `form`.
    func write(_ envelope: Envelope, as form: AddressForm, to buffer: inout ByteBuffer) -> Result {
        let start = buffer.writerIndex
        var losses: [Loss] = []
        let result = write(envelope, form, &buffer, &losses)
        switch result {
        case .success(let fingerprint):
            // Markup grows when it is written, and a server that is sent too large a stanza closes the whole stream.
            guard buffer.writerIndex - start <= Self.stanzaLimit else {
                buffer.moveWriterIndex(to: start)
                return .refused(Outcome(.tooLarge, "more than \(Self.stanzaLimit) octets as a stanza"))
            }
            return .written(fingerprint: fingerprint, losses: losses)
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
        let details = envelope.details
        var content = ShownContent()
        if !MessageWriter.isBodyless(envelope, details) {
            switch TextBody.all(in: envelope.body, &losses) {
            case .success(let found): content = found
            case .failure(let outcome): return .failure(Refusal(outcome.code, outcome.text))
            }
        }
        buffer.writeStaticString("<message ")
        guard let fingerprint = writeHeader(envelope, details?.destinationInstance, form, &buffer, &losses) else {
            return .failure(Refusal(.addressInvalid, "an address cannot be expressed in XMPP"))
        }
        let language = details.flatMap(StanzaBaggage.language)
        writeRest(details, language, &buffer, &losses)
        for body in content.bodies { body.write(to: &buffer, inherits: language != nil, &losses) }
        content.rich?.writeXHTMLIM(into: &buffer)
        if content.sealed != nil { MessageWriter.writeNotice(&buffer) }
        var covered: Set<XMLName> = []
        if let details {
            guard let found = baggage.write(details, of: envelope.source, sealed: content.sealed, to: &buffer, &losses)
            else {
                return .failure(Refusal(.notUnderstood, "something that the message needs is not understood here"))
            }
            covered = found
        }
        // Unless the very element that it came in is among the baggage.
        if let sealed = content.sealed, !covered.contains(Names.endToEnd), !SealedObject.write(sealed, to: &buffer) {
            return .failure(Refusal(.notAcceptable, "XML cannot hold the signed or encrypted object"))
        }
        if let details {
            let local = envelope.destination.domain
            DetailsWriter(addresses: addresses, form: form, local: local, inherits: language != nil)
                .write(details, except: covered, to: &buffer, &losses)
        }
        EnvelopeElement.write(envelope, details, to: &buffer)
        buffer.writeStaticString("</message>")
        return .success(fingerprint)
    }

    /// RFC 3923 §3: what clients show that know nothing of signed and encrypted objects.
    private static func writeNotice(_ buffer: inout ByteBuffer) {
        buffer.writeStaticString("<body>")
        buffer.writeXMLText(SealedObject.notice)
        buffer.writeStaticString("</body>")
    }

    /// Whether the envelope says something without a body: what somebody does, or an extension that must be understood.
    private static func isBodyless(_ envelope: Envelope, _ details: Envelope.Details?) -> Bool {
        guard case .none = envelope.body, let details else { return false }
        return details.chatState != nil
            || details.baggage.contains { $0.isCritical && $0.origin == StanzaBaggage.origin }
    }

    /// Writes what identifies the stanza, up to the open end of the sender's address, and returns its fingerprint, which
    /// knows nothing of the recipient's device; nil where an address cannot be expressed.
    private func writeHeader(
        _ envelope: Envelope,
        _ instance: ByteBuffer?,
        _ form: AddressForm,
        _ buffer: inout ByteBuffer,
        _ losses: inout [Loss]
    ) -> Int? {
        let start = buffer.writerIndex
        let (source, destination, id) = (envelope.source, envelope.destination, envelope.messageID)
        guard writeHeader(source: source, destination: destination, messageID: id, form, &buffer) else { return nil }
        let fingerprint = Fingerprint.of(buffer, from: start)
        guard let instance else { return fingerprint }
        buffer.moveWriterIndex(to: start)
        buffer.writeStaticString("id='")
        StanzaID.write(id, to: &buffer)
        buffer.writeStaticString("' to='")
        _ = addresses.writeLocal(destination, to: &buffer)
        writeResource(instance, &buffer, &losses)
        buffer.writeStaticString("' from='")
        _ = addresses.writeForeign(source, as: form, to: &buffer)
        return fingerprint
    }

    /// Writes what identifies the stanza, without the devices, up to the open end of the sender's address.
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
        _ language: String?,
        _ buffer: inout ByteBuffer,
        _ losses: inout [Loss]
    ) {
        if let instance = details?.sourceInstance { writeResource(instance, &buffer, &losses) }
        switch details?.messageType {
        case nil, "chat": buffer.writeStaticString("' type='chat'")
        case "headline": buffer.writeStaticString("' type='headline'")
        default: buffer.writeStaticString("' type='normal'")
        }
        DetailsWriter.writeLanguage(language, to: &buffer)
        buffer.writeStaticString(">")
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
