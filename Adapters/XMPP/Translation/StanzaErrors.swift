// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

/// A stanza error as RFC 6120 §8.3 has it: what went wrong, and what the sender may do about it.
struct StanzaError: Hashable {
    /// The condition's element name (RFC 6120 §8.3.3).
    var condition: String
    /// `auth`, `cancel`, `continue`, `modify` or `wait` (RFC 6120 §8.3.2).
    var type: String

    init(_ condition: String, _ type: String) {
        self.condition = condition
        self.type = type
    }
}

/// Outcomes and stanza errors: the table of the standards reference, F.6, total in both directions.
enum StanzaErrors {
    /// The stanza error that tells a sender of `code`; nil where a sender hears nothing.
    static func error(for code: OutcomeCode) -> StanzaError? {
        switch code {
        case .moved: StanzaError("gone", "cancel")
        case .unavailable: StanzaError("recipient-unavailable", "wait")
        case .timedOut, .notVerifiedNow: StanzaError("remote-server-timeout", "wait")
        case .shortOfResources: StanzaError("resource-constraint", "wait")
        case .rateLimited: StanzaError("policy-violation", "wait")
        case .malformed: StanzaError("bad-request", "modify")
        case .addressInvalid: StanzaError("jid-malformed", "modify")
        case .noSuchUser, .noSuchSubscription: StanzaError("item-not-found", "cancel")
        case .refused: StanzaError("forbidden", "auth")
        case .notAuthenticated, .notVerified: StanzaError("not-authorized", "auth")
        case .notServedHere, .domainNotFound: StanzaError("remote-server-not-found", "cancel")
        case .loop: StanzaError("policy-violation", "cancel")
        case .notUnderstood: StanzaError("feature-not-implemented", "cancel")
        case .tooLarge: StanzaError("policy-violation", "modify")
        case .notAcceptable: StanzaError("not-acceptable", "modify")
        case .conflict: StanzaError("conflict", "cancel")
        case .internalError: StanzaError("internal-server-error", "cancel")
        default: error(forClass: code.classCode)
        }
    }

    private static func error(forClass code: UInt16) -> StanzaError? {
        switch code {
        case 2000: nil
        case 3000: StanzaError("redirect", "modify")
        case 4000: StanzaError("service-unavailable", "wait")
        default: StanzaError("undefined-condition", "cancel")
        }
    }

    /// The code that a stanza error means; for conditions that we do not know, its type decides.
    static func code(for error: StanzaError) -> OutcomeCode {
        switch error.condition {
        case "bad-request": .malformed
        case "conflict": .conflict
        case "feature-not-implemented": .notUnderstood
        case "forbidden", "not-allowed", "registration-required", "subscription-required": .refused
        case "gone", "redirect": .moved
        case "internal-server-error": error.type == "wait" ? .shortOfResources : .internalError
        case "item-not-found": .noSuchUser
        case "jid-malformed": .addressInvalid
        case "not-acceptable": .notAcceptable
        case "not-authorized": .notAuthenticated
        case "policy-violation": policyViolation(error.type)
        // It means many things, so never more than this one recipient (RFC 7247, RFC 8048).
        case "recipient-unavailable", "service-unavailable": .unavailable
        case "remote-server-not-found": .domainNotFound
        case "remote-server-timeout": .timedOut
        case "resource-constraint": .shortOfResources
        case "unexpected-request": error.type == "wait" ? .unavailable : .malformed
        default: code(forType: error.type)
        }
    }

    private static func policyViolation(_ type: String) -> OutcomeCode {
        switch type {
        case "wait": .rateLimited
        case "modify": .tooLarge
        default: .refused
        }
    }

    private static func code(forType type: String) -> OutcomeCode {
        switch type {
        case "auth": .refused
        case "modify": .notAcceptable
        case "wait", "continue": .unavailable
        default: .internalError
        }
    }
}
