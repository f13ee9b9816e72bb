// SPDX-License-Identifier: Apache-2.0
public import EnvelopeModel

import struct NIOCore.ByteBuffer

/// Addresses of users as `im` URIs (RFC 3860 §4.1): what stands before the `@` is a mailbox's local part as mail has it,
/// and of that whatever a URI cannot hold as percent and two hexadecimal digits.
extension CPIMAddress {
    /// The user of `address`.
    public init(_ address: Address, displayName: String? = nil) {
        var local: [UInt8] = []
        if CPIMAddress.isDotAtom(address.localPart.readableBytesView) {
            local += address.localPart.readableBytesView
        } else {
            // RFC 5322 §3.4.1: a local part that is no dot-atom stands in quotes.
            local.append(UInt8(ascii: "\""))
            for octet in address.localPart.readableBytesView {
                if octet == UInt8(ascii: "\"") || octet == UInt8(ascii: "\\") { local.append(UInt8(ascii: "\\")) }
                local.append(octet)
            }
            local.append(UInt8(ascii: "\""))
        }
        var uri = "im:"
        for octet in local {
            if CPIMAddress.mayStand(octet) {
                uri.unicodeScalars.append(Unicode.Scalar(octet))
            } else {
                let digits = String(octet, radix: 16, uppercase: true)
                uri += octet < 16 ? "%0\(digits)" : "%\(digits)"
            }
        }
        self.init(displayName: displayName, uri: uri + "@" + address.domain.name)
    }

    /// The user whom the URI names; nil where it is no `im` URI of a user.
    public var address: Address? {
        guard let colon = uri.utf8.firstIndex(of: UInt8(ascii: ":")), uri[..<colon].lowercased() == "im" else {
            return nil
        }
        // What follows a question mark speaks of a message, and not of the user (RFC 3860 §4.1).
        let rest = uri[uri.utf8.index(after: colon)...].prefix { $0 != "?" && $0 != "#" }
        guard let at = rest.utf8.lastIndex(of: UInt8(ascii: "@")),
            let domain = Domain(rest[rest.utf8.index(after: at)...]),
            let decoded = CPIMAddress.percentDecoded(rest[..<at].utf8)
        else { return nil }
        let quote = UInt8(ascii: "\"")
        var local = decoded
        if decoded.first == quote {
            guard let inner = CPIMAddress.unquoted(decoded) else { return nil }
            local = inner
        } else if decoded.contains(quote) || rest[..<at].utf8.contains(UInt8(ascii: "@")) {
            return nil
        }
        return Address(localPart: ByteBuffer(bytes: local), domain: domain)
    }

    private static func unquoted(_ text: [UInt8]) -> [UInt8]? {
        guard text.count > 2, text.last == UInt8(ascii: "\"") else { return nil }
        var result: [UInt8] = []
        var isEscaped = false
        for octet in text.dropFirst().dropLast() {
            if !isEscaped, octet == UInt8(ascii: "\"") { return nil }
            if !isEscaped, octet == UInt8(ascii: "\\") {
                isEscaped = true
                continue
            }
            isEscaped = false
            result.append(octet)
        }
        return isEscaped ? nil : result
    }

    private static func percentDecoded(_ text: Substring.UTF8View) -> [UInt8]? {
        var octets: [UInt8] = []
        var rest = text
        while let octet = rest.popFirst() {
            guard octet == UInt8(ascii: "%") else {
                octets.append(octet)
                continue
            }
            guard let high = rest.popFirst().flatMap(value), let low = rest.popFirst().flatMap(value) else {
                return nil
            }
            octets.append(high << 4 | low)
        }
        return octets
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 0x30...0x39: digit - 0x30
        case 0x41...0x46: digit - 0x37
        case 0x61...0x66: digit - 0x57
        default: nil
        }
    }

    private static func isAlphanumeric(_ octet: UInt8) -> Bool {
        (0x30...0x39).contains(octet) || (0x41...0x5A).contains(octet) || (0x61...0x7A).contains(octet)
    }

    /// Whether the octet needs no percent in a URI; fewer than may stand there, so that no reader stumbles.
    private static func mayStand(_ octet: UInt8) -> Bool {
        isAlphanumeric(octet) || "-._~!$*+='".utf8.contains(octet)
    }

    /// RFC 5322 §3.2.3, with what RFC 6532 §3.2 adds.
    private static func isDotAtom(_ octets: some Collection<UInt8>) -> Bool {
        var previous = UInt8(ascii: ".")
        for octet in octets {
            let isText = octet >= 0x80 || isAlphanumeric(octet) || "!#$%&'*+-/=?^_`{|}~".utf8.contains(octet)
            guard isText || (octet == UInt8(ascii: ".") && previous != octet) else { return false }
            previous = octet
        }
        return previous != UInt8(ascii: ".")
    }
}
