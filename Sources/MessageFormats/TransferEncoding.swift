// SPDX-License-Identifier: Apache-2.0
import struct NIOCore.ByteBuffer

/// How the octets of a part are written (RFC 2045 §6).
enum TransferEncoding {
    /// As they are: 7bit, 8bit, binary, or nothing said.
    case identity
    /// RFC 2045 §6.7.
    case quotedPrintable
    /// RFC 2045 §6.8.
    case base64

    /// The encoding that a header names; nil for one that is unknown.
    init?(_ name: String?) {
        switch name?.lowercased() {
        case nil, "7bit", "8bit", "binary": self = .identity
        case "quoted-printable": self = .quotedPrintable
        case "base64": self = .base64
        default: return nil
        }
    }

    /// The octets that `octets` stand for; nil where they break the encoding.
    func decode(_ octets: ByteBuffer) -> ByteBuffer? {
        switch self {
        case .identity: octets
        case .quotedPrintable: decodeQuotedPrintable(octets)
        case .base64: decodeBase64(octets)
        }
    }
}

private func decodeQuotedPrintable(_ octets: ByteBuffer) -> ByteBuffer? {
    octets.withUnsafeReadableBytes { bytes in
        var out = ByteBuffer()
        out.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            let line = MIMEHeader.lineEnd(bytes, index..<bytes.count)
            // RFC 2045 §6.7 (3): white space at the end of a line was added on the way.
            var end = line.text
            while end > index, bytes[end - 1] == 0x20 || bytes[end - 1] == 0x09 { end -= 1 }
            var isSoft = false
            while index < end {
                guard bytes[index] == UInt8(ascii: "=") else {
                    out.writeInteger(bytes[index])
                    index += 1
                    continue
                }
                if index == end - 1 {
                    isSoft = true
                    index += 1
                } else {
                    guard index + 2 < end, let high = hexadecimal(bytes[index + 1]),
                        let low = hexadecimal(bytes[index + 2])
                    else { return nil }
                    out.writeInteger(high << 4 | low)
                    index += 3
                }
            }
            if !isSoft { out.writeBytes(bytes[line.text..<line.next]) }
            index = line.next
        }
        return out
    }
}

private func hexadecimal(_ octet: UInt8) -> UInt8? {
    switch octet {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): octet - UInt8(ascii: "0")
    case UInt8(ascii: "A")...UInt8(ascii: "F"): octet - UInt8(ascii: "A") + 10
    case UInt8(ascii: "a")...UInt8(ascii: "f"): octet - UInt8(ascii: "a") + 10
    default: nil
    }
}

private func decodeBase64(_ octets: ByteBuffer) -> ByteBuffer? {
    octets.withUnsafeReadableBytes { bytes in
        var out = ByteBuffer()
        out.reserveCapacity(bytes.count / 4 * 3 + 3)
        var bits: UInt32 = 0
        var count = 0
        var padding = 0
        for octet in bytes {
            if octet == UInt8(ascii: "=") {
                padding += 1
                continue
            }
            // RFC 2045 §6.8: line ends and other octets outside the alphabet are ignored.
            guard let value = base64Value(octet) else { continue }
            guard padding == 0 else { return nil }
            bits = bits << 6 | UInt32(value)
            count += 1
            if count == 4 {
                out.writeMultipleIntegers(UInt8(truncatingIfNeeded: bits >> 16), UInt16(truncatingIfNeeded: bits))
                bits = 0
                count = 0
            }
        }
        switch count {
        case 0: break
        case 2: out.writeInteger(UInt8(truncatingIfNeeded: bits >> 4))
        case 3: out.writeInteger(UInt16(truncatingIfNeeded: bits >> 2))
        default: return nil
        }
        return out
    }
}

private func base64Value(_ octet: UInt8) -> UInt8? {
    switch octet {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): octet - UInt8(ascii: "A")
    case UInt8(ascii: "a")...UInt8(ascii: "z"): octet - UInt8(ascii: "a") + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): octet - UInt8(ascii: "0") + 52
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
}
