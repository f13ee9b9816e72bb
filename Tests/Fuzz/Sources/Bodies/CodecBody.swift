// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import IMXWire
import NIOCore

/// The first octet says what the rest is read as.
///
/// What can be read can be written, what was written reads as the same, and writing that again gives the same octets.
/// What cannot be read is refused with one of two codes and harms only its record.
enum CodecBody {
    static func run(_ octets: [UInt8]) throws(Violation) {
        var input = FuzzInput(octets)
        // More are added at the end, so that what is kept keeps its meaning.
        let choice = input.number(below: 16)
        let payload = input.remaining()
        switch choice {
        case 0: try check(payload, HelloRecord.init, { $0.write(to: &$1) }, ==)
        case 1: try check(payload, CloseRecord.init, { $0.write(to: &$1) }, ==)
        case 2: try check(payload, RedirectRecord.init, { $0.write(to: &$1) }, ==)
        case 3: try check(payload, PingRecord.init, { $0.write(to: &$1) }, ==)
        case 4: try check(payload, ClaimRecord.init, { $0.write(to: &$1, tag: 1) }, ==)
        case 5: try check(payload, VerifyRecord.init, { $0.write(to: &$1, tag: 1) }, ==)
        case 6: try check(payload, ProofRecord.init, { $0.write(to: &$1) }, ==)
        case 7:
            try check(payload, MessageRecord.init, { $0.write(to: &$1, tag: 1) }, isSame)
            try EnvelopeCheck.message(payload)
        case 8:
            try check(payload, ReportRecord.init, { $0.write(to: &$1, tag: 1) }, ==)
            try EnvelopeCheck.report(payload)
        case 9:
            try check(payload, SubscribeRecord.init, { $0.write(to: &$1, tag: 1) }, ==)
            try PresenceCheck.subscribe(payload)
        case 10:
            try check(payload, NotifyRecord.init, { $0.write(to: &$1, tag: 1) }, ==)
            try PresenceCheck.notify(payload)
        case 11:
            try check(payload, GetRecord.init, { $0.write(to: &$1, tag: 1) }, ==)
            try PresenceCheck.get(payload)
        case 12:
            try check(payload, PushAttributesRecord.init, { $0.write(to: &$1) }, ==)
            try PresenceCheck.push(payload)
        case 13:
            try check(payload, AnswerRecord.init, { $0.write(to: &$1, answering: .message, tag: 1) }, isSame)
            try EnvelopeCheck.answer(payload)
        case 14: try addresses(payload)
        default: try EnvelopeCheck.outgoing(payload)
        }
    }

    private static func check<Record>(
        _ payload: ByteBuffer,
        _ read: (ByteBuffer) throws(IMXError) -> Record,
        _ write: (Record, inout ByteBuffer) -> Void,
        _ isSame: (Record, Record) -> Bool
    ) throws(Violation) {
        let first: Record
        do throws(IMXError) {
            first = try read(payload)
        } catch {
            try hold(error.scope == .record, "\(error.text) harms more than its record")
            try hold([.malformed, .notUnderstood].contains(error.code), "refused with \(error.code)")
            return
        }
        var written = ByteBuffer()
        write(first, &written)
        let second = try again(written, read)
        try hold(isSame(first, second), "\(Record.self) reads as another one once it is written")
        var rewritten = ByteBuffer()
        write(second, &rewritten)
        try hold(rewritten == written, "\(Record.self) is written in two ways")
    }

    /// Reads the one record in `written`, which must be readable.
    static func again<Record>(
        _ written: ByteBuffer,
        _ read: (ByteBuffer) throws(IMXError) -> Record
    ) throws(Violation) -> Record {
        let payload = try payloadOfOne(written)
        do throws(IMXError) {
            return try read(payload)
        } catch {
            let field = error.failedField.map { " in field \(String($0.rawValue, radix: 16))" } ?? ""
            throw Violation("\(Record.self) that was written cannot be read: \(error.text)\(field)")
        }
    }

    /// The payload of a buffer that holds one whole record and nothing else.
    private static func payloadOfOne(_ record: ByteBuffer) throws(Violation) -> ByteBuffer {
        guard let length = record.getInteger(at: record.readerIndex, as: UInt32.self),
            RecordHeader.size + Int(length) == record.readableBytes,
            let payload = record.getSlice(at: record.readerIndex + RecordHeader.size, length: Int(length))
        else { throw Violation("the length of a record is wrong") }
        return payload
    }

    private static func isSame(_ a: MessageRecord, _ b: MessageRecord) -> Bool {
        a.from == b.from && a.to == b.to && a.messageID == b.messageID && a.hops == b.hops
            && a.receiptWanted == b.receiptWanted && a.deadline == b.deadline && a.trace == b.trace && a.mime == b.mime
            && a.details == b.details
    }

    private static func isSame(_ a: AnswerRecord, _ b: AnswerRecord) -> Bool {
        a.code == b.code && (a.details ?? .init()) == (b.details ?? .init())
    }

    /// The two readers of addresses and names agree: the one on octets and the one on strings.
    private static func addresses(_ octets: ByteBuffer) throws(Violation) {
        if let field = AddressField(octets) {
            guard let address = field.address else { throw Violation("an address on the wire without a domain") }
            try hold(AddressField(address) == field, "an address changes on its way")
            try hold(field.octets == octets, "an address is not its octets")
            try hold(Domain(canonical: field.domain)?.octets == field.domain, "a domain changes on its way")
        }
        let text = String(decoding: octets.readableBytesView, as: UTF8.self)
        if let domain = Domain(text) {
            try hold(Domain(canonical: domain.octets) == domain, "a domain is not canonical")
        }
        if let address = Address(text) {
            try hold(AddressField(AddressField(address).octets)?.address == address, "an address is none on the wire")
        }
    }
}

extension PingRecord {
    fileprivate func write(to out: inout ByteBuffer) {
        let start = out.beginRecord(.ping, .request, tag: 1)
        if let opaque {
            out.writeMultipleIntegers(FieldID.opaque.rawValue, UInt32(clamping: opaque.readableBytes))
            out.writeImmutableBuffer(opaque)
        }
        out.endRecord(at: start)
    }
}
