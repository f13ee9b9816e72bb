// SPDX-License-Identifier: Apache-2.0

/// Why the data of a record cannot be read, in words for people.
package struct RDataError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The reason, as the end of a sentence about the record.
    package let description: String

    init(_ description: String) { self.description = description }
}

/// Walks over the data of one record. Whatever the octets are, it ends and it traps nowhere.
struct RDataReader {
    private var rest: ArraySlice<UInt8>

    init(_ octets: [UInt8]) { rest = octets[...] }

    /// Whether everything has been read.
    var isAtEnd: Bool { rest.isEmpty }

    mutating func octet(_ what: String) throws(RDataError) -> UInt8 {
        guard let octet = rest.popFirst() else { throw RDataError("it ends before its \(what)") }
        return octet
    }

    mutating func integer(_ what: String) throws(RDataError) -> UInt16 {
        guard rest.count >= 2, let high = rest.popFirst(), let low = rest.popFirst() else {
            throw RDataError("it ends before its \(what)")
        }
        return UInt16(high) << 8 | UInt16(low)
    }

    mutating func octets(_ count: Int, _ what: String) throws(RDataError) -> [UInt8] {
        guard count <= rest.count else { throw RDataError("its \(what) is cut off") }
        defer { rest.removeFirst(count) }
        return Array(rest.prefix(count))
    }

    mutating func remaining() -> [UInt8] {
        defer { rest = [] }
        return Array(rest)
    }

    /// Reads a name that stands there whole.
    mutating func name(_ what: String) throws(RDataError) -> DNSName {
        var labels: [[UInt8]] = []
        var length = 1
        while true {
            let count = try octet(what)
            if count == 0 { break }
            // RFC 3597 §4: no compression in the data of a type that resolvers do not know; 0x40 and 0x80 are reserved.
            guard count <= 63 else { throw RDataError("its \(what) is compressed or has a label over 63 octets") }
            length += 1 + Int(count)
            guard length <= 255 else { throw RDataError("its \(what) has over 255 octets") }  // RFC 1035 §2.3.4
            labels.append(try octets(Int(count), what))
        }
        guard let name = DNSName(labels: labels) else { throw RDataError("its \(what) is no name") }
        return name
    }
}

extension [UInt8] {
    mutating func append(integer: UInt16) {
        append(UInt8(truncatingIfNeeded: integer >> 8))
        append(UInt8(truncatingIfNeeded: integer))
    }
}
