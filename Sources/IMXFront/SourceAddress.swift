// SPDX-License-Identifier: Apache-2.0
import Glibc
import IMXWire

/// Where a connection to here comes from, as far as it matters for bounds: who has one address of an IPv6 /64 has all
/// of them, and an IPv4 address that a socket of both families shows in IPv6 form is the same address.
struct SourceAddress: Hashable {
    /// One source: an IPv4 address or an IPv6 /64.
    struct Host: Hashable {
        /// The IPv4 address, or the first eight octets of the IPv6 address. The two cannot meet: an IPv6 address that
        /// begins with 32 zero bits belongs to nobody.
        fileprivate let bits: UInt64
    }

    let host: Host
    /// Its neighbourhood: an IPv4 /24 or an IPv6 /56.
    let network: AddressBlock

    /// Reads a numeric address without a port. What is none counts as one source, together with all of its kind.
    init(_ text: String) {
        var v4 = in_addr()
        if inet_pton(AF_INET, text, &v4) == 1 {
            self.init(ipv4: UInt32(bigEndian: v4.s_addr))
            return
        }
        var v6 = in6_addr()
        guard inet_pton(AF_INET6, text, &v6) == 1 else {
            self.init(ipv4: 0)
            return
        }
        let (high, low) = withUnsafeBytes(of: v6) {
            (
                UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self)),
                UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            )
        }
        if high == 0, low >> 32 == 0xFFFF {
            self.init(ipv4: UInt32(truncatingIfNeeded: low))
        } else {
            self.init(host: Host(bits: high), network: AddressBlock(ipv6High: high))
        }
    }

    private init(ipv4: UInt32) {
        self.init(host: Host(bits: UInt64(ipv4)), network: AddressBlock(ipv4: ipv4))
    }

    private init(host: Host, network: AddressBlock) {
        self.host = host
        self.network = network
    }
}
