// SPDX-License-Identifier: Apache-2.0
import struct NIOCore.ByteBuffer

extension ByteBuffer {
    /// Whether the readable octets are well-formed UTF-8. No string is made.
    var isWellFormedUTF8: Bool {
        withUnsafeReadableBytes { $0.isASCII || $0.isWellFormedUTF8 }
    }
}

extension UnsafeRawBufferPointer {
    /// Whether no octet has its high bit set, looked at eight octets at a time.
    var isASCII: Bool {
        var offset = 0
        var bits: UInt64 = 0
        while count &- offset >= 8 {
            bits |= loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            offset &+= 8
        }
        while offset < count {
            bits |= UInt64(self[offset])
            offset &+= 1
        }
        return bits & 0x8080_8080_8080_8080 == 0
    }

    /// Whether the octets spell a domain name in its canonical form, as `Domain.isCanonical` says.
    ///
    /// The same rule once more, because every message is asked twice and a generic function cannot be inlined from
    /// another module; a test holds the two together.
    var isCanonicalDomain: Bool {
        guard count > 0, count <= 253 else { return false }  // RFC 1034 §3.1
        var label = 0
        var previous = UInt8(ascii: ".")
        for octet in self {
            switch octet {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                label &+= 1
            case UInt8(ascii: "-"):
                if label == 0 { return false }
                label &+= 1
            case UInt8(ascii: "."):
                if label == 0 || previous == UInt8(ascii: "-") { return false }
                label = 0
            default: return false
            }
            if label > 63 { return false }
            previous = octet
        }
        return label > 0 && previous != UInt8(ascii: "-")
    }

    /// Whether the octets are UTF-8 without overlong forms, surrogates, or values beyond U+10FFFF (RFC 3629 §4).
    var isWellFormedUTF8: Bool {
        var index = 0
        while index < count {
            let first = self[index]
            let tail: Int
            var low: UInt8 = 0x80
            var high: UInt8 = 0xBF
            switch first {
            case 0x00...0x7F:
                index &+= 1
                continue
            case 0xC2...0xDF: tail = 1
            case 0xE0: (tail, low) = (2, 0xA0)
            case 0xED: (tail, high) = (2, 0x9F)
            case 0xE1...0xEF: tail = 2
            case 0xF0: (tail, low) = (3, 0x90)
            case 0xF4: (tail, high) = (3, 0x8F)
            case 0xF1...0xF3: tail = 3
            default: return false
            }
            guard count &- index > tail, self[index &+ 1] >= low, self[index &+ 1] <= high else { return false }
            for offset in 1...tail where self[index &+ offset] & 0xC0 != 0x80 { return false }
            index &+= tail &+ 1
        }
        return true
    }
}
