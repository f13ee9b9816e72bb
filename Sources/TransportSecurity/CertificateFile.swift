// SPDX-License-Identifier: Apache-2.0
import CLibCrypto
import EnvelopeModel
import Glibc
import NIOSSL

/// A certificate of ours with its chain and key, checked.
package struct OwnCertificate: Sendable {
    /// The chain in DER, our certificate first.
    let chain: [[UInt8]]
    /// The private key in DER.
    let key: [UInt8]
    /// The names in it.
    package let names: [String]
    /// Until when it is valid, in seconds since 1970.
    package let notAfter: Int64
    /// SHA-256 of our certificate in hexadecimal digits.
    package let fingerprint: String

    /// Why files are no good as a certificate for a name, and what to do about it.
    struct Refusal: Error {
        var file: String
        var text: String
        var remedy: String
        /// Whether time alone may mend it.
        var isPassing = false
    }

    /// Reads and checks files whole; nothing of a bad pair is used. Blocks on the disk.
    ///
    /// - Parameters:
    ///   - files: Where chain and key are.
    ///   - name: What the certificate has to be for; nil where it may be for anything.
    ///   - time: Wall time in seconds since 1970.
    init(_ files: TLSSettings.Files, for name: Domain?, time: Int64) throws(Refusal) {
        let certificates = try OwnCertificate.certificates(files.chain)
        guard let own = certificates.first else {
            throw Refusal(
                file: files.chain,
                text: "no certificate in PEM is there",
                remedy: "write the full chain there"
            )
        }
        key = try OwnCertificate.key(files.key, of: own, chainFile: files.chain)
        if let name, !own.covers(name.name) {
            let names = own.dnsNames.prefix(3).joined(separator: ", ")
            throw Refusal(
                file: files.chain,
                text: "the certificate is for \(names.isEmpty ? "no domain" : names), not for \(name)",
                remedy: "get one that has \(name) among its DNS names"
            )
        }
        guard own.notAfter >= time else {
            throw Refusal(
                file: files.chain,
                text: "the certificate expired on \(day(own.notAfter))",
                remedy: "renew it"
            )
        }
        guard own.notBefore <= time else {
            throw Refusal(
                file: files.chain,
                text: "the certificate is valid only from \(day(own.notBefore)) on",
                remedy: "check this machine's clock",
                isPassing: true
            )
        }
        for (certificate, issuer) in zip(certificates, certificates.dropFirst())
        where !certificate.isIssued(by: issuer) {
            throw Refusal(
                file: files.chain,
                text: "the certificates are not in order: \(issuer.subject) did not issue \(certificate.subject)",
                remedy: "write the domain's certificate first, and each one's issuer after it"
            )
        }
        chain = certificates.map(\.der)
        do {
            // What is good for one library need not be for the other.
            _ = try NIOSSLContext(configuration: try Self.prepare(chain, key).server)
        } catch {
            throw Refusal(
                file: files.chain,
                text: "TLS cannot use this certificate and key",
                remedy: "use a key of RSA with 2048 bits or more, or of ECDSA with P-256 or P-384"
            )
        }
        names = own.dnsNames
        notAfter = own.notAfter
        fingerprint = own.fingerprint
    }

    /// Chain and key as NIOSSL wants them.
    struct Prepared {
        var chain: [NIOSSLCertificateSource]
        var key: NIOSSLPrivateKeySource

        /// A server's configuration with them.
        var server: TLSConfiguration { .makeServerConfiguration(certificateChain: chain, privateKey: key) }
    }

    /// Makes what NIOSSL wants; several kilobytes, so it is not kept for every certificate.
    func prepare() throws -> Prepared { try Self.prepare(chain, key) }

    private static func prepare(_ chain: [[UInt8]], _ key: [UInt8]) throws -> Prepared {
        Prepared(
            chain: try chain.map { .certificate(try NIOSSLCertificate(bytes: $0, format: .der)) },
            key: .privateKey(try NIOSSLPrivateKey(bytes: key, format: .der))
        )
    }

    private static func certificates(_ path: String) throws(Refusal) -> [X509Certificate] {
        guard let file = BIO_new_file(path, "r") else { throw unreadable(path) }
        defer {
            BIO_free(file)
            ERR_clear_error()
        }
        var certificates: [X509Certificate] = []
        while certificates.count < 10, let certificate = PEM_read_bio_X509(file, nil, refusePassphrase, nil) {
            certificates.append(X509Certificate(owning: certificate))
        }
        // The end of the file reads as "no start line"; anything else is a certificate that cannot be read.
        let error = ERR_peek_last_error()
        let isEnd = error == 0 || Int32(truncatingIfNeeded: error & 0x7F_FFFF) == PEM_R_NO_START_LINE
        guard isEnd else {
            throw Refusal(
                file: path,
                text: "certificate \(certificates.count + 1) in it cannot be read",
                remedy: "write the chain anew, in PEM"
            )
        }
        return certificates
    }

    private static func key(_ path: String, of own: X509Certificate, chainFile: String) throws(Refusal) -> [UInt8] {
        guard let file = BIO_new_file(path, "r") else { throw unreadable(path) }
        defer {
            BIO_free(file)
            ERR_clear_error()
        }
        guard let key = PEM_read_bio_PrivateKey(file, nil, refusePassphrase, nil) else {
            throw Refusal(
                file: path,
                text: "no private key in PEM can be read there; an encrypted one cannot be used",
                remedy: "write the key there without a passphrase, readable to this service alone"
            )
        }
        defer { EVP_PKEY_free(key) }
        guard X509_check_private_key(own.pointer, key) == 1 else {
            throw Refusal(
                file: path,
                text: "the key is not the one of the certificate in \(chainFile)",
                remedy: "write the chain and the key of one certificate"
            )
        }
        let size = i2d_PrivateKey(key, nil)
        guard size > 0 else { throw unreadable(path) }
        return [UInt8](unsafeUninitializedCapacity: Int(size)) { octets, count in
            var position = octets.baseAddress
            count = max(0, Int(i2d_PrivateKey(key, &position)))
        }
    }

    private static func unreadable(_ path: String) -> Refusal {
        let reason = access(path, R_OK) == 0 ? "it cannot be read" : String(cString: strerror(errno))
        return Refusal(file: path, text: reason, remedy: "put the file there, readable to this service")
    }
}

/// Answers libcrypto's question for a passphrase with none, instead of asking at the terminal.
private func refusePassphrase(
    _: UnsafeMutablePointer<CChar>?,
    _: Int32,
    _: Int32,
    _: UnsafeMutableRawPointer?
) -> Int32 { -1 }
