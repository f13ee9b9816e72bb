// SPDX-License-Identifier: Apache-2.0
import Discovery
import EnvelopeModel
import Foundation
import IMXFront
import IMXWire
import NIOCore
import Testing

@testable import TransportSecurity

/// Against the TLS of somebody else: the openssl command line.
@Suite(.timeLimit(.minutes(10)))
struct InteroperationTests {
    struct Call: Sendable, CustomTestStringConvertible {
        var name: String
        var options: String
        /// What has to be in openssl's output.
        var expected: String
        /// What our side says about it; nil where the connection is taken.
        var refusal: String?
        var kind: TLSFailure.Kind?
        var testDescription: String { name }
    }

    static let calls: [Call] = [
        Call(name: "TLS 1.3", options: "-servername a.example -alpn imx/1 -tls1_3", expected: "TLSv1.3"),
        Call(name: "TLS 1.2", options: "-servername a.example -alpn imx/1 -tls1_2", expected: "TLSv1.2"),
        Call(name: "the name in capitals", options: "-servername A.EXAMPLE -alpn imx/1", expected: "Verification: OK"),
        Call(
            name: "ALPN among others",
            options: "-servername a.example -alpn h2,imx/1",
            expected: "ALPN protocol: imx/1"
        ),
        Call(
            name: "another certificate",
            options: "-servername b.example -alpn imx/1",
            expected: "subject=CN = b.example"
        ),
        Call(
            name: "TLS 1.1",
            options: "-servername a.example -alpn imx/1 -tls1_1 -cipher ALL:@SECLEVEL=0",
            expected: "alert protocol version",
            refusal: "no TLS 1.2 or newer",
            kind: .nothingInCommon
        ),
        Call(
            name: "TLS 1.0",
            options: "-servername a.example -alpn imx/1 -tls1 -cipher ALL:@SECLEVEL=0",
            expected: "alert protocol version",
            refusal: "no TLS 1.2 or newer",
            kind: .nothingInCommon
        ),
        Call(
            name: "an unknown name",
            options: "-servername x.example -alpn imx/1",
            expected: "unrecognized name",
            refusal: "it asks for x.example, which has no certificate here",
            kind: .unknownName
        ),
        Call(
            name: "a name under a served one",
            options: "-servername x.a.example -alpn imx/1",
            expected: "unrecognized name",
            refusal: "it asks for x.a.example",
            kind: .unknownName
        ),
        Call(
            name: "no name",
            options: "-noservername -alpn imx/1",
            expected: "missing extension",
            refusal: "it asks for no name by SNI",
            kind: .noName
        ),
        Call(
            name: "ALPN of XMPP",
            options: "-servername a.example -alpn xmpp-server",
            expected: "no application protocol",
            refusal: "it offers no imx/1 by ALPN",
            kind: .noProtocol
        ),
        Call(
            name: "ALPN of the web",
            options: "-servername a.example -alpn h2,http/1.1",
            expected: "no application protocol",
            refusal: "it offers no imx/1 by ALPN",
            kind: .noProtocol
        ),
        Call(
            name: "no ALPN",
            options: "-servername a.example",
            expected: "no application protocol",
            refusal: "it offers no imx/1 by ALPN",
            kind: .noProtocol
        ),
        Call(
            name: "ciphers without forward secrecy",
            options: "-servername a.example -alpn imx/1 -tls1_2 -cipher AES128-GCM-SHA256",
            expected: "alert",
            refusal: "the two ends have no key exchange in common",
            kind: .nothingInCommon
        ),
        Call(
            name: "ciphers without authenticated encryption",
            options: "-servername a.example -alpn imx/1 -tls1_2 -cipher ECDHE-ECDSA-AES128-SHA",
            expected: "handshake failure",
            refusal: "no cipher suite in common",
            kind: .nothingInCommon
        ),
    ]

    @Test("S27, S47, S48: openssl s_client is served exactly what it may have", arguments: calls)
    func client(_ call: Call) async throws {
        let (folder, server, _, port) = try await ConnectionTests.pair(["a.example", "b.example"])
        let client = try await Tool.run(
            "(sleep 1) | openssl s_client -connect 127.0.0.1:\(port) -CAfile root.pem \(call.options)",
            in: folder
        )
        #expect(client.output.contains(call.expected), "\(client.output)")
        // S47: where it is refused, no certificate is shown.
        #expect(client.output.contains("BEGIN CERTIFICATE") == (call.refusal == nil))
        guard let refusal = call.refusal else { return }
        let reasons = try await server.wait { _, recorder in recorder.refusals.isEmpty ? nil : recorder.refusals }
        #expect(reasons.first?.contains(refusal) == true, "\(reasons)")
        #expect(try await server.run { _, recorder in recorder.kinds } == [call.kind])
        #expect(try await server.run { _, recorder in recorder.lines.isEmpty })
    }

    @Test(
        "dialback 3.3: tls-exporter (RFC 9266) is what openssl s_client computes",
        arguments: [
            "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
        ]
    )
    func exporterOfClient(_ suite: String) async throws {
        let (folder, server, _, port) = try await ConnectionTests.pair(["a.example"])
        let client = try await Tool.run(
            "(sleep 1) | openssl s_client -connect 127.0.0.1:\(port) -servername a.example -alpn imx/1 "
                + "-ciphersuites \(suite) -keymatexport EXPORTER-Channel-Binding -keymatexportlen 32",
            in: folder
        )
        let theirs = try #require(client.output.firstMatch(of: /Keying material: ([0-9A-F]{64})/)).1
        let ours = try await server.wait { _, recorder in recorder.accepted.first?.security?.exporter }
        #expect(ours.readableBytesView.map { String(format: "%02X", $0) }.joined() == theirs)
    }

    @Test(
        "dialback 3.3: tls-exporter (RFC 9266) is what openssl s_server computes, and TLS 1.2 has none",
        arguments: [
            ("-tls1_3", "TLSv1.3"), ("-tls1_2", "TLSv1.2"),
        ]
    )
    func server(_ option: String, _ version: String) async throws {
        let (folder, _, client, _) = try await ConnectionTests.pair(["a.example"])
        let server = try Companion(
            [
                "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", "live/a.example/fullchain.pem", "-key",
                "live/a.example/privkey.pem", "-cert_chain", "live/a.example/fullchain.pem", "-alpn", "imx/1", option,
                "-keymatexport", "EXPORTER-Channel-Binding", "-keymatexportlen", "32",
            ],
            in: folder
        )
        let port = try #require(UInt16(try await server.waitForLine(after: "ACCEPT 127.0.0.1:")))
        let (handle, ending) = try await client.attempt(port, "a.example")
        let security = try #require(ending.security, "\(ending)")
        #expect(security.version == version)
        #expect(security.applicationProtocol == "imx/1")
        let domain = try #require(Domain("a.example"))
        #expect(security.peer?.refusal(for: domain, host: nil, security: .insecure, time: now) == nil)
        try server.type("abc\n")
        let received = try await client.wait { _, recorder in
            recorder.lines[handle].flatMap { $0.received.isEmpty ? nil : $0.received }
        }
        #expect(received == Array("abc\n".utf8))
        if version == "TLSv1.2" {
            #expect(security.exporter == nil)
        } else {
            let theirs = try await server.waitForLine(after: "Keying material: ")
            let ours = try #require(security.exporter)
            #expect(ours.readableBytesView.map { String(format: "%02X", $0) }.joined() == theirs)
        }
    }

    @Test(
        "S48: a server that chooses another protocol, or none, is refused",
        arguments: [
            (["-alpn", "xmpp-server"], "ALPN"), ([], "the peer chose no protocol where imx/1 was offered"),
        ]
    )
    func otherProtocol(_ options: [String], _ reason: String) async throws {
        let (folder, _, client, _) = try await ConnectionTests.pair(["a.example"])
        let server = try Companion(
            [
                "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", "live/a.example/fullchain.pem", "-key",
                "live/a.example/privkey.pem",
            ] + options,
            in: folder
        )
        let port = try #require(UInt16(try await server.waitForLine(after: "ACCEPT 127.0.0.1:")))
        let (_, ending) = try await client.attempt(port, "a.example")
        #expect(ending.reason?.contains(reason) == true, "\(ending)")
    }

    @Test("S28: openssl s_client cannot renegotiate")
    func renegotiation() async throws {
        let (folder, server, _, port) = try await ConnectionTests.pair(["a.example"])
        let client = try Companion(
            [
                "openssl", "s_client", "-connect", "127.0.0.1:\(port)", "-servername", "a.example", "-alpn", "imx/1",
                "-tls1_2",
            ],
            in: folder
        )
        _ = try await server.wait { _, recorder in recorder.accepted.first }
        try client.type("R\n")
        _ = try await client.waitForLine(after: "RENEGOTIATING")
        try? client.type("more\n")  // it may be gone by then
        let line = try await server.wait { _, recorder in
            recorder.accepted.first.flatMap { $0.closed == nil ? nil : $0 }
        }
        #expect(line.receivedCount == 0)
        #expect(line.closed == "the peer tried to renegotiate")
    }

    @Test("S28: openssl s_server cannot make us renegotiate")
    func renegotiationByServer() async throws {
        let (folder, _, client, _) = try await ConnectionTests.pair(["a.example"])
        let server = try Companion(
            [
                "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", "live/a.example/fullchain.pem", "-key",
                "live/a.example/privkey.pem", "-alpn", "imx/1", "-tls1_2",
            ],
            in: folder
        )
        let port = try #require(UInt16(try await server.waitForLine(after: "ACCEPT 127.0.0.1:")))
        let (handle, ending) = try await client.attempt(port, "a.example")
        #expect(ending.security?.version == "TLSv1.2")
        try server.type("r\n")
        let reason = try await client.wait { _, recorder in recorder.lines[handle]?.closed }
        #expect(reason == "the peer tried to renegotiate")
    }

    @Test(
        "S48: a session ticket is worth nothing, with the same name or another, nor is it for 0-RTT",
        arguments: ["-tls1_3", "-tls1_2"]
    )
    func tickets(_ version: String) async throws {
        let (folder, server, _, port) = try await ConnectionTests.pair(["a.example", "b.example"])
        let base = "openssl s_client -connect 127.0.0.1:\(port) -alpn imx/1 \(version)"
        let first = try await Tool.run(
            "(for i in {1..100}; do echo hello; sleep 0.1; [ -s session ] && break; done) | \(base) -servername a.example -sess_out session",
            in: folder
        )
        #expect(first.output.contains("New, TLSv1."))
        #expect(first.output.contains("Compression: NONE"))
        let session = try await Tool.run("openssl sess_id -in session -noout -text", in: folder)
        #expect(version == "-tls1_2" || session.output.contains("Max Early Data: 0"), "\(session.output)")
        for name in ["a.example", "b.example"] {
            let again = try await Tool.run("(sleep 1) | \(base) -servername \(name) -sess_in session", in: folder)
            #expect(again.output.contains("New, TLSv1."), "\(again.output)")
            #expect(!again.output.contains("Reused"))
            #expect(again.output.contains("subject=CN = \(name)"))
        }
        #expect(try await server.run { _, recorder in recorder.accepted.count } == 3)
    }

    @Test("dialback 3.3: a client certificate is asked for, not demanded, and counts for its domain alone")
    func clientCertificate() async throws {
        let (folder, server, _, port) = try await ConnectionTests.pair(["a.example"])
        let stranger = try Authority("Client")
        let own = try stranger.issue(CertificatePlan.server("c.example").with { $0.extendedUsage = "clientAuth" })
        try own.write(to: folder("client.pem"), key: folder("client.key"))
        let client = try await Tool.run(
            "(sleep 3) | openssl s_client -connect 127.0.0.1:\(port) -servername a.example -alpn imx/1 "
                + "-cert client.pem -key client.key -cert_chain client.pem",
            in: folder
        )
        let (line, refusals) = try await server.wait { _, recorder in
            recorder.accepted.isEmpty && recorder.refusals.isEmpty ? nil : (recorder.accepted.first, recorder.refusals)
        }
        let peer = try #require(line?.security?.peer, "\(refusals) \(client.output)")
        let domain = try #require(Domain("c.example"))
        let refusal = peer.refusal(for: domain, host: nil, security: .insecure, time: now)
        #expect(refusal?.contains("does not lead to a trusted authority") == true)
        #expect(peer.summary.hasPrefix("c.example (SHA-256 "))
    }
}
