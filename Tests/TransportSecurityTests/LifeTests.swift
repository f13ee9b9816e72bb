// SPDX-License-Identifier: Apache-2.0
import Discovery
import EnvelopeModel
import Foundation
import IMXFront
import IMXWire
import NIOCore
import Testing

@testable import TransportSecurity

/// What bounds a connection's handshake, and how it ends.
@Suite(.timeLimit(.minutes(10)), .serialized)
struct LifeTests {
    static func server(_ change: (inout TLSSettings) -> Void = { _ in }) async throws -> (Folder, Party, UInt16) {
        let folder = try Folder()
        try folder.put(try Authority().issue(.server("a.example")), as: "a.example")
        var settings = TLSSettings(directory: folder("live"), usesSystemRoots: false)
        settings.handshakeTimeout = .seconds(60)  // the machine may have much else to do
        change(&settings)
        let server = try await Party(settings)
        return (folder, server, try await server.listen())
    }

    static func refusal(_ server: Party) async throws -> String {
        try await server.wait { _, recorder in recorder.refusals.first }
    }

    @Test(
        "S26: who speaks no TLS to a port with TLS is told apart",
        arguments: [
            ("IMX/1\r\n", "the peer speaks no TLS on a port with TLS; it began with IMX/1 without TLS"),
            ("GET / HTTP/1.1\r\n\r\n", "the peer speaks no TLS on a port with TLS; it began with \"GET / HT\""),
        ]
    )
    func plainToTLS(_ text: String, _ reason: String) async throws {
        let (folder, server, port) = try await LifeTests.server()
        let client = try await Party(nil)
        let (handle, _) = try await client.attempt(port, "a.example", tls: false)
        try await client.run { transport, _ in transport.write(ByteBuffer(string: text), on: handle) }
        #expect(try await LifeTests.refusal(server) == reason)
        #expect(try await server.run { _, recorder in recorder.kinds } == [.notTLS])
        _ = try await client.wait { _, recorder in recorder.lines[handle]?.closed }
        #expect(try await server.run { _, recorder in recorder.lines.isEmpty })
        withExtendedLifetime(folder) {}
    }

    @Test("S26: a ClientHello to a port without TLS is told apart on both ends")
    func tlsToPlain() async throws {
        let server = try await Party(nil)
        let port = try await server.listen(tls: false)
        let client = try await Party(TLSSettings(usesSystemRoots: false))
        let (_, ending) = try await client.attempt(port, "a.example")
        // Abrupt or not, which depends on what the server had read: it is said in the same words.
        #expect(ending.reason == "the peer closed the connection during the TLS handshake")
        let reason = "the peer speaks TLS on a port without TLS"
        #expect(try await LifeTests.refusal(server) == reason)
        #expect(try await server.run { _, recorder in recorder.kinds } == [.notPlain])
        let closed = try await server.wait { _, recorder in recorder.lines.values.first?.closed }
        #expect(closed == reason)
        #expect(try await server.run { _, recorder in recorder.lines.values.first?.receivedCount } == 0)
    }

    @Test("S26: a server that answers without TLS is told apart")
    func plainServer() async throws {
        let folder = try Folder()
        let server = try Companion(
            [
                "python3", "-u", "-c",
                """
                import socket
                s = socket.create_server(("127.0.0.1", 0)); print("port", s.getsockname()[1])
                c, _ = s.accept(); c.sendall(b"220 mail.example ESMTP\\r\\n"); c.recv(9999); s.accept()
                """,
            ],
            in: folder
        )
        let port = try #require(UInt16(try await server.waitForLine(after: "port ")))
        let client = try await Party(TLSSettings(usesSystemRoots: false))
        let (_, ending) = try await client.attempt(port, "a.example")
        #expect(ending.reason == "no TLS is spoken there; the peer began with \"220 mail\"")
    }

    @Test("S36: a server that never answers the handshake costs no more than the time to connect")
    func silentServer() async throws {
        let folder = try Folder()
        let server = try Companion(
            [
                "python3", "-u", "-c",
                """
                import socket, time
                s = socket.create_server(("127.0.0.1", 0)); print("port", s.getsockname()[1])
                c, _ = s.accept(); time.sleep(60)
                """,
            ],
            in: folder
        )
        let port = try #require(UInt16(try await server.waitForLine(after: "port ")))
        let client = try await Party(TLSSettings(usesSystemRoots: false))
        let start = NIODeadline.now()
        let handle = try await client.connect(port, "a.example", timeout: .milliseconds(700))
        let line = try await client.wait { _, recorder in recorder.lines[handle].flatMap { $0.closed == nil ? nil : $0 }
        }
        #expect(line.closed == "the TLS handshake was not over in time")
        let time = try #require(line.closedAt) - start
        #expect(time >= .milliseconds(690))
    }

    @Test(
        "S36: who connects and says nothing, or half of it, is gone in time",
        arguments: [[], [22], Array(ClientHelloTests.good.dropLast())]
    )
    func silentClient(_ octets: [UInt8]) async throws {
        let (folder, server, port) = try await LifeTests.server { $0.handshakeTimeout = .milliseconds(300) }
        let client = try await Party(nil)
        let (handle, _) = try await client.attempt(port, "a.example", tls: false)
        try await client.run { transport, _ in transport.write(ByteBuffer(bytes: octets), on: handle) }
        #expect(try await LifeTests.refusal(server) == "the TLS handshake was not over in time")
        #expect(try await server.run { _, recorder in recorder.kinds } == [.slow])
        _ = try await client.wait { _, recorder in recorder.lines[handle]?.closed }
        withExtendedLifetime(folder) {}
    }

    @Test("S20, S36: the octets before the end of a handshake are bounded, before the ClientHello and after it")
    func octetsBounded() async throws {
        let (folder, server, port) = try await LifeTests.server()
        let client = try await Party(nil)
        // The start of a ClientHello that says it is 16,000 octets long, and records of one octet without end.
        let start: [UInt8] = [22, 3, 1, 0, 4, 1, 0, 0x3E, 0x80]
        let tiny = (0..<4000).flatMap { _ in [22, 3, 1, 0, 1, 7] as [UInt8] }
        // A good ClientHello of TLS 1.2, and after it handshake messages that nobody asked for.
        let good = ClientHelloTests.message([ClientHelloTests.name("a.example"), ClientHelloTests.protocols("imx/1")])
        let more = [22, 3, 3, 0x3F, 0] + Array(repeating: UInt8(0), count: 0x3F00)
        for octets in [start + tiny, good + more + more] {
            let (handle, _) = try await client.attempt(port, "a.example", tls: false)
            try await client.run { transport, _ in transport.write(ByteBuffer(bytes: octets), on: handle) }
            _ = try await client.wait { _, recorder in recorder.lines[handle]?.closed }
        }
        let reasons = try await server.wait { _, recorder in recorder.refusals.count == 2 ? recorder.refusals : nil }
        #expect(reasons[0].contains("octets before the end of the TLS handshake"), "\(reasons)")
        #expect(reasons[1] == "the two ends have no key exchange in common", "\(reasons)")
        #expect(try await server.run { _, recorder in recorder.kinds.first } == .large)
        withExtendedLifetime(folder) {}
    }

    @Test("S36: one source has so many handshakes at once, and another still gets in")
    func perSource() async throws {
        let (folder, server, port) = try await LifeTests.server { $0.maximumHandshakesPerSource = 3 }
        let client = try await Party(nil)
        for _ in 0..<3 { _ = try await client.attempt(port, "a.example", tls: false) }
        let (fourth, _) = try await client.attempt(port, "a.example", tls: false)
        _ = try await client.wait { _, recorder in recorder.lines[fourth]?.closed }
        #expect(try await LifeTests.refusal(server) == "too many handshakes are under way from there")
        let good = try await Tool.run(
            "(sleep 0.2) | openssl s_client -bind 127.0.0.2:0 -connect 127.0.0.1:\(port) -servername a.example -alpn imx/1",
            in: folder
        )
        #expect(good.output.contains("ALPN protocol: imx/1"), "\(good.output)")
    }

    @Test("S47: a certificate directory that is gone is told, and what was in use stays in use")
    func directoryGone() async throws {
        let (folder, server, port) = try await LifeTests.server()
        try FileManager.default.moveItem(atPath: folder("live"), toPath: folder("gone"))
        let (stream, continuation) = AsyncStream<SocketTransport.Reload>.makeStream()
        var reloads: [SocketTransport.Reload] = []
        for _ in 0..<2 {
            try await server.run { transport, _ in
                transport.reloadCertificates(time: now, includingRoots: false) { continuation.yield($0) }
            }
        }
        for await reload in stream {
            reloads.append(reload)
            if reloads.count == 2 { break }
        }
        #expect(reloads.map(\.hasOtherProblems) == [true, false])
        #expect(reloads.allSatisfy { $0.problems.first?.contains("No such file or directory") == true }, "\(reloads)")
        #expect(try await server.run { transport, _ in transport.security?.inventory.problems.count } == 1)
        let client = try await Party(TLSSettings(usesSystemRoots: false))
        #expect(try await client.attempt(port, "a.example").1.security != nil)
    }

    @Test("S36: a source that may have no more connections costs no handshake, and nothing of TLS is set up for it")
    func noRoom() async throws {
        let (folder, server, port) = try await LifeTests.server()
        try await server.run { _, recorder in recorder.room = 3 }
        let client = try await Party(TLSSettings(usesSystemRoots: false))
        for number in 0..<10 {
            let (_, ending) = try await client.attempt(port, "a.example")
            #expect((ending.security != nil) == (number < 3), "\(number): \(ending)")
        }
        let counts = try await server.run { transport, recorder in
            (transport.security?.sessionCount, recorder.lines.count, recorder.refusals.count)
        }
        #expect(counts == (3, 3, 0))
        #expect(try await client.run { _, recorder in recorder.dialledKinds } == Array(repeating: .ended, count: 7))
        try await server.run { _, recorder in recorder.room = 1 }
        #expect(try await client.attempt(port, "a.example").1.security != nil)
        withExtendedLifetime(folder) {}
    }

    @Test("S36: the oldest of too many handshakes gives way, so that those that hang keep nobody out")
    func giveWay() async throws {
        let (folder, server, port) = try await LifeTests.server { $0.maximumHandshakes = 5 }
        let client = try await Party(nil)
        var hanging: [ConnectionHandle] = []
        for _ in 0..<5 { hanging.append(try await client.attempt(port, "a.example", tls: false).0) }
        let tlsClient = try await Party(TLSSettings(usesSystemRoots: false))
        let (_, ending) = try await tlsClient.attempt(port, "a.example")
        #expect(ending.security != nil, "\(ending)")
        #expect(try await LifeTests.refusal(server) == "it gave way to newer handshakes")
        #expect(try await server.run { _, recorder in recorder.kinds } == [.crowded])
        let first = hanging[0]
        _ = try await client.wait { _, recorder in recorder.lines[first]?.closed }
        withExtendedLifetime(folder) {}
    }

    @Test("S36: a connection that is given up in its handshake leaves nothing behind")
    func givenUp() async throws {
        let (folder, server, port) = try await LifeTests.server()
        let client = try await Party(TLSSettings(usesSystemRoots: false))
        let handles = try await client.run { transport, _ in
            let endpoint = PeerEndpoint(host: "127.0.0.1", port: port, usesTLS: true)
            return Domain("a.example").map { name in
                (0..<20).map { _ in transport.connect(to: endpoint, serverName: name, timeout: .seconds(30)) }
            } ?? []
        }
        try await client.run { transport, _ in handles.forEach(transport.close) }
        for handle in handles { _ = try await client.wait { _, recorder in recorder.lines[handle]?.closed } }
        let (_, ending) = try await client.attempt(port, "a.example")
        #expect(ending.security != nil)
        _ = try await server.wait { _, recorder in recorder.accepted.filter { $0.closed == nil }.count == 1 ? true : nil
        }
        withExtendedLifetime(folder) {}
    }

    @Test("S37: what was written leaves before the connection closes", arguments: [true, false])
    func flushedBeforeClose(_ usesTLS: Bool) async throws {
        let folder = try Folder()
        try folder.put(try Authority().issue(.server("a.example")), as: "a.example")
        let server = try await Party(TLSSettings(directory: folder("live")))
        let port = try await server.listen(tls: usesTLS)
        let client = try await Party(TLSSettings())
        let (handle, _) = try await client.attempt(port, "a.example", tls: usesTLS)
        // The client does not read for a while, so that most of it cannot have left when the server closes.
        try await client.run { transport, recorder in
            recorder.keeps = false
            transport.setReading(false, on: handle)
        }
        let bound = try await client.bound()
        let far = try await server.wait { _, recorder in recorder.lines.first { $0.value.address != nil }?.key }
        let size = 16 * 1024 * 1024
        try await server.run { transport, _ in
            transport.write(ByteBuffer(repeating: 7, count: size), on: far)
            transport.close(far)
            // On the client's loop, for the server waits some seconds only, and a test may wait for a thread.
            client.loop.scheduleTask(in: .milliseconds(200)) { bound.value.setReading(true, on: handle) }
        }
        let line = try await client.wait(60, "the end") { _, recorder in
            recorder.lines[handle].flatMap { $0.closed == nil ? nil : $0 }
        }
        #expect(line.receivedCount == size)
        #expect(line.closed == "the peer closed the connection")
        let closed = try await server.wait { _, recorder in recorder.lines[far]?.closed }
        #expect(closed == "closed by us")
    }

    @Test("S37: a peer that neither reads nor closes is not waited for long", arguments: [0, 16 * 1024 * 1024])
    func unwillingPeer(_ size: Int) async throws {
        let server = try await Party(nil)
        let port = try await server.listen(tls: false)
        let folder = try Folder()
        let peer = try Companion(
            ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/\(port); echo there; sleep 600"],
            in: folder
        )
        _ = try await peer.waitForLine(after: "there")
        let far = try await server.wait { _, recorder in recorder.lines.first?.key }
        try await server.run { transport, _ in
            transport.write(ByteBuffer(repeating: 7, count: size), on: far)
            transport.close(far)
        }
        // The peer stays ten minutes: it is we who do not wait.
        _ = try await server.wait(60, "the end") { _, recorder in recorder.lines[far]?.closedAt }
    }

    @Test("S37: what a peer sends after our end is dropped, and soon it is not waited for")
    func floodAfterClose() async throws {
        let server = try await Party(nil)
        let port = try await server.listen(tls: false)
        let folder = try Folder()
        let peer = try Companion(["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/\(port); cat /dev/zero >&3"], in: folder)
        let far = try await server.wait { _, recorder in recorder.lines.first?.key }
        try await server.run { transport, recorder in
            recorder.echoes = false
            recorder.keeps = false
            transport.write(ByteBuffer(string: "goodbye"), on: far)
            transport.close(far)
            recorder.lines[far]?.receivedCount = 0
        }
        let line = try await server.wait { _, recorder in recorder.lines[far].flatMap { $0.closed == nil ? nil : $0 } }
        #expect(line.receivedCount == 0)
        #expect(line.closed == "closed by us, and the peer went on sending")
        withExtendedLifetime(peer) {}
    }

    @Test(
        "S37: reading that is paused as soon as the connection stands resumes without loss",
        arguments: [true, false]
    )
    func pausedReading(_ usesTLS: Bool) async throws {
        let folder = try Folder()
        try folder.put(try Authority().issue(.server("a.example")), as: "a.example")
        let server = try await Party(TLSSettings(directory: folder("live")))
        let port = try await server.listen(tls: usesTLS)
        let client = try await Party(TLSSettings())
        let name = try #require(Domain("a.example"))
        let handle = try await client.run { transport, _ in
            let handle = transport.connect(
                to: PeerEndpoint(host: "127.0.0.1", port: port, usesTLS: usesTLS),
                serverName: name,
                timeout: .seconds(30)
            )
            transport.setReading(false, on: handle)  // nothing is there yet to be paused
            return handle
        }
        _ = try await client.wait { _, recorder in recorder.lines[handle] }
        try await client.run { transport, _ in
            transport.setReading(false, on: handle)
            transport.write(ByteBuffer(repeating: 1, count: 200_000), on: handle)
        }
        try await Task.sleep(for: .milliseconds(200))
        let early = try await client.run { _, recorder in recorder.lines[handle]?.receivedCount ?? 0 }
        #expect(early == 0)
        try await client.run { transport, _ in transport.setReading(true, on: handle) }
        _ = try await client.wait { _, recorder in recorder.lines[handle]?.receivedCount == 200_000 ? true : nil }
    }
}
