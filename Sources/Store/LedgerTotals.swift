// SPDX-License-Identifier: Apache-2.0

/// The book of one run in numbers: accepted = delivered + failed + expired + uncertain + waiting, always.
public struct LedgerTotals: Sendable, Hashable {
    /// Envelopes accepted.
    public var accepted: UInt64
    /// Envelopes that ended delivered.
    public var delivered: UInt64
    /// Envelopes that ended failed.
    public var failed: UInt64
    /// Envelopes that ended expired.
    public var expired: UInt64
    /// Envelopes that ended uncertain.
    public var uncertain: UInt64

    /// Makes totals.
    public init(
        accepted: UInt64 = 0,
        delivered: UInt64 = 0,
        failed: UInt64 = 0,
        expired: UInt64 = 0,
        uncertain: UInt64 = 0
    ) {
        self.accepted = accepted
        self.delivered = delivered
        self.failed = failed
        self.expired = expired
        self.uncertain = uncertain
    }

    /// Envelopes with an outcome.
    public var settled: UInt64 { delivered &+ failed &+ expired &+ uncertain }

    /// Envelopes without one; 0 where the book is torn.
    public var waiting: UInt64 { accepted > settled ? accepted &- settled : 0 }

    /// The book as it stands when the process has gone and nobody can tell what became of what waited.
    public var closed: LedgerTotals {
        var book = self
        book.uncertain &+= waiting
        return book
    }
}
