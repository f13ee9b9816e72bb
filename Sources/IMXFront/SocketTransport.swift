// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel
import Glibc
package import IMXWire
package import NIOCore
import NIOPosix

/// TCP under the front: every channel lives on the one event loop of the aggregator.
package final class SocketTransport: Transport {
    package weak var delegate: (any TransportDelegate)?
    private let eventLoop: any EventLoop
    private let maximumConnections: Int
    private var channels: [ConnectionHandle: any Channel] = [:]
    private var listeners: [any Channel] = []
    /// Connections that were asked for and are not there yet.
    private var dialling: Set<ConnectionHandle> = []
    private var inboundCount = 0
    private var lastHandle: UInt64 = 0

    /// Makes a transport on `eventLoop` that takes at most so many connections at a time.
    package init(eventLoop: any EventLoop, maximumConnections: Int) {
        self.eventLoop = eventLoop
        self.maximumConnections = maximumConnections
    }

    /// Listens on `endpoint`; the future gives the port, which the system chose where `endpoint` has port 0.
    package func listen(on endpoint: PeerEndpoint) -> EventLoopFuture<UInt16> {
        let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
        return ServerBootstrap(group: eventLoop)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                loopBound.value.accept(channel)
            }
            .bind(host: endpoint.host, port: Int(endpoint.port))
            .map { channel in
                loopBound.value.listeners.append(channel)
                return UInt16(clamping: channel.localAddress?.port ?? 0)
            }
    }

    private func accept(_ channel: any Channel) -> EventLoopFuture<Void> {
        guard inboundCount < maximumConnections else { return channel.close() }
        inboundCount += 1
        let handle = register(channel)
        let address = channel.remoteAddress?.ipAddress ?? "unknown"
        return eventLoop.makeCompletedFuture {
            let handler = FrontChannelHandler(handle: handle, address: address, transport: self)
            try channel.pipeline.syncOperations.addHandler(handler)
        }
    }

    private func register(_ channel: (any Channel)?) -> ConnectionHandle {
        lastHandle += 1
        let handle = ConnectionHandle(rawValue: lastHandle)
        if let channel { channels[handle] = channel }
        return handle
    }

    package func connect(to endpoint: PeerEndpoint, serverName: Domain, timeout: Interval) -> ConnectionHandle {
        let handle = register(nil)
        dialling.insert(handle)
        let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
        ClientBootstrap(group: eventLoop)
            .connectTimeout(.nanoseconds(timeout.nanoseconds))
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    // A name may have several addresses and so several attempts, each with a channel of its own; the
                    // first that becomes active is the connection.
                    let handler = FrontChannelHandler(handle: handle, address: nil, transport: loopBound.value)
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
            .connect(host: endpoint.host, port: Int(endpoint.port))
            .whenFailure { error in
                loopBound.value.gone(handle, reason: SocketTransport.reason(error), wasInbound: false)
            }
        return handle
    }

    /// What went wrong, in words for people.
    fileprivate static func reason(_ error: any Error) -> String {
        switch error {
        case let failure as NIOConnectionError:
            guard let last = failure.connectionErrors.last else { return "the name \(failure.host) was not found" }
            return reason(last.error)
        case let failure as IOError: return String(cString: strerror(failure.errnoCode))
        case ChannelError.connectTimeout: return "no answer to the connection attempt in time"
        default: return "\(error)"
        }
    }

    package func write(_ octets: ByteBuffer, on connection: ConnectionHandle) {
        channels[connection]?.writeAndFlush(octets, promise: nil)
    }

    package func setReading(_ isReading: Bool, on connection: ConnectionHandle) {
        _ = channels[connection]?.setOption(.autoRead, value: isReading)
    }

    package func close(_ connection: ConnectionHandle) {
        channels[connection]?.close(mode: .all, promise: nil)
    }

    package func stopListening() {
        for listener in listeners { listener.close(promise: nil) }
        listeners.removeAll()
    }

    /// Takes `channel` as the connection that was asked for; false where another attempt was faster.
    fileprivate func won(_ handle: ConnectionHandle, _ channel: any Channel) -> Bool {
        guard dialling.remove(handle) != nil else { return false }
        channels[handle] = channel
        delegate?.connected(handle, security: nil)
        return true
    }

    fileprivate func gone(_ handle: ConnectionHandle, reason: String, wasInbound: Bool) {
        channels[handle] = nil
        dialling.remove(handle)
        if wasInbound { inboundCount -= 1 }
        delegate?.closed(handle, reason: reason)
    }
}

/// The one handler of a connection: hands octets to the front and tells it when a burst is over.
private final class FrontChannelHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let handle: ConnectionHandle
    private let address: String?
    private let transport: SocketTransport
    private var isOver = false
    /// Whether the channel is the connection, and not an attempt that came too late.
    private var isOurs = false
    private var reason = "the peer closed the connection"

    init(handle: ConnectionHandle, address: String?, transport: SocketTransport) {
        self.handle = handle
        self.address = address
        self.transport = transport
    }

    func channelActive(context: ChannelHandlerContext) {
        if let address {
            isOurs = true
            transport.delegate?.accepted(handle, from: address, security: nil)
        } else {
            isOurs = transport.won(handle, context.channel)
            if !isOurs { context.close(promise: nil) }
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var octets = unwrapInboundIn(data)
        transport.delegate?.received(&octets, on: handle)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        transport.delegate?.readBurstEnded(on: handle)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        transport.delegate?.writabilityChanged(context.channel.isWritable, on: handle)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        reason = SocketTransport.reason(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { end() }

    /// Comes for every channel, those too that were closed before they were active.
    func handlerRemoved(context: ChannelHandlerContext) { end() }

    private func end() {
        guard !isOver else { return }
        isOver = true
        if isOurs || address != nil { transport.gone(handle, reason: reason, wasInbound: address != nil) }
    }
}
