// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

import struct NIOCore.ByteBuffer

/// The commonest entity of all, written and read without a header being taken apart:
///
///     From: alice@a.example
///     To: bob@b.example
///     Content-Type: text/plain; charset=utf-8
///     Content-Language: en                        (where the language is known)
///
///     the text
extension MIMEEntity {
    /// Writes a presence document that has nothing said about it; false, with nothing written, for any other part. One is
    /// written for every watcher.
    static func writePresence(_ part: BodyPart, from: Address, to: Address, into out: inout ByteBuffer) -> Bool {
        guard part.mediaType == PresenceDocument.mediaType, part.language == nil, part.disposition == nil,
            part.contentID == nil, part.headers.isEmpty
        else { return false }
        writeAddresses(from: from, to: to, into: &out)
        out.writeStaticString("Content-Type: ")
        out.writeString(PresenceDocument.mediaType)
        out.writeStaticString("\r\n\r\n")
        out.writeImmutableBuffer(part.octets)
        return true
    }

    /// Writes the shape above in one go, without a string or a temporary.
    static func writeText(
        _ text: ByteBuffer,
        language: String?,
        from: Address,
        to: Address,
        into out: inout ByteBuffer
    ) {
        guard isAtom(from.localPart), isAtom(to.localPart) else {
            writeAddresses(from: from, to: to, into: &out)
            out.writeStaticString("Content-Type: text/plain; charset=utf-8\r\n")
            if let language { out.writeString("Content-Language: \(language)\r\n") }
            out.writeStaticString("\r\n")
            out.writeImmutableBuffer(text)
            return
        }
        let fixed = 6 + 6 + 2 + 41 + 22 + 2
        let most = fixed + from.octetCount + to.octetCount + (language?.utf8.count ?? 0) + text.readableBytes
        out.writeWithUnsafeMutableBytes(minimumWritableBytes: most) { bytes in
            var at = 0
            put("From: ", bytes, &at)
            put(from.localPart, bytes, &at)
            put("@", bytes, &at)
            put(from.domain.name, bytes, &at)
            put("\r\nTo: ", bytes, &at)
            put(to.localPart, bytes, &at)
            put("@", bytes, &at)
            put(to.domain.name, bytes, &at)
            if let language {
                put("\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Language: ", bytes, &at)
                put(language, bytes, &at)
                put("\r\n\r\n", bytes, &at)
            } else {
                put("\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n", bytes, &at)
            }
            put(text, bytes, &at)
            return at
        }
    }

    private static func put(_ text: StaticString, _ bytes: UnsafeMutableRawBufferPointer, _ at: inout Int) {
        put(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount), bytes, &at)
    }

    private static func put(_ octets: ByteBuffer, _ bytes: UnsafeMutableRawBufferPointer, _ at: inout Int) {
        octets.withUnsafeReadableBytes { put($0, bytes, &at) }
    }

    private static func put(_ text: String, _ bytes: UnsafeMutableRawBufferPointer, _ at: inout Int) {
        var text = text
        text.withUTF8 { put(UnsafeRawBufferPointer($0), bytes, &at) }
    }

    private static func put(_ octets: UnsafeRawBufferPointer, _ bytes: UnsafeMutableRawBufferPointer, _ at: inout Int) {
        UnsafeMutableRawBufferPointer(rebasing: bytes[at..<(at + octets.count)]).copyMemory(from: octets)
        at += octets.count
    }

    static func writeAddresses(from: Address, to: Address, into out: inout ByteBuffer) {
        out.writeStaticString("From: ")
        write(from, into: &out)
        out.writeStaticString("\r\nTo: ")
        write(to, into: &out)
        out.writeStaticString("\r\n")
    }

    /// RFC 5322 §3.4.1: a local part that is no dot-atom stands in quotes. RFC 6532 §3.2 allows UTF-8 in both.
    private static func write(_ address: Address, into out: inout ByteBuffer) {
        if isAtom(address.localPart) {
            out.writeImmutableBuffer(address.localPart)
        } else {
            out.writeStaticString("\"")
            for octet in address.localPart.readableBytesView {
                if octet == UInt8(ascii: "\"") || octet == UInt8(ascii: "\\") { out.writeStaticString("\\") }
                out.writeInteger(octet)
            }
            out.writeStaticString("\"")
        }
        out.writeStaticString("@")
        out.writeString(address.domain.name)
    }

    /// RFC 5322 §3.2.3: whether all is atext with single dots between. The two masks hold a bit for each ASCII octet
    /// that may stand in a dot-atom.
    private static func isAtom(_ octets: ByteBuffer) -> Bool {
        let low: UInt64 = 0xA3FF_ECFA_0000_0000
        let high: UInt64 = 0x7FFF_FFFF_C7FF_FFFE
        return octets.withUnsafeReadableBytes { bytes in
            var previous = UInt8(ascii: ".")
            for octet in bytes {
                if octet < 0x80 {
                    guard (octet < 64 ? low >> UInt64(octet) : high >> UInt64(octet &- 64)) & 1 == 1 else {
                        return false
                    }
                    if octet == UInt8(ascii: "."), previous == octet { return false }
                }
                previous = octet
            }
            return previous != UInt8(ascii: ".")
        }
    }
}
