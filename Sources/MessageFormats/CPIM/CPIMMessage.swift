// SPDX-License-Identifier: Apache-2.0
public import EnvelopeModel

public import struct NIOCore.ByteBuffer

/// A Message/CPIM object (RFC 3862), read without changing an octet.
///
/// Three grammars meet in it: MIME headers of the object, message headers, MIME headers of the content. Only the message
/// headers are case-sensitive, and they are kept in their order and as they came. What is derived from them is a view.
public struct CPIMMessage: Sendable, Hashable {
    /// Where the reading starts. The carrier knows; it cannot be guessed.
    public enum Start: Sendable, Hashable {
        /// At the MIME headers of the object, `Content-Type: Message/CPIM` among them.
        case objectHeaders
        /// At the message headers: the carrier has taken the MIME headers for itself.
        case messageHeaders
    }

    /// A demand on the recipient (RFC 3862 §4.6).
    public struct Feature: Sendable, Hashable {
        /// The namespace; nil where the prefix is bound to none, and then nobody understands the feature.
        public let namespace: String?
        /// The name.
        public let name: String

        /// Makes a feature.
        public init(namespace: String?, name: String) {
            self.namespace = namespace
            self.name = name
        }
    }

    /// The whole object as it came.
    public let octets: ByteBuffer
    /// The MIME headers of the object; empty where the reading started behind them.
    public internal(set) var objectHeaders: [HeaderField] = []
    /// The message headers in order.
    public internal(set) var headers: [CPIMHeader] = []
    /// The MIME headers of the content in order.
    public internal(set) var contentHeaders: [HeaderField] = []
    /// The content, octet for octet.
    public internal(set) var content = ByteBuffer()
    /// Where in the octets the message headers begin: how many the MIME headers of the object take.
    public internal(set) var messageStart = 0
    /// What is wrong, by line. A strict reader refuses an object that has any.
    public internal(set) var findings: [CPIMFinding] = []

    /// Reads an object.
    public init(
        reading octets: ByteBuffer,
        from start: Start = .objectHeaders,
        limits: CPIMLimits = CPIMLimits()
    ) throws(CPIMError) {
        self.octets = octets
        var reader = CPIMReader(octets, limits: limits)
        try reader.read(into: &self, from: start)
        bindNamespaces()
        checkValues()
        findings.sort { $0.line < $1.line }
    }

    /// Whether a strict reader takes the object.
    public var isStrictlyValid: Bool { findings.isEmpty }

    // MARK: Views

    /// The author.
    public var from: CPIMAddress? { addresses("From").first }

    /// The recipients.
    public var to: [CPIMAddress] { addresses("To") }

    /// Those who get a copy for information.
    public var cc: [CPIMAddress] { addresses("cc") }

    /// The date and time, where it is one.
    public var dateTime: RFC3339Time? {
        headers.first { $0.isCore("DateTime") }.flatMap { RFC3339Time($0.rawValue) }
    }

    /// The subjects, each with its language where one is named.
    public var subjects: [(language: String?, text: String)] {
        headers.filter { $0.isCore("Subject") }.map { ($0.language, $0.value) }
    }

    /// The type of the content; nil where it does not say.
    public var contentType: MediaType? {
        contentHeaders.first { $0.name.lowercased() == "content-type" }.flatMap { MediaType($0.value) }
    }

    /// What the recipient must understand to be given the message.
    public private(set) var required: [Feature] = []

    /// The required features that are not in `understood`; where any is left, the message must be refused.
    public func unmet(understood: Set<Feature>) -> [Feature] {
        // RFC 3862 §4.6: a name without a namespace cannot be understood.
        required.filter { $0.namespace == nil || !understood.contains($0) }
    }

    /// The first value of the header `name` in `namespace`, escapes undone; nil where there is none.
    public func value(of name: String, in namespace: String) -> String? {
        headers.first { $0.name == name && $0.namespace == namespace }?.value
    }

    private func addresses(_ name: String) -> [CPIMAddress] {
        headers.filter { $0.isCore(name) }.compactMap { CPIMAddress($0.rawValue[...]) }
    }

    // MARK: Meaning

    /// Gives each header its namespace. A binding holds from its line on (RFC 3862 §3.4).
    private mutating func bindNamespaces() {
        var bindings: [String: String] = [:]
        var defaultNamespace = CPIMHeader.coreNamespace
        for index in headers.indices {
            let header = headers[index]
            let namespace = header.prefix.map { bindings[$0] } ?? defaultNamespace
            headers[index].namespace = namespace
            guard namespace == CPIMHeader.coreNamespace else { continue }
            switch header.name {
            case "NS":
                guard let bound = CPIMNamespace(header.rawValue[...]) else {
                    add(header, .namespace, "\"\(CPIMText.shown(header.name))\" binds no namespace")
                    continue
                }
                if let prefix = bound.prefix { bindings[prefix] = bound.uri } else { defaultNamespace = bound.uri }
            case "Require", "Required":
                if header.name == "Required" { add(header, .requireAlias, "it is called Required") }
                require(header, bindings, defaultNamespace)
            default: continue
            }
        }
    }

    private mutating func require(_ header: CPIMHeader, _ bindings: [String: String], _ defaultNamespace: String) {
        for written in header.rawValue.split(separator: ",") {
            let parts = written.drop { $0 == " " }.split(separator: ".", maxSplits: 1)
            guard let last = parts.last else { continue }
            let prefix = parts.count > 1 ? String(parts[0]) : nil
            let namespace = prefix.map { bindings[$0] } ?? defaultNamespace
            if namespace == nil {
                add(header, .unbound, "\"\(CPIMText.shown(prefix ?? ""))\" is bound to no namespace")
            }
            required.append(Feature(namespace: namespace, name: String(last)))
        }
    }

    private mutating func checkValues() {
        for header in headers where header.namespace == CPIMHeader.coreNamespace {
            switch header.name {
            case "From", "To", "cc":
                // Two spaces after the colon are legal for a value, and no address.
                guard header.rawValue.first == " " || CPIMAddress(header.rawValue[...]) == nil else { continue }
                add(header, .address, "\(header.name) holds no address")
            case "DateTime":
                if RFC3339Time(header.rawValue) == nil { add(header, .date, "no date and time") }
            default: continue
            }
        }
    }

    private mutating func add(_ header: CPIMHeader, _ rule: CPIMFinding.Rule, _ text: String) {
        findings.append(CPIMFinding(line: header.line, rule, text))
    }
}
