// SPDX-License-Identifier: Apache-2.0
package import Discovery
package import EnvelopeModel

package import struct NIOCore.ByteBuffer

/// What TLS says about a connection. Plain connections have none.
package struct ConnectionSecurity: Sendable {
    /// The version, as "TLSv1.3".
    package let version: String
    /// The protocol agreed on by ALPN; nil where the peer took part in none.
    package let applicationProtocol: String?
    /// The domain that the dialler asked for by SNI.
    package let serverName: String?
    /// What the peer showed; nil where it showed no certificate.
    package let peer: (any PeerCertificate)?
    /// The 32-octet `tls-exporter` value (RFC 9266), where it can be had.
    package let exporter: ByteBuffer?

    /// Makes a description.
    package init(
        version: String,
        applicationProtocol: String? = nil,
        serverName: String? = nil,
        peer: (any PeerCertificate)? = nil,
        exporter: ByteBuffer? = nil
    ) {
        self.version = version
        self.applicationProtocol = applicationProtocol
        self.serverName = serverName
        self.peer = peer
        self.exporter = exporter
    }
}

/// A peer's certificate, and what it is worth for a domain.
package protocol PeerCertificate: Sendable {
    /// Whether the certificate, with the chain it came with, is good for `domain` at `time`.
    ///
    /// - Parameters:
    ///   - domain: The domain that the peer is to speak for.
    ///   - host: The host that was dialled, where we dialled; its TLSA records and, if `security` is secure, its name
    ///     count (RFC 7673 §4).
    ///   - security: Whether the DNS answers that led to the host were signed.
    ///   - time: Wall time in seconds since 1970.
    /// - Returns: Nil where it is good; else the reason it is not, for people.
    func refusal(for domain: Domain, host: PeerService.Host?, security: PeerService.Security, time: Int64) -> String?

    /// Who it says it is, for logs: the subject's names and the SHA-256 of the certificate.
    var summary: String { get }
}
