// SPDX-License-Identifier: Apache-2.0

/// Identifiers of tuples that any text can be turned into and back.
///
/// The prose of RFC 3863 lets an identifier be any text, its schema only a name that begins with a letter or `_` and has
/// no space and no slash. What is encoded begins with `ID-` (RFC 8048 §6.2) and has letters, digits, `-` and `.`; each
/// octet that is none of them stands as `_` and two hexadecimal digits in small letters. So each text has one code, and
/// each code one text.
public enum PIDFTupleID {
    /// What every code begins with.
    public static let prefix = "ID-"

    /// The code of `text`, such as an XMPP resource.
    public static func encode(_ text: String) -> String {
        var octets = Array(prefix.utf8)
        for octet in text.utf8 {
            if isPlain(octet) {
                octets.append(octet)
            } else {
                octets += [UInt8(ascii: "_"), digit(octet >> 4), digit(octet & 15)]
            }
        }
        return String(decoding: octets, as: UTF8.self)
    }

    /// The text whose code `id` is; nil where it is none of ours.
    public static func decode(_ id: String) -> String? {
        guard id.hasPrefix(prefix) else { return nil }
        var octets: [UInt8] = []
        var rest = id.utf8.dropFirst(prefix.utf8.count)
        while let octet = rest.popFirst() {
            if isPlain(octet) {
                octets.append(octet)
                continue
            }
            guard octet == UInt8(ascii: "_"), let high = rest.popFirst().flatMap(value),
                let low = rest.popFirst().flatMap(value), !isPlain(high << 4 | low)
            else { return nil }
            octets.append(high << 4 | low)
        }
        return String(validating: octets, as: UTF8.self)
    }

    /// Whether `id` is one that the schema allows: an XML name without colon (Namespaces in XML §3).
    public static func isLegal(_ id: String) -> Bool {
        guard let first = id.unicodeScalars.first, isNameStart(first) else { return false }
        return id.unicodeScalars.dropFirst().allSatisfy { isNameStart($0) || isNameInside($0) }
    }

    private static func isPlain(_ octet: UInt8) -> Bool {
        switch octet {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."):
            true
        default: false
        }
    }

    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 0x30...0x39: digit - 0x30
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - 0x57
        default: nil
        }
    }

    private static func isNameStart(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x41...0x5A, 0x5F, 0x61...0x7A, 0xC0...0xD6, 0xD8...0xF6, 0xF8...0x2FF, 0x370...0x37D, 0x37F...0x1FFF,
            0x200C...0x200D, 0x2070...0x218F, 0x2C00...0x2FEF, 0x3001...0xD7FF, 0xF900...0xFDCF, 0xFDF0...0xFFFD,
            0x10000...0xEFFFF:
            true
        default: false
        }
    }

    private static func isNameInside(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x2D, 0x2E, 0x30...0x39, 0xB7, 0x300...0x36F, 0x203F...0x2040: true
        default: false
        }
    }
}
