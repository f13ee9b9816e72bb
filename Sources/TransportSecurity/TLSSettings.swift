// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

/// What the operator says about TLS.
package struct TLSSettings: Sendable, Hashable {
    /// A certificate as files.
    package struct Files: Sendable, Hashable {
        /// PEM: the certificate, then what leads to its authority.
        package var chain: String
        /// PEM: the private key, not encrypted.
        package var key: String

        /// Names the files.
        package init(chain: String, key: String) {
            self.chain = chain
            self.key = key
        }
    }

    /// The certificate of each name that may be asked for by SNI: hosted domains, and names of our hosts.
    package var certificates: [Domain: Files]
    /// The certificate for who asks for no name at all; nil refuses them.
    package var defaultCertificate: Files?
    /// A directory with one folder for each name, laid out as certbot's `live`: `NAME/fullchain.pem`,
    /// `NAME/privkey.pem`. What `certificates` lists goes before it.
    package var directory: String?
    /// PEM files with authorities that are trusted too.
    package var extraRootFiles: [String]
    /// Whether the authorities that the system trusts are trusted.
    package var usesSystemRoots: Bool
    /// Whether who connects is asked for a certificate. None has to show one.
    package var requestsClientCertificate: Bool
    /// The name whose certificate is shown to the servers that we dial and that ask; nil shows none.
    package var clientCertificate: Domain?
    /// The time that a handshake may take, from the first octet on.
    package var handshakeTimeout: Interval
    /// How many handshakes may be under way at once with those who connect; one more ends the oldest.
    package var maximumHandshakes: Int
    /// How many of them may come from one IPv4 address or IPv6 /64.
    package var maximumHandshakesPerSource: Int

    /// Makes settings; the defaults serve no name and trust what the system trusts.
    package init(
        certificates: [Domain: Files] = [:],
        defaultCertificate: Files? = nil,
        directory: String? = nil,
        extraRootFiles: [String] = [],
        usesSystemRoots: Bool = true,
        requestsClientCertificate: Bool = true,
        clientCertificate: Domain? = nil,
        handshakeTimeout: Interval = .seconds(10),
        maximumHandshakes: Int = 512,
        maximumHandshakesPerSource: Int = 64
    ) {
        self.certificates = certificates
        self.defaultCertificate = defaultCertificate
        self.directory = directory
        self.extraRootFiles = extraRootFiles
        self.usesSystemRoots = usesSystemRoots
        self.requestsClientCertificate = requestsClientCertificate
        self.clientCertificate = clientCertificate
        self.handshakeTimeout = handshakeTimeout
        self.maximumHandshakes = maximumHandshakes
        self.maximumHandshakesPerSource = maximumHandshakesPerSource
    }
}
