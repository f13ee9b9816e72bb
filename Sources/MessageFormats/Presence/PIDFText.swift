// SPDX-License-Identifier: Apache-2.0
import struct NIOCore.ByteBuffer

/// The octets of a document, brought to UTF-8 before any parser sees them: so that no parser's choice of a character set
/// counts, and no converter runs on what a stranger sends.
struct PIDFText {
    /// The document in UTF-8, without a byte order mark.
    var octets: ByteBuffer
    /// Whether an XML declaration begins it.
    var hasDeclaration = false
    /// The character set of the XML declaration where it is another one than the one that was read.
    var contradiction: String?

    /// What stands in the way of a reading.
    enum Fault: Error {
        case unsupported(String)
        case damaged(String)

        /// The fault for people.
        var description: String {
            switch self {
            case .unsupported(let name): "the character set \(name.prefix(32)) is not read"
            case .damaged(let name): "octets that are no \(name)"
            }
        }
    }

    private struct Declaration {
        var encoding: String?
    }

    private enum CharacterSet: Equatable {
        case utf8
        case ascii
        case latin1
        case utf16(bigEndian: Bool)

        var name: String {
            switch self {
            case .utf8: "utf-8"
            case .ascii: "us-ascii"
            case .latin1: "iso-8859-1"
            case .utf16: "utf-16"
            }
        }
    }

    /// Reads `octets` by the media type's `charset`, which beats what the document says of itself (RFC 3863 §2.2).
    init(_ octets: ByteBuffer, charset: String?) throws(Fault) {
        if charset == nil || charset == "utf-8", octets.starts(with: PIDFWriter.declaration) {
            self.octets = try PIDFText.converted(octets, .utf8)
            hasDeclaration = true
            return
        }
        let start = Array(octets.readableBytesView.prefix(4))
        let mark = PIDFText.mark(start)
        let declared = mark.set == nil ? PIDFText.declaration(octets)?.encoding : nil
        let set: CharacterSet
        if let charset {
            set = try PIDFText.named(charset, start)
        } else if let found = mark.set {
            set = found
        } else {
            set = try declared.map { name throws(Fault) in try PIDFText.named(name, start) } ?? .utf8
        }
        let markLength = mark.set.map { $0 == set } == true ? mark.length : 0
        var content = octets
        content.moveReaderIndex(forwardBy: markLength)
        self.octets = try PIDFText.converted(content, set)
        guard let declaration = PIDFText.declaration(self.octets) else { return }
        hasDeclaration = true
        if let said = declaration.encoding, (try? PIDFText.named(said, start)).map({ $0.name == set.name }) != true {
            contradiction = said
        }
    }

    private static func mark(_ start: [UInt8]) -> (set: CharacterSet?, length: Int) {
        if start.starts(with: [0xEF, 0xBB, 0xBF]) { return (.utf8, 3) }
        if start.starts(with: [0xFE, 0xFF]) { return (.utf16(bigEndian: true), 2) }
        if start.starts(with: [0xFF, 0xFE]) { return (.utf16(bigEndian: false), 2) }
        if start.starts(with: [0x00, 0x3C]) { return (.utf16(bigEndian: true), 0) }
        if start.starts(with: [0x3C, 0x00]) { return (.utf16(bigEndian: false), 0) }
        return (nil, 0)
    }

    private static func named(_ name: String, _ start: [UInt8]) throws(Fault) -> CharacterSet {
        switch name.lowercased() {
        case "utf-8", "utf8": return .utf8
        case "us-ascii", "ascii": return .ascii
        case "iso-8859-1", "latin1": return .latin1
        case "utf-16be": return .utf16(bigEndian: true)
        case "utf-16le": return .utf16(bigEndian: false)
        case "utf-16":
            if case .utf16(let bigEndian)? = mark(start).set { return .utf16(bigEndian: bigEndian) }
            return .utf16(bigEndian: true)  // RFC 2781 §4.3
        default: throw .unsupported(name)
        }
    }

    private static func converted(_ octets: ByteBuffer, _ set: CharacterSet) throws(Fault) -> ByteBuffer {
        let isASCII = octets.withUnsafeReadableBytes { $0.allSatisfy { $0 < 0x80 } }
        switch set {
        case .utf8:
            guard isASCII || String(validating: octets.readableBytesView, as: UTF8.self) != nil
            else { throw .damaged(set.name) }
            return octets
        case .ascii:
            guard isASCII else { throw .damaged(set.name) }
            return octets
        case .latin1:
            if isASCII { return octets }
            var text = ""
            text.unicodeScalars.append(contentsOf: octets.readableBytesView.lazy.map { Unicode.Scalar($0) })
            return ByteBuffer(string: text)
        case .utf16(let bigEndian):
            var octets = octets
            guard octets.readableBytes % 2 == 0 else { throw .damaged(set.name) }
            var units: [UInt16] = []
            units.reserveCapacity(octets.readableBytes / 2)
            while let unit = octets.readInteger(endianness: bigEndian ? .big : .little, as: UInt16.self) {
                units.append(unit)
            }
            guard let text = String(validating: units, as: UTF16.self) else { throw .damaged(set.name) }
            return ByteBuffer(string: text)
        }
    }

    /// The XML declaration that begins `octets`, if there is one, with the encoding that it names (XML 1.0 §2.8).
    private static func declaration(_ octets: ByteBuffer) -> Declaration? {
        let head = octets.readableBytesView.prefix(200)
        guard head.starts(with: Array("<?xml".utf8)), let next = head.dropFirst(5).first, next <= 0x20 else {
            return nil
        }
        let inside = head.prefix { $0 != UInt8(ascii: ">") }
        let text = String(decoding: inside, as: UTF8.self)
        guard let name = text.firstRange(of: "encoding") else { return Declaration() }
        let rest = text[name.upperBound...].drop { $0.isWhitespace || $0 == "=" }
        guard let quote = rest.first, quote == "\"" || quote == "'" else { return Declaration() }
        return Declaration(encoding: String(rest.dropFirst().prefix { $0 != quote }))
    }
}

extension ByteBuffer {
    /// Whether its octets begin with those of `text`.
    func starts(with text: StaticString) -> Bool {
        withUnsafeReadableBytes { bytes in
            bytes.count >= text.utf8CodeUnitCount
                && bytes.prefix(text.utf8CodeUnitCount)
                    .elementsEqual(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
        }
    }

    /// Whether a start-tag could stand in it that has more than `limit` attributes.
    ///
    /// Parsers compare each attribute of an element with all others. No `<` stands in an attribute's value, so the
    /// values between two of them bound the attributes of any tag, well-formed or not.
    func mayHaveMoreAttributes(than limit: Int) -> Bool {
        withUnsafeReadableBytes { bytes in
            var values = 0
            var isBehindSign = false
            for octet in bytes {
                switch octet {
                case UInt8(ascii: "<"): (values, isBehindSign) = (0, false)
                case UInt8(ascii: "="): isBehindSign = true
                case UInt8(ascii: "\""), UInt8(ascii: "'"):
                    values += isBehindSign ? 1 : 0
                    if values > limit { return true }
                    isBehindSign = false
                case 0x20, 0x09, 0x0A, 0x0D: break
                default: isBehindSign = false
                }
            }
            return false
        }
    }
}
