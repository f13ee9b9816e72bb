// SPDX-License-Identifier: Apache-2.0

/// The code of an outcome, as it stands on the wire.
///
/// A structure and not an enumeration, so that a code which a peer sends and we do not know survives unchanged. The
/// first digit is the class: 2 done, 3 elsewhere, 4 try later, 5 no. Documentation/Outcomes.md has the whole table.
public struct OutcomeCode: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
    /// The number.
    public let rawValue: UInt16

    /// Makes the code with this number, known or not.
    @inlinable
    public init(rawValue: UInt16) {
        self.rawValue = rawValue
    }

    /// The recipient's side has taken the envelope.
    public static let delivered = OutcomeCode(rawValue: 2000)
    /// Handed on, and nobody will say what became of it.
    public static let uncertain = OutcomeCode(rawValue: 2001)
    /// A person has yet to approve.
    public static let awaitingApproval = OutcomeCode(rawValue: 2002)
    /// The user has moved to another address.
    public static let moved = OutcomeCode(rawValue: 3001)
    /// The recipient, or the way to it, is not available now.
    public static let unavailable = OutcomeCode(rawValue: 4001)
    /// Nobody took it before its deadline.
    public static let timedOut = OutcomeCode(rawValue: 4002)
    /// Short of resources.
    public static let shortOfResources = OutcomeCode(rawValue: 4003)
    /// Too much at once; the answer may say when to try again.
    public static let rateLimited = OutcomeCode(rawValue: 4004)
    /// The sender's domain could not be verified now.
    public static let notVerifiedNow = OutcomeCode(rawValue: 4005)
    /// The request breaks the grammar.
    public static let malformed = OutcomeCode(rawValue: 5001)
    /// An address is invalid or cannot be expressed at the recipient's side.
    public static let addressInvalid = OutcomeCode(rawValue: 5002)
    /// There is no such user.
    public static let noSuchUser = OutcomeCode(rawValue: 5003)
    /// Refused by the owner or by policy.
    public static let refused = OutcomeCode(rawValue: 5004)
    /// The sender's domain is not the authenticated one.
    public static let notAuthenticated = OutcomeCode(rawValue: 5005)
    /// The recipient's domain is not served here; nothing is relayed.
    public static let notServedHere = OutcomeCode(rawValue: 5006)
    /// The hop limit is used up, or the envelope has been here before.
    public static let loop = OutcomeCode(rawValue: 5007)
    /// A type or a mandatory feature is not understood.
    public static let notUnderstood = OutcomeCode(rawValue: 5008)
    /// Too large.
    public static let tooLarge = OutcomeCode(rawValue: 5009)
    /// The content is not acceptable at the recipient's side.
    public static let notAcceptable = OutcomeCode(rawValue: 5010)
    /// A subscription for the pair exists already.
    public static let conflict = OutcomeCode(rawValue: 5011)
    /// There is no such subscription.
    public static let noSuchSubscription = OutcomeCode(rawValue: 5012)
    /// The recipient's domain is unknown to the network.
    public static let domainNotFound = OutcomeCode(rawValue: 5013)
    /// An error inside.
    public static let internalError = OutcomeCode(rawValue: 5014)
    /// The claimed domain did not confirm the claim.
    public static let notVerified = OutcomeCode(rawValue: 5015)

    /// Every code that the project gives a meaning to, in order.
    public static let known: [OutcomeCode] = [
        .delivered, .uncertain, .awaitingApproval, .moved, .unavailable, .timedOut, .shortOfResources, .rateLimited,
        .notVerifiedNow, .malformed, .addressInvalid, .noSuchUser, .refused, .notAuthenticated, .notServedHere, .loop,
        .notUnderstood, .tooLarge, .notAcceptable, .conflict, .noSuchSubscription, .domainNotFound, .internalError,
        .notVerified,
    ]

    /// The code as its class prescribes for those who do not know it: x000, and 5000 outside every class.
    public var classCode: UInt16 {
        switch rawValue {
        case 2000..<6000: rawValue / 1000 * 1000
        default: 5000
        }
    }

    /// Whether the same request may succeed later.
    public var isTemporary: Bool { classCode == 4000 }

    /// The number as text.
    public var description: String { String(rawValue) }
}

/// The four final states of an envelope. An accepted envelope ends in exactly one of them.
public enum Disposition: UInt8, Sendable, Hashable, CaseIterable {
    /// The recipient's side has taken it.
    case delivered
    /// It was refused or could not be carried; it was not delivered.
    case failed
    /// Its deadline passed before it was handed on; it was not delivered.
    case expired
    /// It was handed on and nobody knows whether it was delivered.
    case uncertain
}

/// The end of an envelope: a code, and what else is known about it.
public struct Outcome: Sendable, Hashable {
    /// What else an outcome may say. Rare, so it lives outside the outcome's own few octets.
    public struct Details: Sendable, Hashable {
        /// What a person may read about it; never content, never a secret.
        public var text: String?
        /// The language of `text`, a BCP 47 tag.
        public var language: String?
        /// Seconds after which another try makes sense.
        public var retryAfter: UInt32?
        /// Where the user has moved.
        public var newAddress: Address?
        /// For how many seconds a subscription was granted.
        public var grantedSeconds: UInt32?
        /// The attributes that were asked for.
        public var attributes: [Attribute]
        /// The identifier of the wire field that was at fault.
        public var failedField: UInt16?
        /// Error elements of the native protocol, for a return to the same protocol.
        public var baggage: [Baggage]

        /// Makes details.
        public init(
            text: String? = nil,
            language: String? = nil,
            retryAfter: UInt32? = nil,
            newAddress: Address? = nil,
            grantedSeconds: UInt32? = nil,
            attributes: [Attribute] = [],
            failedField: UInt16? = nil,
            baggage: [Baggage] = []
        ) {
            self.text = text
            self.language = language
            self.retryAfter = retryAfter
            self.newAddress = newAddress
            self.grantedSeconds = grantedSeconds
            self.attributes = attributes
            self.failedField = failedField
            self.baggage = baggage
        }
    }

    /// The code.
    public var code: OutcomeCode
    private var box: Box<Details>?

    /// Makes an outcome without details.
    public init(_ code: OutcomeCode) {
        self.code = code
    }

    /// Makes an outcome with a text for people.
    public init(_ code: OutcomeCode, _ text: String, retryAfter: UInt32? = nil) {
        self.code = code
        self.box = Box(Details(text: text, retryAfter: retryAfter))
    }

    /// Makes an outcome with details.
    public init(_ code: OutcomeCode, details: Details?) {
        self.code = code
        self.box = details.map(Box.init)
    }

    /// What else is known.
    public var details: Details? { box?.value }

    /// The text for people, if there is one.
    public var text: String? { box?.value.text }

    /// The final state that this outcome means.
    public var disposition: Disposition {
        switch code {
        case .uncertain: .uncertain
        case .timedOut: .expired
        default: code.classCode == 2000 ? .delivered : .failed
        }
    }

    /// The recipient's side has taken it.
    public static let delivered = Outcome(.delivered)
}
