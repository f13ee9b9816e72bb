// SPDX-License-Identifier: Apache-2.0
package import NIOCore
import NIOPosix

/// Connects by TCP, on one event loop.
package final class NIODialer: ComponentDialer {
    private let eventLoop: any EventLoop
    private let host: String
    private let port: Int
    private let timeout: TimeAmount

    /// Makes a dialer for `host` and `port`, to be used on `eventLoop` only.
    package init(eventLoop: any EventLoop, host: String, port: Int, timeout: TimeAmount) {
        self.eventLoop = eventLoop
        self.host = host
        self.port = port
        self.timeout = timeout
    }

    package func dial(_ user: any ComponentTransportUser) {
        let handler = NIOLoopBound(ComponentHandler(user), eventLoop: eventLoop)
        ClientBootstrap(group: eventLoop)
            // Else Nagle and delayed acknowledgements hold small batches back for 40 ms.
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .connectTimeout(timeout)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(handler.value)
                }
            }
            .connect(host: host, port: port)
            .assumeIsolated()
            .whenFailure { [host, port] error in
                // Several addresses may have been tried; the first says enough.
                let first = (error as? NIOConnectionError)?.connectionErrors.first?.error ?? error
                handler.value.failed("no connection to \(host):\(port): \(first)")
            }
    }
}

/// Hands whole read bursts to the link, and holds reads back while the link asks for it.
private final class ComponentHandler: ChannelDuplexHandler, ComponentTransport {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var user: (any ComponentTransportUser)?
    private var context: ChannelHandlerContext?
    private var burst: [ByteBuffer] = []
    private var isReading = true
    private var isReadDue = false
    private var isHanding = false
    private var isInactive = false
    private var reason = "the server closed the connection"

    init(_ user: any ComponentTransportUser) {
        self.user = user
    }

    func failed(_ reason: String) {
        let user = self.user
        self.user = nil
        user?.closed(reason)
    }

    // MARK: The transport

    var isWritable: Bool { context?.channel.isWritable ?? false }

    func write(_ octets: ByteBuffer) {
        guard let context else { return }
        context.writeAndFlush(wrapOutboundOut(octets), promise: nil)
    }

    func setReading(_ isReading: Bool) {
        self.isReading = isReading
        if isReading, isReadDue {
            isReadDue = false
            context?.read()
        }
    }

    func close() {
        reason = "closed by us"
        context?.close(promise: nil)
    }

    // MARK: The channel

    func channelActive(context: ChannelHandlerContext) {
        self.context = context
        user?.connected(self)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        burst.append(unwrapInboundIn(data))
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        hand()
        context.fireChannelReadComplete()
    }

    func read(context: ChannelHandlerContext) {
        if isReading { context.read() } else { isReadDue = true }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { user?.becameWritable() }
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        reason = String(describing: error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        isInactive = true
        hand()
        if !isHanding { failed(reason) }
        context.fireChannelInactive()
    }

    /// A write may close the channel in the middle of a burst; the rest of the burst is heard all the same, for it
    /// says why.
    private func hand() {
        guard !burst.isEmpty, !isHanding else { return }
        isHanding = true
        var taken: [ByteBuffer] = []
        swap(&taken, &burst)
        user?.received(taken)
        isHanding = false
        if isInactive {
            failed(reason)
        } else if burst.isEmpty {
            taken.removeAll(keepingCapacity: true)
            burst = taken
        }
    }
}
