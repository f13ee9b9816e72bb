// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import MessageFormats
import XMLStream

import struct NIOCore.ByteBuffer

/// A signed or encrypted object, which stands in a stanza inside `e2e` (RFC 3923 §3) and in an envelope as an opaque part.
enum SealedObject {
    /// What clients show that know nothing of such objects; the object says more than XMPP's own text may.
    static let notice = "This message is signed or encrypted. Your client does not show it."

    private static let types = [
        "multipart/signed", "multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime",
    ]

    /// Whether the part is such an object.
    static func isSealed(_ part: BodyPart) -> Bool {
        guard part.isOpaque, let type = MediaType(part.mediaType) else { return false }
        return types.contains(type.essence)
    }

    /// The object in an element; nil where it is none.
    static func read(_ element: XMLElement) -> BodyPart? {
        guard let entity = try? MIMEEntity(reading: withLineEnds(element.text)), entity.parts.count == 1,
            isSealed(entity.parts[0])
        else { return nil }
        return entity.parts[0]
    }

    /// Whether two objects are one: the content octet for octet, and what it is said to be.
    static func isSame(_ object: BodyPart, _ other: BodyPart?) -> Bool {
        object.octets == other?.octets && object.mediaType == other?.mediaType
    }

    /// XML makes LF of every line end, which breaks signatures. Where none but LF is left they are what they were; where
    /// the author has kept CR in a reference, nothing was broken.
    private static func withLineEnds(_ octets: ByteBuffer) -> ByteBuffer {
        guard !octets.readableBytesView.contains(0x0D) else { return octets }
        var result = ByteBuffer()
        result.reserveCapacity(octets.readableBytes + octets.readableBytes / 32)
        for octet in octets.readableBytesView {
            if octet == 0x0A { result.writeInteger(UInt8(0x0D)) }
            result.writeInteger(octet)
        }
        return result
    }

    /// Writes the object as an element; false, with nothing written, where XML cannot hold it.
    static func write(_ part: BodyPart, to buffer: inout ByteBuffer) -> Bool {
        let isMultipart = part.mediaType.lowercased().hasPrefix("multipart/")
        var object = ByteBuffer()
        object.writeString("Content-Type: \(part.mediaType)\r\n")
        if let disposition = part.disposition { object.writeString("Content-Disposition: \(disposition)\r\n") }
        if let id = part.contentID { object.writeString("Content-ID: <\(id)>\r\n") }
        for header in part.headers { object.writeString("\(header.name): \(header.value)\r\n") }
        if isMultipart {
            object.writeStaticString("\r\n")
            object.writeImmutableBuffer(part.octets)
        } else {
            object.writeStaticString("Content-Transfer-Encoding: base64\r\n\r\n")
            writeBase64(part.octets, to: &object)
        }
        let start = buffer.writerIndex
        buffer.writeStaticString("<e2e xmlns='urn:ietf:params:xml:ns:xmpp-e2e'>")
        guard buffer.writeXMLText(object) == 0 else {
            buffer.moveWriterIndex(to: start)
            return false
        }
        buffer.writeStaticString("</e2e>")
        return true
    }

    /// RFC 2045 §6.8, in lines of 76.
    private static func writeBase64(_ octets: ByteBuffer, to out: inout ByteBuffer) {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var rest = octets.readableBytesView
        var column = 0
        while !rest.isEmpty {
            let group = Array(rest.prefix(3))
            rest = rest.dropFirst(3)
            let bits = (0..<3).reduce(0) { $0 << 8 | Int($1 < group.count ? group[$1] : 0) }
            for place in 0..<4 {
                out.writeInteger(place <= group.count ? alphabet[bits >> (18 - 6 * place) & 63] : UInt8(ascii: "="))
            }
            column += 4
            if column == 76, !rest.isEmpty {
                out.writeStaticString("\r\n")
                column = 0
            }
        }
    }
}
