// SPDX-License-Identifier: Apache-2.0

/// The IMX resource record: one host of a domain's service (Documentation/IMX-DNS-Record.md §2).
package struct IMXRecord: Sendable, Hashable {
    /// Its type, of the range for private use (RFC 6895 §3.1).
    package static let type: UInt16 = 65370

    /// Further data behind the target.
    package struct Extra: Sendable, Hashable {
        /// What it is; no number has a meaning yet.
        package let kind: UInt16
        /// At most 65,535 octets.
        package let value: [UInt8]

        /// Makes extra data; nil where there is too much of it.
        package init?(kind: UInt16, value: [UInt8]) {
            guard value.count <= 65_535 else { return nil }
            self.kind = kind
            self.value = value
        }
    }

    /// Lower is tried first.
    package var preference: UInt16
    /// The share among records of one preference.
    package var weight: UInt16
    /// The port.
    package var port: UInt16
    /// Bit 0 is ``usesTLS``; the others mean nothing yet and are ignored.
    package var flags: UInt16
    /// The host, or the root where the domain has no service.
    package var target: DNSName
    /// What follows; ignored where it is unknown.
    package var extras: [Extra] = []

    /// Whether the port speaks TLS from its first octet.
    package var usesTLS: Bool { flags & 1 != 0 }

    /// Makes a record.
    package init(
        preference: UInt16,
        weight: UInt16,
        port: UInt16,
        usesTLS: Bool,
        target: DNSName,
        extras: [Extra] = []
    ) {
        self.preference = preference
        self.weight = weight
        self.port = port
        flags = usesTLS ? 1 : 0
        self.target = target
        self.extras = extras
    }

    /// Reads a record's data.
    package init(rdata: [UInt8]) throws(RDataError) {
        var reader = RDataReader(rdata)
        preference = try reader.integer("preference")
        weight = try reader.integer("weight")
        port = try reader.integer("port")
        flags = try reader.integer("flags")
        target = try reader.name("target")
        while !reader.isAtEnd {
            let kind = try reader.integer("extra data's kind")
            let length = try reader.integer("extra data's length")
            guard let extra = Extra(kind: kind, value: try reader.octets(Int(length), "extra data")) else { continue }
            extras.append(extra)
        }
    }

    /// The record's data on the wire.
    package var rdata: [UInt8] {
        var octets: [UInt8] = []
        for integer in [preference, weight, port, flags] { octets.append(integer: integer) }
        octets += target.wire
        for extra in extras {
            octets.append(integer: extra.kind)
            octets.append(integer: UInt16(clamping: extra.value.count))
            octets += extra.value
        }
        return octets
    }
}
