// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

/// What counts as the name of a host.
package enum HostName {
    /// `text` in lower-case without the last dot; nil where it is no host name (RFC 1123 §2.1).
    ///
    /// The last label of a host name is never a number, so that no name can be taken for a numeric address.
    package static func canonical(_ text: some StringProtocol) -> String? {
        guard let domain = Domain(text), !isNumeric(domain) else { return nil }
        return domain.name
    }

    /// Whether the last label is a number, as in an IPv4 address.
    package static func isNumeric(_ domain: Domain) -> Bool {
        domain.name.utf8.reversed().prefix { $0 != UInt8(ascii: ".") }.allSatisfy { (0x30...0x39).contains($0) }
    }

    /// The host that a record leads to; nil where its target is the root, which says that there is none.
    ///
    /// Throws where the record cannot be used (Documentation/IMX-DNS-Record.md §2.3).
    package static func of(target: DNSName, port: UInt16) throws(RDataError) -> String? {
        if target.isRoot { return nil }
        guard let name = target.hostName else { throw RDataError("its target \(target) is no host name") }
        guard port != 0 else { throw RDataError("its port is 0") }
        return name
    }
}
