// SPDX-License-Identifier: Apache-2.0
public import EnvelopeModel

/// Why an entity cannot be read.
public enum MIMEError: Error, Sendable, Hashable, CustomStringConvertible {
    /// It breaks the grammar, in the way that the text says.
    case malformed(String)
    /// It goes beyond a bound, which the text names.
    case beyondLimit(String)

    /// The outcome that a sender is given for it.
    public var outcomeCode: OutcomeCode {
        switch self {
        case .malformed: .malformed
        case .beyondLimit: .tooLarge
        }
    }

    /// The reason, for people. Never shows content.
    public var description: String {
        switch self {
        case .malformed(let what): "malformed MIME entity: \(what)"
        case .beyondLimit(let what): "MIME entity beyond a limit: \(what)"
        }
    }
}

/// Bounds on what is read from an entity.
public struct MIMELimits: Sendable, Hashable {
    /// The most header fields of one entity or part.
    public var headerFields = 64
    /// The most octets that the header of one entity or part may take.
    public var headerOctets = 16 << 10
    /// The most parts.
    public var parts = 32

    /// The usual bounds.
    public init() {}
}
