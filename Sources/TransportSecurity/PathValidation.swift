// SPDX-License-Identifier: Apache-2.0
import CLibCrypto
import EnvelopeModel

/// Tracing a certificate to an authority (RFC 5280 §6), by libcrypto.
struct PathValidation {
    /// What the certificate is shown for.
    enum Purpose: Sendable {
        case server
        case client
    }

    /// What came of it.
    enum Outcome {
        /// The path stands: its certificates from the peer's own to the authority's.
        case valid([X509Certificate])
        /// It does not, for a reason that people may read.
        case refused(String)
    }

    let roots: TrustRoots
    let purpose: Purpose
    /// Whether the way may end at a trusted certificate that is not self-signed.
    var endsAnywhere = false

    /// Validates the first of `chain` with the help of the others, at `time`.
    func validate(_ chain: [X509Certificate], time: Int64) -> Outcome {
        guard let leaf = chain.first, let context = X509_STORE_CTX_new(), let others = OPENSSL_sk_new_null() else {
            return .refused("there is no certificate")
        }
        defer {
            X509_STORE_CTX_free(context)
            OPENSSL_sk_free(others)
            ERR_clear_error()
        }
        for certificate in chain.dropFirst() {
            OPENSSL_sk_push(others, UnsafeRawPointer(certificate.pointer))
        }
        guard X509_STORE_CTX_init(context, roots.store, leaf.pointer, others) == 1,
            let parameters = X509_STORE_CTX_get0_param(context)
        else { return .refused("the certificate cannot be checked") }
        // RFC 5280 §4.2.1.12
        X509_VERIFY_PARAM_set_purpose(
            parameters,
            purpose == .server ? X509_PURPOSE_SSL_SERVER : X509_PURPOSE_SSL_CLIENT
        )
        X509_VERIFY_PARAM_set_trust(parameters, purpose == .server ? X509_TRUST_SSL_SERVER : X509_TRUST_SSL_CLIENT)
        X509_VERIFY_PARAM_set_time(parameters, time_t(time))
        X509_VERIFY_PARAM_set_depth(parameters, 8)
        X509_VERIFY_PARAM_set_auth_level(parameters, 2)  // 112 bits: RSA from 2048 on, no SHA-1
        if endsAnywhere { X509_VERIFY_PARAM_set_flags(parameters, UInt(X509_V_FLAG_PARTIAL_CHAIN)) }
        guard X509_verify_cert(context) == 1 else {
            return .refused(
                words(X509_STORE_CTX_get_error(context), at: X509_STORE_CTX_get_error_depth(context), chain)
            )
        }
        return .valid(path(context))
    }

    private func path(_ context: OpaquePointer) -> [X509Certificate] {
        guard let built = X509_STORE_CTX_get0_chain(context) else { return [] }
        return (0..<OPENSSL_sk_num(built)).compactMap { index in
            guard let value = OPENSSL_sk_value(built, index) else { return nil }
            let certificate = OpaquePointer(value)
            X509_up_ref(certificate)
            return X509Certificate(owning: certificate)
        }
    }

    /// The reason for people.
    private func words(_ error: Int32, at depth: Int32, _ chain: [X509Certificate]) -> String {
        let subject = depth == 0 ? "the certificate" : "a certificate above it"
        switch error {
        case X509_V_ERR_CERT_HAS_EXPIRED:
            let end = depth == 0 ? chain.first.map { " on " + day($0.notAfter) } ?? "" : ""
            return "\(subject) has expired\(end)"
        case X509_V_ERR_CERT_NOT_YET_VALID:
            let start = depth == 0 ? chain.first.map { " until " + day($0.notBefore) } ?? "" : ""
            return "\(subject) is not valid yet\(start)"
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE,
            X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
            return "the certificate does not lead to a trusted authority: it is unknown here, or the peer left out "
                + "an intermediate certificate"
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT: return "the certificate is self-signed and not trusted here"
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN: return "the certificate's authority is not trusted here"
        case X509_V_ERR_INVALID_PURPOSE:
            return "\(subject) may not be used for a \(purpose == .server ? "server" : "client") (extended key usage)"
        case X509_V_ERR_INVALID_CA: return "a certificate above it is not an authority's"
        case X509_V_ERR_PERMITTED_VIOLATION, X509_V_ERR_EXCLUDED_VIOLATION:
            return "an authority above the certificate may not vouch for its names (name constraints)"
        case X509_V_ERR_EE_KEY_TOO_SMALL, X509_V_ERR_CA_KEY_TOO_SMALL: return "\(subject) has a weak key"
        case X509_V_ERR_CA_MD_TOO_WEAK: return "the certificate is signed with a weak digest"
        case X509_V_ERR_CERT_SIGNATURE_FAILURE: return "the signature on \(subject) is wrong"
        default:
            return "\(subject): "
                + (X509_verify_cert_error_string(Int(error)).map { String(cString: $0) } ?? "error \(error)")
        }
    }
}

/// The day, as 2026-11-21, on which the moment `seconds` after the beginning of 1970 lies.
func day(_ seconds: Int64) -> String {
    let (milliseconds, overflow) = seconds.multipliedReportingOverflow(by: 1000)
    return String(WallTime(milliseconds: overflow ? .max : milliseconds).description.prefix(10))
}
