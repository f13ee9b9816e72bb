// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// Arbitrary octets, read as decisions from the front. Beyond their end every decision is 0.
struct FuzzInput {
    private var rest: ArraySlice<UInt8>

    init(_ octets: [UInt8]) { rest = octets[...] }

    var isEmpty: Bool { rest.isEmpty }

    mutating func octet() -> UInt8 { rest.popFirst() ?? 0 }

    /// A number from 0 to `limit` - 1.
    mutating func number(below limit: Int) -> Int {
        guard limit > 1 else { return 0 }
        return limit <= 256 ? Int(octet()) % limit : (Int(octet()) << 8 | Int(octet())) % limit
    }

    mutating func flag() -> Bool { octet() & 1 == 1 }

    /// One of `choices`; nil where there are none.
    mutating func pick<Element>(_ choices: [Element]) -> Element? {
        choices.isEmpty ? nil : choices[number(below: choices.count)]
    }

    mutating func buffer(_ count: Int) -> ByteBuffer {
        let taken = rest.prefix(count)
        rest = rest.dropFirst(count)
        return ByteBuffer(bytes: taken)
    }

    /// All that is left.
    mutating func remaining() -> ByteBuffer { buffer(rest.count) }
}

/// A generator that gives the same numbers every time: SplitMix64.
struct Draw: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
