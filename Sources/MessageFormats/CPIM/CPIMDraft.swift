// SPDX-License-Identifier: Apache-2.0
public import EnvelopeModel

public import struct NIOCore.ByteBuffer

/// What a Message/CPIM object is made from (RFC 3862). An object that came from somewhere else is never made anew: it is
/// passed on as it is.
public struct CPIMDraft: Sendable, Hashable {
    /// The author.
    public var from: CPIMAddress
    /// The recipients.
    public var to: [CPIMAddress]
    /// Those who get a copy for information.
    public var cc: [CPIMAddress] = []
    /// When the message was written.
    public var dateTime: RFC3339Time?
    /// The subjects, each with its language where one is known.
    public var subjects: [LocalizedText] = []
    /// Headers of other namespaces, in order.
    public var extensions: [Extension] = []
    /// The content with the MIME headers that describe it.
    public var content: Content

    /// The content of an object.
    public enum Content: Sendable, Hashable {
        /// Octets and the headers in front of them, which are written with what would end a line left out.
        case described([HeaderField], ByteBuffer)
        /// A MIME entity as it came.
        case entity(ByteBuffer)
    }

    /// Headers of one namespace.
    public struct Extension: Sendable, Hashable {
        /// What stands in front of the names in this object.
        public var prefix: String
        /// The namespace, an absolute URI.
        public var namespace: String
        /// The headers in order: names of name characters, and values as meant.
        public var headers: [HeaderField] = []

        /// Makes a namespace without headers.
        public init(prefix: String, namespace: String) {
            self.prefix = prefix
            self.namespace = namespace
        }

        /// Adds a header, unless there is nothing to say.
        public mutating func add(_ name: String, _ value: String?) {
            guard let value, !value.isEmpty else { return }
            headers.append(HeaderField(name: name, value: value))
        }
    }

    /// Makes a draft.
    public init(from: CPIMAddress, to: [CPIMAddress], content: Content) {
        self.from = from
        self.to = to
        self.content = content
    }

    /// Appends the object, from its message headers on. What cannot stand in a header is escaped, so that no text makes
    /// a second header of itself; a value that would be empty is left out, for it cannot be written.
    public func write(to buffer: inout ByteBuffer) {
        line("From: \(from.written)", &buffer)
        for address in to { line("To: \(address.written)", &buffer) }
        for address in cc { line("cc: \(address.written)", &buffer) }
        if let dateTime { line("DateTime: \(dateTime.literal)", &buffer) }
        for subject in subjects {
            let tag = subject.language.flatMap { tag in
                !tag.isEmpty && tag.utf8.allSatisfy(CPIMText.isNameOctet) ? ";lang=\(tag)" : nil
            }
            header("Subject:\(tag ?? "")", subject.text, &buffer)
        }
        for part in extensions where !part.headers.isEmpty {
            line("NS: \(part.prefix) <\(part.namespace)>", &buffer)  // RFC 3862 §3.4: before its first use
            for field in part.headers { header("\(part.prefix).\(field.name):", field.value, &buffer) }
        }
        line("", &buffer)
        switch content {
        case .entity(let entity): buffer.writeImmutableBuffer(entity)
        case .described(let fields, let octets):
            for field in fields {
                let value = String(String.UnicodeScalarView(field.value.unicodeScalars.filter { !$0.endsALine }))
                line("\(field.name): \(value)", &buffer)
            }
            line("", &buffer)
            buffer.writeImmutableBuffer(octets)
        }
    }

    /// RFC 3862 §2.1: no white space at either end of a value, and a space has no escape.
    private func header(_ name: String, _ value: String, _ buffer: inout ByteBuffer) {
        let text = CPIMText.escaped(value.trimmed)
        if !text.isEmpty { line("\(name) \(text)", &buffer) }
    }

    private func line(_ text: String, _ buffer: inout ByteBuffer) {
        buffer.writeString(text)
        buffer.writeStaticString("\r\n")
    }
}

extension String {
    fileprivate var trimmed: Substring.UnicodeScalarView {
        var text = unicodeScalars[...]
        while text.last == " " || text.last == "\t" { text.removeLast() }
        return text.drop { $0 == " " || $0 == "\t" }
    }
}

extension Unicode.Scalar {
    fileprivate var endsALine: Bool { self == "\r" || self == "\n" || self == "\0" }
}

extension CPIMAddress {
    /// The value as a header has it (RFC 3862 §4.1): a name of tokens stands by itself, any other in quotes.
    var written: String {
        // RFC 3986 §2: none of these is in a URI; whoever put them there gets no second header.
        let uri = String(
            String.UnicodeScalarView(
                uri.unicodeScalars.filter { $0.value > 0x20 && $0.value != 0x7F && !"<>\"".unicodeScalars.contains($0) }
            )
        )
        guard let displayName, !displayName.isEmpty else { return "<\(uri)>" }
        let isPlain = displayName.split(separator: " ", omittingEmptySubsequences: false).allSatisfy { token in
            !token.isEmpty
                && token.utf8.allSatisfy { CPIMText.isNameOctet($0) || $0 == UInt8(ascii: ".") || $0 >= 0x80 }
        }
        if isPlain { return "\(displayName) <\(uri)>" }
        return "\"\(CPIMText.escaped(displayName.unicodeScalars[...], andQuotes: true))\" <\(uri)>"
    }
}
