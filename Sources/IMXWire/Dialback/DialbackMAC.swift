// SPDX-License-Identifier: Apache-2.0
import Digests

package import struct NIOCore.ByteBuffer

/// Thirty-two octets that are compared in constant time: a secret, a proof, a connection's identifier.
package struct Octets32: Sendable, Equatable {
    private let words: (UInt64, UInt64, UInt64, UInt64)

    /// Draws the octets from `generator`, which must be fit for secrets.
    package init(using generator: inout some RandomNumberGenerator) {
        words = (generator.next(), generator.next(), generator.next(), generator.next())
    }

    /// The value in `octets`; nil unless they are thirty-two.
    package init?(_ octets: ByteBuffer) {
        var octets = octets
        guard octets.readableBytes == 32,
            let words = octets.readMultipleIntegers(as: (UInt64, UInt64, UInt64, UInt64).self)
        else { return nil }
        self.words = words
    }

    /// The SHA-256 of `octets`.
    package init(hashing octets: [UInt8]) {
        self.init(Digests.sha256(octets))
    }

    init(_ digest: some Sequence<UInt8>) {
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        for (index, octet) in digest.enumerated() {
            let value = UInt64(octet) << UInt64(56 - 8 * (index & 7))
            switch index >> 3 {
            case 0: words.0 |= value
            case 1: words.1 |= value
            case 2: words.2 |= value
            default: words.3 |= value
            }
        }
        self.words = words
    }

    /// The octets in a buffer.
    package var buffer: ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeMultipleIntegers(words.0, words.1, words.2, words.3)
        return buffer
    }

    /// Whether both are the same; the time it takes says nothing about where they differ.
    package static func == (a: Octets32, b: Octets32) -> Bool {
        let first = (a.words.0 ^ b.words.0) | (a.words.1 ^ b.words.1)
        let second = (a.words.2 ^ b.words.2) | (a.words.3 ^ b.words.3)
        return first | second == 0
    }
}

/// What identifies a connection to both its ends: a hash over both HELLO records.
///
/// Each end contributes a nonce, so it is unique among that end's connections; elsewhere it may recur. Tables are keyed
/// by ``ConnectionHandle`` and never by this.
package struct ConnectionID: Sendable, Equatable {
    let value: Octets32

    /// The identifier of the connection with these HELLO records.
    ///
    /// - Parameters:
    ///   - dialler: the dialler's HELLO, the whole record with its header, as sent.
    ///   - acceptor: the acceptor's HELLO.
    ///   - binding: the 32-octet `tls-exporter` value (RFC 9266), where both ends list `cb` and the connection is TLS.
    package init(dialler: ByteBuffer, acceptor: ByteBuffer, binding: ByteBuffer? = nil) {
        var input = labelled("IMX-db/1 conn")
        input.appendPrefixed(dialler)
        input.appendPrefixed(acceptor)
        input.appendPrefixed(binding ?? ByteBuffer())
        value = Octets32(Digests.sha256(input))
    }

    /// The octets.
    package var buffer: ByteBuffer { value.buffer }
}

/// What a secret is worth for one claim on one connection.
struct ClaimBinding {
    var source: ByteBuffer
    var target: ByteBuffer
    var token: ByteBuffer
    var connection: ConnectionID

    /// What the claimant shows: IMX-1 §6.3.
    func proof(_ secret: Octets32) -> Octets32 { mac("IMX-db/1 proof", secret) }

    /// What the acceptor shows in return: IMX-1 §6.3.
    func confirm(_ secret: Octets32) -> Octets32 { mac("IMX-db/1 confirm", secret) }

    private func mac(_ label: String, _ secret: Octets32) -> Octets32 {
        var input = labelled(label)
        input.appendPrefixed(source)
        input.appendPrefixed(target)
        input.appendPrefixed(token)
        input.append(contentsOf: connection.buffer.readableBytesView)
        return hmac(secret, input)
    }
}

func hmac(_ key: Octets32, _ input: [UInt8]) -> Octets32 {
    Octets32(Digests.hmacSHA256(key: Array(key.buffer.readableBytesView), input))
}

/// A label and a zero octet, so that no two inputs of different meaning are ever alike.
func labelled(_ label: String) -> [UInt8] {
    Array(label.utf8) + [0]
}

extension [UInt8] {
    /// Appends the length in four octets, then the octets: nothing can slide from one part into the next.
    mutating func appendPrefixed(_ octets: ByteBuffer) {
        let length = UInt32(clamping: octets.readableBytes)
        for shift in [24, 16, 8, 0] as [UInt32] { append(UInt8(truncatingIfNeeded: length >> shift)) }
        append(contentsOf: octets.readableBytesView)
    }
}
