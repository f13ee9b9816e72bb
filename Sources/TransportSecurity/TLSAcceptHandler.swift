// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
package import NIOCore
import NIOSSL

/// The first handler of an accepted connection to a port with TLS. Reads the ClientHello, chooses the certificate, and
/// leaves when the handshake is over; until then it bounds time and octets.
///
/// Nothing of TLS is set up before the whole ClientHello is there, so that a silent connection costs what one without
/// TLS costs. The handler after this one sees `TLSEstablished` as an inbound event, or an error.
package final class TLSAcceptHandler: ChannelInboundHandler, RemovableChannelHandler {
    package typealias InboundIn = ByteBuffer
    package typealias InboundOut = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    private let service: TLSService
    private let gate: HandshakeGate
    private var ticket: HandshakeGate.Ticket?
    private var timer: Scheduled<Void>?
    private var received = ByteBuffer()
    private var wanted = 1
    private var octets = 0
    private var state = State.hello

    private enum State {
        /// The ClientHello has not all come.
        case hello
        /// It has; its turn has not.
        case waiting
        /// NIOSSL has the octets.
        case shaking
        /// Refused; what comes is dropped.
        case over
    }

    /// Makes the handler of one connection.
    package init(_ service: TLSService, gate: HandshakeGate) {
        self.service = service
        self.gate = gate
    }

    package func channelActive(context: ChannelHandlerContext) {
        let source = HandshakeSource(context.channel.remoteAddress)
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        ticket = gate.enter(source) {
            let (handler, context) = bound.value
            handler.fail("it gave way to newer handshakes", .crowded, context)
        }
        guard ticket != nil else { return fail("too many handshakes are under way from there", .crowded, context) }
        timer = context.eventLoop.assumeIsolated().scheduleTask(
            in: .nanoseconds(service.settings.handshakeTimeout.nanoseconds)
        ) {
            let (handler, context) = bound.value
            handler.fail("the TLS handshake was not over in time", .slow, context)
        }
        context.fireChannelActive()
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var chunk = unwrapInboundIn(data)
        octets += chunk.readableBytes
        // Everything before authentication is at most this much.
        guard octets <= ClientHello.maximumOctets || state == .over else {
            return fail("it sent \(octets) octets before the end of the TLS handshake", .large, context)
        }
        switch state {
        case .shaking: context.fireChannelRead(wrapInboundOut(chunk))
        case .waiting: received.writeBuffer(&chunk)
        case .over: break
        case .hello:
            received.writeBuffer(&chunk)
            if received.readableBytes >= wanted { read(context) }
        }
    }

    private func read(_ context: ChannelHandlerContext) {
        switch ClientHello.read(received) {
        case .needs(let count): wanted = count
        case .notTLS(let what):
            fail("the peer speaks no TLS on a port with TLS; it began with \(what)", .notTLS, context)
        case .malformed(let what): refuse(TLSRefusal(.decodeError, "the peer's TLS is wrong: \(what)"), context)
        case .hello(let hello):
            switch service.accept(hello) {
            case .failure(let refusal): refuse(refusal, context)
            case .success(let session):
                guard let ticket else { return }
                state = .waiting
                let bound = NIOLoopBound((self, context, session), eventLoop: context.eventLoop)
                gate.begin(ticket) {
                    let (handler, context, session) = bound.value
                    handler.begin(session, context)
                }
            }
        }
    }

    private func begin(_ session: TLSSession, _ context: ChannelHandlerContext) {
        guard state == .waiting else { return }
        state = .shaking
        do {
            let pipeline = context.pipeline.syncOperations
            let end = TLSEndHandler(session) { [weak self] in self?.finish(context) }
            try pipeline.addHandlers([session.handler, end], position: .after(self))
        } catch {
            return fail("TLS cannot be set up: \(error)", .other, context)
        }
        let first = received
        received = ByteBuffer()
        context.fireChannelRead(wrapInboundOut(first))
        context.fireChannelReadComplete()
    }

    private func refuse(_ refusal: TLSRefusal, _ context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(refusal.record), promise: nil)
        fail(refusal.text, refusal.kind, context, isTold: true)
    }

    private func fail(
        _ reason: String,
        _ kind: TLSFailure.Kind,
        _ context: ChannelHandlerContext,
        isTold: Bool = false
    ) {
        guard state != .over else { return }
        state = .over
        received = ByteBuffer()
        context.fireErrorCaught(TLSFailure(reason, kind, isTold: isTold))
    }

    /// The handshake is over, and this handler with it.
    private func finish(_ context: ChannelHandlerContext) {
        leave()
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }

    package func handlerRemoved(context: ChannelHandlerContext) { leave() }

    package func channelInactive(context: ChannelHandlerContext) {
        leave()
        if state == .hello {
            let closed = TLSFailure.closedDuringHandshake
            fail(
                octets == 0 ? "the peer said nothing" : closed.description,
                octets == 0 ? .silent : closed.kind,
                context
            )
        }
        context.fireChannelInactive()
    }

    private func leave() {
        timer?.cancel()
        timer = nil
        if let ticket { gate.leave(ticket) }
        ticket = nil
    }
}
