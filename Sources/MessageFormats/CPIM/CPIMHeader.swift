// SPDX-License-Identifier: Apache-2.0
public import struct NIOCore.ByteBuffer

/// One message header of a Message/CPIM object (RFC 3862 §2.2).
///
/// The octets of the line are kept; everything else is a view of them.
public struct CPIMHeader: Sendable, Hashable {
    /// A parameter, which stands between the colon and the value.
    public struct Parameter: Sendable, Hashable {
        /// The name, as written.
        public let name: String
        /// The value, without quotes.
        public let value: String
    }

    /// The namespace of the headers that RFC 3862 itself defines.
    public static let coreNamespace = "urn:ietf:params:cpim-headers:"

    /// The line as it came, without its end.
    public let octets: ByteBuffer
    /// The line of the object, counted from 1.
    public let line: Int
    /// The prefix in front of the dot; nil where there is none.
    public let prefix: String?
    /// The name, as written; upper and lower case are different (RFC 3862 §2.1).
    public let name: String
    /// The namespace that prefix or default stood for at this line; nil where the prefix is bound to none.
    public internal(set) var namespace: String?
    /// The parameters in order.
    public let parameters: [Parameter]
    /// The value as written: escapes stand.
    public let rawValue: String

    /// The value as meant: escapes are undone (RFC 3862 §2.3.2).
    public var value: String { CPIMText.unescaped(rawValue) }

    /// The language of the value as written in `lang`; nil where nothing is said.
    public var language: String? { parameters.first { $0.name == "lang" }?.value }

    /// Whether this is the header `name` of RFC 3862 itself.
    public func isCore(_ name: String) -> Bool { self.name == name && namespace == CPIMHeader.coreNamespace }

    init(
        octets: ByteBuffer,
        line: Int,
        prefix: String?,
        name: String,
        parameters: [Parameter],
        rawValue: String
    ) {
        self.octets = octets
        self.line = line
        self.prefix = prefix
        self.name = name
        self.parameters = parameters
        self.rawValue = rawValue
    }
}

/// Reads one header line, and says what is wrong with it.
struct CPIMHeaderScanner {
    private let octets: [UInt8]
    private let line: Int
    private var index = 0
    private(set) var findings: [CPIMFinding] = []

    init(_ octets: [UInt8], line: Int) {
        self.octets = octets
        self.line = line
    }

    /// The header; nil where the line has no name and colon.
    mutating func header(keeping kept: ByteBuffer) -> CPIMHeader? {
        guard let colon = octets.firstIndex(of: UInt8(ascii: ":")), colon > 0 else {
            report(.colon, "the line has no name and colon")
            return nil
        }
        let written = String(decoding: octets[..<colon], as: UTF8.self)
        let parts = written.split(separator: ".", omittingEmptySubsequences: false)
        if parts.count > 2 || parts.contains(where: { $0.isEmpty || !$0.utf8.allSatisfy(CPIMText.isNameOctet) }) {
            report(.name, "\"\(CPIMText.shown(written))\" is no header name")
        }
        index = colon + 1
        let parameters = readParameters()
        readSpace()
        let value = octets[index...]
        check(value)
        return CPIMHeader(
            octets: kept,
            line: line,
            prefix: parts.count > 1 ? String(parts[0]) : nil,
            name: parts.count > 1 ? parts.dropFirst().joined(separator: ".") : written,
            parameters: parameters,
            rawValue: String(decoding: value, as: UTF8.self)
        )
    }

    private mutating func readParameters() -> [CPIMHeader.Parameter] {
        var parameters: [CPIMHeader.Parameter] = []
        while current == UInt8(ascii: ";") {
            let start = index
            index += 1
            let name = take(while: CPIMText.isNameOctet)
            guard !name.isEmpty, current == UInt8(ascii: "="), let value = parameterValue() else {
                index = start
                report(.parameter, "a parameter cannot be read")
                return parameters
            }
            parameters.append(CPIMHeader.Parameter(name: name, value: value))
        }
        return parameters
    }

    private mutating func parameterValue() -> String? {
        index += 1
        guard current == UInt8(ascii: "\"") else {
            let token = take { CPIMText.isNameOctet($0) || $0 == UInt8(ascii: ".") || $0 >= 0x80 }
            return token.isEmpty ? nil : token
        }
        index += 1
        let start = index
        while let octet = current, octet != UInt8(ascii: "\"") {
            index += octet == UInt8(ascii: "\\") ? 2 : 1
        }
        guard index < octets.count else { return nil }
        defer { index += 1 }
        return CPIMText.unescaped(String(decoding: octets[start..<index], as: UTF8.self))
    }

    /// RFC 3862 §2.2: exactly one space. What comes after it belongs to the value, be it another space.
    private mutating func readSpace() {
        guard current == 0x20 else {
            if index < octets.count || octets.last != 0x20 { report(.space, "no space after the colon") }
            return
        }
        index += 1
    }

    private mutating func check(_ value: ArraySlice<UInt8>) {
        if let last = octets.last, last == 0x20 || last == 0x09 { report(.trailingSpace, "white space at the end") }
        if value.contains(where: { $0 < 0x20 || $0 == 0x7F }) { report(.control, "a control character") }
        if String(validating: octets, as: UTF8.self) == nil { report(.text, "the line is not UTF-8") }
    }

    private var current: UInt8? { index < octets.count ? octets[index] : nil }

    private mutating func take(while isWanted: (UInt8) -> Bool) -> String {
        let start = index
        while let octet = current, isWanted(octet) { index += 1 }
        return String(decoding: octets[start..<index], as: UTF8.self)
    }

    private mutating func report(_ rule: CPIMFinding.Rule, _ text: String) {
        findings.append(CPIMFinding(line: line, rule, text))
    }
}
