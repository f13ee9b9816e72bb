// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

extension EndToEnd {
    /// Two whole programs that find each other in a real zone, speak TLS, and ask each other for proof.
    @Suite("TLS and trust", .serialized, .enabled(if: TLSBed.isPossible), .timeLimit(.minutes(5)))
    struct TLSTests {}
}

extension EndToEnd.TLSTests {
    @Test("IMX 6.1.3, S46: with a private authority, certificates for servers alone are proof enough, both ways")
    func certificates() async throws {
        let bed = try await TLSBed("tls-authority", trust: "certificate")
        defer { bed.stop() }
        let text = try await bed.papers.shell(
            "openssl x509 -in '\(bed.certificates(of: bed.south).path)/b.example/fullchain.pem' -noout -ext extendedKeyUsage"
        )
        #expect(text.contains("Server Authentication") && !text.contains("Client"))
        try await bed.publish(a: .tls(), b: .tls())
        try await bed.start()
        for process in [bed.north, bed.south, bed.north] {
            let sent = try await bed.send(process)
            #expect(sent.isDelivered, "\(sent.out)\n\(process.tail())")
        }
        #expect(try await bed.memory(bed.north).contains(/b\.example +certificate/))
        #expect(try await bed.memory(bed.south).contains(/a\.example +certificate/))
        #expect(try await bed.south.status().balances)
        // A stranger's look at the same port, with what this configuration believes and asks for.
        let probe = try await bed.north.run(["probe", "b.example"])
        #expect(probe.end == .exited(0) && probe.out.hasSuffix("everything is right\n"), "\(probe.out)")
        for line in [
            /ok +tls +TLSv1\.3, imx\/1 by ALPN/, /ok +certificate +good for b\.example: b\.example \(SHA-256/,
            /ok +trust +"certificate": trust would hold/,
        ] {
            #expect(probe.out.contains(line), "\(probe.out)")
        }
        let (plain, secure) = (bed.south.plan.listen, try #require(bed.south.plan.secureListen))
        for (place, fault, remedy) in [
            (
                ["127.0.0.1:\(plain)", "--tls", "--domain", "b.example"], "WRONG tls ", "no TLS"
            ),
            (["127.0.0.1:\(secure)", "--domain", "b.example"], "WRONG preface ", "try --tls"),
            (
                ["127.0.0.1:\(secure)", "--tls", "--domain", "x.example"],
                "WRONG tls the peer has no certificate for the name", "a certificate for the domain"
            ),
        ] {
            let (end, out) = try await bed.north.run(["probe"] + place)
            let words = out.replacing(#/\s+/#, with: " ")
            #expect(end == .exited(1) && words.contains(fault) && words.contains(remedy), "\(out)")
        }
    }

    @Test("S26, S47, S48, G.6: each handshake that fails is counted by its kind and logged with address and reason")
    func refusals() async throws {
        let bed = try await TLSBed("tls-refusals", trust: "dialback")
        defer { bed.stop() }
        try await bed.north.start(within: .seconds(60))
        let port = try #require(bed.north.plan.secureListen)
        let shell = bed.papers
        for options in [
            "-servername a.example -alpn h2", "-servername x.example -alpn imx/1", "-noservername -alpn imx/1",
        ] {
            try await shell.shell("openssl s_client -connect 127.0.0.1:\(port) \(options) </dev/null || true")
        }
        try await shell.shell(
            "exec 3<>/dev/tcp/127.0.0.1/\(port); printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3 || true"
        )
        let plain = bed.north.plan.listen
        try await shell.shell("openssl s_client -connect 127.0.0.1:\(plain) -servername a.example </dev/null || true")
        let refusals = try await bed.north.status().refusals
        for kind in ["no-imx-by-alpn", "unknown-name", "no-name", "no-tls", "on-a-plain-port"] {
            #expect(refusals.first { $0.name == "tls-\(kind)" }?.count == 1, "\(kind) in \(refusals)")
        }
        let shown = try await bed.north.run(["status"]).out
        #expect(shown.contains(/tls-no-imx-by-alpn +1/), "\(shown)")
        let lines = try bed.north.log(holding: "connection refused").filter { $0.contains("127.0.0.1") }
        for reason in [
            "it offers no imx/1 by ALPN", "it asks for x.example, which has no certificate here",
            "it asks for no name by SNI", "the peer speaks no TLS on a port with TLS",
            "the peer speaks TLS on a port without TLS",
        ] {
            #expect(lines.contains { $0.contains(reason) }, "\(reason) in \(lines)")
        }
    }

    @Test("S47, S49, RFC 7671 §5.1: a self-signed certificate is proof where a signed zone pins it, and no other is")
    func pinned() async throws {
        let bed = try await TLSBed("tls-dane", trust: "certificate", isSelfSigned: true)
        defer { bed.stop() }
        let pinA = try await bed.papers.pin("a.example", in: bed.certificates(of: bed.north))
        let pinB = try await bed.papers.pin("b.example", in: bed.certificates(of: bed.south))
        try await bed.publish(a: .tls(pinA), b: .tls(pinB), isSigned: true)
        try await bed.start()
        for process in [bed.north, bed.south] {
            let sent = try await bed.send(process)
            #expect(sent.isDelivered, "\(sent.out)\n\(process.tail())")
        }
        #expect(try await bed.memory(bed.north).contains(/b\.example +certificate/))
        // Another key is pinned: whoever stands there is not believed, and the sender hears why.
        try await bed.publish(a: .tls(pinA), b: .tls("3 1 1 " + String(repeating: "ab", count: 32)), isSigned: true)
        for process in [bed.north, bed.south] {  // which forget what they have looked up, and nothing else
            #expect(try await process.terminate() == .exited(0))
            try await process.start(within: .seconds(60))
        }
        let wrong = try await bed.send(bed.north)
        #expect(!wrong.isDelivered)
        #expect(wrong.out.contains("the certificate matches none of the host's TLSA records"), "\(wrong.out)")
        #expect(try !bed.north.log(holding: "peer not trusted").isEmpty)
        #expect(try await bed.north.status().refusals.contains { $0.name == "less-than-certificate" })
        // The claims of who is pinned wrongly are not believed either, and the claimant is not told why.
        let back = try await bed.send(bed.south)
        #expect(!back.isDelivered && back.out.contains("could not verify now"), "\(back.out)")
        #expect(!back.out.contains("TLSA"))
        // Right again.
        try await bed.publish(a: .tls(pinA), b: .tls(pinB), isSigned: true)
        try await eventuallyHolds("word of b.example", within: .seconds(60)) {
            try await bed.send(bed.north).isDelivered
        }
    }
}
