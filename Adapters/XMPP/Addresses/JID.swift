// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

import struct NIOCore.ByteBuffer

/// An XMPP address (RFC 7622), taken apart.
struct JID: Hashable {
    /// What stands before the `@`, still escaped; nil for a server or a component.
    var localPart: ByteBuffer?
    /// The domain, in its one canonical form.
    var domain: Domain
    /// What stands after the first `/`.
    var resource: ByteBuffer?

    /// The most octets of each part (RFC 7622 §3.2 to §3.4).
    static let partLimit = 1_023

    /// The JID that `octets` spell; nil where they spell none.
    init?(_ octets: ByteBuffer, names: DomainNames) {
        let base = octets.readerIndex
        let cuts = octets.withUnsafeReadableBytes { bytes -> (at: Int?, slash: Int?) in
            // RFC 7622 §3.1: the resource is cut off first; it may hold both marks.
            let slash = bytes.firstIndex(of: UInt8(ascii: "/"))
            return (bytes[..<(slash ?? bytes.count)].firstIndex(of: UInt8(ascii: "@")), slash)
        }
        let end = cuts.slash ?? octets.readableBytes
        let start = cuts.at.map { $0 + 1 } ?? 0
        guard let spelling = octets.getSlice(at: base + start, length: end - start),
            let domain = names.domain(spelledAs: spelling)
        else { return nil }
        self.domain = domain
        if let at = cuts.at {
            guard let localPart = octets.getSlice(at: base, length: at), JID.isLegal(localPart: localPart)
            else { return nil }
            self.localPart = localPart
        }
        if let slash = cuts.slash {
            guard let resource = octets.getSlice(at: base + slash + 1, length: octets.readableBytes - slash - 1),
                JID.isLegal(resource: resource)
            else { return nil }
            self.resource = resource
        }
    }

    /// Whether `octets`, which are UTF-8, may stand before the `@` (RFC 7622 §3.3; RFC 8264 §4.2: IdentifierClass).
    static func isLegal(localPart octets: ByteBuffer) -> Bool {
        guard octets.readableBytes > 0, octets.readableBytes <= partLimit else { return false }
        var isASCII = true
        for octet in octets.readableBytesView {
            switch octet {
            case 0...0x20, 0x7F: return false
            // RFC 7622 §3.3.1
            case UInt8(ascii: "\""), UInt8(ascii: "&"), UInt8(ascii: "'"), UInt8(ascii: "/"), UInt8(ascii: ":"),
                UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "@"):
                return false
            case 0x80...: isASCII = false
            default: break
            }
        }
        return isASCII || String(decoding: octets.readableBytesView, as: UTF8.self).unicodeScalars.allSatisfy(isName)
    }

    /// Whether `octets`, which are UTF-8, may stand after the `/` (RFC 7622 §3.4; RFC 8264 §4.3: FreeformClass).
    static func isLegal(resource octets: ByteBuffer) -> Bool {
        guard octets.readableBytes > 0, octets.readableBytes <= partLimit else { return false }
        let view = octets.readableBytesView
        // RFC 7622 §3.5 lists a leading space as an error, since server and client trim differently.
        guard view.first != 0x20, view.last != 0x20 else { return false }
        return view.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
    }

    /// Letters, digits and marks; no symbols, spaces, compatibility forms or unassigned characters.
    private static func isName(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return true }
        switch scalar.properties.generalCategory {
        case .lowercaseLetter, .uppercaseLetter, .otherLetter, .modifierLetter, .decimalNumber, .nonspacingMark,
            .spacingMark:
            return true
        default:
            return false
        }
    }
}
