// SPDX-License-Identifier: Apache-2.0
import Discovery
import EnvelopeModel
import Foundation
import IMXFront
import IMXWire
import NIOCore
import Testing

@testable import TransportSecurity

@Suite(.timeLimit(.minutes(10)), .serialized)
struct ConnectionTests {
    /// A server with certificates of a private authority, and a client that knows it.
    static func pair(_ names: [String]) async throws -> (Folder, Party, Party, UInt16) {
        let folder = try Folder()
        let authority = try Authority()
        for name in names { try folder.put(try authority.issue(.server(name)), as: name) }
        try authority.root.write(chain: [authority.root], to: folder("root.pem"))
        let server = try await Party(
            TLSSettings(directory: folder("live"), usesSystemRoots: false, handshakeTimeout: .seconds(60))
        )
        let client = try await Party(TLSSettings(extraRootFiles: [folder("root.pem")], usesSystemRoots: false))
        return (folder, server, client, try await server.listen())
    }

    @Test("IMX 6.3.2, IMX 6.1.6: two servers meet over TLS, each domain with its own certificate by SNI")
    func meetOverTLS() async throws {
        let names = ["a.example", "b.example", "xn--bcher-kva.example"]
        let (folder, server, client, port) = try await ConnectionTests.pair(names)
        for name in names {
            let (handle, ending) = try await client.attempt(port, name)
            let security = try #require(ending.security, "\(ending)")
            #expect(security.version == "TLSv1.3")
            #expect(security.applicationProtocol == "imx/1")
            let peer = try #require(security.peer)
            for other in names {
                let domain = try #require(Domain(other))
                let refusal = peer.refusal(for: domain, host: nil, security: .insecure, time: now)
                #expect((refusal == nil) == (other == name), "\(name) for \(other): \(refusal ?? "good")")
            }
            #expect(try await client.exchange(Array("hello".utf8), on: handle) == Array("hello".utf8))
            let seen = try await server.run { _, recorder in
                recorder.accepted.map { $0.security }
            }
            let far = try #require(seen.compactMap(\.self).first { $0.serverName == name })
            #expect(far.peer == nil)
            #expect(far.exporter?.readableBytes == 32)
            #expect(far.exporter == security.exporter)
        }
        withExtendedLifetime((folder, server)) {}
    }

    @Test("dialback 3.3: both ends have the same channel binding, and no two connections do")
    func exporters() async throws {
        let (folder, server, client, port) = try await ConnectionTests.pair(["a.example"])
        var ours: Set<[UInt8]> = []
        for _ in 0..<20 {
            let (_, ending) = try await client.attempt(port, "a.example")
            let exporter = try #require(ending.security?.exporter)
            #expect(exporter.readableBytes == 32)
            ours.insert(Array(exporter.readableBytesView))
        }
        let theirs = try await server.wait { _, recorder in
            let all = recorder.accepted.compactMap { $0.security?.exporter.map { Array($0.readableBytesView) } }
            return all.count == 20 ? Set(all) : nil
        }
        #expect(ours.count == 20)
        #expect(ours == theirs)
        withExtendedLifetime((folder, server)) {}
    }

    @Test("dialback 3.3: the channel binding of known secrets, for both digests of TLS 1.3")
    func knownExporters() {
        // Computed apart, with Python's hmac (RFC 8446 §7.1, §7.5; RFC 9266 §3).
        #expect(
            hexadecimal(channelBinding(exporterSecret: Array(0..<32)))
                == "34a93b1dd3c2b63ebc1bced0d7d37ade4e53c057e4d368578a5bef73771e2a1b"
        )
        #expect(
            hexadecimal(channelBinding(exporterSecret: Array(0..<48)))
                == "611c8f80782a86df99c005b09cafa11d5c3ef90ffcfbaa44cd1eda33d03ccdee"
        )
        for count in [0, 16, 31, 33, 47, 49, 64] {
            #expect(channelBinding(exporterSecret: Array(repeating: 1, count: count)) == nil)
        }
    }

    private func hexadecimal(_ octets: [UInt8]?) -> String {
        (octets ?? []).map { String(format: "%02x", $0) }.joined()
    }

    @Test("dialback 3.3: only the exporter's line of the key log is kept, and it is given out once")
    func keyLog() {
        let secret = ExporterSecret()
        let random = String(repeating: "ab", count: 32)
        let value = String(repeating: "07", count: 32)
        for line in [
            "CLIENT_TRAFFIC_SECRET_0 \(random) \(value)", "EXPORTER_SECRET \(random)", "EXPORTER_SECRET \(random) 0",
            "EXPORTER_SECRET \(random) xy", "EARLY_EXPORTER_SECRET \(random) \(value)", "",
        ] {
            secret.take(line: ByteBuffer(string: line + "\n"))
            #expect(secret.takeChannelBinding() == nil, "\(line)")
        }
        secret.take(line: ByteBuffer(string: "EXPORTER_SECRET \(random) \(value)\n"))
        secret.take(line: ByteBuffer(string: "SERVER_TRAFFIC_SECRET_0 \(random) \(value)\n"))
        #expect(secret.takeChannelBinding()?.readableBytes == 32)
        #expect(secret.takeChannelBinding() == nil)
    }

    @Test(
        "dialback 3.3: a client certificate counts for its domain where its authority is trusted",
        arguments: [
            ("clientAuth,serverAuth", true), ("clientAuth", true), ("serverAuth", false),
        ]
    )
    func clientCertificates(_ usage: String, _ isGood: Bool) async throws {
        let folder = try Folder()
        let authority = try Authority()
        try folder.put(try authority.issue(.server("a.example")), as: "a.example")
        let own = try authority.issue(CertificatePlan.server("c.example").with { $0.extendedUsage = usage })
        try own.write(to: folder("c.pem"), key: folder("c.key"))
        try authority.root.write(chain: [authority.root], to: folder("root.pem"))
        let roots = [folder("root.pem")]
        let domains = try ["a.example", "c.example"].map { try #require(Domain($0)) }
        let server = try await Party(
            TLSSettings(directory: folder("live"), extraRootFiles: roots, usesSystemRoots: false)
        )
        let files = TLSSettings.Files(chain: folder("c.pem"), key: folder("c.key"))
        let client = try await Party(
            TLSSettings(
                certificates: [domains[1]: files],
                extraRootFiles: roots,
                usesSystemRoots: false,
                clientCertificate: domains[1]
            )
        )
        let (_, ending) = try await client.attempt(try await server.listen(), "a.example")
        #expect(ending.security != nil, "\(ending)")
        let line = try await server.wait { _, recorder in recorder.accepted.first }
        let peer = try #require(line.security?.peer)
        #expect((peer.refusal(for: domains[1], host: nil, security: .insecure, time: now) == nil) == isGood)
        #expect(peer.refusal(for: domains[0], host: nil, security: .insecure, time: now) != nil)
    }

    @Test("S47: who asks for no name gets the default certificate where there is one")
    func defaultCertificate() async throws {
        let folder = try Folder()
        try Authority().issue(.server("host.example")).write(to: folder("own.pem"), key: folder("own.key"))
        let files = TLSSettings.Files(chain: folder("own.pem"), key: folder("own.key"))
        let server = try await Party(TLSSettings(defaultCertificate: files))
        let port = try await server.listen()
        let nameless = try await Tool.run(
            "(sleep 1) | openssl s_client -connect 127.0.0.1:\(port) -noservername -alpn imx/1",
            in: folder
        )
        #expect(nameless.output.contains("subject=CN = host.example"))
        let named = try await Tool.run(
            "(sleep 1) | openssl s_client -connect 127.0.0.1:\(port) -servername host.example -alpn imx/1",
            in: folder
        )
        #expect(named.output.contains("unrecognized name"))
    }

    @Test("S47: changed files are found by the watch, and told")
    func watch() async throws {
        let (folder, server, client, port) = try await ConnectionTests.pair(["a.example"])
        let (stream, continuation) = AsyncStream<SocketTransport.Reload>.makeStream()
        try await server.run { transport, _ in
            transport.watchCertificates(every: .milliseconds(20), time: { now }, report: { continuation.yield($0) })
        }
        let (_, before) = try await client.attempt(port, "a.example")
        try folder.put(try Authority("New").issue(.server("a.example")), as: "a.example")
        for await reload in stream where reload.problems.isEmpty { break }
        let (_, after) = try await client.attempt(port, "a.example")
        #expect(before.security?.peer?.summary != after.security?.peer?.summary)
        #expect(after.security != nil)
        // A bad file is told once, not at every look.
        try FileManager.default.removeItem(atPath: folder("live/a.example/privkey.pem"))
        for await reload in stream {
            #expect(reload.problems.count == 1)
            break
        }
        try await Task.sleep(for: .milliseconds(200))
        continuation.finish()
        var more = 0
        for await _ in stream { more += 1 }
        #expect(more == 0)
    }

    @Test("IMX 6.3.2: what is written as soon as the connection stands arrives, though the far end is not yet there")
    func earlyOctets() async throws {
        let (folder, server, client, port) = try await ConnectionTests.pair(["a.example"])
        try await client.run { _, recorder in recorder.greeting = Array("hello".utf8) }
        for _ in 0..<20 {
            let (handle, ending) = try await client.attempt(port, "a.example")
            #expect(ending.security != nil, "\(ending)")
            let echo = try await client.wait { _, recorder in
                recorder.lines[handle].flatMap { $0.receivedCount == 5 || $0.closed != nil ? $0.received : nil }
            }
            #expect(echo == Array("hello".utf8))
        }
        withExtendedLifetime((folder, server)) {}
    }

    @Test("IMX 6.3.2: a handshake that arrives octet by octet succeeds")
    func octetByOctet() async throws {
        let (folder, server, client, port) = try await ConnectionTests.pair(["a.example"])
        let proxy = try Companion(
            [
                "python3", "-u", "-c",
                """
                import socket, threading
                s = socket.create_server(("127.0.0.1", 0)); print("port", s.getsockname()[1])
                a, _ = s.accept(); b = socket.create_connection(("127.0.0.1", \(port)))
                for x in (a, b): x.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                def relay(x, y):
                    while True:
                        d = x.recv(65536)
                        if not d: break
                        for i in range(len(d)): y.sendall(d[i:i+1])
                threading.Thread(target=relay, args=(a, b), daemon=True).start()
                relay(b, a)
                """,
            ],
            in: folder
        )
        let slow = try #require(UInt16(try await proxy.waitForLine(after: "port ")))
        let (handle, ending) = try await client.attempt(slow, "a.example")
        #expect(ending.security?.version == "TLSv1.3", "\(ending)")
        #expect(try await client.exchange(Array("hello".utf8), on: handle) == Array("hello".utf8))
        withExtendedLifetime((folder, server)) {}
    }

    @Test("S55: NIOSSL's BoringSSL and the system's libcrypto are two libraries in one process, and do not meet")
    func twoLibraries() async throws {
        let own = try #require(libraryOf("X509_verify_cert"))
        #expect(own.contains("libcrypto.so"))
        let other = libraryOf("CNIOBoringSSL_X509_verify_cert")
        #expect(other?.contains("libcrypto") != true)
        // Both at work at once, on several threads, for a while.
        let (folder, server, client, port) = try await ConnectionTests.pair(["a.example"])
        let (_, ending) = try await client.attempt(port, "a.example")
        let peer = try #require(ending.security?.peer)
        let domain = try #require(Domain("a.example"))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    for round in 0..<100 {
                        // Other times leave nothing in memory to answer from.
                        let time = now + Int64(round % 2) * 86_400 * 365
                        let refusal = peer.refusal(for: domain, host: nil, security: .insecure, time: time)
                        #expect((refusal == nil) == (round % 2 == 0))
                    }
                }
                group.addTask {
                    for _ in 0..<10 {
                        let (_, ending) = try await client.attempt(port, "a.example")
                        #expect(ending.security != nil)
                    }
                }
            }
            try await group.waitForAll()
        }
        withExtendedLifetime((folder, server)) {}
    }

    /// The file that a symbol of this process comes from.
    private func libraryOf(_ symbol: String) -> String? {
        guard let place = dlsym(nil, symbol) else { return nil }
        let address = UInt(bitPattern: place)
        let file = FileHandle(forReadingAtPath: "/proc/self/maps")
        let maps = String(decoding: (try? file?.readToEnd()) ?? Data(), as: UTF8.self)
        for line in maps.split(separator: "\n") {
            let bounds = line.prefix { $0 != " " }.split(separator: "-").compactMap { UInt($0, radix: 16) }
            guard bounds.count == 2, (bounds[0]..<bounds[1]).contains(address) else { continue }
            return line.split(separator: " ").last.map(String.init)
        }
        return nil
    }
}
