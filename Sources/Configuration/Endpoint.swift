// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import Glibc

/// A host and a port.
public struct Endpoint: Sendable, Hashable, CustomStringConvertible {
    /// An IPv4 or IPv6 address without brackets, or a host name.
    public let host: String
    /// The port.
    public let port: UInt16
    /// Whether the port speaks TLS from its first octet; `tls://` in front says so where the kind allows it.
    public let usesTLS: Bool

    /// Makes an endpoint of parts that are right already.
    public init(host: String, port: UInt16, usesTLS: Bool = false) {
        self.host = host
        self.port = port
        self.usesTLS = usesTLS
    }

    /// The endpoint of a peer that `text` writes: as others, with `tls://` in front where the port speaks TLS.
    init?(peer text: String) {
        guard text.hasPrefix("tls://") else {
            self.init(text)
            return
        }
        guard let bare = Endpoint(text.dropFirst("tls://".utf8.count)) else { return nil }
        self.init(host: bare.host, port: bare.port, usesTLS: true)
    }

    /// The endpoint that `text` writes: `127.0.0.1:5290`, `[::1]:5290`, `front.example:5290`.
    public init?(_ text: some StringProtocol) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = String(host.dropFirst().dropLast())
            guard isNumeric(host, AF_INET6) else { return nil }
        } else if host.utf8.allSatisfy({ $0 == UInt8(ascii: ".") || ($0 >= 0x30 && $0 <= 0x39) }) {
            guard isNumeric(host, AF_INET) else { return nil }
        } else {
            guard let name = Domain(host) else { return nil }
            host = name.name
        }
        self.init(host: host, port: port)
    }

    /// Whether the host is a numeric address.
    public var isNumericHost: Bool { isNumeric(host, AF_INET) || isNumeric(host, AF_INET6) }

    /// `host:port`, an IPv6 address in brackets, with `tls://` in front of a port that speaks TLS.
    public var description: String {
        (usesTLS ? "tls://" : "") + (host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)")
    }
}

private func isNumeric(_ host: String, _ family: Int32) -> Bool {
    var address = in6_addr()
    return inet_pton(family, host, &address) == 1
}

/// Whether `text` writes a range of addresses: `10.0.0.0/8`, `fd00::/8`, or one address.
func isAddressRange(_ text: String) -> Bool {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard let host = parts.first.map(String.init), parts.count <= 2 else { return false }
    let isV6 = isNumeric(host, AF_INET6)
    guard isV6 || isNumeric(host, AF_INET) else { return false }
    guard parts.count == 2 else { return true }
    guard let length = Int(parts[1]), parts[1].allSatisfy(\.isNumber) else { return false }
    return (0...(isV6 ? 128 : 32)).contains(length)
}
