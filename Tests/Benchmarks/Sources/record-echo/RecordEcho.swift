// SPDX-License-Identifier: Apache-2.0
import NIOCore
import NIOPosix

/// The least that a record can cost with NIO: cut at its length, check the length, send it back, flush once per read.
@main
enum RecordEcho {
    static func main() throws {
        guard CommandLine.arguments.count == 2, let port = Int(CommandLine.arguments[1]) else {
            print("usage: record-echo PORT")
            return
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let channel = try ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 64 << 10))
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(EchoHandler())
                }
            }
            .bind(host: "127.0.0.1", port: port).wait()
        try channel.closeFuture.wait()
    }
}

/// Sends each record back: a length of four octets, and that many octets.
final class EchoHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private static let longest = 64 << 10
    private var pending = ByteBuffer()
    private var out = ByteBuffer()

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var read = unwrapInboundIn(data)
        if pending.readableBytes == 0 {
            echo(&read, context)
            pending = read
        } else {
            pending.writeBuffer(&read)
            echo(&pending, context)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if pending.readableBytes == 0 { pending.clear() }
        guard out.readableBytes > 0 else { return }
        context.writeAndFlush(wrapOutboundOut(out), promise: nil)
        out = context.channel.allocator.buffer(capacity: 64 << 10)
    }

    private func echo(_ buffer: inout ByteBuffer, _ context: ChannelHandlerContext) {
        while let length = buffer.getInteger(at: buffer.readerIndex, as: UInt32.self) {
            guard length <= Self.longest else { return context.close(promise: nil) }
            guard var record = buffer.readSlice(length: 4 + Int(length)) else { return }
            out.writeBuffer(&record)
        }
    }
}
