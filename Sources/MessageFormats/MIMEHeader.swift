// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

/// The header of an entity or of a part, and where its content begins.
struct MIMEHeader {
    /// The fields in order, folding undone.
    var fields: [HeaderField] = []
    /// The offset of the content.
    var contentStart = 0

    /// Reads the header that starts at `start`. Lines end with CR LF; a bare LF is accepted too.
    init(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, limits: MIMELimits) throws(MIMEError) {
        var position = range.lowerBound
        var line: [UInt8] = []
        while position < range.upperBound {
            let end = MIMEHeader.lineEnd(bytes, position..<range.upperBound)
            guard end.next - range.lowerBound <= limits.headerOctets else { throw .beyondLimit("header octets") }
            let text = UnsafeRawBufferPointer(rebasing: bytes[position..<end.text])
            let isFolded = text.first == 0x20 || text.first == 0x09
            position = end.next
            if !isFolded, !line.isEmpty { try add(line, limits) }
            if text.isEmpty {
                contentStart = position
                return
            }
            guard !text.contains(where: { $0 == 0 || $0 == 0x0D }) else {
                throw .malformed("control octet in a header")
            }
            if isFolded {
                guard !line.isEmpty else { throw .malformed("the header starts with a folded line") }
                line += text
            } else {
                line = Array(text)
            }
        }
        // A header without an empty line after it: there is no content.
        if !line.isEmpty { try add(line, limits) }
        contentStart = range.upperBound
    }

    private mutating func add(_ line: [UInt8], _ limits: MIMELimits) throws(MIMEError) {
        guard fields.count < limits.headerFields else { throw .beyondLimit("header fields") }
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else {
            throw .malformed("a header line without a colon")
        }
        let name = trimmed(line[..<colon])
        guard !name.isEmpty, name.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { throw .malformed("a header name") }
        guard let value = String(validating: trimmed(line[(colon + 1)...]), as: UTF8.self) else {
            throw .malformed("a header is not UTF-8")
        }
        fields.append(HeaderField(name: String(decoding: name, as: UTF8.self), value: value))
    }

    private func trimmed(_ octets: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var octets = octets
        while let last = octets.last, last == 0x20 || last == 0x09 { octets.removeLast() }
        return octets.drop { $0 == 0x20 || $0 == 0x09 }
    }

    /// The end of the line's text and the start of the next line.
    static func lineEnd(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> (text: Int, next: Int) {
        guard let feed = bytes[range].firstIndex(of: 0x0A) else { return (range.upperBound, range.upperBound) }
        return (feed > range.lowerBound && bytes[feed - 1] == 0x0D ? feed - 1 : feed, feed + 1)
    }

    /// Takes the field `name`, in lower case, out of the header.
    ///
    /// Fields that decide how the rest is read must not stand twice: two readers could take them differently.
    mutating func take(_ name: String) throws(MIMEError) -> String? {
        var found: String?
        for field in fields where field.name.lowercased() == name {
            guard found == nil else { throw .malformed("two \(name) headers") }
            found = field.value
        }
        if found != nil { fields.removeAll { $0.name.lowercased() == name } }
        return found
    }
}
