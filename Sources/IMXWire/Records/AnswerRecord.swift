// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

package import struct NIOCore.ByteBuffer

/// An answer: what became of a request.
package struct AnswerRecord: Sendable {
    package var code: OutcomeCode
    private var box: DetailsBox?

    /// What an answer may say besides its code.
    package struct Details: Sendable, Hashable {
        package var text: ByteBuffer?
        package var language: ByteBuffer?
        /// The granted lifetime of a subscription in seconds.
        package var granted: UInt32?
        package var newAddress: AddressField?
        /// Seconds after which another try makes sense.
        package var retryAfter: UInt32?
        package var failedField: FieldID?
        package var attributes: [AttributeField] = []
        package var baggage: [BaggageField] = []
        /// The acceptor's confirmation of a claim.
        package var confirm: ByteBuffer?
        /// What the PING brought.
        package var opaque: ByteBuffer?
        package var routing = ReplyRouting()
        package var extra: [UnknownField] = []

        package init() {}
    }

    package init(_ code: OutcomeCode, details: Details? = nil) {
        self.code = code
        self.box = details.map(DetailsBox.init)
    }

    /// The answer that refuses a record for `error`.
    init(_ error: IMXError) {
        var details = Details()
        details.text = ByteBuffer(string: error.text)
        details.failedField = error.failedField
        self.init(error.code, details: details)
    }

    /// What the answer says besides its code.
    package var details: Details? { box?.value }

    /// Reads the record.
    package init(payload: ByteBuffer) throws(IMXError) {
        // Nearly every answer is a code and nothing else.
        if payload.readableBytes == 8,
            payload.getInteger(at: payload.readerIndex, as: UInt64.self).map({ $0 >> 16 }) == 0x0120_0000_0002,
            let code = payload.getInteger(at: payload.readerIndex + 6, as: UInt16.self)
        {
            self.init(OutcomeCode(rawValue: code))
            return
        }
        var code: UInt16?
        var details = Details()
        var reader = FieldReader(payload)
        while let field = try reader.next() {
            if field.id == .code {
                try reader.read(field, into: &code)
            } else {
                try details.read(field, of: reader)
            }
        }
        self.init(OutcomeCode(rawValue: try required(code, .code)), details: details)
    }

    /// Appends the answer to the request `tag` of type `type` to `out`.
    package func write(to out: inout ByteBuffer, answering type: RecordType, tag: UInt32) {
        let start = out.beginRecord(type, .response, tag: tag)
        out.writeField(.code, code.rawValue)
        details?.write(to: &out)
        out.endRecord(at: start)
    }
}

extension AnswerRecord {
    /// The answer without so many octets: the largest attribute values go first, each saying that it is too large, and
    /// where that is not enough, everything but the code.
    func shortened(by excess: Int) -> AnswerRecord {
        guard var details else { return self }
        var left = excess
        let largest = details.attributes.indices.sorted {
            details.attributes[$0].value?.readableBytes ?? 0 > details.attributes[$1].value?.readableBytes ?? 0
        }
        for index in largest where left > 0 {
            guard let value = details.attributes[index].value, value.readableBytes > 2 else { break }
            left -= value.readableBytes - 2  // the status takes the value's place
            details.attributes[index].value = nil
            details.attributes[index].status = OutcomeCode.tooLarge.rawValue
        }
        return left > 0 ? AnswerRecord(code) : AnswerRecord(code, details: details)
    }
}

extension AnswerRecord.Details {
    mutating func read(_ field: FieldRange, of reader: borrowing FieldReader) throws(IMXError) {
        switch field.id {
        case .text: try reader.readText(field, into: &text, limit: 4096, mayBeEmpty: true)
        case .language: try reader.readText(field, into: &language, limit: 64)
        case .duration: try reader.read(field, into: &granted)
        case .newAddress: try reader.read(field, into: &newAddress)
        case .retryAfter: try reader.read(field, into: &retryAfter)
        case .failedField:
            var id = failedField?.rawValue
            try reader.read(field, into: &id)
            failedField = id.map(FieldID.init)
        case .attribute: try reader.append(field, to: &attributes)
        case .baggage:
            try reader.bound(baggage.count, field)
            baggage.append(try BaggageField(reader.nested(field)))
        case .confirm:
            guard field.length == ProofRecord.proofSize else { throw .malformed(field.id, "wrong length") }
            try reader.read(field, into: &confirm)
        case .opaque: try reader.read(field, into: &opaque, limit: PingRecord.limit)
        default:
            if try routing.read(field, of: reader) { return }
            try reader.keep(field, in: &extra)
        }
    }

    func write(to out: inout ByteBuffer) {
        out.writeField(.opaque, opaque)
        out.writeField(.confirm, confirm)
        out.writeField(.text, text)
        out.writeField(.language, language)
        if let newAddress { out.writeField(.newAddress, newAddress.octets) }
        out.writeField(.retryAfter, retryAfter)
        out.writeField(.failedField, failedField?.rawValue)
        out.writeField(.duration, granted)
        for attribute in attributes { attribute.write(to: &out) }
        for piece in baggage { piece.write(to: &out) }
        routing.write(to: &out)
        out.writeFields(extra)
    }
}

/// Details on the heap, so that the common answer is two octets and a null.
private final class DetailsBox: Sendable {
    let value: AnswerRecord.Details

    init(_ value: AnswerRecord.Details) {
        self.value = value
    }
}
