// SPDX-License-Identifier: Apache-2.0
import Glibc
import NIOCore
import NIOTLS

/// The event that tells the handlers after TLS that the handshake is over.
package struct TLSEstablished {
    /// What came of it.
    package let security: ConnectionSecurity
}

/// Stands behind NIOSSL until the handshake is over, tells what came of it, and leaves.
final class TLSEndHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    private let session: TLSSession
    private let whenOver: () -> Void

    init(_ session: TLSSession, whenOver: @escaping () -> Void) {
        self.session = session
        self.whenOver = whenOver
    }

    /// An abrupt end of the transport is, as long as this handler is here, one of the handshake.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let failure = error as? IOError, failure.errnoCode == ECONNRESET else {
            return context.fireErrorCaught(error)
        }
        context.fireErrorCaught(TLSFailure.closedDuringHandshake)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .handshakeCompleted(let chosen)? = event as? TLSUserEvent else {
            return context.fireUserInboundEventTriggered(event)
        }
        whenOver()
        // S48: another protocol, or none, is another service behind the same name.
        guard chosen == TLSService.applicationProtocol else {
            let what = chosen.map { "chose \($0.prefix(50))" } ?? "chose no protocol"
            return context.fireErrorCaught(TLSFailure("the peer \(what) where imx/1 was offered (ALPN)", .noProtocol))
        }
        context.fireUserInboundEventTriggered(
            TLSEstablished(security: session.security(applicationProtocol: chosen))
        )
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }
}
