// SPDX-License-Identifier: Apache-2.0
public import EnvelopeModel

/// The core's name for one delivery. It is good for exactly one settlement.
public struct Ticket: Sendable, Hashable, CustomStringConvertible {
    /// Where the delivery stands in the core's table.
    package let index: UInt32
    /// How often that place had been used before, so that a late settlement never meets another envelope.
    package let generation: UInt32

    package init(index: UInt32, generation: UInt32) {
        self.index = index
        self.generation = generation
    }

    /// The value for logs.
    public var description: String { "\(index).\(generation)" }
}

/// An envelope on its way out of the core.
public struct Delivery: Sendable {
    /// What to settle it with.
    public let ticket: Ticket
    /// The envelope.
    public let envelope: Envelope

    /// Makes a delivery.
    public init(ticket: Ticket, envelope: Envelope) {
        self.ticket = ticket
        self.envelope = envelope
    }
}

/// An envelope on its way into the core.
///
/// The envelope's message identifier decides what counts as a repeat: within the repeat window the core delivers
/// (source, destination, message identifier) at most once and answers a repeat with the first outcome. A service whose
/// identifiers are not unique for ever (XMPP clients count from 1 in every session) must therefore make its own, for
/// instance by ``AdapterHost/makeMessageID(native:)``.
public struct Submission: Sendable {
    /// The adapter's own name for it, returned in the settlement. Any value; the core does not look at it.
    public var token: UInt64
    /// The envelope. Its source must be of a domain that this adapter serves.
    public var envelope: Envelope

    /// Makes a submission.
    public init(token: UInt64 = 0, envelope: Envelope) {
        self.token = token
        self.envelope = envelope
    }
}

/// What became of a submission. Every submission gets exactly one.
public struct Settlement: Sendable {
    /// The token of the submission.
    public let token: UInt64
    /// How it ended.
    public let outcome: Outcome
    /// The envelope as submitted, unless it was delivered; so an adapter need not remember it to answer its sender.
    public let envelope: Envelope?

    /// Makes a settlement.
    public init(token: UInt64, outcome: Outcome, envelope: Envelope?) {
        self.token = token
        self.outcome = outcome
        self.envelope = envelope
    }
}

/// The answer to a withdrawal.
public enum Withdrawal: Sendable, Hashable {
    /// The envelope had not been handed on and never will be.
    case withdrawn
    /// The envelope may have been handed on.
    case tooLate
}

/// The state of an adapter's link to its service.
public enum LinkState: Sendable, Hashable, CustomStringConvertible {
    /// Trying to reach the service.
    case connecting
    /// Messages can flow.
    case up
    /// Not connected, for a reason that people may read.
    case down(String)

    /// The value for logs.
    public var description: String {
        switch self {
        case .connecting: "connecting"
        case .up: "up"
        case .down(let reason): "down: \(reason)"
        }
    }
}
