// SPDX-License-Identifier: Apache-2.0

/// An SRV record (RFC 2782).
package struct SRVRecord: Sendable, Hashable {
    /// Its type.
    package static let type: UInt16 = 33

    /// Lower is tried first.
    package let priority: UInt16
    /// The share among records of one priority.
    package let weight: UInt16
    /// The port.
    package let port: UInt16
    /// The host, or the root where there is no service.
    package let target: DNSName

    /// Reads a record's data, names in it uncompressed.
    package init(rdata: [UInt8]) throws(RDataError) {
        var reader = RDataReader(rdata)
        priority = try reader.integer("priority")
        weight = try reader.integer("weight")
        port = try reader.integer("port")
        target = try reader.name("target")
        guard reader.isAtEnd else { throw RDataError("something follows its target") }
    }
}

extension TLSARecord {
    /// Its type (RFC 6698 §7.1).
    package static let type: UInt16 = 52

    /// Reads a record's data (RFC 6698 §2.1).
    package init(rdata: [UInt8]) throws(RDataError) {
        var reader = RDataReader(rdata)
        let usage = try reader.octet("usage")
        let selector = try reader.octet("selector")
        let matching = try reader.octet("matching type")
        let association = reader.remaining()
        let expected = matching == 1 ? 32 : matching == 2 ? 64 : max(1, association.count)
        guard association.count == expected else {
            throw RDataError("its association has \(association.count) octets, not \(expected)")
        }
        self.init(usage: usage, selector: selector, matching: matching, association: association)
    }

    /// The record's data on the wire.
    package var rdata: [UInt8] { [usage, selector, matching] + association }
}
