// SPDX-License-Identifier: Apache-2.0
import struct NIOCore.ByteBuffer

/// A keyed 128-bit hash over a sequence of octet strings: SipHash-1-3 rounds, each string preceded by its length.
///
/// Whoever does not know the key cannot make two inputs meet, so a peer cannot have another one's message taken for a
/// repeat. The length prefix keeps ("ab", "c") apart from ("a", "bc").
struct KeyedHash {
    private var v0: UInt64
    private var v1: UInt64
    private var v2: UInt64
    private var v3: UInt64

    init(key: (UInt64, UInt64)) {
        v0 = key.0 ^ 0x736f_6d65_7073_6575
        v1 = key.1 ^ 0x646f_7261_6e64_6f6d ^ 0xee
        v2 = key.0 ^ 0x6c79_6765_6e65_7261
        v3 = key.1 ^ 0x7465_6462_7974_6573
    }

    mutating func combine(_ octets: ByteBuffer) {
        octets.withUnsafeReadableBytes { combine($0) }
    }

    mutating func combine(_ text: String) {
        var text = text
        text.withUTF8 { combine(UnsafeRawBufferPointer($0)) }
    }

    mutating func combine(_ octets: UnsafeRawBufferPointer) {
        absorb(UInt64(truncatingIfNeeded: octets.count))
        var offset = 0
        while offset &+ 8 <= octets.count {
            absorb(UInt64(littleEndian: octets.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
            offset &+= 8
        }
        guard offset < octets.count else { return }
        var tail: UInt64 = 0
        var shift: UInt64 = 0
        while offset < octets.count {
            tail |= UInt64(octets[offset]) &<< shift
            shift &+= 8
            offset &+= 1
        }
        absorb(tail)
    }

    consuming func finalize() -> (UInt64, UInt64) {
        v2 ^= 0xee
        for _ in 0..<3 { round() }
        let first = v0 ^ v1 ^ v2 ^ v3
        v1 ^= 0xdd
        for _ in 0..<3 { round() }
        return (first, v0 ^ v1 ^ v2 ^ v3)
    }

    private mutating func absorb(_ word: UInt64) {
        v3 ^= word
        round()
        v0 ^= word
    }

    private mutating func round() {
        v0 = v0 &+ v1
        v1 = rotate(v1, 13) ^ v0
        v0 = rotate(v0, 32)
        v2 = v2 &+ v3
        v3 = rotate(v3, 16) ^ v2
        v0 = v0 &+ v3
        v3 = rotate(v3, 21) ^ v0
        v2 = v2 &+ v1
        v1 = rotate(v1, 17) ^ v2
        v2 = rotate(v2, 32)
    }

    private func rotate(_ value: UInt64, _ count: UInt64) -> UInt64 {
        (value &<< count) | (value &>> (64 &- count))
    }
}
