// SPDX-License-Identifier: Apache-2.0
import NIOCore
import NIOSSL

/// A handshake that failed, for a reason that people may read.
package struct TLSFailure: Error, CustomStringConvertible {
    /// The reason.
    package let description: String

    /// Whether the peer has been sent an alert, which takes a moment to leave.
    package let isTold: Bool

    /// Fails for a reason.
    package init(_ description: String, isTold: Bool = false) {
        self.description = description
        self.isTold = isTold
    }

    /// What went wrong in TLS, in words for people; nil where the error is none of TLS.
    package static func reason(_ error: any Error) -> String? {
        switch error {
        case let failure as TLSFailure: failure.description
        case is NIOSSLError, is BoringSSLError, is NIOSSLExtraError, is NIOSSLCloseTimedOutError: words(error)
        default: nil
        }
    }

    static let closedDuringHandshake = "the peer closed the connection during the TLS handshake"

    static func words(_ error: any Error) -> String {
        switch error {
        case let failure as TLSFailure: failure.description
        case NIOSSLError.handshakeFailed(let inner), NIOSSLError.shutdownFailed(let inner): words(inner)
        case NIOSSLError.uncleanShutdown: "the peer closed the connection without ending TLS"
        case BoringSSLError.sslError(let stack), BoringSSLError.unknownError(let stack): words(stack)
        case is NIOSSLCloseTimedOutError: "the peer did not end TLS in time"
        default: "TLS failed: \(error)"
        }
    }

    private static func words(_ stack: NIOBoringSSLErrorStack) -> String {
        if stack.contains(.eofDuringHandshake) { return closedDuringHandshake }
        // "Error: 268435703 error:100000f7:SSL routines:OPENSSL_internal:WRONG_VERSION_NUMBER at ..."
        let names = stack.map { error -> String in
            // The place in BoringSSL's source follows.
            let text = error.description.split(separator: " at ", maxSplits: 1).first ?? ""
            return String(text.split(separator: ":").last ?? "")
        }
        for name in names { if let words = known[name] { return words } }
        return "TLS failed: \(names.first.map { $0.isEmpty ? "unknown error" : $0 } ?? "unknown error")"
    }

    /// Reasons of BoringSSL that operators meet.
    private static let known = [
        "WRONG_VERSION_NUMBER": "no TLS is spoken there",
        "HTTP_REQUEST": "the peer speaks HTTP without TLS",
        "UNSUPPORTED_PROTOCOL": "the peer speaks no TLS 1.2 or newer",
        "TLSV1_ALERT_PROTOCOL_VERSION": "the peer speaks no version of TLS that we do",
        "NO_SHARED_CIPHER": "the two ends have no cipher suite in common",
        "NO_SHARED_GROUP": "the two ends have no key exchange in common",
        "WRONG_CURVE": "the two ends have no key exchange in common",
        "SSLV3_ALERT_HANDSHAKE_FAILURE": "the peer refused the handshake: the two ends have no parameters in common",
        "TLSV1_UNRECOGNIZED_NAME": "the peer has no certificate for the name that was asked for",
        "TLSV1_ALERT_UNRECOGNIZED_NAME": "the peer has no certificate for the name that was asked for",
        "TLSV1_ALERT_NO_APPLICATION_PROTOCOL": "the peer does not speak imx/1 (ALPN)",
        "INVALID_ALPN_PROTOCOL": "the peer chose a protocol other than imx/1 (ALPN)",
        "TLSV1_ALERT_INTERNAL_ERROR": "the peer's TLS has an internal error",
        "TLSV1_ALERT_DECODE_ERROR": "the peer could not read our part of the handshake",
        "TLSV1_ALERT_UNKNOWN_CA": "the peer does not know the authority of our certificate",
        "SSLV3_ALERT_BAD_CERTIFICATE": "the peer does not take our certificate",
        "SSLV3_ALERT_CERTIFICATE_EXPIRED": "the peer says that our certificate has expired",
        "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "the peer does not take our certificate",
        "TLSV1_ALERT_CERTIFICATE_REQUIRED": "the peer demands a certificate of ours",
        "TLSV1_CERTIFICATE_REQUIRED": "the peer demands a certificate of ours",
        "CERTIFICATE_VERIFY_FAILED": "the peer's certificate cannot be read",
        "NO_RENEGOTIATION": "the peer tried to renegotiate",
    ]
}
