// SPDX-License-Identifier: Apache-2.0
import struct NIOCore.ByteBuffer

/// Character data and attribute values (XML 1.0 §2.2, §2.4, §3.3.3). What XML cannot hold becomes U+FFFD.
extension ByteBuffer {
    mutating func writePIDFText(_ text: String) { writeEscaped(text, isValue: false) }

    mutating func writePIDFText(_ octets: UnsafeRawBufferPointer) { writeEscaped(octets, isValue: false) }

    mutating func writePIDFValue(_ text: String) { writeEscaped(text, isValue: true) }

    mutating func writePIDFValue(_ octets: UnsafeRawBufferPointer) { writeEscaped(octets, isValue: true) }

    private mutating func writeEscaped(_ text: String, isValue: Bool) {
        var text = text
        text.withUTF8 { writeEscaped(UnsafeRawBufferPointer($0), isValue: isValue) }
    }

    private mutating func writeEscaped(_ source: UnsafeRawBufferPointer, isValue: Bool) {
        var start = 0
        var index = 0
        while index < source.count {
            let octet = source[index]
            // Letters, digits and most of the rest need no second look.
            if octet > 0x3E && octet < 0xEF || octet == 0x20 {
                index += 1
                continue
            }
            var length = 1
            let replacement: StaticString
            switch octet {
            case UInt8(ascii: "&"): replacement = "&amp;"
            case UInt8(ascii: "<"): replacement = "&lt;"
            case UInt8(ascii: ">"): replacement = "&gt;"
            case 0x0D: replacement = "&#13;"
            case UInt8(ascii: "\"") where isValue: replacement = "&quot;"
            case 0x09 where isValue: replacement = "&#9;"
            case 0x0A where isValue: replacement = "&#10;"
            case 0x00..<0x09, 0x0B, 0x0C, 0x0E..<0x20: replacement = "\u{FFFD}"
            case 0xEF where ByteBuffer.isNoncharacter(source, index):
                length = 3
                replacement = "\u{FFFD}"
            default:
                index += 1
                continue
            }
            writeBytes(UnsafeRawBufferPointer(rebasing: source[start..<index]))
            writeStaticString(replacement)
            index += length
            start = index
        }
        writeBytes(UnsafeRawBufferPointer(rebasing: source[start...]))
    }

    /// Whether U+FFFE or U+FFFF stands there.
    private static func isNoncharacter(_ source: UnsafeRawBufferPointer, _ index: Int) -> Bool {
        index + 2 < source.count && source[index + 1] == 0xBF && source[index + 2] >= 0xBE
    }
}
