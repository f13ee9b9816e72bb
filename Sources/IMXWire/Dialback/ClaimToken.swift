// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

import struct NIOCore.ByteBuffer

/// Makes and checks the tokens of claims: IMX-1 §6.5.
///
/// A token is 56 octets: version 01, key identifier, node u16, claim identifier (16 random octets), expiry u32 in
/// seconds of the maker's clock, and a MAC over all of it and both domains. Any node with the key can turn a forgery
/// away; only the node that holds the claim can say that it is alive.
package struct ClaimTokens: Sendable {
    /// The number of octets of a token.
    package static let size = 56
    /// The octets in front of the MAC.
    static let bodySize = 24

    private var current: (id: UInt8, key: Octets32)
    /// The keys that other tokens may still be, or already be, made under.
    private var others: [UInt8: Octets32] = [:]
    private let node: UInt16

    /// Tokens under `key`, which is shared by the nodes of one aggregator and by nobody else.
    package init(node: UInt16 = 0, keyID: UInt8 = 0, key: Octets32) {
        self.node = node
        self.current = (keyID, key)
    }

    /// Tokens of a node under keys that are derived from the secret of its cluster, one for each day. Those of the day
    /// before and of the day after are good too, for the nodes' clocks differ.
    package init(node: UInt16, cluster: Octets32, day: UInt32) {
        self.init(node: node, keyID: UInt8(truncatingIfNeeded: day), key: Self.key(cluster, day))
        others = [
            UInt8(truncatingIfNeeded: day &- 1): Self.key(cluster, day &- 1),
            UInt8(truncatingIfNeeded: day &+ 1): Self.key(cluster, day &+ 1),
        ]
    }

    /// Makes new tokens under another key; those under the key before it stay good.
    package mutating func rotate(keyID: UInt8, key: Octets32) {
        others = [current.id: current.key]
        current = (keyID, key)
    }

    /// The key of a day, counted from 1970.
    private static func key(_ cluster: Octets32, _ day: UInt32) -> Octets32 {
        hmac(cluster, labelled("IMX-db/1 key") + withUnsafeBytes(of: day.bigEndian) { Array($0) })
    }

    func make(
        _ pair: DomainPair,
        expiry: Instant,
        using generator: inout some RandomNumberGenerator
    ) -> ByteBuffer {
        var token = ByteBuffer()
        token.reserveCapacity(Self.size)
        token.writeMultipleIntegers(
            UInt8(1),
            current.id,
            node,
            generator.next() as UInt64,
            generator.next() as UInt64,
            seconds(expiry)
        )
        token.writeImmutableBuffer(mac(Array(token.readableBytesView), pair, current.key).buffer)
        return token
    }

    /// The node whose token this is, where it was made for exactly this pair and, if it is this node's own, is not
    /// expired; nil for any other. The MAC is computed in every case. Only the maker's clock can tell the expiry.
    func maker(of token: ByteBuffer, for pair: DomainPair, now: Instant) -> UInt16? {
        let view = token.readableBytesView
        let isShaped = view.count == Self.size && view.first == 1
        let body = isShaped ? Array(view.prefix(Self.bodySize)) : [UInt8](repeating: 0, count: Self.bodySize)
        let key = body[1] == current.id ? current.key : others[body[1]]
        let shown = isShaped ? Octets32(view.suffix(32)) : Octets32([])
        let isMade = mac(body, pair, key ?? current.key) == shown
        let maker = UInt16(body[2]) << 8 | UInt16(body[3])
        let expiry = body[20..<24].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        guard isMade, isShaped, key != nil, maker != node || expiry > seconds(now) else { return nil }
        return maker
    }

    /// Whether the token is one of this node's own.
    func isOwn(_ maker: UInt16) -> Bool { maker == node }

    private func mac(_ body: [UInt8], _ pair: DomainPair, _ key: Octets32) -> Octets32 {
        var input = labelled("IMX-db/1 token")
        input += body
        input.appendPrefixed(pair.source)
        input.appendPrefixed(pair.target)
        return hmac(key, input)
    }

    private func seconds(_ instant: Instant) -> UInt32 {
        UInt32(truncatingIfNeeded: instant.nanoseconds / 1_000_000_000)
    }
}
