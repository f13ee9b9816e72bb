// SPDX-License-Identifier: Apache-2.0
import struct NIOCore.ByteBuffer

/// JID escaping (XEP-0106), in full.
///
/// Escaped and unescaped forms are never compared with each other; the escaped one stands on XMPP links only.
enum JIDEscaping {
    /// What happens to `@`.
    enum AtSign {
        /// It is escaped like the others, as XEP-0106 has it: for a whole foreign address inside a local part.
        case escaped
        /// Its escape stays an escape on both sides, since no IMX address holds a raw `@` (IMX 4.2.1).
        ///
        /// A backslash, any number of `5c` and then `40` are left alone both ways, so that no two names ever meet.
        case kept
    }

    /// The local part of a JID for `name`; nil where there is none: it begins or ends with a space (XEP-0106 §4.2).
    static func escape(_ name: ByteBuffer, atSign: AtSign) -> ByteBuffer? {
        name.withUnsafeReadableBytes { source -> ByteBuffer? in
            guard source.first != space, source.last != space else { return nil }
            guard source.contains(where: { isSpecial[Int($0)] }) else { return name }
            var result = ByteBuffer()
            result.reserveCapacity(source.count + 32)
            var index = 0
            while index < source.count {
                let octet = source[index]
                if octet == backslash {
                    if atSign == .kept, let length = keptLength(source, at: index) {
                        result.writeBytes(UnsafeRawBufferPointer(rebasing: source[index..<index + length]))
                        index += length
                        continue
                    }
                    // Whatever the case: the receiver's case mapping would make an escape of \2F (XEP-0106 §4.2).
                    result.writeStaticString(code(source, at: index, anyCase: true) == nil ? "\\" : "\\5c")
                } else if isSpecial[Int(octet)] {
                    result.writeStaticString(escape(of: octet))
                } else {
                    result.writeInteger(octet)
                }
                index += 1
            }
            return result
        }
    }

    /// The name behind the local part of a JID; nil where it is no escaped name: `\20` first or last (XEP-0106 §4.2).
    static func unescape(_ localPart: ByteBuffer, atSign: AtSign) -> ByteBuffer? {
        localPart.withUnsafeReadableBytes { source -> ByteBuffer? in
            guard source.contains(backslash) else { return localPart }
            var result = ByteBuffer()
            result.reserveCapacity(source.count)
            var index = 0
            while index < source.count {
                if atSign == .kept, let length = keptLength(source, at: index) {
                    result.writeBytes(UnsafeRawBufferPointer(rebasing: source[index..<index + length]))
                    index += length
                } else if let octet = code(source, at: index, anyCase: false) {
                    if octet == space, index == 0 || index + 3 == source.count { return nil }
                    result.writeInteger(octet)
                    index += 3
                } else {
                    result.writeInteger(source[index])
                    index += 1
                }
            }
            return result
        }
    }

    private static let space = UInt8(ascii: " ")
    private static let backslash = UInt8(ascii: "\\")

    private static let isSpecial: [Bool] = {
        var table = Array(repeating: false, count: 256)
        for octet in " \"&'/:<>@\\".utf8 { table[Int(octet)] = true }
        return table
    }()

    private static func escape(of octet: UInt8) -> StaticString {
        switch octet {
        case UInt8(ascii: " "): "\\20"
        case UInt8(ascii: "\""): "\\22"
        case UInt8(ascii: "&"): "\\26"
        case UInt8(ascii: "'"): "\\27"
        case UInt8(ascii: "/"): "\\2f"
        case UInt8(ascii: ":"): "\\3a"
        case UInt8(ascii: "<"): "\\3c"
        case UInt8(ascii: ">"): "\\3e"
        default: "\\40"
        }
    }

    /// The character whose escape stands at `index`, if one does.
    private static func code(_ source: UnsafeRawBufferPointer, at index: Int, anyCase: Bool) -> UInt8? {
        guard source.count - index >= 3, source[index] == backslash else { return nil }
        let low =
            anyCase && source[index + 2] >= 0x41 && source[index + 2] <= 0x5A
            ? source[index + 2] | 0x20 : source[index + 2]
        switch (source[index + 1], low) {
        case (0x32, 0x30): return 0x20
        case (0x32, 0x32): return 0x22
        case (0x32, 0x36): return 0x26
        case (0x32, 0x37): return 0x27
        case (0x32, 0x66): return 0x2F
        case (0x33, 0x61): return 0x3A
        case (0x33, 0x63): return 0x3C
        case (0x33, 0x65): return 0x3E
        case (0x34, 0x30): return 0x40
        case (0x35, 0x63): return 0x5C
        default: return nil
        }
    }

    /// The length of `\40`, `\5c40`, `\5c5c40` and so on at `index`, if one of them stands there.
    private static func keptLength(_ source: UnsafeRawBufferPointer, at index: Int) -> Int? {
        guard source[index] == backslash else { return nil }
        var place = index + 1
        while source.count - place >= 2, source[place] == 0x35, source[place + 1] | 0x20 == 0x63 { place += 2 }
        guard source.count - place >= 2, source[place] == 0x34, source[place + 1] == 0x30 else { return nil }
        return place + 2 - index
    }
}
