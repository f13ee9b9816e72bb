// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import Foundation
import IMXWire
import NIOCore
import NIOPosix
import Testing

@testable import IMXFront

/// What the nodes of one cluster say to one another.
@Suite("Between nodes")
struct NodeBusTests {
    private static func secret(_ seed: UInt8 = 1) -> Octets32 { Octets32(hashing: [seed]) }
    private static let verify = VerifyRecord(
        source: ByteBuffer(string: "b.example"),
        target: ByteBuffer(string: "a.example"),
        token: ByteBuffer(repeating: 5, count: 56),
        secret: ByteBuffer(repeating: 6, count: 32)
    )

    @Test("dialback 3.2: a node's message is read as it was written, in whatever pieces it comes")
    func codec() throws {
        for body in [.question(Self.verify), .answer(true), .answer(false)] as [NodeMessage.Body] {
            let message = NodeMessage(from: 1, to: 65_535, id: .max, body: body)
            let octets = message.encoded(secret: Self.secret())
            #expect(octets.readableBytes <= 4 + NodeMessage.limit)
            var stream = ByteBuffer()
            for octet in octets.readableBytesView.dropLast() {
                stream.writeInteger(octet)
                #expect(try NodeMessage.next(in: &stream, secret: Self.secret()) == nil)
            }
            stream.writeBytes(octets.readableBytesView.suffix(1))
            stream.writeImmutableBuffer(octets)
            #expect(try NodeMessage.next(in: &stream, secret: Self.secret()) == message)
            #expect(try NodeMessage.next(in: &stream, secret: Self.secret()) == message)
            #expect(stream.readableBytes == 0)
        }
    }

    @Test("dialback 3.2: whoever does not have the cluster's key is not understood, nor is a changed octet")
    func forged() throws {
        let octets = NodeMessage(from: 1, to: 2, id: 3, body: .question(Self.verify)).encoded(secret: Self.secret())
        var other = octets
        #expect(throws: IMXError.self) { try NodeMessage.next(in: &other, secret: Self.secret(2)) }
        for index in 4..<octets.readableBytes {
            var changed = octets
            changed.setInteger((octets.getInteger(at: index, as: UInt8.self) ?? 0) ^ 1, at: index)
            #expect(throws: IMXError.self) { try NodeMessage.next(in: &changed, secret: Self.secret()) }
        }
        for length in [0, 45, 1025, UInt32.max] as [UInt32] {
            var wrong = ByteBuffer(integer: length)
            wrong.writeRepeatingByte(0, count: 2000)
            #expect(throws: IMXError.self) { try NodeMessage.next(in: &wrong, secret: Self.secret()) }
        }
    }

    /// Two nodes on one event loop, in a directory of their own.
    private struct Nodes {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let directory: String
        let first: NIOLoopBound<UnixNodeBus>
        let second: NIOLoopBound<UnixNodeBus>

        init(sameKey: Bool = true, timeout: Interval = .seconds(60)) async throws {
            // Short, because the kernel bounds the names of sockets.
            directory = "/tmp/imx-nodes-\(UInt32.random(in: 0 ... .max))"
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            let (loop, path) = (group.next(), directory)
            func make(_ number: UInt16, _ secret: Octets32) async throws -> NIOLoopBound<UnixNodeBus> {
                let bus = try await loop.submit {
                    let node = FrontSettings.NodeIdentity(number: number, secret: secret)
                    let bus = UnixNodeBus(node, directory: path, eventLoop: loop, timeout: timeout)
                    return NIOLoopBound(bus, eventLoop: loop)
                }.get()
                try await loop.flatSubmit { bus.value.listen() }.get()
                return bus
            }
            first = try await make(1, NodeBusTests.secret())
            second = try await make(2, NodeBusTests.secret(sameKey ? 1 : 2))
        }

        func ask(_ node: UInt16, prove: (@Sendable (VerifyRecord) -> Bool)?) async throws -> Bool {
            let promise = group.next().makePromise(of: Bool.self)
            group.next().execute { [first, second] in
                second.value.prove = prove
                first.value.ask(node, NodeBusTests.verify) { promise.succeed($0) }
            }
            return try await promise.futureResult.get()
        }

        func end() async throws {
            try await group.next().submit { [first, second] in
                first.value.stop()
                second.value.stop()
            }.get()
            try FileManager.default.removeItem(atPath: directory)
            try await group.shutdownGracefully()
        }
    }

    @Test("dialback 3.2: a question reaches the node that holds the claim, and its answer comes back")
    func asked() async throws {
        let nodes = try await Nodes()
        #expect(try await nodes.ask(2) { $0 == Self.verify })
        #expect(try await !nodes.ask(2) { _ in false })
        let mode = try FileManager.default.attributesOfItem(atPath: nodes.directory + "/node-2.sock")[.posixPermissions]
        #expect(mode as? Int == 0o600)
        try await nodes.end()
    }

    @Test("dialback 3.2: a node that is not there, has another key, or is the asker itself, says no")
    func unreachable() async throws {
        let nodes = try await Nodes(timeout: .milliseconds(300))
        #expect(try await !nodes.ask(3) { _ in true })
        #expect(try await !nodes.ask(1) { _ in true })
        try await nodes.end()
        let strangers = try await Nodes(sameKey: false, timeout: .milliseconds(300))
        #expect(try await !strangers.ask(2) { _ in true })
        try await strangers.end()
    }
}
