// SPDX-License-Identifier: Apache-2.0
import CLibCrypto
import Glibc

/// Makes certificates of every kind, good and bad, with libcrypto.
final class Key {
    let pointer: OpaquePointer

    enum Kind {
        case p256
        case rsa(Int32)
    }

    struct Failure: Error {}

    init(_ kind: Kind = .p256) throws {
        let (type, bits) =
            switch kind {
            case .p256: (EVP_PKEY_EC, Int32(0))
            case .rsa(let bits): (EVP_PKEY_RSA, bits)
            }
        let context = EVP_PKEY_CTX_new_id(type, nil)
        defer { EVP_PKEY_CTX_free(context) }
        EVP_PKEY_keygen_init(context)
        if bits > 0 {
            EVP_PKEY_CTX_set_rsa_keygen_bits(context, bits)
        } else {
            EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context, NID_X9_62_prime256v1)
        }
        var made: OpaquePointer?
        guard EVP_PKEY_generate(context, &made) == 1, let made else { throw Failure() }
        pointer = made
    }

    deinit { EVP_PKEY_free(pointer) }
}

/// What a certificate is to say.
struct CertificatePlan {
    var subject: String
    /// As in openssl.cnf: "DNS:a.example,DNS:*.b.example", or "DER:30:..." for what that cannot say.
    var names: String?
    var constraints = "CA:FALSE"
    var usage: String?
    var extendedUsage: String?
    var nameConstraints: String?
    var comment: String?
    /// Days from now.
    var from = -1
    var until = 90
    var key = Key.Kind.p256
    var digest = "SHA256"

    /// A server's certificate for the names.
    static func server(_ names: String...) -> CertificatePlan {
        CertificatePlan(
            subject: names.first ?? "nobody",
            names: names.map { "DNS:" + $0 }.joined(separator: ","),
            usage: "digitalSignature",
            extendedUsage: "serverAuth"
        )
    }

    /// An authority's certificate.
    static func authority(_ subject: String) -> CertificatePlan {
        CertificatePlan(
            subject: subject,
            constraints: "critical,CA:TRUE",
            usage: "critical,keyCertSign,cRLSign",
            until: 900
        )
    }

    func with(_ change: (inout CertificatePlan) -> Void) -> CertificatePlan {
        var copy = self
        change(&copy)
        return copy
    }
}

/// A certificate with its key and what issued it.
final class Issued {
    let pointer: OpaquePointer
    let key: Key
    let issuer: Issued?

    /// Issues what `plan` says; signed by itself where there is no issuer.
    init(_ plan: CertificatePlan, by issuer: Issued? = nil, signer: Key? = nil) throws {
        self.issuer = issuer
        let key = try Key(plan.key)
        self.key = key
        guard let certificate = X509_new() else { throw Key.Failure() }
        pointer = certificate
        X509_set_version(certificate, 2)
        ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), UInt64.random(in: 1 ... .max >> 1))
        X509_gmtime_adj(X509_getm_notBefore(certificate), plan.from * 86_400)
        X509_gmtime_adj(X509_getm_notAfter(certificate), plan.until * 86_400)
        X509_NAME_add_entry_by_txt(
            X509_get_subject_name(certificate),
            "CN",
            MBSTRING_UTF8,
            plan.subject,
            -1,
            -1,
            0
        )
        let from = issuer?.pointer ?? certificate
        X509_set_issuer_name(certificate, X509_get_subject_name(from))
        X509_set_pubkey(certificate, key.pointer)
        try add(NID_basic_constraints, plan.constraints, from)
        try add(NID_subject_alt_name, plan.names, from)
        try add(NID_key_usage, plan.usage, from)
        try add(NID_ext_key_usage, plan.extendedUsage, from)
        try add(NID_name_constraints, plan.nameConstraints, from)
        try add(NID_subject_key_identifier, "hash", from)
        try add(NID_netscape_comment, plan.comment, from)
        if issuer != nil { try add(NID_authority_key_identifier, "keyid:always", from) }
        guard X509_sign(certificate, (signer ?? issuer?.key ?? key).pointer, EVP_get_digestbyname(plan.digest)) > 0
        else {
            throw Key.Failure()
        }
    }

    deinit { X509_free(pointer) }

    private func add(_ extensionID: Int32, _ value: String?, _ issuer: OpaquePointer) throws {
        guard let value else { return }
        var context = X509V3_CTX()
        X509V3_set_ctx(&context, issuer, pointer, nil, nil, 0)
        guard let made = X509V3_EXT_nconf_nid(nil, &context, extensionID, value) else {
            throw Key.Failure()
        }
        X509_add_ext(pointer, made, -1)
        X509_EXTENSION_free(made)
    }

    var der: [UInt8] {
        let size = Int(i2d_X509(pointer, nil))
        return [UInt8](unsafeUninitializedCapacity: size) { octets, count in
            var position = octets.baseAddress
            count = Int(i2d_X509(pointer, &position))
        }
    }

    /// This certificate and those above it, without the self-signed one at the end.
    var chain: [Issued] {
        var chain = [self]
        while let next = chain.last?.issuer, next.issuer != nil { chain.append(next) }
        return chain
    }

    /// Writes PEM: the certificates, and the key beside them.
    func write(chain: [Issued]? = nil, to path: String, key keyPath: String? = nil) throws {
        guard let file = BIO_new_file(path, "w") else { throw Key.Failure() }
        for certificate in chain ?? self.chain { PEM_write_bio_X509(file, certificate.pointer) }
        BIO_free(file)
        guard let keyPath else { return }
        guard let keyFile = BIO_new_file(keyPath, "w") else { throw Key.Failure() }
        PEM_write_bio_PrivateKey(keyFile, key.pointer, nil, nil, 0, nil, nil)
        BIO_free(keyFile)
    }
}

/// Wall time in seconds since 1970.
var now: Int64 { Int64(time(nil)) }

/// A private authority with an intermediate one, as public ones have it.
struct Authority {
    let root: Issued
    let intermediate: Issued

    init(_ name: String = "Test") throws {
        root = try Issued(.authority("\(name) Root"))
        intermediate = try Issued(.authority("\(name) Intermediate"), by: root)
    }

    func issue(_ plan: CertificatePlan) throws -> Issued { try Issued(plan, by: intermediate) }
}
