// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

/// Where a domain is served, as its DNS records or our configuration say. Outgoing trust rests on this alone (IMX 6.3).
package struct PeerService: Sendable, Hashable {
    /// What the service was found by.
    package enum Origin: Sendable, Hashable {
        /// Our own configuration.
        case configured
        /// The IMX resource record.
        case imxRecord
        /// An SRV record at `_imx._tcp`.
        case srv
        /// An SRV record at `_im._imx` or `_pres._imx` (RFC 3861).
        case instantMessagingSRV
        /// Addresses of the domain itself; there was no record of the other kinds.
        case address
    }

    /// Whether the DNS answers were signed.
    package enum Security: Sendable, Hashable {
        /// Every answer up to the host's addresses was validated with DNSSEC.
        case secure
        /// The domain, or a part of the way, is not signed.
        case insecure
    }

    /// One host of the service.
    package struct Host: Sendable, Hashable {
        /// The host name in lower-case A-labels without the last dot, or a numeric address.
        package let name: String
        /// Its numeric addresses; for a configured host name empty, and then the system resolves the name.
        package let addresses: [String]
        /// The port.
        package let port: UInt16
        /// Whether the port speaks TLS from its first octet.
        package let usesTLS: Bool
        /// Lower is tried first.
        package let preference: UInt16
        /// The share among hosts of one preference; 0 everywhere means equal shares.
        package let weight: UInt16
        /// The TLSA records of the port; only validated ones are here.
        package let tlsa: [TLSARecord]

        /// Makes a host.
        package init(
            name: String,
            addresses: [String] = [],
            port: UInt16,
            usesTLS: Bool = false,
            preference: UInt16 = 0,
            weight: UInt16 = 0,
            tlsa: [TLSARecord] = []
        ) {
            self.name = name
            self.addresses = addresses
            self.port = port
            self.usesTLS = usesTLS
            self.preference = preference
            self.weight = weight
            self.tlsa = tlsa
        }
    }

    /// The hosts, in no particular order; never empty.
    package let hosts: [Host]
    /// What they were found by.
    package let origin: Origin
    /// Whether the answers were signed.
    package let security: Security
    /// When the answers are too old for a new connection.
    package let expiry: Instant

    /// Makes a service.
    package init(hosts: [Host], origin: Origin, security: Security = .insecure, expiry: Instant = .distantFuture) {
        self.hosts = hosts
        self.origin = origin
        self.security = security
        self.expiry = expiry
    }
}

/// A TLSA record (RFC 6698 §2.1): what certificate a host shows.
package struct TLSARecord: Sendable, Hashable {
    /// 0 and 1 constrain what a public authority vouches for, 2 names an authority, 3 the certificate itself.
    package let usage: UInt8
    /// 0 the whole certificate, 1 its public key.
    package let selector: UInt8
    /// 0 the octets themselves, 1 their SHA-256, 2 their SHA-512.
    package let matching: UInt8
    /// The octets to match.
    package let association: [UInt8]

    /// Makes a record.
    package init(usage: UInt8, selector: UInt8, matching: UInt8, association: [UInt8]) {
        self.usage = usage
        self.selector = selector
        self.matching = matching
        self.association = association
    }
}
