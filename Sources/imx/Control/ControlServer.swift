// SPDX-License-Identifier: Apache-2.0
import Glibc
import NIOCore
import NIOPosix

/// Carries out what commands ask for. Confined to the aggregator's event loop.
protocol ControlHandler: AnyObject {
    /// Carries out a request and gives its one answer, now or later, on the event loop.
    func handle(_ request: ControlRequest, answer: @escaping (ControlResponse) -> Void)
}

/// The aggregator's end of the control socket.
///
/// Whoever may open the socket may send in the name of every hosted domain, so it belongs to this program's user alone.
struct ControlServer {
    private let channel: any Channel

    /// Why the socket cannot be served.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Listens at `path` on `loop`. Must not be called on the loop: it waits for it.
    ///
    /// A socket that a killed process left behind is replaced; one at which somebody answers is not.
    static func start(path: String, on loop: any EventLoop, handler: NIOLoopBound<any ControlHandler>) throws
        -> ControlServer
    {
        do {
            _ = try ControlClient(path: path)
            throw Failure(description: "another aggregator already answers at \(path); stop it first")
        } catch ControlClient.Failure.notRunning {
            unlink(path)
        } catch let failure as ControlClient.Failure {
            throw Failure(description: "cannot use the control socket \(path): \(failure)")
        }
        // The socket must never be open to others, not even before its mode could be changed.
        let mask = umask(0o177)
        defer { umask(mask) }
        do {
            let channel = try ServerBootstrap(group: loop)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(ControlConnection(handler.value))
                    }
                }
                .bind(unixDomainSocketPath: path).wait()
            return ControlServer(channel: channel)
        } catch {
            throw Failure(description: "cannot listen at the control socket \(path): \(error)")
        }
    }

    /// Closes the socket and removes its file.
    func stop() {
        if case .some(let path) = channel.localAddress?.pathname { unlink(path) }
        channel.close(promise: nil)
    }
}

/// One command's connection.
private final class ControlConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let handler: any ControlHandler
    private var received = ByteBuffer()
    /// Answers are given in the order of the requests, so there is one request at a time.
    private var isBusy = false
    private var isWorking = false

    init(_ handler: any ControlHandler) {
        self.handler = handler
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var data = unwrapInboundIn(data)
        received.writeBuffer(&data)
        guard received.readableBytes <= ControlLine.requestLimit else { return context.close(promise: nil) }
        work(context.channel)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    /// Carries out whole lines, one after the other.
    private func work(_ channel: any Channel) {
        guard !isWorking else { return }
        isWorking = true
        defer { isWorking = false }
        while !isBusy, let line = takeLine() {
            guard let request = try? ControlLine.decode(ControlRequest.self, line) else {
                answer(.refused("the request cannot be read; is the command of another version?"), channel)
                // Who speaks otherwise once will do so again; what follows is not read.
                isBusy = true
                return channel.close(mode: .output, promise: nil)
            }
            isBusy = true
            handler.handle(request) { [weak self] response in
                guard let self, self.isBusy else { return }
                self.isBusy = false
                self.answer(response, channel)
                self.work(channel)
            }
        }
    }

    private func takeLine() -> [UInt8]? {
        guard let end = received.readableBytesView.firstIndex(of: 0x0A),
            let line = received.readBytes(length: end - received.readerIndex)
        else { return nil }
        received.moveReaderIndex(forwardBy: 1)
        received.discardReadBytes()
        return line
    }

    private func answer(_ response: ControlResponse, _ channel: any Channel) {
        guard channel.isActive, let line = try? ControlLine.encode(response) else { return }
        channel.writeAndFlush(ByteBuffer(bytes: line), promise: nil)
    }
}
