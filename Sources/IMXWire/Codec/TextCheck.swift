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
