// SPDX-License-Identifier: Apache-2.0

/// A media type and its parameters (RFC 2045 §5.1).
public struct MediaType: Sendable, Hashable {
    /// The type in lower case, such as `text`.
    public let type: String
    /// The subtype in lower case, such as `plain`.
    public let subtype: String
    /// The parameters in order: names in lower case, values as meant, without quotes.
    public let parameters: [Parameter]

    /// One parameter.
    public struct Parameter: Sendable, Hashable {
        /// The name in lower case.
        public let name: String
        /// The value without quotes.
        public let value: String
    }

    /// The media type that `text` writes; nil where it breaks the grammar or names a parameter twice.
    public init?(_ text: String) {
        var scanner = ParameterScanner(text)
        guard let type = scanner.token(), scanner.take(UInt8(ascii: "/")), let subtype = scanner.token(),
            let parameters = scanner.parameters()
        else { return nil }
        self.type = type.lowercased()
        self.subtype = subtype.lowercased()
        self.parameters = parameters
    }

    /// The value of the parameter `name`, which is in lower case.
    public func parameter(_ name: String) -> String? { parameters.first { $0.name == name }?.value }

    /// `type/subtype`.
    public var essence: String { "\(type)/\(subtype)" }

    /// The character set of a text in lower case; UTF-8 where nothing is said, which holds US-ASCII too.
    public var charset: String { parameter("charset")?.lowercased() ?? "utf-8" }
}

/// Walks over a header value of tokens, quoted strings and parameters.
private struct ParameterScanner {
    private let octets: [UInt8]
    private var index = 0

    init(_ text: String) {
        octets = Array(text.utf8)
    }

    private var current: UInt8? { index < octets.count ? octets[index] : nil }

    mutating func take(_ octet: UInt8) -> Bool {
        guard current == octet else { return false }
        index += 1
        return true
    }

    /// RFC 2045 §5.1: token.
    mutating func token() -> String? {
        skipSpace()
        let start = index
        while let octet = current, isToken(octet) { index += 1 }
        return start < index ? String(decoding: octets[start..<index], as: UTF8.self) : nil
    }

    mutating func parameters() -> [MediaType.Parameter]? {
        var parameters: [MediaType.Parameter] = []
        skipSpace()
        while take(UInt8(ascii: ";")) {
            skipSpace()
            if current == nil { break }  // a semicolon at the end is a common slip and means nothing
            guard let name = token()?.lowercased() else { return nil }
            skipSpace()
            guard take(UInt8(ascii: "=")) else { return nil }
            skipSpace()
            guard let value = current == UInt8(ascii: "\"") ? quoted() : token(),
                !parameters.contains(where: { $0.name == name })
            else { return nil }
            parameters.append(MediaType.Parameter(name: name, value: value))
            skipSpace()
        }
        return current == nil ? parameters : nil
    }

    private mutating func quoted() -> String? {
        index += 1
        var value: [UInt8] = []
        while let octet = current {
            index += 1
            switch octet {
            case UInt8(ascii: "\""): return String(decoding: value, as: UTF8.self)
            case UInt8(ascii: "\\"):
                guard let escaped = current, escaped >= 0x20 else { return nil }
                value.append(escaped)
                index += 1
            case 0x09, 0x20...0x7E, 0x80...: value.append(octet)
            default: return nil
            }
        }
        return nil
    }

    private mutating func skipSpace() {
        while let octet = current, octet == 0x20 || octet == 0x09 { index += 1 }
    }

    private func isToken(_ octet: UInt8) -> Bool {
        guard octet > 0x20, octet < 0x7F else { return false }
        switch octet {
        case UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "@"),
            UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: ":"), UInt8(ascii: "\\"), UInt8(ascii: "\""),
            UInt8(ascii: "/"), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "?"), UInt8(ascii: "="):
            return false
        default: return true
        }
    }
}
