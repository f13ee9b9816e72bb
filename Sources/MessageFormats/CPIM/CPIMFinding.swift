// SPDX-License-Identifier: Apache-2.0

/// Something in a Message/CPIM object that its specification does not allow, or that people should know.
public struct CPIMFinding: Sendable, Hashable {
    /// The rules that are checked.
    public enum Rule: String, Sendable, Hashable, CaseIterable {
        case lineEnd = "lines end with CR LF"
        case folding = "a message header is one line"
        case trailingSpace = "no white space at the end of a header line"
        case colon = "a header has a name and a colon"
        case space = "one space stands between the colon and the value"
        case name = "a header name is made of name characters, with at most one dot"
        case parameter = "parameters follow the colon, each after a semicolon"
        case control = "control characters in a value are escaped"
        case text = "text is UTF-8"
        case address = "an address is a display name and a URI in angle brackets"
        case namespace = "a namespace is an absolute URI without fragment in angle brackets"
        case date = "a date and time follows RFC 3339"
        case unbound = "a prefix is bound before it is used"
        case requireAlias = "the header that demands features is called Require"
        case contentHeader = "an empty line stands between message headers and content headers"
        case contentColon = "a content header has a name and a colon"
        case contentType = "the content says its type"
        case noContent = "an empty line ends the message headers"

        /// Where the rule stands.
        public var section: String {
            switch self {
            case .lineEnd, .folding, .trailingSpace: "RFC 3862 §2.1"
            case .colon, .space, .name, .parameter: "RFC 3862 §2.2"
            case .text: "RFC 3862 §2.3.1"
            case .control: "RFC 3862 §2.3.2"
            case .namespace, .unbound: "RFC 3862 §3.4"
            case .address: "RFC 3862 §4.1"
            case .date: "RFC 3862 §4.4"
            case .requireAlias: "RFC 3862 §4.6"
            case .contentHeader, .contentColon, .contentType, .noContent: "RFC 3862 §2"
            }
        }
    }

    /// The line of the object, counted from 1.
    public let line: Int
    /// The rule that is broken.
    public let rule: Rule
    /// What was found, for people. Shows names, never values.
    public let text: String

    init(line: Int, _ rule: Rule, _ text: String) {
        self.line = line
        self.rule = rule
        self.text = text
    }
}

/// Why an object cannot be read at all.
public enum CPIMError: Error, Sendable, Hashable, CustomStringConvertible {
    /// It goes beyond a bound, which the text names.
    case beyondLimit(String)

    /// The reason, for people.
    public var description: String {
        switch self {
        case .beyondLimit(let what): "Message/CPIM object beyond a limit: \(what)"
        }
    }
}

/// Bounds on what is read from an object.
public struct CPIMLimits: Sendable, Hashable {
    /// The most header lines of all three kinds.
    public var headers = 256
    /// The most octets of one header line.
    public var lineOctets = 16 << 10

    /// The usual bounds.
    public init() {}
}
