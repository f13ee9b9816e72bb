// SPDX-License-Identifier: Apache-2.0
public import struct NIOCore.ByteBuffer

/// A domain name in its one canonical form: lower-case ASCII labels (A-labels), no trailing dot.
///
/// Two domains are the same exactly when their names are equal octet for octet. Internationalised names are converted
/// by whoever meets them at the user's edge; they arrive here as A-labels.
public struct Domain: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The canonical name, 1 to 253 octets.
    public let name: String

    /// The domain that `text` names in any case, with or without a trailing dot.
    ///
    /// Returns nil unless `text` is an RFC 1034 name: labels of letters, digits and inner hyphens, 1 to 63 octets each,
    /// at most 253 octets in all (RFC 1034 §3.1, §3.5; IMX 4.2.2).
    public init?(_ text: some StringProtocol) {
        var canonical = text.lowercasedASCII()
        if canonical.utf8.last == UInt8(ascii: ".") { canonical.removeLast() }
        guard Domain.isCanonical(canonical.utf8) else { return nil }
        name = canonical
    }

    /// The domain whose canonical name stands in `octets`; nil where they are not already canonical.
    ///
    /// A wire that demands canonical names is read with this, so that no two spellings of a name ever meet.
    public init?(canonical octets: ByteBuffer) {
        let view = octets.readableBytesView
        guard Domain.isCanonical(view) else { return nil }
        name = String(decoding: view, as: UTF8.self)
    }

    /// Whether `octets` spell a canonical name.
    public static func isCanonical(_ octets: some Collection<UInt8>) -> Bool {
        var length = 0
        var label = 0
        var previous = UInt8(ascii: ".")
        for octet in octets {
            length += 1
            switch octet {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                label += 1
            case UInt8(ascii: "-"):
                if label == 0 { return false }
                label += 1
            case UInt8(ascii: "."):
                if label == 0 || previous == UInt8(ascii: "-") { return false }
                label = 0
            default:
                return false
            }
            if label > 63 || length > 253 { return false }  // RFC 1034 §3.1
            previous = octet
        }
        return label > 0 && previous != UInt8(ascii: "-")
    }

    /// The name's octets in a buffer of their own.
    public var octets: ByteBuffer { ByteBuffer(string: name) }

    /// The canonical name.
    public var description: String { name }

    /// Whether `a` comes first in the order of the names' octets.
    public static func < (a: Domain, b: Domain) -> Bool { a.name < b.name }
}

extension StringProtocol {
    /// The text with A to Z replaced by a to z and nothing else changed.
    fileprivate func lowercasedASCII() -> String {
        String(
            decoding: utf8.map { $0 >= UInt8(ascii: "A") && $0 <= UInt8(ascii: "Z") ? $0 | 0x20 : $0 },
            as: UTF8.self
        )
    }
}
