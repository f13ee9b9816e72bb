// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import XMLStream

import struct NIOCore.ByteBuffer

/// Later word about a message that a local user had sent, as a stanza.
extension MessageWriter {
    /// What came of writing a report.
    enum ReportResult {
        /// A stanza stands in the buffer.
        case written
        /// XMPP has no word for it: neither did the message fail, nor did the recipient's side confirm it.
        case nothing
        /// An address cannot be expressed.
        case unaddressable
    }

    /// Writes a receipt, a marker or an error about the message whose stanza had the id `id`.
    ///
    /// Only the recipient's own word becomes a receipt, never that somebody on the way has taken the message
    /// (standards reference F.4).
    func writeReport(
        _ report: Envelope.Report,
        of envelope: Envelope,
        id: ByteBuffer,
        as form: AddressForm,
        to buffer: inout ByteBuffer
    ) -> ReportResult {
        var local = ByteBuffer()
        var foreign = ByteBuffer()
        guard addresses.writeLocal(envelope.destination, to: &local),
            addresses.writeForeign(envelope.source, as: form, to: &foreign)
        else { return .unaddressable }
        if report.outcome.disposition != .delivered {
            let header = StanzaHeader(kind: .message, from: local, to: foreign, id: id)
            let start = buffer.writerIndex
            ReplyWriter.writeError(report.outcome, answering: header, to: &buffer)
            return buffer.writerIndex > start ? .written : .nothing
        }
        guard report.outcome.code == .delivered else { return .nothing }
        append(envelope.details?.destinationInstance, to: &local)
        append(envelope.details?.sourceInstance, to: &foreign)
        buffer.writeStaticString("<message id='")
        StanzaID.write(envelope.messageID, to: &buffer)
        buffer.writeStaticString("' to='")
        buffer.writeImmutableBuffer(local)
        buffer.writeStaticString("' from='")
        buffer.writeImmutableBuffer(foreign)
        buffer.writeStaticString("' type='chat'>")
        if report.stage == .display {
            buffer.writeStaticString("<displayed xmlns='urn:xmpp:chat-markers:0' id='")  // XEP-0333 §4
        } else {
            buffer.writeStaticString("<received xmlns='urn:xmpp:receipts' id='")  // XEP-0184 §5.3
        }
        buffer.writeXMLValue(id)
        buffer.writeStaticString("'/></message>")
        return .written
    }

    private func append(_ instance: ByteBuffer?, to jid: inout ByteBuffer) {
        guard let instance, String(validating: instance.readableBytesView, as: UTF8.self) != nil,
            JID.isLegal(resource: instance)
        else { return }
        jid.writeStaticString("/")
        jid.writeXMLValue(instance)
    }
}
