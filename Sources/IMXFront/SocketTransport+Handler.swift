// SPDX-License-Identifier: Apache-2.0
import Glibc
import IMXWire
import NIOCore
import NIOPosix
import TransportSecurity

/// The last handler of a connection, and without TLS its only one: hands octets to the front and tells it when a burst
/// is over.
final class SocketHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    let handle: ConnectionHandle
    /// Where the peer connected from; nil where we dialled.
    let address: String?
    private let usesTLS: Bool
    private let transport: SocketTransport
    private var stage = Stage.opening
    private var isOver = false
    /// Whether the front was told that the connection stands.
    private var isKnown = false
    /// Whether we ended it before it stood.
    private var isGivenUp = false
    private var hasRead = false
    /// Whether the front ever wrote anything.
    var hasWritten = false
    private var failure: TLSFailure?
    private var closeTimer: Scheduled<Void>?
    private var dropped = 0

    /// How far the connection has come.
    private enum Stage {
        /// It is not one yet: TCP, the race of several attempts or the handshake is under way.
        case opening
        /// It is the one that was asked for; its handshake is under way.
        case shaking
        /// The front knows it.
        case established
        /// Closed from our side; what was written is leaving.
        case closing
    }

    // How long what was written may take to leave, and the peer to close its side after that.
    private static let flushTime = TimeAmount.seconds(5)
    private static let lingerTime = TimeAmount.seconds(1)
    private static let maximumDropped = 1024 * 1024

    init(handle: ConnectionHandle, address: String?, usesTLS: Bool, transport: SocketTransport) {
        self.handle = handle
        self.address = address
        self.usesTLS = usesTLS
        self.transport = transport
    }

    var isEstablished: Bool { stage == .established || stage == .closing }

    func channelActive(context: ChannelHandlerContext) {
        if address == nil {
            guard transport.won(self, context.channel) else { return context.close(promise: nil) }
            stage = .shaking
        }
        if !usesTLS { establish(context, nil) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let event = event as? TLSEstablished else { return context.fireUserInboundEventTriggered(event) }
        if stage == .opening || stage == .shaking { establish(context, event.security) }
    }

    private func establish(_ context: ChannelHandlerContext, _ security: ConnectionSecurity?) {
        stage = .established
        isKnown = true
        transport.established(self, context.channel, security)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var octets = unwrapInboundIn(data)
        guard stage == .established else { return drop(octets, context) }
        if !hasRead {
            hasRead = true
            if !usesTLS, address != nil, octets.readableBytesView.starts(with: [22, 3]) {
                return refuseTLS(context)
            }
        }
        transport.delegate?.received(&octets, on: handle)
    }

    /// A ClientHello where no TLS is spoken.
    private func refuseTLS(_ context: ChannelHandlerContext) {
        let failure = TLSFailure("the peer speaks TLS on a port without TLS", .notPlain)
        self.failure = failure
        transport.delegate?.refused(handle, from: address ?? "", for: failure)
        context.close(promise: nil)
    }

    /// What comes after our end is not wanted, and who goes on sending is not waited for.
    private func drop(_ octets: ByteBuffer, _ context: ChannelHandlerContext) {
        dropped += octets.readableBytes
        guard dropped > SocketHandler.maximumDropped else { return }
        if stage == .closing { failure = TLSFailure("closed by us, and the peer went on sending") }
        context.close(promise: nil)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        // Also where the front closed the connection within the burst: it waits for the end.
        if isKnown { transport.delegate?.readBurstEnded(on: handle) }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        guard stage == .established else { return }
        transport.delegate?.writabilityChanged(context.channel.isWritable, on: handle)
    }

    /// Closes once what was written has left: flush, half-close, and for a short while wait for the peer to do the same.
    func finish(_ channel: any Channel) {
        guard stage != .closing else { return }
        let isOpening = stage != .established
        isGivenUp = isOpening
        stage = .closing
        if failure == nil { failure = TLSFailure("closed by us") }
        // Nothing is on its way out; TLS says goodbye by itself.
        guard !isOpening, hasWritten else { return channel.close(promise: nil) }
        flushAndClose(channel)
    }

    private func flushAndClose(_ channel: any Channel) {
        // Without reading, the peer's end would not be seen.
        _ = channel.setOption(.autoRead, value: true)
        let loop = channel.eventLoop.assumeIsolated()
        closeTimer = loop.scheduleTask(in: SocketHandler.flushTime) { channel.close(promise: nil) }
        channel.close(mode: .output).assumeIsolated().whenComplete { result in
            self.closeTimer?.cancel()
            guard case .success = result else { return channel.close(promise: nil) }
            self.closeTimer = loop.scheduleTask(in: SocketHandler.lingerTime) { channel.close(promise: nil) }
        }
    }

    /// Ends a connection that cannot be used, for a reason that people may read.
    func fail(_ failure: TLSFailure, _ channel: any Channel) {
        if self.failure == nil { self.failure = failure }
        channel.close(promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if failure == nil { failure = SocketHandler.failure(error) }
        if let told = error as? TLSFailure, told.isTold {
            stage = .closing
            return flushAndClose(context.channel)
        }
        context.close(promise: nil)
    }

    /// What went wrong, in words for people.
    static func reason(_ error: any Error) -> String { failure(error).description }

    private static func failure(_ error: any Error) -> TLSFailure {
        if let failure = TLSFailure(error) { return failure }
        switch error {
        case let failure as NIOConnectionError:
            guard let last = failure.connectionErrors.last else {
                return TLSFailure("the name \(failure.host) was not found")
            }
            return self.failure(last.error)
        case let failure as IOError: return TLSFailure(String(cString: strerror(failure.errnoCode)), .ended)
        case ChannelError.connectTimeout: return TLSFailure("no answer to the connection attempt in time", .slow)
        default: return TLSFailure("\(error)")
        }
    }

    func channelInactive(context: ChannelHandlerContext) { end() }

    /// Comes for every channel, those too that were closed before they were active.
    func handlerRemoved(context: ChannelHandlerContext) { end() }

    private func end() {
        guard !isOver else { return }
        isOver = true
        closeTimer?.cancel()
        let failure = failure ?? TLSFailure("the peer closed the connection", .ended)
        if let address, !isKnown {
            transport.refused(handle, from: address, for: failure)
        } else if isKnown || stage != .opening {  // an attempt that came too late is nobody's
            if !isKnown, !isGivenUp { transport.delegate?.refused(handle, for: failure) }
            transport.gone(handle, reason: failure.description, wasInbound: address != nil)
        }
    }
}
