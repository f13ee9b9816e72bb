// SPDX-License-Identifier: Apache-2.0

/// The value of From, To and cc: a display name and a URI (RFC 3862 §4.1).
public struct CPIMAddress: Sendable, Hashable {
    /// The display name, quotes and escapes undone; nil where there is none.
    public let displayName: String?
    /// The URI, as written.
    public let uri: String

    /// Makes an address of parts that are right already.
    public init(displayName: String? = nil, uri: String) {
        self.displayName = displayName
        self.uri = uri
    }

    /// Reads a value. Between a quoted name and the bracket stand no space or one: the grammar has none, writers do.
    init?(_ value: Substring) {
        let value = value.drop { $0 == " " }
        guard value.last == ">", let bracket = value.lastIndex(of: "<") else { return nil }
        let uri = value[value.index(after: bracket)...].dropLast()
        guard isAbsoluteURI(uri) else { return nil }
        let name = value[..<bracket]
        if name.isEmpty {
            self.init(uri: String(uri))
        } else if name.first == "\"" {
            let trimmed = name.last == " " ? name.dropLast() : name
            guard let text = quoted(trimmed) else { return nil }
            self.init(displayName: text, uri: String(uri))
        } else {
            // Tokens, each with a space behind it.
            guard name.last == " ", name.dropLast().utf8.allSatisfy({ isTokenOctet($0) || $0 == 0x20 }) else {
                return nil
            }
            self.init(displayName: String(name.dropLast()), uri: String(uri))
        }
    }
}

/// A namespace and its prefix, the value of NS (RFC 3862 §3.4).
struct CPIMNamespace: Sendable, Hashable {
    /// The prefix that is bound; nil for the default.
    let prefix: String?
    let uri: String

    init?(_ value: Substring) {
        guard value.last == ">", let bracket = value.firstIndex(of: "<") else { return nil }
        let uri = value[value.index(after: bracket)...].dropLast()
        guard isAbsoluteURI(uri), !uri.contains("#") else { return nil }
        var prefix = value[..<bracket]
        if prefix.last == " " { prefix = prefix.dropLast() }
        guard prefix.utf8.allSatisfy(CPIMText.isNameOctet) else { return nil }
        self.prefix = prefix.isEmpty ? nil : String(prefix)
        self.uri = String(uri)
    }
}

private func quoted(_ text: Substring) -> String? {
    guard text.utf8.count >= 2, text.first == "\"", text.last == "\"" else { return nil }
    let inside = text.dropFirst().dropLast()
    var isEscaped = false
    for scalar in inside.unicodeScalars {
        if isEscaped {
            isEscaped = false
        } else if scalar == "\\" {
            isEscaped = true
        } else if scalar == "\"" {
            return nil
        }
    }
    return isEscaped ? nil : CPIMText.unescaped(String(inside))
}

private func isTokenOctet(_ octet: UInt8) -> Bool {
    CPIMText.isNameOctet(octet) || octet == UInt8(ascii: ".") || octet >= 0x80
}

/// Whether `text` is a scheme, a colon and something without spaces and brackets behind it (RFC 3986 §4.3).
private func isAbsoluteURI(_ text: Substring) -> Bool {
    guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")), colon > text.startIndex,
        text.index(after: colon) < text.endIndex
    else { return false }
    let scheme = text[..<colon].utf8
    let isScheme = scheme.enumerated().allSatisfy { index, octet in
        let isLetter = (octet | 0x20) >= UInt8(ascii: "a") && (octet | 0x20) <= UInt8(ascii: "z")
        let isOther = (0x30...0x39).contains(octet) || octet == 0x2B || octet == 0x2D || octet == 0x2E
        return isLetter || (index > 0 && isOther)
    }
    return isScheme && text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x3C && $0 != 0x3E && $0 != 0x22 && $0 != 0x7F }
}
