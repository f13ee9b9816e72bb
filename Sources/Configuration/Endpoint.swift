// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import Glibc

/// A host and a port.
public struct Endpoint: Sendable, Hashable, CustomStringConvertible {
    /// An IPv4 or IPv6 address without brackets, or a host name.
    public let host: String
    /// The port.
    public let port: UInt16

    /// Makes an endpoint of parts that are right already.
    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
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

    /// `host:port`, an IPv6 address in brackets.
    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

private func isNumeric(_ host: String, _ family: Int32) -> Bool {
    var address = in6_addr()
    return inet_pton(family, host, &address) == 1
}
