// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

/// The book of outcomes: every envelope that the core accepts is entered once and ends in exactly one column.
public struct Ledger: Sendable, Hashable {
    /// How many were accepted.
    public private(set) var accepted: UInt64 = 0
    /// How many ended delivered.
    public private(set) var delivered: UInt64 = 0
    /// How many ended failed.
    public private(set) var failed: UInt64 = 0
    /// How many ended expired.
    public private(set) var expired: UInt64 = 0
    /// How many ended uncertain.
    public private(set) var uncertain: UInt64 = 0

    /// Makes an empty book.
    public init() {}

    mutating func accept() { accepted &+= 1 }

    mutating func settle(_ disposition: Disposition) {
        switch disposition {
        case .delivered: delivered &+= 1
        case .failed: failed &+= 1
        case .expired: expired &+= 1
        case .uncertain: uncertain &+= 1
        }
    }

    /// How many have ended.
    public var settled: UInt64 { delivered &+ failed &+ expired &+ uncertain }

    /// Whether the book agrees with the envelopes that are still here.
    ///
    /// accepted = delivered + failed + expired + uncertain + waiting, always.
    public func balances(waiting: Int) -> Bool { accepted == settled &+ UInt64(waiting) }
}
