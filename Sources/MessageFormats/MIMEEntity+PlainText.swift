// SPDX-License-Identifier: Apache-2.0
public import EnvelopeModel

public import struct NIOCore.ByteBuffer

extension MIMEEntity {
    /// The plain text of a body as well-formed UTF-8; nil where it has none that can be read here.
    ///
    /// It is the first `text/plain` part in UTF-8, US-ASCII or ISO-8859-1. The result shares memory with the body
    /// unless it had to be converted.
    public static func plainText(of body: Body) -> ByteBuffer? {
        switch body {
        case .none: nil
        case .parts(let parts): plainText(of: parts)
        case .entity(let octets):
            if let text = quickText(of: octets) {
                isWellFormed(text) ? text : nil
            } else {
                (try? parts(of: octets).get()).flatMap { plainText(of: $0) }
            }
        }
    }

    private static func plainText(of parts: [BodyPart]) -> ByteBuffer? {
        for part in parts {
            if part.mediaType == BodyPart.plainText { return isWellFormed(part.octets) ? part.octets : nil }
            guard let type = MediaType(part.mediaType), type.type == "text", type.subtype == "plain" else { continue }
            return convert(part.octets, charset: type.charset)
        }
        return nil
    }

    /// Text of a character set as UTF-8; nil where either is not known or not well-formed.
    static func convert(_ octets: ByteBuffer, charset: String) -> ByteBuffer? {
        switch charset {
        case "utf-8", "utf8", "us-ascii", "ascii":
            return isWellFormed(octets) ? octets : nil
        case "iso-8859-1", "latin1":
            let scalars = octets.readableBytesView.map { Unicode.Scalar($0) }
            return ByteBuffer(string: String(String.UnicodeScalarView(scalars)))
        default:
            return nil
        }
    }

    /// The text of an entity of exactly the shape that our writer makes; nil for any other, which may still hold text.
    static func quickText(of entity: ByteBuffer) -> ByteBuffer? {
        let start: Int? = entity.withUnsafeReadableBytes { bytes in
            var position = 0
            guard skip("From: ", bytes, &position), skipLine(bytes, &position),
                skip("To: ", bytes, &position), skipLine(bytes, &position),
                skip("Content-Type: text/plain; charset=utf-8\r\n", bytes, &position)
            else { return nil }
            if skip("Content-Language: ", bytes, &position), !skipLine(bytes, &position) { return nil }
            return skip("\r\n", bytes, &position) ? position : nil
        }
        guard let start else { return nil }
        return entity.getSlice(at: entity.readerIndex + start, length: entity.readableBytes - start)
    }

    /// What stands behind the lines From and To of an entity that begins as our writer has it begin; nil for any other.
    ///
    /// Where it is the same for two entities, both say the same, to whomever they are addressed: what is made of one can
    /// be used for the other.
    public static func rest(behindAddressesOf entity: ByteBuffer) -> ByteBuffer? {
        let start: Int? = entity.withUnsafeReadableBytes { bytes in
            var position = 0
            guard skip("From: ", bytes, &position), skipLine(bytes, &position),
                skip("To: ", bytes, &position), skipLine(bytes, &position),
                position <= addressOctets, position < bytes.count, bytes[position] != 0x20, bytes[position] != 0x09
            else { return nil }
            return position
        }
        guard let start else { return nil }
        return entity.getSlice(at: entity.readerIndex + start, length: entity.readableBytes - start)
    }

    /// The most octets of the two lines, which leaves the rest its place in a header.
    private static let addressOctets = 4_096

    private static func skip(_ text: StaticString, _ bytes: UnsafeRawBufferPointer, _ position: inout Int) -> Bool {
        let length = text.utf8CodeUnitCount
        guard bytes.count - position >= length else { return false }
        for index in 0..<length where bytes[position + index] != text.utf8Start[index] { return false }
        position += length
        return true
    }

    /// Moves past a line that ends with CR LF. A folded one is noticed by what is expected next.
    private static func skipLine(_ bytes: UnsafeRawBufferPointer, _ position: inout Int) -> Bool {
        while position + 2 < bytes.count {
            switch bytes[position] {
            case 0x0D:
                guard bytes[position + 1] == 0x0A else { return false }
                position += 2
                return true
            case 0x0A, 0x00: return false
            default: position += 1
            }
        }
        return false
    }

    /// Whether the octets are UTF-8; ASCII is seen eight octets at a time.
    static func isWellFormed(_ octets: ByteBuffer) -> Bool {
        octets.withUnsafeReadableBytes { bytes in
            var position = 0
            while position + 8 <= bytes.count {
                let word = bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self)
                if word & 0x8080_8080_8080_8080 != 0 { break }
                position += 8
            }
            let rest = UnsafeRawBufferPointer(rebasing: bytes[position...])
            return rest.allSatisfy { $0 < 0x80 } || String(validating: rest, as: UTF8.self) != nil
        }
    }
}
