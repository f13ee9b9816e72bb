// SPDX-License-Identifier: Apache-2.0
import Glibc

/// An IPv4 or IPv6 address as its octets.
package struct NumericAddress: Sendable, Hashable, CustomStringConvertible {
    /// The type of the record that holds an IPv4 address.
    package static let typeA: UInt16 = 1
    /// The type of the record that holds an IPv6 address.
    package static let typeAAAA: UInt16 = 28

    /// 4 or 16 octets.
    package let octets: [UInt8]

    /// Makes an address of the data of an A or AAAA record; nil where it has neither 4 nor 16 octets.
    package init?(octets: [UInt8]) {
        guard octets.count == 4 || octets.count == 16 else { return nil }
        self.octets = octets
    }

    /// The address that `text` writes in its usual form, without brackets, port or zone.
    package init?(_ text: String) {
        guard !text.utf8.contains(0) else { return nil }
        for (family, count) in [(AF_INET, 4), (AF_INET6, 16)] {
            var octets = [UInt8](repeating: 0, count: count)
            if inet_pton(family, text, &octets) == 1 {
                self.octets = octets
                return
            }
        }
        return nil
    }

    /// Whether it is an IPv6 address.
    package var isIPv6: Bool { octets.count == 16 }

    /// The address in its usual form, IPv6 as RFC 5952 has it.
    package var description: String {
        var text = [CChar](repeating: 0, count: 64)
        guard inet_ntop(isIPv6 ? AF_INET6 : AF_INET, octets, &text, 64) != nil else { return "" }
        return text.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
    }
}
