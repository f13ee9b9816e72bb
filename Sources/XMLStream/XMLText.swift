// SPDX-License-Identifier: Apache-2.0
package import struct NIOCore.ByteBuffer

/// Writing character data and attribute values (XML 1.0 §2.2, §2.4).
///
/// One forbidden character would make the receiver drop the whole stream, so whatever XML cannot hold, and whatever is
/// not UTF-8, is written as U+FFFD. Each function returns how many characters were replaced, for the loss list.
extension ByteBuffer {
    /// Writes `octets` as character data.
    @discardableResult
    package mutating func writeXMLText(_ octets: ByteBuffer) -> Int {
        octets.withUnsafeReadableBytes { writeEscaped($0, table: XMLEscapes.text) }
    }

    /// Writes `text` as character data.
    @discardableResult
    package mutating func writeXMLText(_ text: String) -> Int {
        writeEscaped(text, table: XMLEscapes.text)
    }

    /// Writes `octets` as the inside of an attribute value in either kind of quotes.
    @discardableResult
    package mutating func writeXMLValue(_ octets: ByteBuffer) -> Int {
        octets.withUnsafeReadableBytes { writeEscaped($0, table: XMLEscapes.value) }
    }

    /// Writes `text` as the inside of an attribute value in either kind of quotes.
    @discardableResult
    package mutating func writeXMLValue(_ text: String) -> Int {
        writeEscaped(text, table: XMLEscapes.value)
    }

    private mutating func writeEscaped(_ text: String, table: [UInt8]) -> Int {
        var text = text
        return text.withUTF8 { writeEscaped(UnsafeRawBufferPointer($0), table: table) }
    }

    private mutating func writeEscaped(_ source: UnsafeRawBufferPointer, table: [UInt8]) -> Int {
        table.withUnsafeBufferPointer { table in
            var replaced = 0
            var start = 0
            var index = 0
            while index < source.count {
                if index &+ 8 <= source.count,
                    XMLEscapes.arePlain(source.loadUnaligned(fromByteOffset: index, as: UInt64.self))
                {
                    index &+= 8
                    continue
                }
                let kind = table[Int(source[index])]
                if kind == XMLEscapes.plain {
                    index += 1
                    continue
                }
                var length = 1
                if kind == XMLEscapes.lead {
                    length = XMLEscapes.characterLength(source, at: index)
                    if length > 0 {
                        index += length
                        continue
                    }
                    length = XMLEscapes.damageLength(source, at: index)
                }
                writeBytes(UnsafeRawBufferPointer(rebasing: source[start..<index]))
                let isReplaced = kind == XMLEscapes.lead || kind == XMLEscapes.forbidden
                replaced += isReplaced ? 1 : 0
                writeStaticString(isReplaced ? "\u{FFFD}" : XMLEscapes.reference(to: source[index]))
                index += length
                start = index
            }
            writeBytes(UnsafeRawBufferPointer(rebasing: source[start...]))
            return replaced
        }
    }
}

/// Which octets XML has something to say about.
enum XMLEscapes {
    /// Written as it is.
    static let plain: UInt8 = 0
    /// Written as a reference.
    static let escaped: UInt8 = 1
    /// No XML character.
    static let forbidden: UInt8 = 2
    /// Part of a character outside ASCII, to be checked.
    static let lead: UInt8 = 3

    /// For character data. A carriage return would come out as a line feed on the other side (XML 1.0 §2.11).
    static let text = table(escaping: [0x0D, 0x26, 0x3C, 0x3E])
    /// For attribute values, where tabs and line feeds would come out as spaces too (XML 1.0 §3.3.3).
    static let value = table(escaping: [0x09, 0x0A, 0x0D, 0x22, 0x26, 0x27, 0x3C, 0x3E])

    private static func table(escaping: [UInt8]) -> [UInt8] {
        (0...255).map { (octet: UInt8) -> UInt8 in
            if escaping.contains(octet) { return escaped }
            if octet >= 0x80 { return lead }
            return octet < 0x20 && octet != 0x09 && octet != 0x0A ? forbidden : plain  // XML 1.0 §2.2
        }
    }

    /// Whether eight octets at once need no look at any of them: printable ASCII, and none of `"&'<>`.
    static func arePlain(_ word: UInt64) -> Bool {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let tops = ones &* 0x80
        // The top bit of an octet of `zero` is set where that octet of `lanes` is zero, and perhaps above one that is.
        func zero(_ lanes: UInt64) -> UInt64 { (lanes &- ones) & ~lanes & tops }
        let controls = (word &- ones &* 0x20) & ~word & tops
        let quotes = zero(word ^ ones &* 0x22) | zero((word | ones) ^ ones &* 0x27)
        let brackets = zero((word | ones &* 0x02) ^ ones &* 0x3E)
        return (word & tops) | controls | quotes | brackets == 0
    }

    static func reference(to octet: UInt8) -> StaticString {
        switch octet {
        case 0x09: "&#9;"
        case 0x0A: "&#10;"
        case 0x0D: "&#13;"
        case 0x22: "&quot;"
        case 0x26: "&amp;"
        case 0x27: "&apos;"
        case 0x3C: "&lt;"
        default: "&gt;"
        }
    }

    /// The length of the character at `index`, which is not ASCII; 0 where it is not UTF-8 or no XML character.
    static func characterLength(_ source: UnsafeRawBufferPointer, at index: Int) -> Int {
        let (length, first) = form(of: source[index])
        guard length > 0, source.count - index >= length, first.contains(source[index + 1]) else { return 0 }
        for place in 2..<max(length, 2) where source[index + place] & 0xC0 != 0x80 { return 0 }
        // U+FFFE and U+FFFF are no characters of XML (XML 1.0 §2.2).
        if length == 3, source[index] == 0xEF, source[index + 1] == 0xBF, source[index + 2] >= 0xBE { return 0 }
        return length
    }

    /// How many octets one replacement character stands for: all that belong to the broken character.
    static func damageLength(_ source: UnsafeRawBufferPointer, at index: Int) -> Int {
        let (length, first) = form(of: source[index])
        guard length > 0, index + 1 < source.count, first.contains(source[index + 1]) else { return 1 }
        var end = index + 2
        while end < source.count, end < index + length, source[end] & 0xC0 == 0x80 { end += 1 }
        return end - index
    }

    /// The length that the first octet announces and what the second may be (RFC 3629 §4); 0 for no first octet.
    private static func form(of octet: UInt8) -> (length: Int, second: ClosedRange<UInt8>) {
        switch octet {
        case 0xC2...0xDF: (2, 0x80...0xBF)
        case 0xE0: (3, 0xA0...0xBF)
        case 0xED: (3, 0x80...0x9F)
        case 0xE1...0xEF: (3, 0x80...0xBF)
        case 0xF0: (4, 0x90...0xBF)
        case 0xF1...0xF3: (4, 0x80...0xBF)
        case 0xF4: (4, 0x80...0x8F)
        default: (0, 0x80...0xBF)
        }
    }
}
