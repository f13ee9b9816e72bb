// SPDX-License-Identifier: Apache-2.0
package import struct EnvelopeModel.OutcomeCode

/// Something on the wire that breaks a rule: what the peer is told, and how far the damage goes.
package struct IMXError: Error, Sendable, Hashable {
    /// How much is given up because of the error.
    package enum Scope: Sendable, Hashable {
        /// This one record is refused; the connection goes on.
        case record
        /// The connection is closed.
        case connection
    }

    /// The code that the peer is told.
    package var code: OutcomeCode
    /// A short text for the peer's log. Never content, never a secret.
    package var text: String
    /// How much is given up.
    package var scope: Scope
    /// The field at fault, if one is.
    package var failedField: FieldID?

    package init(_ code: OutcomeCode, _ text: String, scope: Scope = .record, failedField: FieldID? = nil) {
        self.code = code
        self.text = text
        self.scope = scope
        self.failedField = failedField
    }

    @inline(never)
    static func malformed(_ field: FieldID, _ text: String) -> IMXError {
        IMXError(.malformed, text, failedField: field)
    }

    @inline(never)
    static func notUnderstood(_ field: FieldID) -> IMXError {
        IMXError(.notUnderstood, "critical field not known", failedField: field)
    }

    @inline(never)
    static func fatal(_ code: OutcomeCode, _ text: String, _ field: FieldID? = nil) -> IMXError {
        IMXError(code, text, scope: .connection, failedField: field)
    }

    /// The same error with the whole connection at stake.
    func fatal() -> IMXError {
        IMXError(code, text, scope: .connection, failedField: failedField)
    }
}
