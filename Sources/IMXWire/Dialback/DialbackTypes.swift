// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

package import struct NIOCore.ByteBuffer

/// What a holder knows one of its connections by. Never reused within a process.
package struct ConnectionHandle: Hashable, Sendable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }
}

/// A source and a target domain, canonical: the unit of trust.
package struct DomainPair: Hashable, Sendable {
    package let source: ByteBuffer
    package let target: ByteBuffer

    package init(source: ByteBuffer, target: ByteBuffer) {
        self.source = source
        self.target = target
    }

    /// The pair for the other direction.
    package var reversed: DomainPair { DomainPair(source: target, target: source) }

    /// A copy that shares no memory with a read buffer.
    func detached() -> DomainPair {
        DomainPair(
            source: ByteBuffer(bytes: source.readableBytesView),
            target: ByteBuffer(bytes: target.readableBytesView)
        )
    }
}

/// A neighbourhood of the network that shares a quota: an IPv4 /24 or an IPv6 /56.
package struct AddressBlock: Hashable, Sendable {
    private let bits: UInt64

    private init(bits: UInt64) {
        self.bits = bits
    }

    /// The block around an IPv4 address.
    package init(ipv4: UInt32) {
        bits = UInt64(ipv4 >> 8)
    }

    /// The block around an IPv6 address, of which these are the first eight octets.
    package init(ipv6High: UInt64) {
        bits = ipv6High >> 8 | 1 << 63
    }
}

/// Times and numbers of the dial-back: IMX-1 §6.6.
package struct DialbackLimits: Sendable, Hashable {
    /// How long a token can be verified.
    package var tokenLife = Interval.seconds(35)
    /// How long an acceptor waits for a proof.
    package var pendingLife = Interval.seconds(25)
    /// How long a pair is trusted without a new claim.
    package var trustLife = Interval.seconds(86_400)
    package var pendingPerConnection = 8
    package var pendingPerBlock = 32
    package var pendingPerSource = 8
    package var pendingInAll = 4096
    /// The part of `pendingInAll` that only sources authenticated in the last day may use.
    package var pendingReserved = 1024
    /// The failed attempts after which a connection without a trusted pair is closed.
    package var failedAttempts = 3
    /// The attempts that a claimant makes in a row.
    package var claimAttempts = 3
    /// VERIFY records from one network that are looked at in a second, on average.
    package var verifiesPerSecondAndBlock = 500
    /// VERIFY records from one network that are looked at in a burst.
    package var verifyBurstPerBlock = 1000
    /// VERIFY records looked at in a second, on average.
    package var verifiesPerSecond = 5000
    /// VERIFY records looked at in a burst.
    package var verifyBurst = 10_000
    /// Dials made in a second, on average, for claims from one network.
    package var dialsPerSecondAndBlock = 2
    /// Dials made in a burst for claims from one network.
    package var dialBurstPerBlock = 64
    /// Dials made in a second, on average, for all claims.
    package var dialsPerSecond = 50
    /// Dials made in a burst for all claims, of which a quarter is kept for sources authenticated in the last day.
    package var dialBurst = 512
    /// The octets that this end sends on a new connection before VERIFY, the name of the source not counted.
    package var openingOctets = 140
    /// The failures in a row after which the same attempt is not made again for a while.
    package var failuresInARow = 3
    /// How long it is not made again.
    package var failureMemory = Interval.seconds(10)

    package init() {}
}
