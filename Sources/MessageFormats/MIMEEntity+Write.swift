// SPDX-License-Identifier: Apache-2.0
public import EnvelopeModel

public import struct NIOCore.ByteBuffer

extension MIMEEntity {
    /// Appends the entity of a body to `out` and says what it could not carry.
    ///
    /// An entity is appended as it arrived; a body without content appends nothing. Text is never wrapped and content is
    /// never encoded (IMX 5.3). Descriptions of a part that would break the header are left out and listed as losses.
    public static func write(body: Body, from: Address, to: Address, into out: inout ByteBuffer) -> [Loss] {
        switch body {
        case .none:
            return []
        case .entity(let octets):
            out.writeImmutableBuffer(octets)
            return []
        case .parts(let parts):
            if parts.count == 1, parts[0].isBareText {
                writeText(parts[0].octets, language: parts[0].language, from: from, to: to, into: &out)
                return []
            }
            if parts.count == 1, writePresence(parts[0], from: from, to: to, into: &out) { return [] }
            return write(parts: parts, from: from, to: to, into: &out)
        }
    }

    static func write(parts: [BodyPart], from: Address, to: Address, into out: inout ByteBuffer) -> [Loss] {
        guard !parts.isEmpty else { return [] }
        writeAddresses(from: from, to: to, into: &out)
        return write(content: parts, into: &out)
    }

    /// Appends the parts as one entity of whose author and recipient nothing is said, and says what it could not carry.
    public static func write(content parts: [BodyPart], into out: inout ByteBuffer) -> [Loss] {
        guard let first = parts.first else { return [] }
        var losses: [Loss] = []
        if parts.count == 1 {
            write(first, into: &out, losses: &losses)
            return losses
        }
        let boundary = unusedBoundary(parts)
        out.writeString("Content-Type: multipart/alternative; boundary=\(boundary)\r\n")
        for part in parts {
            out.writeString("\r\n--\(boundary)\r\n")
            write(part, into: &out, losses: &losses)
        }
        out.writeString("\r\n--\(boundary)--\r\n")
        return losses
    }

    private static func write(_ part: BodyPart, into out: inout ByteBuffer, losses: inout [Loss]) {
        if isSafe(part.mediaType), MediaType(part.mediaType) != nil {
            field("Content-Type", part.mediaType, into: &out)
        } else {
            field("Content-Type", "application/octet-stream", into: &out)
            losses.append(Loss("mime:content-type", reason: "the media type breaks the grammar"))
        }
        if let language = part.language {
            if isLanguageTag(language) {
                field("Content-Language", language, into: &out)
            } else {
                losses.append(Loss("mime:content-language", reason: "the language is no language tag"))
            }
        }
        let described = [
            ("Content-Disposition", part.disposition), ("Content-ID", part.contentID.map { "<\($0)>" }),
        ]
        for (name, value) in described {
            guard let value else { continue }
            if isSafe(value) {
                field(name, value, into: &out)
            } else {
                losses.append(Loss("mime:\(name.lowercased())", reason: "it cannot stand in a header"))
            }
        }
        for header in part.headers {
            if isFieldName(header.name), !ownNames.contains(header.name.lowercased()), isSafe(header.value) {
                field(header.name, header.value, into: &out)
            } else {
                losses.append(Loss("mime:header", reason: "a further header cannot stand beside ours"))
            }
        }
        out.writeStaticString("\r\n")
        out.writeImmutableBuffer(part.octets)
    }

    private static func field(_ name: String, _ value: String, into out: inout ByteBuffer) {
        out.writeString(name)
        out.writeStaticString(": ")
        out.writeString(value)
        out.writeStaticString("\r\n")
    }

    private static let ownNames: Set<String> = [
        "from", "to", "content-type", "content-language", "content-disposition", "content-id",
    ]

    /// Whether `value` can stand in a header line: nothing in it ends the line or the header.
    private static func isSafe(_ value: String) -> Bool {
        value.utf8.count <= 4096 && value.utf8.allSatisfy { $0 == 0x09 || ($0 >= 0x20 && $0 != 0x7F) }
    }

    private static func isFieldName(_ name: String) -> Bool {
        (1...128).contains(name.utf8.count)
            && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ":") }
    }

    /// Whether `text` has the letters of a language tag (RFC 5646 §2.1).
    static func isLanguageTag(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { octet in
                octet == UInt8(ascii: "-") || (octet >= 0x30 && octet <= 0x39)
                    || (octet | 0x20 >= UInt8(ascii: "a") && octet | 0x20 <= UInt8(ascii: "z"))
            }
    }

    /// A boundary that stands in none of the parts.
    private static func unusedBoundary(_ parts: [BodyPart]) -> String {
        var used: Set<Int> = []
        for part in parts { noteBoundaries(in: part.octets, into: &used) }
        var number = 0
        while used.contains(number) { number += 1 }
        return boundaryStart + String(number)
    }

    private static let boundaryStart = "imx-part-"

    /// Notes the numbers whose boundary stands in `content`, in one pass. 1 is part of what 12 looks like, so every
    /// beginning of a number counts; longer ones than nine digits are never reached.
    private static func noteBoundaries(in content: ByteBuffer, into used: inout Set<Int>) {
        let mark = Array("--\(boundaryStart)".utf8)
        content.withUnsafeReadableBytes { bytes in
            var start = 0
            while start + mark.count < bytes.count {
                defer { start += 1 }
                guard bytes[start] == mark[0], bytes[start..<(start + mark.count)].elementsEqual(mark) else { continue }
                var number = 0
                for octet in bytes[(start + mark.count)...].prefix(9) {
                    guard (0x30...0x39).contains(octet) else { break }
                    number = number * 10 + Int(octet - 0x30)
                    used.insert(number)
                    if number == 0 { break }  // no number has a zero in front
                }
            }
        }
    }
}

extension BodyPart {
    /// Whether the part is plain text of which nothing is said but its language.
    fileprivate var isBareText: Bool {
        guard mediaType == BodyPart.plainText, disposition == nil, contentID == nil, headers.isEmpty else {
            return false
        }
        return language.map(MIMEEntity.isLanguageTag) ?? true
    }
}
