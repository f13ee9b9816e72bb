// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

package import struct NIOCore.ByteBuffer

/// REPORT: later word about a message.
package struct ReportRecord: Sendable, Hashable {
    /// Who reports: the message's recipient.
    package var from: AddressField
    /// Whom it is for: the message's sender.
    package var to: AddressField
    /// The identifier of the message.
    package var about: ByteBuffer
    package var code: OutcomeCode
    package var text: ByteBuffer?
    package var language: ByteBuffer?
    /// 1 the way to the recipient, 2 the reading; others say nothing.
    package var stage: UInt8?
    package var trace: TraceID?
    package var hops: UInt8?
    package var deadline: UInt32?
    package var routing: ReplyRouting
    package var extra: [UnknownField]

    package init(
        from: AddressField,
        to: AddressField,
        about: ByteBuffer,
        code: OutcomeCode,
        text: ByteBuffer? = nil,
        language: ByteBuffer? = nil,
        trace: TraceID? = nil,
        hops: UInt8? = nil,
        deadline: UInt32? = nil
    ) {
        self.from = from
        self.to = to
        self.about = about
        self.code = code
        self.text = text
        self.language = language
        self.trace = trace
        self.hops = hops
        self.deadline = deadline
        self.routing = ReplyRouting()
        self.extra = []
    }

    /// Reads the record.
    package init(payload: ByteBuffer) throws(IMXError) {
        var from: AddressField?
        var to: AddressField?
        var about: ByteBuffer?
        var code: UInt16?
        routing = ReplyRouting()
        extra = []
        var reader = FieldReader(payload)
        while let field = try reader.next() {
            switch field.id {
            case .from: try reader.read(field, into: &from)
            case .to: try reader.read(field, into: &to)
            case .about: try reader.read(field, into: &about, limit: MessageID.limit)
            case .code: try reader.read(field, into: &code)
            case .text: try reader.readText(field, into: &text, limit: 4096, mayBeEmpty: true)
            case .language: try reader.readText(field, into: &language, limit: 64)
            case .stage: try reader.read(field, into: &stage)
            case .trace: try reader.read(field, into: &trace)
            case .hops: try reader.read(field, into: &hops)
            case .deadline: try reader.read(field, into: &deadline)
            default:
                if try !routing.read(field, of: reader) { try reader.keep(field, in: &extra) }
            }
        }
        self.from = try required(from, .from)
        self.to = try required(to, .to)
        self.about = try required(about, .about)
        self.code = OutcomeCode(rawValue: try required(code, .code))
    }

    /// Appends the record to `out`.
    package func write(to out: inout ByteBuffer, tag: UInt32, isRetry: Bool = false) {
        let start = out.beginRecord(.report, isRetry ? [.request, .retry] : .request, tag: tag)
        out.writeField(.from, from.octets)
        out.writeField(.to, to.octets)
        out.writeField(.hops, hops)
        out.writeField(.deadline, deadline)
        out.writeField(.about, about)
        out.writeField(.code, code.rawValue)
        out.writeField(.text, text)
        out.writeField(.language, language)
        out.writeField(.stage, stage)
        routing.write(to: &out)
        if let trace { out.writeField(.trace, trace) }
        out.writeFields(extra)
        out.endRecord(at: start)
    }
}
