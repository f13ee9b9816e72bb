// SPDX-License-Identifier: Apache-2.0

/// Something in a presence document that its specification does not allow, or that people should know.
public struct PIDFFinding: Sendable, Hashable {
    /// The rules that are checked. The name of a case is the finding's code.
    public enum Rule: String, Sendable, Hashable, CaseIterable {
        case limit = "the document stays within the bounds"
        case mediaType = "the content is application/pidf+xml, not signed and not encrypted"
        case encoding = "the octets are text in the character set that is named"
        case charset = "media type and XML declaration name the same character set"
        case declaration = "an XML declaration begins the document"
        case documentType = "there is no document type declaration"
        case wellFormed = "the document is well-formed XML"
        case prefix = "a prefix is declared before it is used"
        case endTag = "an element ends by the name that it began with"
        case namespace = "the namespace is urn:ietf:params:xml:ns:pidf, letter for letter"
        case root = "the document is a presence element"
        case entity = "presence names its entity"
        case tupleID = "a tuple has an id"
        case tupleIDForm = "a tuple's id is an XML name without colon"
        case tupleIDTwice = "a tuple's id is unique in its document"
        case order = "elements stand in the order of the schema"
        case number = "an element stands as often as the schema says"
        case contacts = "a tuple has one contact at most"
        case emptyStatus = "a status says something"
        case basic = "basic is open or closed"
        case priority = "a priority is 0 to 1 with at most three decimals"
        case timestamp = "a timestamp follows RFC 3339 with capital T and Z"
        case content = "an element holds what its definition says"
        case mustUnderstand = "what must be understood is understood, or its extension is left out"
        case whiteSpace = "white space around a text belongs to the layout"

        /// Where the rule stands.
        public var section: String {
            switch self {
            case .limit: "RFC 3863 §6"
            case .mediaType, .encoding, .charset: "RFC 3863 §2.2"
            case .declaration, .documentType, .wellFormed, .endTag: "RFC 3863 §4"
            case .prefix, .namespace: "RFC 3863 §4.2.2"
            case .root, .entity: "RFC 3863 §4.1.1"
            case .tupleID, .tupleIDForm, .tupleIDTwice: "RFC 3863 §4.1.2"
            case .emptyStatus: "RFC 3863 §4.1.3"
            case .basic: "RFC 3863 §4.1.4"
            case .contacts, .priority: "RFC 3863 §4.1.5"
            case .timestamp: "RFC 3863 §4.1.7"
            case .mustUnderstand: "RFC 3863 §4.2.3"
            case .order, .number, .content: "RFC 3863 §4.4"
            case .whiteSpace: "XML 1.0 §2.10"
            }
        }
    }

    /// The rule that is touched.
    public let rule: Rule
    /// The line of the document, counted from 1; 0 where it concerns the document as a whole.
    public let line: Int
    /// The column of that line, counted from 1; 0 where it is not known.
    public let column: Int
    /// What was found, for people. Shows names, never values.
    public let text: String

    /// The name of the rule, for programs and logs.
    public var code: String { String(describing: rule) }

    /// Whether the document is wrong there; else it is only remarkable.
    public var isFault: Bool {
        switch rule {
        case .declaration, .mustUnderstand, .whiteSpace: false
        default: true
        }
    }
}

/// A presence document as it was understood, and what was found on the way.
public struct PIDFReading: Sendable, Hashable {
    /// The document.
    public var document: PresenceDocument
    /// What was found, in the order of the document; at most ``PIDFLimits/findings``.
    public var findings: [PIDFFinding]
    /// Whether something in it is told for a time only, so that it may say something else later.
    public var dependsOnTime = false

    /// The findings by which the document is wrong.
    public var faults: [PIDFFinding] { findings.filter(\.isFault) }
}

/// Why a presence document is not read.
public struct PIDFRefusal: Error, Sendable, Hashable, CustomStringConvertible {
    /// What it is refused for.
    public let cause: PIDFFinding
    /// What was found before, in the order of the document.
    public let findings: [PIDFFinding]

    /// The cause with its place, for people.
    public var description: String {
        let place = cause.line > 0 ? ", line \(cause.line), column \(cause.column)" : ""
        return "presence document refused: \(cause.text) (\(cause.rule.section)\(place))"
    }
}

/// Bounds on what is read from a presence document.
public struct PIDFLimits: Sendable, Hashable {
    /// The most octets, as they arrive and in UTF-8.
    public var octets = 256 << 10
    /// The deepest nesting of elements.
    public var depth = 64
    /// The most tuples.
    public var tuples = 256
    /// The most elements of all kinds.
    public var elements = 4096
    /// The most octets of what is copied: extensions with the declarations that they use, and tuples that become several.
    public var copies = 512 << 10
    /// The most octets of the name of a language; a longer one counts as none.
    public var language = 64
    /// The most attributes of one element; beyond it a parser would spend its time comparing them.
    public var attributes = 128
    /// The most findings that are kept.
    public var findings = 64

    /// The usual bounds.
    public init() {}
}
