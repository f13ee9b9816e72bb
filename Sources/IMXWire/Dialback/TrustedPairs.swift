// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

package import struct NIOCore.ByteBuffer

/// The pairs of domains whose data one connection may bring. They die with the connection.
package struct TrustedPairs: Sendable {
    private var expiries: [DomainPair: Instant] = [:]
    /// The pair that was asked for last: records come in runs.
    private var recent: (pair: DomainPair, expiry: Instant)?

    package init() {}

    /// Whether no pair is trusted.
    package var isEmpty: Bool { expiries.isEmpty }

    /// Trusts `pair` until `expiry`, at most a day away. A pair that is trusted already is renewed.
    package mutating func trust(_ pair: DomainPair, until expiry: Instant) {
        let pair = pair.detached()
        expiries[pair] = expiry
        recent = (pair, expiry)
    }

    /// Whether data from `source` for `target` may come on this connection now.
    package mutating func contains(source: ByteBuffer, target: ByteBuffer, now: Instant) -> Bool {
        if let recent, recent.pair.source == source, recent.pair.target == target { return now < recent.expiry }
        return lookUp(DomainPair(source: source, target: target), now: now)
    }

    private mutating func lookUp(_ pair: DomainPair, now: Instant) -> Bool {
        guard let index = expiries.index(forKey: pair) else { return false }
        let (known, expiry) = expiries[index]
        recent = (known, expiry)
        return now < expiry
    }

    /// Takes the trust in `pair` back, because its source was blocked or its target is hosted no longer.
    package mutating func revoke(_ pair: DomainPair) {
        expiries[pair] = nil
        recent = nil
    }

    /// Forgets what has expired, and returns it.
    package mutating func expire(now: Instant) -> [DomainPair] {
        let gone = expiries.filter { $0.value <= now }.map(\.key)
        for pair in gone { revoke(pair) }
        return gone
    }
}
