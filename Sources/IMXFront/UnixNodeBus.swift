// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel
import Glibc
package import IMXWire
package import NIOCore
import NIOPosix

/// The nodes of a cluster on one machine: each listens at `node-N.sock` in a directory that they share.
///
/// Whoever may open the socket belongs to the user that runs the nodes, and must have their key besides.
package final class UnixNodeBus: NodeBus {
    package var prove: ((VerifyRecord) -> Bool)?
    private let node: FrontSettings.NodeIdentity
    private let directory: String
    private let eventLoop: any EventLoop
    private let timeout: Interval
    private var listener: (any Channel)?
    /// The connections to other nodes that stand or are being made.
    private var channels: [UInt16: EventLoopFuture<any Channel>] = [:]
    private var questions: [UInt64: Question] = [:]
    private var lastID: UInt64
    private var inboundCount = 0

    private struct Question {
        let node: UInt16
        let timer: Scheduled<Void>
        let completion: (Bool) -> Void
    }

    /// The most questions that wait for answers, and the most connections from other nodes.
    private static let questionLimit = 1024
    private static let inboundLimit = 256

    /// Makes the bus of one node. A question that has no answer after `timeout` is answered no.
    package init(
        _ node: FrontSettings.NodeIdentity,
        directory: String,
        eventLoop: any EventLoop,
        timeout: Interval = .seconds(2)
    ) {
        self.node = node
        self.directory = directory
        self.eventLoop = eventLoop
        self.timeout = timeout
        // A new process never takes the answer to a question of the one before it.
        var generator = SystemRandomNumberGenerator()
        lastID = generator.next()
    }

    /// Where this node's socket is.
    package var path: String { path(node.number) }

    private func path(_ node: UInt16) -> String { "\(directory)/node-\(node).sock" }

    /// Listens at the node's socket. One that a killed process left behind is replaced.
    package func listen() -> EventLoopFuture<Void> {
        let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
        let path = path(node.number)
        unlink(path)
        // The socket must never be open to others, not even before its mode could be changed.
        let mask = umask(0o177)
        return ServerBootstrap(group: eventLoop)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let bus = loopBound.value
                    guard bus.inboundCount < Self.inboundLimit else { throw ChannelError.operationUnsupported }
                    bus.inboundCount += 1
                    try channel.pipeline.syncOperations.addHandler(NodeChannelHandler(bus, isInbound: true))
                }
            }
            .bind(unixDomainSocketPath: path)
            .map { loopBound.value.listener = $0 }
            .always { _ in umask(mask) }  // the loop binds, and not before this call has returned
    }

    /// Leaves the bus; what waits is answered no.
    package func stop() {
        unlink(path(node.number))
        listener?.close(promise: nil)
        listener = nil
        for channel in channels.values { channel.whenSuccess { $0.close(promise: nil) } }
        for id in questions.keys { settle(id, false) }
    }

    package func ask(_ node: UInt16, _ question: VerifyRecord, _ completion: @escaping (Bool) -> Void) {
        guard node != self.node.number, questions.count < Self.questionLimit else { return completion(false) }
        lastID &+= 1
        let id = lastID
        let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
        let timer = eventLoop.scheduleTask(in: .nanoseconds(timeout.nanoseconds)) { loopBound.value.settle(id, false) }
        questions[id] = Question(node: node, timer: timer, completion: completion)
        let message = NodeMessage(from: self.node.number, to: node, id: id, body: .question(question))
        let octets = message.encoded(secret: self.node.secret)
        channel(to: node).whenComplete { result in
            switch result {
            case .success(let channel): channel.writeAndFlush(octets, promise: nil)
            case .failure: loopBound.value.settle(id, false)
            }
        }
    }

    private func channel(to node: UInt16) -> EventLoopFuture<any Channel> {
        if let channel = channels[node] { return channel }
        let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
        let channel = ClientBootstrap(group: eventLoop)
            .connectTimeout(.nanoseconds(timeout.nanoseconds))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let handler = NodeChannelHandler(loopBound.value, isInbound: false)
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
            .connect(unixDomainSocketPath: path(node))
        channels[node] = channel
        channel.whenFailure { _ in loopBound.value.channels[node] = nil }
        channel.whenSuccess { $0.closeFuture.whenComplete { _ in loopBound.value.lost(node) } }
        return channel
    }

    /// The connection to a node is gone: what it was asked has no answer any more.
    private func lost(_ node: UInt16) {
        channels[node] = nil
        for (id, question) in questions where question.node == node { settle(id, false) }
    }

    private func settle(_ id: UInt64, _ answer: Bool) {
        guard let question = questions.removeValue(forKey: id) else { return }
        question.timer.cancel()
        question.completion(answer)
    }

    fileprivate func inboundEnded() { inboundCount -= 1 }

    /// Takes what came from another node. What is to be said in return; nil for nothing.
    fileprivate func take(_ stream: inout ByteBuffer) throws -> ByteBuffer? {
        guard let message = try NodeMessage.next(in: &stream, secret: node.secret) else { return nil }
        guard message.to == node.number else { throw IMXError(.malformed, "a message for another node") }
        switch message.body {
        case .question(let verify):
            let answer = NodeMessage.Body.answer(prove?(verify) ?? false)
            return NodeMessage(from: node.number, to: message.from, id: message.id, body: answer)
                .encoded(secret: node.secret)
        case .answer(let hasProved):
            if questions[message.id]?.node == message.from { settle(message.id, hasProved) }
            return ByteBuffer()
        }
    }
}

/// One connection between two nodes.
private final class NodeChannelHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let bus: UnixNodeBus
    private let isInbound: Bool
    private var received = ByteBuffer()

    init(_ bus: UnixNodeBus, isInbound: Bool) {
        self.bus = bus
        self.isInbound = isInbound
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var octets = unwrapInboundIn(data)
        received.writeBuffer(&octets)
        do {
            while let reply = try bus.take(&received) {
                if reply.readableBytes > 0 { context.writeAndFlush(wrapOutboundOut(reply), promise: nil) }
            }
            received.discardReadBytes()
        } catch {
            context.close(promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelInactive(context: ChannelHandlerContext) {
        if isInbound { bus.inboundEnded() }
    }
}
