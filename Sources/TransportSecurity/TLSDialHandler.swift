// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel
package import NIOCore
import NIOSSL

/// The first handler of a connection with TLS that we dialled, for the time of the handshake: bounds the octets, and
/// sees whether TLS is spoken there at all. Whoever dials bounds the time.
package final class TLSDialHandler: ChannelInboundHandler, RemovableChannelHandler {
    package typealias InboundIn = ByteBuffer
    package typealias InboundOut = ByteBuffer

    /// The most that a server may send before the end of its handshake; most of it is its chain.
    private static let maximumOctets = 64 * 1024
    private var octets = 0
    private var isOver = false

    private init() {}

    /// Adds what a dialled connection needs, before the handlers that are to speak over TLS.
    ///
    /// They see `TLSEstablished` as an inbound event, or an error.
    package static func add(
        to pipeline: ChannelPipeline.SynchronousOperations,
        _ service: TLSService,
        serverName: Domain
    ) throws {
        let session = try service.dial(serverName)
        let handler = TLSDialHandler()
        let bound = NIOLoopBound(pipeline, eventLoop: pipeline.eventLoop)
        let end = TLSEndHandler(session) { [weak handler] in
            guard let handler else { return }
            bound.value.removeHandler(handler, promise: nil)
        }
        try pipeline.addHandlers([handler, session.handler, end])
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let chunk = unwrapInboundIn(data)
        if isOver { return }
        // A record of the handshake, or an alert.
        if octets == 0, let first: UInt8 = chunk.getInteger(at: chunk.readerIndex), first != 22, first != 21 {
            return fail("no TLS is spoken there; the peer began with \(ClientHello.describe(chunk))", .notTLS, context)
        }
        octets += chunk.readableBytes
        guard octets <= TLSDialHandler.maximumOctets else {
            return fail("the peer sent \(octets) octets before the end of the TLS handshake", .large, context)
        }
        context.fireChannelRead(wrapInboundOut(chunk))
    }

    private func fail(_ reason: String, _ kind: TLSFailure.Kind, _ context: ChannelHandlerContext) {
        isOver = true
        context.fireErrorCaught(TLSFailure(reason, kind))
        context.close(promise: nil)
    }
}
