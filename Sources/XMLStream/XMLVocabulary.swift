// SPDX-License-Identifier: Apache-2.0
import Glibc

import struct NIOCore.ByteBuffer

/// The number of a name that a vocabulary knows, so that names are compared as integers.
package struct XMLName: RawRepresentable, Sendable, Hashable {
    package let rawValue: UInt16

    package init(rawValue: UInt16) {
        self.rawValue = rawValue
    }

    /// A name outside the vocabulary; it is kept as octets.
    package static let unknown = XMLName(rawValue: 0)
    /// No name: a piece of text.
    static let text = XMLName(rawValue: .max)
}

/// The names that a protocol is interested in, in Clark's sense: a namespace and a local name.
///
/// It is fixed when it is made. Names that a peer invents are never added to it, so that a peer cannot make it grow.
package struct XMLVocabulary: Sendable {
    /// A name and its number. Several names may share one number: the same element in two namespaces.
    package struct Entry: Sendable {
        let name: XMLName
        let spelling: [UInt8]

        /// The name `local` in `namespace`; attributes without a prefix have the empty namespace.
        package init(_ name: XMLName, _ namespace: String, _ local: String) {
            self.name = name
            let prefix = namespace.isEmpty ? [] : Array(namespace.utf8) + [XMLVocabulary.separator]
            spelling = prefix + Array(local.utf8)
        }
    }

    /// What stands between namespace and local name. Form feed is in no XML document and in no URI, so that nobody can
    /// forge a name with it.
    static let separator: UInt8 = 0x0C

    private struct Slot {
        var hash: UInt64 = 0
        var name = XMLName.unknown
        /// Where the name stands in the list of spellings; empty for a free slot.
        var start = 0
        var count = 0
    }

    private var slots: [Slot]
    private var spellings: [UInt8] = []
    private let mask: Int

    /// Makes a vocabulary.
    package init(_ entries: [Entry]) {
        var capacity = 16
        while capacity < entries.count * 4 { capacity *= 2 }
        mask = capacity - 1
        slots = Array(repeating: Slot(), count: capacity)
        for entry in entries {
            let hash = entry.spelling.withUnsafeBytes { XMLVocabulary.hash($0) }
            var index = Int(truncatingIfNeeded: hash) & mask
            while slots[index].count > 0 { index = (index + 1) & mask }
            slots[index] = Slot(
                hash: hash,
                name: entry.name,
                start: spellings.count,
                count: entry.spelling.count
            )
            spellings += entry.spelling
        }
    }

    /// The number of the name that expat spells as `octets`, and where the vocabulary keeps that spelling.
    func find(_ octets: UnsafeRawBufferPointer) -> (name: XMLName, place: UInt16) {
        let hash = XMLVocabulary.hash(octets)
        var index = Int(truncatingIfNeeded: hash) & mask
        while true {
            let slot = slots[index]
            guard slot.count > 0 else { return (.unknown, 0) }
            if slot.hash == hash, slot.count == octets.count, isSpelling(slot, octets) {
                return (slot.name, UInt16(truncatingIfNeeded: index))
            }
            index = (index + 1) & mask
        }
    }

    /// How expat spells the name that was found at `place`.
    func spelling(at place: UInt16) -> ByteBuffer {
        let slot = slots[Int(place) & mask]
        return ByteBuffer(bytes: spellings[slot.start..<slot.start + slot.count])
    }

    private func isSpelling(_ slot: Slot, _ octets: UnsafeRawBufferPointer) -> Bool {
        guard let start = octets.baseAddress else { return false }
        return spellings.withUnsafeBytes { all in
            all.baseAddress.map { memcmp($0 + slot.start, start, slot.count) == 0 } ?? false
        }
    }

    /// Names differ at their ends, so the length and both ends make a hash that is good enough; a match is always
    /// compared in full.
    private static func hash(_ octets: UnsafeRawBufferPointer) -> UInt64 {
        var value = UInt64(truncatingIfNeeded: octets.count)
        if octets.count >= 8 {
            let head = octets.loadUnaligned(fromByteOffset: 0, as: UInt64.self)
            let tail = octets.loadUnaligned(fromByteOffset: octets.count - 8, as: UInt64.self)
            value ^= head &* 0x9E37_79B9_7F4A_7C15 ^ tail
        } else {
            for octet in octets { value = value << 8 | UInt64(octet) }
        }
        value = (value ^ value >> 29) &* 0xBF58_476D_1CE4_E5B9
        return value ^ value >> 32
    }
}
