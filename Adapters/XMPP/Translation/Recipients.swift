// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import XMLStream

import struct NIOCore.ByteBuffer

/// The list of those whom a message is for (XEP-0033), and an envelope's other recipients.
///
/// Nothing is ever delivered by the list, so each entry is written as delivered, and one that asks for delivery is
/// carried as it is but not acted upon.
enum Recipients {
    /// The most entries that are read; a longer list travels unread.
    private static let limit = 64
    private static let scheme = "im:"

    /// How many stand in the list whom the others are not to know of (XEP-0033 §4.1: `bcc`).
    static func hidden(in list: XMLElement) -> Int {
        list.children.count { $0.name == Names.address && $0.attribute(Names.type, is: "bcc") }
    }

    /// Reads the list, but for the hidden; nil where somebody stands in it who is neither `to` nor `cc`, or where it is
    /// too long.
    static func read(_ list: XMLElement, _ addresses: AddressMap) -> [OtherRecipient]? {
        var found: [OtherRecipient] = []
        for entry in list.children where !entry.attribute(Names.type, is: "bcc") {
            guard entry.name == Names.address, found.count < limit,
                let kind = entry.string(Names.type).flatMap(OtherRecipient.Kind.init)
            else { return nil }
            let name = entry.string(Names.description).flatMap { $0.isEmpty ? nil : $0 }
            if let jid = entry.attribute(Names.jid).flatMap({ JID($0, names: addresses.names) }) {
                guard let (address, _) = addresses.foreignAddress(of: jid) else { return nil }
                found.append(OtherRecipient(kind, uri: scheme + encoded(address), name: name))
            } else if let uri = entry.string(Names.uri), uri.contains(":"), uri.utf8.count <= 1_024 {
                found.append(OtherRecipient(kind, uri: uri, name: name))
            } else {
                return nil
            }
        }
        return found
    }

    /// Writes the list for a user at `local`, who sees foreign people in `form`.
    static func write(
        _ recipients: [OtherRecipient],
        _ addresses: AddressMap,
        local: Domain,
        _ form: AddressForm,
        to buffer: inout ByteBuffer,
        _ losses: inout [Loss]
    ) {
        guard !recipients.isEmpty else { return }
        buffer.writeStaticString("<addresses xmlns='http://jabber.org/protocol/address'>")
        for recipient in recipients.prefix(limit) {
            buffer.writeStaticString("<address type='")
            buffer.writeString(recipient.kind.rawValue)
            var jid = ByteBuffer()
            if let address = decoded(recipient.uri),
                address.domain == local
                    ? addresses.writeLocal(address, to: &jid) : addresses.writeForeign(address, as: form, to: &jid)
            {
                buffer.writeStaticString("' jid='")
                buffer.writeXMLValue(jid)
            } else {
                buffer.writeStaticString("' uri='")
                DetailsWriter.note(buffer.writeXMLValue(recipient.uri), in: "recipient", &losses)
            }
            if let name = recipient.name {
                buffer.writeStaticString("' desc='")
                DetailsWriter.note(buffer.writeXMLValue(name), in: "recipient", &losses)
            }
            buffer.writeStaticString("' delivered='true'/>")
        }
        buffer.writeStaticString("</addresses>")
        if recipients.count > limit { losses.append(Loss("recipient", reason: "more than \(limit)")) }
    }

    /// RFC 3986 §2.1: what has a meaning in a URI, or is no printable ASCII, stands as `%` and two digits.
    private static func encoded(_ address: Address) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var octets: [UInt8] = []
        for octet in address.localPart.readableBytesView {
            if isPlain(octet) {
                octets.append(octet)
            } else {
                octets += [UInt8(ascii: "%"), digits[Int(octet >> 4)], digits[Int(octet & 15)]]
            }
        }
        return String(decoding: octets, as: UTF8.self) + "@" + address.domain.name
    }

    private static func isPlain(_ octet: UInt8) -> Bool {
        switch octet {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "-._~!$'*+=".utf8.contains(octet)
        }
    }

    /// The address in an `im:` URI; nil for every other.
    private static func decoded(_ uri: String) -> Address? {
        guard uri.prefix(scheme.utf8.count).lowercased() == scheme else { return nil }
        let path = uri.dropFirst(scheme.utf8.count)
        guard let at = path.lastIndex(of: "@"), let domain = Domain(path[path.index(after: at)...]) else { return nil }
        var localPart = ByteBuffer()
        var rest = path[..<at].utf8[...]
        while let octet = rest.popFirst() {
            guard octet == UInt8(ascii: "%") else {
                localPart.writeInteger(octet)
                continue
            }
            guard let high = rest.popFirst().flatMap(value), let low = rest.popFirst().flatMap(value) else {
                return nil
            }
            localPart.writeInteger(high << 4 | low)
        }
        return Address(localPart: localPart, domain: domain)
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        Character(Unicode.Scalar(digit)).hexDigitValue.map(UInt8.init)
    }
}
