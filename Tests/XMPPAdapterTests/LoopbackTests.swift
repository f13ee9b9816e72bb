// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import Configuration
import EnvelopeModel
import NIOCore
import NIOPosix
import Testing

@testable import XMPPAdapter

/// A server for one connection at a time on loopback, which answers as XEP-0114 and XEP-0199 have it.
private final class ScriptedServer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let log: NIOLoopBound<Log>

    final class Log {
        var text = ""
        var connections = 0
        var channel: (any Channel)?
    }

    init(log: NIOLoopBound<Log>) {
        self.log = log
    }

    func channelActive(context: ChannelHandlerContext) {
        log.value.connections += 1
        log.value.channel = context.channel
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let text = String(buffer: unwrapInboundIn(data))
        log.value.text += text
        var answer = ""
        if text.contains("<stream:stream") { answer += Bench.header }
        if text.contains("<handshake>aaee83c26aeeafcbabeabfcbcd50df997e0a2a1e</handshake>") { answer += "<handshake/>" }
        for piece in text.split(separator: "id='imx-ping-", omittingEmptySubsequences: false).dropFirst() {
            let id = piece.prefix { $0 != "'" }
            answer += "<iq type='result' id='imx-ping-\(id)' from='a.example' to='imx.a.example'/>"
        }
        if !answer.isEmpty { context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer)), promise: nil) }
    }
}

@Suite("The component link over TCP")
struct LoopbackTests {
    @Test("XEP-0114: a link over loopback comes up, delivers, survives a cut, and stops", .timeLimit(.minutes(5)))
    func overTCP() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.any()
        let world = try await loop.submit { NIOLoopBound(World(loop), eventLoop: loop) }.get()
        let port = try await loop.flatSubmit { world.value.listen(world) }.get()
        try await loop.submit { world.value.start(port: port) }.get()
        try await eventually(loop) { world.value.host.states.last == .up }
        try await loop.submit { world.value.send("m1") }.get()
        try await eventually(loop) { world.value.host.settlements.count == 1 }
        try await loop.submit { world.value.log.value.channel?.close(promise: nil) }.get()
        try await eventually(loop) { world.value.log.value.connections == 2 && world.value.host.states.last == .up }
        try await loop.submit { world.value.send("m2") }.get()
        try await eventually(loop) { world.value.host.settlements.count == 2 }
        try await loop.submit { world.value.stop() }.get()
        try await eventually(loop) { world.value.isStopped && world.value.log.value.text.hasSuffix("</stream:stream>") }
        #expect(try await loop.submit { world.value.host.settlements.values.allSatisfy { $0 == .delivered } }.get())
        try await loop.submit { world.value.listener?.close(promise: nil) }.get()
        try await group.shutdownGracefully()
    }

    /// Everything on the one loop.
    private final class World {
        let loop: any EventLoop
        let log: NIOLoopBound<ScriptedServer.Log>
        let host = FakeHost()
        var adapter: XMPPAdapter?
        var listener: (any Channel)?
        var isStopped = false
        private var sent: UInt32 = 0

        init(_ loop: any EventLoop) {
            self.loop = loop
            log = NIOLoopBound(ScriptedServer.Log(), eventLoop: loop)
            host.domains = [domain("a.example")]
        }

        func listen(_ world: NIOLoopBound<World>) -> EventLoopFuture<Int> {
            ServerBootstrap(group: loop)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(ScriptedServer(log: world.value.log))
                    }
                }
                .bind(host: "127.0.0.1", port: 0)
                .map { channel in
                    world.value.listener = channel
                    return channel.localAddress?.port ?? 0
                }
        }

        func start(port: Int) {
            var settings = Bench.settings
            settings.server = .init(host: "127.0.0.1", port: UInt16(clamping: port))
            settings.reconnect = .milliseconds(10)
            host.realTime = EventLoopScheduler(eventLoop: loop)
            let adapter = XMPPAdapter(settings: settings, host: host, eventLoop: loop)
            self.adapter = adapter
            adapter.start()
        }

        func send(_ id: String) {
            sent += 1
            adapter?.deliver([
                Delivery(ticket: Ticket(index: sent, generation: 1), envelope: Bench.message(id: id))
            ])
        }

        func stop() {
            adapter?.stop(by: host.scheduler.now + .seconds(5)) { self.isStopped = true }
        }
    }

    private func eventually(_ loop: any EventLoop, _ condition: @escaping @Sendable () -> Bool) async throws {
        while try await !loop.submit({ condition() }).get() { try await Task.sleep(for: .milliseconds(5)) }
    }
}
