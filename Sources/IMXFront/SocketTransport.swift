// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel
import Glibc
package import IMXWire
package import NIOCore
import NIOPosix
package import TransportSecurity

/// TCP and TLS under the front: every channel lives on the one event loop of the aggregator.
package final class SocketTransport: Transport {
    package weak var delegate: (any TransportDelegate)?
    let eventLoop: any EventLoop
    /// Our certificates and whom we trust; nil where nothing here speaks TLS.
    package let security: TLSService?
    var certificateWatch: Scheduled<Void>?
    private let gate: HandshakeGate?
    private let maximumConnections: Int
    private var links: [ConnectionHandle: Link] = [:]
    private var listeners: [any Channel] = []
    /// Connections that were asked for and are not there yet.
    private var dialling: Set<ConnectionHandle> = []
    private var inboundCount = 0
    private var lastHandle: UInt64 = 0

    private struct Link {
        var channel: any Channel
        var handler: SocketHandler
    }

    /// Makes a transport on `eventLoop` that takes at most so many connections at a time.
    package init(eventLoop: any EventLoop, maximumConnections: Int, security: TLSService? = nil) {
        self.eventLoop = eventLoop
        self.maximumConnections = maximumConnections
        self.security = security
        gate = security.map { HandshakeGate($0.settings, eventLoop: eventLoop) }
    }

    /// Listens on `endpoint`, with TLS where it says so; the future gives the port, which the system chose where
    /// `endpoint` has port 0. Where `isShared`, other processes may listen on the same port, and the system deals out the
    /// connections.
    package func listen(on endpoint: PeerEndpoint, isShared: Bool = false) -> EventLoopFuture<UInt16> {
        guard !endpoint.usesTLS || security != nil else {
            return eventLoop.makeFailedFuture(TLSFailure("no certificates are configured for \(endpoint)"))
        }
        let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
        return ServerBootstrap(group: eventLoop)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.socketOption(NIOBSDSocket.Option(rawValue: SO_REUSEPORT)), value: isShared ? 1 : 0)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            // Each channel keeps its last read buffer, so strangers begin with a small one. It grows with what comes.
            .childChannelOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(minimum: 512, initial: 512, maximum: 65_536)
            )
            .childChannelInitializer { channel in
                loopBound.value.accept(channel, usesTLS: endpoint.usesTLS)
            }
            .bind(host: endpoint.host, port: Int(endpoint.port))
            .map { channel in
                loopBound.value.listeners.append(channel)
                return UInt16(clamping: channel.localAddress?.port ?? 0)
            }
    }

    private func accept(_ channel: any Channel, usesTLS: Bool) -> EventLoopFuture<Void> {
        let address = channel.remoteAddress?.ipAddress ?? "unknown"
        let handle = nextHandle()
        guard inboundCount < maximumConnections else {
            let text = "there are \(inboundCount) connections, which is all there may be"
            delegate?.refused(handle, from: address, for: TLSFailure(text, .crowded))
            return channel.close()
        }
        // S36: what is beyond its bounds is closed before anything of TLS is set up for it.
        if usesTLS, delegate?.maySpeakTLS(handle, from: address) == false { return channel.close() }
        inboundCount += 1
        let handler = SocketHandler(
            handle: handle,
            address: address,
            usesTLS: usesTLS,
            transport: self
        )
        return eventLoop.makeCompletedFuture {
            do {
                if usesTLS, let security, let gate {
                    try channel.pipeline.syncOperations.addHandler(TLSAcceptHandler(security, gate: gate))
                }
                try channel.pipeline.syncOperations.addHandler(handler)
            } catch {
                refused(handle, from: address, for: TLSFailure("no handler can be added: \(error)"))
                throw error
            }
        }
    }

    private func nextHandle() -> ConnectionHandle {
        lastHandle += 1
        return ConnectionHandle(rawValue: lastHandle)
    }

    package func connect(to endpoint: PeerEndpoint, serverName: Domain, timeout: Interval) -> ConnectionHandle {
        let handle = nextHandle()
        dialling.insert(handle)
        guard !endpoint.usesTLS || security != nil else {
            eventLoop.assumeIsolated().execute { self.failed(handle, reason: "TLS is not set up here") }
            return handle
        }
        let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
        ClientBootstrap(group: eventLoop)
            .connectTimeout(.nanoseconds(timeout.nanoseconds))
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    // A name may have several addresses and so several attempts, each with a channel of its own; the
                    // first that becomes active is the connection.
                    let transport = loopBound.value
                    let pipeline = channel.pipeline.syncOperations
                    if endpoint.usesTLS, let security = transport.security {
                        try TLSDialHandler.add(to: pipeline, security, serverName: serverName)
                    }
                    let handler = SocketHandler(
                        handle: handle,
                        address: nil,
                        usesTLS: endpoint.usesTLS,
                        transport: transport
                    )
                    try pipeline.addHandler(handler)
                }
            }
            .connect(host: endpoint.host, port: Int(endpoint.port))
            .whenFailure { error in
                loopBound.value.failed(handle, reason: SocketHandler.reason(error))
            }
        if endpoint.usesTLS {
            eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(timeout.nanoseconds)) { [weak self] in
                self?.dialTimedOut(handle)
            }
        }
        return handle
    }

    /// The time for the connection and its handshake is over.
    private func dialTimedOut(_ handle: ConnectionHandle) {
        if dialling.contains(handle) {
            failed(handle, reason: "no answer to the connection attempt in time")
        } else if let link = links[handle], !link.handler.isEstablished {
            link.handler.fail(TLSFailure("the TLS handshake was not over in time", .slow), link.channel)
        }
    }

    package func write(_ octets: ByteBuffer, on connection: ConnectionHandle) {
        guard let link = links[connection] else { return }
        link.handler.hasWritten = true
        link.channel.writeAndFlush(octets, promise: nil)
    }

    package func setReading(_ isReading: Bool, on connection: ConnectionHandle) {
        _ = links[connection]?.channel.setOption(.autoRead, value: isReading)
    }

    package func close(_ connection: ConnectionHandle) {
        if let link = links.removeValue(forKey: connection) {
            link.handler.finish(link.channel)
        } else if dialling.contains(connection) {
            eventLoop.assumeIsolated().execute { self.failed(connection, reason: "the attempt was given up") }
        }
    }

    package func stopListening() {
        for listener in listeners { listener.close(promise: nil) }
        listeners.removeAll()
        certificateWatch?.cancel()
    }

    // MARK: What handlers tell

    /// Takes `channel` as the connection that was asked for; false where another attempt was faster.
    func won(_ handler: SocketHandler, _ channel: any Channel) -> Bool {
        guard dialling.remove(handler.handle) != nil else { return false }
        links[handler.handle] = Link(channel: channel, handler: handler)
        return true
    }

    /// The connection stands, handshake included.
    func established(_ handler: SocketHandler, _ channel: any Channel, _ security: ConnectionSecurity?) {
        if let address = handler.address {
            links[handler.handle] = Link(channel: channel, handler: handler)
            delegate?.accepted(handler.handle, from: address, security: security)
        } else {
            delegate?.connected(handler.handle, security: security)
        }
    }

    /// A connection that the front was told of, or had asked for, is no more.
    func gone(_ handle: ConnectionHandle, reason: String, wasInbound: Bool) {
        links[handle] = nil
        if wasInbound { inboundCount -= 1 }
        delegate?.closed(handle, reason: reason)
    }

    /// A connection that was asked for never came to be.
    private func failed(_ handle: ConnectionHandle, reason: String) {
        guard dialling.remove(handle) != nil else { return }
        delegate?.closed(handle, reason: reason)
    }

    /// A connection that the front was never told of is no more.
    func refused(_ handle: ConnectionHandle, from address: String, for failure: TLSFailure) {
        inboundCount -= 1
        delegate?.refused(handle, from: address, for: failure)
    }
}
