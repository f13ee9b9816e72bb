// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

import struct NIOCore.ByteBuffer

/// How people of foreign domains are addressed on the XMPP side.
enum AddressForm: String, Sendable, CaseIterable {
    /// Under their own addresses: `bob@b.example`. The server must route foreign domains to the component.
    case native
    /// Inside the component's domain (XEP-0106): `bob\40b.example@imx.a.example`. Works with any server.
    case escaped
}

/// Between JIDs and addresses.
struct AddressMap {
    let names: DomainNames
    /// The component's own domain.
    let component: Domain

    /// The address of somebody who lives on the XMPP side; nil where there is none.
    func localAddress(of jid: JID) -> Address? {
        guard let escaped = jid.localPart, let localPart = JIDEscaping.unescape(escaped, atSign: .kept) else {
            return nil
        }
        return Address(localPart: localPart, domain: jid.domain)
    }

    /// The foreign address that somebody on the XMPP side wrote to, and the form it was written in; nil where it is
    /// none.
    func foreignAddress(of jid: JID) -> (Address, AddressForm)? {
        guard jid.domain == component else { return localAddress(of: jid).map { ($0, .native) } }
        guard let escaped = jid.localPart, let whole = JIDEscaping.unescape(escaped, atSign: .escaped),
            let at = whole.readableBytesView.lastIndex(of: UInt8(ascii: "@")),
            let localPart = whole.getSlice(at: whole.readerIndex, length: at - whole.readerIndex),
            let spelling = whole.getSlice(at: at + 1, length: whole.writerIndex - at - 1),
            let domain = names.domain(spelledAs: spelling),
            let address = Address(localPart: localPart, domain: domain)
        else { return nil }
        return (address, .escaped)
    }

    /// Writes the bare JID of somebody who lives on the XMPP side; false, with nothing written, where none can be.
    func writeLocal(_ address: Address, to buffer: inout ByteBuffer) -> Bool {
        guard let localPart = JIDEscaping.escape(address.localPart, atSign: .kept), JID.isLegal(localPart: localPart)
        else { return false }
        buffer.writeImmutableBuffer(localPart)
        buffer.writeInteger(UInt8(ascii: "@"))
        names.write(address.domain, to: &buffer)
        return true
    }

    /// Writes the bare JID of a foreign address in `form`; false, with nothing written, where none can be.
    func writeForeign(_ address: Address, as form: AddressForm, to buffer: inout ByteBuffer) -> Bool {
        guard form == .escaped else { return writeLocal(address, to: &buffer) }
        var whole = address.localPart
        whole.writeStaticString("@")
        whole.writeString(address.domain.name)
        guard let localPart = JIDEscaping.escape(whole, atSign: .escaped), JID.isLegal(localPart: localPart)
        else { return false }
        buffer.writeImmutableBuffer(localPart)
        buffer.writeInteger(UInt8(ascii: "@"))
        names.write(component, to: &buffer)
        return true
    }
}
