// SPDX-License-Identifier: Apache-2.0

/// The special-purpose addresses of IANA's two registries (RFC 6890), multicast, and what is not assigned for use.
enum SpecialRanges {
    /// What kind of special address `address` is; nil where it is an ordinary one.
    static func name(of address: NumericAddress) -> String? {
        let table = address.isIPv6 ? sixth : fourth
        if let row = table.first(where: { $0.range.contains(address) }) { return row.name }
        // RFC 4291 §2.4, IANA: global unicast is assigned from 2000::/3 alone.
        return address.isIPv6 && address.octets[0] >> 5 != 1 ? "not globally reachable" : nil
    }

    /// The ranges that carry an IPv4 address, and where in the sixteen octets it stands.
    static let embedding: [(range: AddressRange, offset: Int)] = [
        ("::ffff:0:0/96", 12),  // RFC 4291 §2.5.5.2
        ("64:ff9b::/96", 12),  // RFC 6052 §2.1
        ("2002::/16", 2),  // RFC 3056 §2
    ].compactMap { text, offset in AddressRange(text).map { ($0, offset) } }

    private static let fourth = rows([
        ("0.0.0.0/8", "\"this network\""),  // RFC 791 §3.2
        ("10.0.0.0/8", "private"),  // RFC 1918
        ("100.64.0.0/10", "carrier-grade NAT"),  // RFC 6598
        ("127.0.0.0/8", "loopback"),  // RFC 1122 §3.2.1.3
        ("169.254.0.0/16", "link-local"),  // RFC 3927
        ("172.16.0.0/12", "private"),  // RFC 1918
        ("192.0.0.0/24", "protocol assignment"),  // RFC 6890 §2.1
        ("192.0.2.0/24", "documentation"),  // RFC 5737
        ("192.31.196.0/24", "AS112"),  // RFC 7535
        ("192.52.193.0/24", "multicast tunnel"),  // RFC 7450
        ("192.88.99.0/24", "6to4 relay"),  // RFC 7526
        ("192.168.0.0/16", "private"),  // RFC 1918
        ("192.175.48.0/24", "AS112"),  // RFC 7534
        ("198.18.0.0/15", "benchmark"),  // RFC 2544
        ("198.51.100.0/24", "documentation"),  // RFC 5737
        ("203.0.113.0/24", "documentation"),  // RFC 5737
        ("224.0.0.0/4", "multicast"),  // RFC 1112 §4
        ("255.255.255.255/32", "broadcast"),  // RFC 919 §7
        ("240.0.0.0/4", "reserved"),  // RFC 1112 §4
    ])

    private static let sixth = rows([
        ("::/128", "unspecified"),  // RFC 4291 §2.5.2
        ("::1/128", "loopback"),  // RFC 4291 §2.5.3
        ("::/96", "IPv4-compatible"),  // RFC 4291 §2.5.5.1
        ("64:ff9b:1::/48", "translation"),  // RFC 8215
        ("100::/64", "discard-only"),  // RFC 6666
        ("2001::/32", "Teredo"),  // RFC 4380
        ("2001:db8::/32", "documentation"),  // RFC 3849
        ("2001::/23", "protocol assignment"),  // RFC 2928
        ("2620:4f:8000::/48", "AS112"),  // RFC 7534
        ("3fff::/20", "documentation"),  // RFC 9637
        ("5f00::/16", "segment-routing"),  // RFC 9602
        ("fc00::/7", "private"),  // RFC 4193
        ("fe80::/10", "link-local"),  // RFC 4291 §2.5.6
        ("fec0::/10", "site-local"),  // RFC 3879
        ("ff00::/8", "multicast"),  // RFC 4291 §2.7
    ])

    private static func rows(_ table: [(String, String)]) -> [(range: AddressRange, name: String)] {
        table.compactMap { text, name in AddressRange(text).map { ($0, name) } }
    }
}
