// SPDX-License-Identifier: Apache-2.0
import NIOCore
import NIOSSL

/// A handshake that failed, for a reason that people may read.
package struct TLSFailure: Error, CustomStringConvertible {
    /// What went wrong, for a count. The set is closed: no peer can make a table of counts grow.
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        /// The peer connected and went without a word.
        case silent
        /// The peer closed the connection in the middle.
        case ended
        /// The time was over before the handshake was.
        case slow = "too-slow"
        /// The peer sent more than a handshake has.
        case large = "too-large"
        /// There are too many handshakes.
        case crowded = "too-many"
        /// The peer speaks something other than TLS.
        case notTLS = "no-tls"
        /// The peer speaks TLS where none is spoken.
        case notPlain = "on-a-plain-port"
        /// What the peer sent is no handshake that keeps the rules.
        case malformed
        /// The peer asked for no name.
        case noName = "no-name"
        /// The peer asked for a name that has no certificate here, or has none for the name that it was asked for.
        case unknownName = "unknown-name"
        /// The two ends do not both speak imx/1 by ALPN.
        case noProtocol = "no-imx-by-alpn"
        /// The two ends have no version, cipher suite or key exchange in common.
        case nothingInCommon = "nothing-in-common"
        /// The peer does not take our certificate, or we cannot use it.
        case ourCertificate = "our-certificate"
        /// The peer's certificate cannot be read.
        case theirCertificate = "their-certificate"
        /// Anything else.
        case other
    }

    /// The reason.
    package let description: String
    /// What kind of thing went wrong.
    package let kind: Kind

    /// Whether the peer has been sent an alert, which takes a moment to leave.
    package let isTold: Bool

    /// Fails for a reason.
    package init(_ description: String, _ kind: Kind = .other, isTold: Bool = false) {
        self.description = description
        self.kind = kind
        self.isTold = isTold
    }

    /// What went wrong in TLS; nil where the error is none of TLS.
    package init?(_ error: any Error) {
        switch error {
        case let failure as TLSFailure: self = failure
        case is NIOSSLError, is BoringSSLError, is NIOSSLExtraError, is NIOSSLCloseTimedOutError:
            self = TLSFailure.classify(error)
        default: return nil
        }
    }

    static let closedDuringHandshake = TLSFailure("the peer closed the connection during the TLS handshake", .ended)

    static func classify(_ error: any Error) -> TLSFailure {
        switch error {
        case let failure as TLSFailure: failure
        case NIOSSLError.handshakeFailed(let inner), NIOSSLError.shutdownFailed(let inner): classify(inner)
        case NIOSSLError.uncleanShutdown: TLSFailure("the peer closed the connection without ending TLS", .ended)
        case BoringSSLError.sslError(let stack), BoringSSLError.unknownError(let stack): classify(stack)
        case is NIOSSLCloseTimedOutError: TLSFailure("the peer did not end TLS in time", .slow)
        default: TLSFailure("TLS failed: \(error)")
        }
    }

    private static func classify(_ stack: NIOBoringSSLErrorStack) -> TLSFailure {
        if stack.contains(.eofDuringHandshake) { return closedDuringHandshake }
        // "Error: 268435703 error:100000f7:SSL routines:OPENSSL_internal:WRONG_VERSION_NUMBER at ..."
        let names = stack.map { error -> String in
            // The place in BoringSSL's source follows.
            let text = error.description.split(separator: " at ", maxSplits: 1).first ?? ""
            return String(text.split(separator: ":").last ?? "")
        }
        for name in names { if let (words, kind) = known[name] { return TLSFailure(words, kind) } }
        return TLSFailure("TLS failed: \(names.first.map { $0.isEmpty ? "unknown error" : $0 } ?? "unknown error")")
    }

    /// Reasons of BoringSSL that operators meet.
    private static let known: [String: (String, Kind)] = [
        "WRONG_VERSION_NUMBER": ("no TLS is spoken there", .notTLS),
        "HTTP_REQUEST": ("the peer speaks HTTP without TLS", .notTLS),
        "UNSUPPORTED_PROTOCOL": ("the peer speaks no TLS 1.2 or newer", .nothingInCommon),
        "TLSV1_ALERT_PROTOCOL_VERSION": ("the peer speaks no version of TLS that we do", .nothingInCommon),
        "NO_SHARED_CIPHER": ("the two ends have no cipher suite in common", .nothingInCommon),
        "NO_SHARED_GROUP": ("the two ends have no key exchange in common", .nothingInCommon),
        "WRONG_CURVE": ("the two ends have no key exchange in common", .nothingInCommon),
        "SSLV3_ALERT_HANDSHAKE_FAILURE": (
            "the peer refused the handshake: the two ends have no parameters in common", .nothingInCommon
        ),
        "TLSV1_UNRECOGNIZED_NAME": ("the peer has no certificate for the name that was asked for", .unknownName),
        "TLSV1_ALERT_UNRECOGNIZED_NAME": ("the peer has no certificate for the name that was asked for", .unknownName),
        "TLSV1_ALERT_NO_APPLICATION_PROTOCOL": ("the peer does not speak imx/1 (ALPN)", .noProtocol),
        "INVALID_ALPN_PROTOCOL": ("the peer chose a protocol other than imx/1 (ALPN)", .noProtocol),
        "TLSV1_ALERT_INTERNAL_ERROR": ("the peer's TLS has an internal error", .other),
        "TLSV1_ALERT_DECODE_ERROR": ("the peer could not read our part of the handshake", .malformed),
        "TLSV1_ALERT_UNKNOWN_CA": ("the peer does not know the authority of our certificate", .ourCertificate),
        "SSLV3_ALERT_BAD_CERTIFICATE": ("the peer does not take our certificate", .ourCertificate),
        "SSLV3_ALERT_CERTIFICATE_EXPIRED": ("the peer says that our certificate has expired", .ourCertificate),
        "SSLV3_ALERT_CERTIFICATE_UNKNOWN": ("the peer does not take our certificate", .ourCertificate),
        "TLSV1_ALERT_CERTIFICATE_REQUIRED": ("the peer demands a certificate of ours", .ourCertificate),
        "TLSV1_CERTIFICATE_REQUIRED": ("the peer demands a certificate of ours", .ourCertificate),
        "CERTIFICATE_VERIFY_FAILED": ("the peer's certificate cannot be read", .theirCertificate),
        "NO_RENEGOTIATION": ("the peer tried to renegotiate", .malformed),
    ]
}
