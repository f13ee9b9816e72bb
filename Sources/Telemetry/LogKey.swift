// SPDX-License-Identifier: Apache-2.0

/// The names of what log lines carry beside their message. One list, so that a search for a key finds every line.
public enum LogKey {
    /// The trace identifier of an envelope; every line about the envelope has it, at both aggregators.
    public static let trace = "trace"
    /// The adapter instance or room where something happens.
    public static let place = "at"
    /// The adapter instance.
    public static let adapter = "adapter"
    /// The outcome code.
    public static let outcome = "outcome"
    /// Why, for people; may come from a peer.
    public static let reason = "reason"
    /// The sender's domain. Never a whole address: who writes to whom is nobody's business.
    public static let source = "from"
    /// The recipient's domain.
    public static let destination = "to"
    /// The other end of a connection.
    public static let peer = "peer"
    /// The number of a connection within this process.
    public static let connection = "connection"
    /// How many.
    public static let count = "count"
    /// How many octets.
    public static let octets = "octets"
    /// A file.
    public static let path = "path"

    /// Every key.
    public static let all = [
        trace, place, adapter, outcome, reason, source, destination, peer, connection, count, octets, path,
    ]
}
