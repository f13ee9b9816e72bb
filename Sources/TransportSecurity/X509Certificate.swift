// SPDX-License-Identifier: Apache-2.0
import CLibCrypto
import Digests
import Glibc

/// A certificate as libcrypto holds it. Never changed after it was made.
final class X509Certificate {
    /// libcrypto's object; ours as long as this lives.
    let pointer: OpaquePointer

    /// Reads DER; nil where it is none, or where something follows it.
    convenience init?(der: [UInt8]) {
        let parsed: OpaquePointer? = der.withUnsafeBufferPointer { octets in
            var position = octets.baseAddress
            guard let certificate = d2i_X509(nil, &position, octets.count) else { return nil }
            guard position == octets.baseAddress.map({ $0 + octets.count }) else {
                X509_free(certificate)
                return nil
            }
            return certificate
        }
        ERR_clear_error()
        guard let parsed else { return nil }
        self.init(owning: parsed)
    }

    /// Takes a certificate over.
    init(owning pointer: OpaquePointer) { self.pointer = pointer }

    deinit { X509_free(pointer) }

    /// The octets of the certificate.
    var der: [UInt8] { encoded { i2d_X509(pointer, $0) } }

    /// The octets of its SubjectPublicKeyInfo.
    var publicKey: [UInt8] { encoded { i2d_X509_PUBKEY(X509_get_X509_PUBKEY(pointer), $0) } }

    private func encoded(_ write: (UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>?) -> Int32) -> [UInt8] {
        let size = write(nil)
        guard size > 0 else { return [] }
        return [UInt8](unsafeUninitializedCapacity: Int(size)) { octets, count in
            var position = octets.baseAddress
            count = max(0, Int(write(&position)))
        }
    }

    /// From when it is valid, in seconds since 1970.
    var notBefore: Int64 { seconds(X509_get0_notBefore(pointer)) ?? .max }

    /// Until when it is valid, in seconds since 1970.
    var notAfter: Int64 { seconds(X509_get0_notAfter(pointer)) ?? .min }

    private func seconds(_ time: UnsafePointer<ASN1_TIME>?) -> Int64? {
        var parts = tm()
        guard ASN1_TIME_to_tm(time, &parts) == 1 else { return nil }
        return Int64(timegm(&parts))
    }

    /// The DNS names in its subjectAltName, as they stand there; at most 100.
    var dnsNames: [String] {
        guard let extracted = X509_get_ext_d2i(pointer, NID_subject_alt_name, nil, nil) else { return [] }
        let names = OpaquePointer(extracted)
        defer { GENERAL_NAMES_free(names) }
        return (0..<min(100, OPENSSL_sk_num(names))).compactMap { index in
            var kind: Int32 = 0
            let name = OPENSSL_sk_value(names, index)?.assumingMemoryBound(to: GENERAL_NAME.self)
            guard let value = GENERAL_NAME_get0_value(name, &kind), kind == GEN_DNS else { return nil }
            let text = OpaquePointer(value)
            let octets = UnsafeBufferPointer(
                start: ASN1_STRING_get0_data(UnsafePointer(text)),
                count: Int(max(0, ASN1_STRING_length(UnsafePointer(text))))
            )
            return printable(octets)
        }
    }

    /// The subject, for people.
    var subject: String {
        guard let text = X509_NAME_oneline(X509_get_subject_name(pointer), nil, 0) else { return "" }
        defer { CRYPTO_free(text, nil, 0) }
        return printable(UnsafeBufferPointer(start: text, count: strlen(text)).map { UInt8(bitPattern: $0) })
    }

    /// SHA-256 of the certificate in lower-case hexadecimal digits.
    var fingerprint: String {
        let digits = Array("0123456789abcdef")
        return String(Digests.sha256(der).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }

    // RFC 9525 §6.3, §6.4: only the DNS names of the subjectAltName, a wildcard only as the whole leftmost label.
    /// Whether it is a certificate for `name`, which is in lower-case A-labels.
    func covers(_ name: String) -> Bool {
        let flags = UInt32(X509_CHECK_FLAG_NEVER_CHECK_SUBJECT) | UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS)
        return X509_check_host(pointer, name, name.utf8.count, flags, nil) == 1
    }

    /// Whether `issuer` could have issued it, by names and key identifiers.
    func isIssued(by issuer: X509Certificate) -> Bool {
        X509_check_issued(issuer.pointer, pointer) == X509_V_OK
    }
}

/// Text from a certificate, fit for a log: printable ASCII, everything else as "?", at most 200 characters.
private func printable(_ octets: some Collection<UInt8>) -> String {
    String(decoding: octets.prefix(200).map { (0x20...0x7E).contains($0) ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
}
