// SPDX-License-Identifier: Apache-2.0
import Discovery
import EnvelopeModel
import Foundation
import IMXFront
import IMXWire
import NIOCore
import Testing

@testable import TransportSecurity

/// Many certificates, many reloads, many handshakes.
@Suite(.timeLimit(.minutes(10)), .serialized)
struct LoadTests {
    @Test("S47: 1,000 domains on one port: the right chain for each name, none for the others")
    func thousandDomains() async throws {
        let folder = try Folder()
        let authority = try Authority()
        for number in 0..<1000 {
            try folder.put(try authority.issue(.server("d\(number).example")), as: "d\(number).example")
        }
        try authority.root.write(chain: [authority.root], to: folder("root.pem"))
        let server = try await Party(TLSSettings(directory: folder("live"), usesSystemRoots: false))
        let client = try await Party(TLSSettings(extraRootFiles: [folder("root.pem")], usesSystemRoots: false))
        let port = try await server.listen()
        for number in Array(stride(from: 0, to: 1000, by: 3)) {
            let name = "d\(number).example"
            let (handle, ending) = try await client.attempt(port, name)
            let peer = try #require(ending.security?.peer, "\(ending)")
            let domain = try #require(Domain(name))
            let other = try #require(Domain("d\((number + 1) % 1000).example"))
            #expect(peer.refusal(for: domain, host: nil, security: .insecure, time: now) == nil)
            #expect(peer.refusal(for: other, host: nil, security: .insecure, time: now) != nil)
            try await client.run { transport, _ in transport.close(handle) }
        }
        for name in ["d1000.example", "example", "www.d1.example", "d1.example.net"] {
            let (_, ending) = try await client.attempt(port, name)
            #expect(ending.reason == "the peer has no certificate for the name that was asked for")
        }
        let unchanged = try await server.reload()
        #expect(unchanged.readCount == 0 && unchanged.problems.isEmpty)
    }

    @Test("S47: 1,000 reloads under load drop no connection, and new ones get what is new")
    func reloads() async throws {
        let folder = try Folder()
        let authority = try Authority()
        try folder.put(try authority.issue(.server("a.example")), as: "a.example")
        let versions = try (0..<2).map { _ in try authority.issue(.server("b.example")) }
        let prints = versions.compactMap { X509Certificate(der: $0.der)?.fingerprint }
        try folder.put(versions[0], as: "b.example")
        try authority.root.write(chain: [authority.root], to: folder("root.pem"))
        let server = try await Party(TLSSettings(directory: folder("live"), usesSystemRoots: false))
        let client = try await Party(TLSSettings(extraRootFiles: [folder("root.pem")], usesSystemRoots: false))
        let port = try await server.listen()
        var standing: [ConnectionHandle] = []
        for name in ["a.example", "b.example"] { standing.append(try await client.attempt(port, name).0) }
        let handles = standing
        for round in 0..<1000 {
            // Every third time the files are no good.
            let isBad = round % 3 == 2
            let version = versions[round % 2]
            try folder.put(version, as: "b.example")
            if isBad { try authority.root.write(chain: [authority.root], to: folder("live/b.example/fullchain.pem")) }
            try await client.run { transport, _ in
                for handle in handles { transport.write(ByteBuffer(repeating: 1, count: 100), on: handle) }
            }
            let reload = try await server.reload()
            #expect(reload.readCount == 1)
            #expect(reload.problems.isEmpty != isBad)
            if round % 50 == 0 || isBad && round % 150 == 2 {
                let (handle, ending) = try await client.attempt(port, "b.example")
                let expected = isBad ? prints[(round - 1) % 2] : prints[round % 2]
                #expect(ending.security?.peer?.summary == "b.example (SHA-256 \(expected))", "\(round): \(ending)")
                try await client.run { transport, _ in transport.close(handle) }
            }
        }
        for handle in handles {
            let line = try await client.wait { _, recorder in
                recorder.lines[handle].flatMap { $0.receivedCount == 100_000 ? $0 : nil }
            }
            #expect(line.closed == nil)
        }
    }

    @Test("S20: connections with TLS that come and go leave nothing behind")
    func comeAndGo() async {
        // In a process of its own: what others hold at the same time says nothing about us.
        await #expect(processExitsWith: .success) {
            let (folder, server, client, port) = try await ConnectionTests.pair(["a.example"])
            try await LoadTests.comeAndGo(300, client, server, port)
            let before = LoadTests.residentKibibytes()
            try await LoadTests.comeAndGo(600, client, server, port)
            let growth = LoadTests.residentKibibytes() - before
            // One that stayed would cost some 50 KiB.
            #expect(growth < 600 * 4, "\(growth) KiB after 600 connections")
            withExtendedLifetime(folder) {}
        }
    }

    private static func comeAndGo(_ count: Int, _ client: Party, _ server: Party, _ port: UInt16) async throws {
        for _ in 0..<count / 10 {
            let handles = try await client.run { transport, _ in
                guard let name = Domain("a.example") else { return [ConnectionHandle]() }
                let endpoint = PeerEndpoint(host: "127.0.0.1", port: port, usesTLS: true)
                return (0..<10).map { _ in
                    transport.connect(to: endpoint, serverName: name, timeout: .seconds(20))
                }
            }
            _ = try await client.wait(60, "ten connections") { transport, recorder in
                guard handles.allSatisfy({ recorder.lines[$0] != nil }) else { return nil as Bool? }
                for handle in handles { transport.close(handle) }
                return true
            }
            _ = try await client.wait(60, "ten ends") { _, recorder in
                handles.allSatisfy { recorder.lines[$0]?.closed != nil } ? true : nil
            }
        }
        for party in [client, server] { try await party.run { _, recorder in recorder.lines.removeAll() } }
        if let trim = dlsym(nil, "malloc_trim") {
            _ = unsafeBitCast(trim, to: (@convention(c) (Int) -> Int32).self)(0)
        }
    }

    private static func residentKibibytes() -> Int {
        let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
        return text.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 4 } ?? 0
    }

    @Test("S28: while 500 handshakes are under way a good connection is served, and each of them has its end")
    func flood() async throws {
        let (folder, server, client, port) = try await ConnectionTests.pair(["a.example"])
        let (good, _) = try await client.attempt(port, "a.example")
        let flooder = try await Party(TLSSettings(usesSystemRoots: false))
        let name = try #require(Domain("a.example"))
        let flood = Task {
            for _ in 0..<50 {
                try await flooder.run { transport, _ in
                    for _ in 0..<10 {
                        _ = transport.connect(
                            to: PeerEndpoint(host: "127.0.0.1", port: port, usesTLS: true),
                            serverName: name,
                            timeout: .seconds(20)
                        )
                    }
                }
                try await Task.sleep(for: .milliseconds(20))
            }
        }
        var exchanges = 0
        var settled = 0
        while settled < 500 {
            try await client.run { transport, recorder in
                recorder.lines[good]?.receivedAt = nil
                transport.write(ByteBuffer(bytes: [1, 2, 3]), on: good)
            }
            _ = try await client.wait(60, "the echo") { _, recorder in recorder.lines[good]?.receivedAt }
            exchanges += 1
            try await Task.sleep(for: .milliseconds(5))
            settled = try await flooder.run { _, recorder in recorder.lines.count }
        }
        try await flood.value
        #expect(exchanges >= 20)
        // Whatever did not get in was told so; nothing hangs.
        let ends = try await flooder.run { _, recorder in recorder.lines.values.compactMap(\.closed) }
        #expect(
            ends.count < 500 && Set(ends).isSubset(of: ["the peer closed the connection during the TLS handshake"]),
            "\(Set(ends))"
        )
        withExtendedLifetime((folder, server)) {}
    }
}

extension Party {
    /// Reads the certificates anew and waits for what comes of it.
    func reload() async throws -> SocketTransport.Reload {
        let (stream, continuation) = AsyncStream<SocketTransport.Reload>.makeStream()
        try await run { transport, _ in
            transport.reloadCertificates(time: now, includingRoots: false) { continuation.yield($0) }
        }
        for await reload in stream { return reload }
        throw TLSFailure("no reload")
    }
}
