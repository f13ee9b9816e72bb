// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

package import struct NIOCore.ByteBuffer

/// MESSAGE: an instant message.
///
/// Everything is a slice of the record; no string is made. What few messages carry stands in ``details``.
package struct MessageRecord: Sendable {
    package var from: AddressField
    package var to: AddressField
    /// 1 to 255 opaque octets, unique for the sender.
    package var messageID: ByteBuffer
    package var hops: UInt8
    /// Whether the sender asks for a REPORT of delivery.
    package var receiptWanted: Bool
    /// The milliseconds that the receiver may take to answer, if the sender says so.
    package var deadline: UInt32?
    package var trace: TraceID?
    /// The content, a MIME entity, exactly as it came.
    package var mime: ByteBuffer?
    private var box: DetailsBox?

    package init(
        from: AddressField,
        to: AddressField,
        messageID: ByteBuffer,
        hops: UInt8 = Envelope.initialHops,
        receiptWanted: Bool = false,
        deadline: UInt32? = nil,
        trace: TraceID? = nil,
        mime: ByteBuffer? = nil,
        details: MessageDetails? = nil
    ) {
        self.from = from
        self.to = to
        self.messageID = messageID
        self.hops = hops
        self.receiptWanted = receiptWanted
        self.deadline = deadline
        self.trace = trace
        self.mime = mime
        self.box = details.map(DetailsBox.init)
    }

    /// What few messages carry.
    package var details: MessageDetails? { box?.value }

    /// Reads the record.
    package init(payload: ByteBuffer) throws(IMXError) {
        var from: AddressField?
        var to: AddressField?
        var messageID: ByteBuffer?
        var hops: UInt8?
        var receiptWanted: Bool?
        var details: MessageDetails?
        var reader = FieldReader(payload)
        while let field = try reader.next() {
            switch field.id {
            case .from: try reader.read(field, into: &from)
            case .to: try reader.read(field, into: &to)
            case .messageID: try reader.read(field, into: &messageID, limit: MessageID.limit)
            case .hops: try reader.read(field, into: &hops)
            case .deadline: try reader.read(field, into: &deadline)
            case .receiptWanted: try reader.read(field, into: &receiptWanted)
            case .mime: try reader.read(field, into: &mime)
            case .trace: try reader.read(field, into: &trace)
            default: try MessageDetails.read(field, of: reader, into: &details)
            }
        }
        self.from = try required(from, .from)
        self.to = try required(to, .to)
        self.messageID = try required(messageID, .messageID)
        self.hops = try required(hops, .hops)
        self.receiptWanted = receiptWanted ?? false
        if let details { box = DetailsBox(details) }
    }

    /// Appends the record to `out`.
    package func write(to out: inout ByteBuffer, tag: UInt32, isRetry: Bool = false) {
        let start = out.beginRecord(.message, isRetry ? [.request, .retry] : .request, tag: tag)
        out.writeField(.from, from.octets)
        out.writeField(.to, to.octets)
        out.writeField(.messageID, messageID)
        out.writeField(.hops, hops)
        out.writeField(.deadline, deadline)
        if receiptWanted { out.writeField(.receiptWanted, true) }
        out.writeField(.mime, mime)
        if let trace { out.writeField(.trace, trace) }
        details?.write(to: &out)
        out.endRecord(at: start)
    }
}

/// Details on the heap, so that the record itself stays small.
private final class DetailsBox: Sendable {
    let value: MessageDetails

    init(_ value: MessageDetails) {
        self.value = value
    }
}
