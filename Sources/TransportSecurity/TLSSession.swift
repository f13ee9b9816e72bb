// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore
import NIOSSL

/// One connection's TLS.
///
/// Each has a context of its own: keys for session tickets live in a context, so that no ticket is worth anything on any
/// other connection, and so do the lines of the key log, which can only be this connection's (ExporterSecret).
final class TLSSession {
    let serverName: Domain?
    let handler: NIOSSLHandler
    private let isServer: Bool
    private let roots: TrustRoots
    private let secret: ExporterSecret
    private let shown: Shown

    /// The chain that the peer showed, in DER.
    private final class Shown {
        var chain: [[UInt8]] = []
    }

    init(_ base: TLSConfiguration, serverName: Domain?, isServer: Bool, roots: TrustRoots) throws {
        self.serverName = serverName
        self.isServer = isServer
        self.roots = roots
        let secret = ExporterSecret()
        self.secret = secret
        let shown = Shown()
        self.shown = shown
        var configuration = base
        configuration.minimumTLSVersion = .tlsv12
        // Forward secrecy and authenticated encryption only (RFC 9325 §4.2).
        configuration.cipherSuites = "ECDHE+AESGCM:ECDHE+CHACHA20"
        configuration.applicationProtocols = [TLSService.applicationProtocol]
        configuration.renegotiationSupport = .none
        configuration.trustRoots = .certificates([])  // the verdict on a chain is not the handshake's
        configuration.shutdownTimeout = .milliseconds(500)
        configuration.keyLogCallback = { secret.take(line: $0) }
        let context = try NIOSSLContext(configuration: configuration)
        var options = NIOSSLHandler.Configuration()
        options.maximumPreservedOutboundBufferCapacity = 64 * 1024
        let keep: NIOSSLCustomVerificationCallback = { chain, verdict in
            shown.chain = chain.compactMap { try? $0.toDERBytes() }
            verdict.succeed(shown.chain.count == chain.count ? .certificateVerified : .failed)
        }
        if isServer {
            handler = NIOSSLServerHandler(context: context, customVerificationCallback: keep, configuration: options)
        } else {
            handler = try NIOSSLClientHandler(
                context: context,
                serverHostname: serverName?.name,
                customVerificationCallback: keep,
                configuration: options
            )
        }
    }

    /// What came of the handshake, once it is over.
    func security(applicationProtocol: String?) -> ConnectionSecurity {
        let version = handler.tlsVersion
        return ConnectionSecurity(
            version: version == .tlsv13 ? "TLSv1.3" : version == .tlsv12 ? "TLSv1.2" : "unknown",
            applicationProtocol: applicationProtocol,
            serverName: serverName?.name,
            peer: shown.chain.isEmpty
                ? nil : PresentedCertificate(chain: shown.chain, roots: roots, isServer: !isServer),
            exporter: secret.takeChannelBinding()
        )
    }
}
