// SPDX-License-Identifier: Apache-2.0

/// Why a stream cannot go on, as a stream error names it (RFC 6120 §4.9.3).
package enum XMLStreamCondition: String, Sendable, Hashable, CaseIterable {
    case badFormat = "bad-format"
    case conflict
    case connectionTimeout = "connection-timeout"
    case hostUnknown = "host-unknown"
    case internalServerError = "internal-server-error"
    case invalidFrom = "invalid-from"
    case invalidNamespace = "invalid-namespace"
    case notAuthorized = "not-authorized"
    case notWellFormed = "not-well-formed"
    case policyViolation = "policy-violation"
    case restrictedXML = "restricted-xml"
    case undefinedCondition = "undefined-condition"
    case unsupportedEncoding = "unsupported-encoding"
}

/// The end of a stream that broke the rules.
package struct XMLStreamFailure: Error, Hashable, CustomStringConvertible {
    /// The condition to answer with.
    package let condition: XMLStreamCondition
    /// What was wrong, for logs. Never content.
    package let text: String
    /// How many octets of the stream came before it.
    package let offset: Int

    package init(_ condition: XMLStreamCondition, _ text: String, offset: Int = 0) {
        self.condition = condition
        self.text = text
        self.offset = offset
    }

    package var description: String { "\(condition.rawValue): \(text) (octet \(offset))" }
}
