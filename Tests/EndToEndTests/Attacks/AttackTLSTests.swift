// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

extension EndToEnd {
    /// The TLS port of the real process, and its way to TLS ports that are not what they say.
    @Suite("Attacks on TLS", .serialized, .timeLimit(.minutes(10)))
    struct AttackTLSTests {}
}

extension EndToEnd.AttackTLSTests {
    /// A battlefield whose attacked aggregator has a TLS port beside its plain one, and certificates of an authority.
    private func field(
        _ name: String,
        configure: (inout AggregatorPlan) throws -> Void = { _ in }
    ) async throws -> (field: Battlefield, port: UInt16, authority: AttackAuthority) {
        let scratch = try Scratch(name)
        let authority = try await AttackAuthority(in: scratch)
        for domain in ["b.example", "b2.example"] { try await authority.certificate(domain, at: domain) }
        let port = try Ports.free()
        let field = try await Battlefield(name) { plan in
            plan.secureListen = port
            plan.more = """
                tls: { certificates: "\(authority.directory)", authorities: [ "\(authority.root)" ], \
                system-authorities: false }
                """
            try configure(&plan)
        }
        field.keep(scratch)
        return (field, port, authority)
    }

    @Test("S47: each hosted domain's certificate goes to who asks for that name, and to nobody else any")
    func serverNames() async throws {
        let (field, port, authority) = try await field("server-names")
        for name in ["b.example", "b2.example", "B2.EXAMPLE"] {
            let said = try await authority.client(
                port,
                ["-servername", name, "-alpn", "imx/1"],
                typing: [("Verify return code", "Q")]
            )
            #expect(said.contains("subject=CN = \(name.lowercased())"), "\(said)")
            #expect(said.contains("Verify return code: 0 (ok)"), "\(said)")
        }
        let before = try await field.south.status().dropped("refused-connection")
        let names = [
            "good.example", "x.b.example", "example", "b.example.net", "bb.example", "localhost", "127.0.0.1",
            "*.example",
        ]
        for options in names.map({ ["-servername", $0] }) + [["-noservername"]] {
            let said = try await authority.client(port, options + ["-alpn", "imx/1"])
            #expect(!said.contains("BEGIN CERTIFICATE"), "\(options): \(said)")
            #expect(!said.contains("b.example\n") && !said.contains("b2.example"), "\(options): \(said)")
        }
        let refused = try await field.south.status().dropped("refused-connection") - before
        #expect(refused == names.count + 1, "each is counted")
        #expect(try field.south.log(holding: "connection refused").allSatisfy { $0.contains("127.0.0.1") })
        try await field.end()
    }

    @Test(
        "S48, S19: no other protocol, no session of another domain, no early data, no compression, old version or cipher"
    )
    func protocols() async throws {
        let (field, port, authority) = try await field("protocols")
        let refused = [
            ["-alpn", "h2"], ["-alpn", "http/1.1"], ["-alpn", "xmpp-server"], ["-alpn", "xmpp-client"],
            ["-alpn", "smtp"],
            ["-alpn", "imx"], ["-alpn", "imx/2"], ["-alpn", "IMX/1"], [],
            ["-alpn", "imx/1", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
            ["-alpn", "imx/1", "-tls1_2", "-cipher", "AES128-GCM-SHA256"],
        ]
        for options in refused {
            let said = try await authority.client(port, ["-servername", "b.example"] + options)
            #expect(!said.contains("BEGIN CERTIFICATE"), "\(options): \(said)")
        }
        for version in ["-tls1_3", "-tls1_2"] {
            let session = authority.directory + "/session\(version)"
            let good = ["-servername", "b.example", "-alpn", "imx/1", version, "-comp"]
            let first = try await authority.client(
                port,
                good + ["-sess_out", session],
                typing: [("Verify return code", "hello"), ("closed", "Q")]
            )
            #expect(first.contains("Compression: NONE") && first.contains("New, TLSv1."), "\(first)")
            guard FileManager.default.fileExists(atPath: session) else { continue }
            for name in ["b.example", "b2.example"] {
                let again = try await authority.client(
                    port,
                    ["-servername", name, "-alpn", "imx/1", version, "-sess_in", session],
                    typing: [("Verify return code", "hello"), ("closed", "Q")]
                )
                #expect(again.contains("New, TLSv1.") && !again.contains("Reused"), "\(again)")
                #expect(again.contains("subject=CN = \(name)"), "\(again)")
            }
        }
        try await field.end()
    }

    @Test("S28: the process is not made to renegotiate, and a flood of handshakes costs the good peer nothing")
    func handshakes() async throws {
        let (field, port, authority) = try await field("handshakes")
        let said = try await authority.client(
            port,
            ["-servername", "b.example", "-alpn", "imx/1", "-tls1_2"],
            typing: [("Verify return code", "R"), ("RENEGOTIATING", "more")]
        )
        // Its own words end there: what follows is our alert, or the end of the connection.
        let end = said.split(separator: "RENEGOTIATING").last.map(String.init) ?? ""
        #expect(said.contains("RENEGOTIATING") && !end.contains("verify return"), "\(said)")
        #expect(["alert", "error", "closed", "read:errno"].contains { end.contains($0) }, "\(said)")
        // Twelve attackers, each in a network of its own; each handshake is answered at its full cost and left alone.
        let answered = Locked<Int>(0)
        let isOver = Locked<Bool>(false)
        for number in 0..<12 {
            Thread {
                var open: [RawPeer] = []
                while !isOver.value {
                    let from = Battlefield.address(number * 200 + Int.random(in: 0..<200))
                    guard let peer = try? RawPeer(port: port, from: from, patience: 1) else { continue }
                    peer.send(RawClientHello.octets(name: "b.example"))
                    if peer.hasOctets() { answered.change { $0 += 1 } }
                    open.append(peer)
                    if open.count > 40 { open.removeFirst(20) }
                    usleep(20_000)
                }
            }.start()
        }
        try await eventually("flood", within: .seconds(60)) { answered.value > 300 }
        let before = answered.value
        try await field.end()
        #expect(answered.value > before, "the flood had ended before")
        isOver.set(true)
    }

    @Test(
        "S36: who is silent in the handshake, or says half of it, or drips it, is gone after its ten seconds and counted"
    )
    func silentHandshakes() async throws {
        let (field, port, _) = try await field("silent-handshakes")
        let hello = RawClientHello.octets(name: "b.example")
        let before = try await field.south.status().dropped("refused-connection")
        var silent: [RawPeer] = []
        for number in 0..<60 {
            let peer = try RawPeer(port: port, from: Battlefield.address(number * 200), patience: 60)
            peer.send(Array(hello.prefix([0, 1, hello.count / 2, hello.count][number % 4])))
            silent.append(peer)
        }
        let dripping = Locked<Bool?>(nil)
        Thread {
            guard let drip = try? RawPeer(port: port, from: Battlefield.address(9), patience: 60) else { return }
            // Twice as long as it has.
            for octet in hello.prefix(hello.count - 1) {
                drip.send([octet])
                usleep(UInt32(20_000_000 / hello.count))
            }
            dripping.set(drip.isClosedByPeer())
        }.start()
        let ended = silent.prefix { $0.isClosedByPeer() }.count
        #expect(ended == 60, "number \(ended) still hangs after a minute")
        let isDripGone = try await eventually("end of what drips", within: .seconds(100)) { dripping.value }
        #expect(isDripGone)
        let count = try await field.south.status().dropped("refused-connection") - before
        #expect(count == 61, "counted: \(count)")
        let lines = try field.south.log(holding: "the TLS handshake was not over in time")
        #expect(!lines.isEmpty && lines.allSatisfy { $0.contains("127.66.") }, "\(lines.prefix(3))")
        try await field.end()
    }
}
