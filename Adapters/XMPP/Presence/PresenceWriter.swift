// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import XMLStream

import struct NIOCore.ByteBuffer

/// Presence stanzas from foreign people to users here.
struct PresenceWriter {
    let addresses: AddressMap

    /// The `id` of a stanza says what it was, so that an error about it can be understood.
    enum Mark: String {
        case ask = "imx-ask"
        case probe = "imx-probe"
    }

    /// Writes a stanza that asks or answers; false, with nothing written, where an address cannot be expressed.
    func write(
        _ word: PresenceWord,
        from foreign: Address,
        as form: AddressForm,
        to user: Address,
        mark: Mark? = nil,
        name: DisplayName? = nil,
        into buffer: inout ByteBuffer
    ) -> Bool {
        let start = buffer.writerIndex
        buffer.writeString("<presence type='\(word.rawValue)'")
        if let mark { buffer.writeString(" id='\(mark.rawValue)'") }
        guard writeAddresses(foreign, form, nil, user, &buffer) else {
            buffer.moveWriterIndex(to: start)
            return false
        }
        guard let name else {
            buffer.writeStaticString("/>")
            return true
        }
        buffer.writeStaticString("><nick xmlns='http://jabber.org/protocol/nick'>")
        buffer.writeXMLText(name.text)
        buffer.writeStaticString("</nick></presence>")
        return true
    }

    /// How old a state is, in milliseconds, before it is stamped with its time.
    static let freshness: Int64 = 60_000

    /// Writes what one resource of a foreign presentity says; false, with nothing written, where an address cannot be
    /// expressed.
    func write(
        _ due: ShownTable.Due,
        from foreign: Address,
        as form: AddressForm,
        to user: Address,
        now: WallTime,
        into buffer: inout ByteBuffer
    ) -> Bool {
        let start = buffer.writerIndex
        buffer.writeStaticString(due.isAvailable ? "<presence" : "<presence type='unavailable'")
        guard writeAddresses(foreign, form, due.resource, user, &buffer) else {
            buffer.moveWriterIndex(to: start)
            return false
        }
        // XEP-0203 §4: in UTC.
        let stamp = due.time.flatMap { now.milliseconds - $0.milliseconds > PresenceWriter.freshness ? $0 : nil }
        if due.content.readableBytes == 0, stamp == nil {
            buffer.writeStaticString("/>")
        } else {
            buffer.writeStaticString(">")
            buffer.writeImmutableBuffer(due.content)
            if let stamp { buffer.writeString("<delay xmlns='urn:xmpp:delay' stamp='\(stamp)'/>") }
            buffer.writeStaticString("</presence>")
        }
        return true
    }

    private func writeAddresses(
        _ foreign: Address,
        _ form: AddressForm,
        _ resource: ByteBuffer?,
        _ user: Address,
        _ buffer: inout ByteBuffer
    ) -> Bool {
        buffer.writeStaticString(" from='")
        guard addresses.writeForeign(foreign, as: form, to: &buffer) else { return false }
        if let resource {
            buffer.writeStaticString("/")
            buffer.writeXMLValue(resource)
        }
        buffer.writeStaticString("' to='")
        guard addresses.writeLocal(user, to: &buffer) else { return false }
        buffer.writeStaticString("'")
        return true
    }
}
