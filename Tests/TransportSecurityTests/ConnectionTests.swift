// SPDX-License-Identifier: Apache-2.0
import Discovery
import EnvelopeModel
import Foundation
import IMXFront
import IMXWire
import NIOCore
import Testing

@testable import TransportSecurity

@Suite(.timeLimit(.minutes(2)))
struct ConnectionTests {
    /// A server with certificates of a private authority, and a client that knows it.
    static func pair(_ names: [String]) async throws -> (Folder, Party, Party, UInt16) {
        let folder = try Folder()
        let authority = try Authority()
        for name in names { try folder.put(try authority.issue(.server(name)), as: name) }
        try authority.root.write(chain: [authority.root], to: folder("root.pem"))
        let server = try await Party(TLSSettings(directory: folder("live"), usesSystemRoots: false))
        let client = try await Party(TLSSettings(extraRootFiles: [folder("root.pem")], usesSystemRoots: false))
        return (folder, server, client, try await server.listen())
    }

    @Test("IMX 6.3.2, IMX 6.1.6: two servers meet over TLS, each domain with its own certificate by SNI")
    func meetOverTLS() async throws {
        let names = ["a.example", "b.example", "c.example"]
        let (folder, server, client, port) = try await ConnectionTests.pair(names)
        for name in names {
            let (handle, ending) = try await client.attempt(port, name)
            let security = try #require(ending.security, "\(ending)")
            #expect(security.version == "TLSv1.3")
            #expect(security.applicationProtocol == "imx/1")
            let peer = try #require(security.peer)
            let now = Int64(time(nil))
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
        withExtendedLifetime(folder) {}
    }
}
