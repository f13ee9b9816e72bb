// SPDX-License-Identifier: Apache-2.0

/// The characters of header names and values, and their escapes (RFC 3862 §2.3).
enum CPIMText {
    /// RFC 3862 §6: NAMECHAR.
    static func isNameOctet(_ octet: UInt8) -> Bool {
        switch octet {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        case UInt8(ascii: "!"), UInt8(ascii: "#")...UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"),
            UInt8(ascii: "-"), UInt8(ascii: "^")...UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
            true
        default: false
        }
    }

    /// The text with its escapes undone. An escape that nobody knows stands for its character, one at the end for none.
    static func unescaped(_ text: String) -> String {
        guard text.utf8.contains(UInt8(ascii: "\\")) else { return text }
        var result = String.UnicodeScalarView()
        var units: [UInt16] = []
        var rest = text.unicodeScalars[...]
        func flush() {
            // Halves of a pair are joined; a half alone becomes U+FFFD.
            if !units.isEmpty { result += String(decoding: units, as: UTF16.self).unicodeScalars }
            units.removeAll()
        }
        while let scalar = rest.popFirst() {
            guard scalar == "\\" else {
                flush()
                result.append(scalar)
                continue
            }
            guard let escape = rest.popFirst() else { break }
            if escape == "u", let unit = UInt16(hex: rest.prefix(4)) {
                rest = rest.dropFirst(4)
                units.append(unit)
                continue
            }
            flush()
            result.append(meaning(of: escape))
        }
        flush()
        return String(result)
    }

    private static func meaning(of escape: Unicode.Scalar) -> Unicode.Scalar {
        switch escape {
        case "b": "\u{8}"
        case "t": "\t"
        case "n": "\n"
        case "r": "\r"
        default: escape
        }
    }

    /// The text as it may stand in a value: of what RFC 3862 §2.3.2 has escapes for, only what needs one is escaped.
    static func escaped(_ text: Substring.UnicodeScalarView, andQuotes: Bool = false) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text {
            switch scalar {
            case "\\": result += "\\\\".unicodeScalars
            case "\"" where andQuotes: result += "\\\"".unicodeScalars
            case "\u{8}": result += "\\b".unicodeScalars
            case "\t": result += "\\t".unicodeScalars
            case "\n": result += "\\n".unicodeScalars
            case "\r": result += "\\r".unicodeScalars
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                let digits = String(scalar.value, radix: 16, uppercase: true)
                result += "\\u\(String(repeating: "0", count: 4 - digits.utf8.count))\(digits)".unicodeScalars
            default: result.append(scalar)
            }
        }
        return String(result)
    }

    /// A name from outside as it may stand in a message for people.
    static func shown(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.prefix(64).map { $0.value < 0x20 || $0.value == 0x7F ? "?" : $0 }
            )
        )
    }
}

extension UInt16 {
    fileprivate init?(hex digits: Substring.UnicodeScalarView) {
        guard digits.count == 4, digits.allSatisfy({ $0.properties.isASCIIHexDigit }) else { return nil }
        self.init(String(digits), radix: 16)
    }
}
