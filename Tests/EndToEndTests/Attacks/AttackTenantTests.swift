// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

extension EndToEnd {
    /// A tenant's own messaging server attacks the aggregator that serves it, and its other tenants.
    @Suite("Attacks by a tenant", .serialized, .timeLimit(.minutes(10)))
    struct AttackTenantTests {}
}

extension EndToEnd.AttackTenantTests {
    private func field(
        _ name: String,
        _ tenant: HostileTenant,
        peers: [String: UInt16] = [:]
    ) async throws -> Battlefield {
        try await Battlefield(name, peers: peers) { plan in
            plan.adapters["tenant"] = """
                { kind: xmpp, server: "127.0.0.1:\(tenant.port)", component: imx.t.example, \
                secret: { env: IMX_TEST_SECRET }, form: native, reconnect: 100ms, reconnect-most: 500ms }
                """
            plan.domains["t.example"] = "tenant"
        }
    }

    private static func stanza(_ to: String) -> String {
        "<message id='x1' to='\(to)' from='eve@t.example' type='chat'><body>hello</body></message>"
    }

    @Test("G.3-15: a tenant sees nothing of the dial-back that is made for it: no token, no secret, no key, nowhere")
    func secrets() async throws {
        let tenant = try HostileTenant()
        let tokens = Locked<[[UInt8]]>([])
        let server = try HostileServer { server, peer in
            server.takeMessages(peer, atToken: { token in tokens.change { $0.append(token) } }) { _ in 2000 }
        }
        let field = try await field("tenant-secrets", tenant, peers: ["m.example": server.port])
        server.asksAt.set(field.port)
        tenant.say(Array(Self.stanza("mo@m.example").utf8))
        try await eventually("the tenant's message", within: .seconds(60)) { server.messages >= 1 }
        let outcome = Locked<String>("")
        field.send("bob@b.example", "mo@m.example") { outcome.set($0) }
        try await eventually("another tenant's message", within: .seconds(60)) { !outcome.value.isEmpty }
        #expect(outcome.value.contains(#""code":2000"#), "\(outcome.value)")
        // Two tenants, two tokens of their own.
        #expect(tokens.value.count == 2 && tokens.value.first != tokens.value.last)
        try await field.end()
        var places: [(String, [UInt8])] = [("the tenant's link", tenant.heard)]
        let files = FileManager.default.enumerator(at: field.south.directory, includingPropertiesForKeys: nil)
        for case let file as URL in files ?? .init() {
            places.append((file.lastPathComponent, (try? Data(contentsOf: file)).map(Array.init) ?? []))
        }
        places.append(("imx status", Array(try await field.south.run(["status", "--json"]).out.utf8)))
        #expect(places.count > 5 && tenant.heard.count > 100)
        for token in tokens.value + server.asked.map(\.secret) {
            let shapes = [
                token, Array(token.suffix(32)), Array(token.map { String(format: "%02x", $0) }.joined().utf8),
                Array(Data(token).base64EncodedString().dropLast(4).utf8),
            ]
            for (name, octets) in places {
                for shape in shapes { #expect(Data(octets).range(of: Data(shape)) == nil, "\(name) holds a token") }
            }
        }
    }

    @Test(
        "S19: nobody gets us to decompress: no capability, no offer taken, and octets after a pretended agreement are refused"
    )
    func compression() async throws {
        let tenant = try HostileTenant()
        let offer =
            "<stream:features><compression xmlns='http://jabber.org/features/compress'>"
            + "<method>zlib</method></compression></stream:features>"
        let field = try await field("compression", tenant)
        let pid = try #require(field.south.pid)
        let before = try residentKiB(of: pid)
        // A little of what would be hundreds of megabytes.
        let bomb: [UInt8] = [
            0x78, 0xDA, 0xEC, 0xC1, 0x01, 0x0D, 0x00, 0x00, 0x00, 0xC2, 0xA0, 0xF7, 0x4F, 0x6D, 0x0E, 0x37,
        ]
        for _ in 0..<20 {
            let links = tenant.links
            tenant.say(Array(offer.utf8))
            tenant.say(Array("<compressed xmlns='http://jabber.org/protocol/compress'/>".utf8))
            for _ in 0..<1000 { tenant.say(bomb) }
            try await eventually("a new link", within: .seconds(60)) { tenant.links > links }
        }
        let heard = String(decoding: tenant.heard, as: UTF8.self)
        #expect(!heard.contains("compress"), "it takes the offer")
        #expect(heard.contains("</stream:stream>") || heard.contains("<stream:error"), "it says why it ends the stream")
        let growth = try residentKiB(of: pid) - before
        #expect(growth < 16 << 10, "\(growth) KiB")
        // Nor is there anything in IMX: every capability that it offers is one that does something else.
        let hello = try #require(try RawPeer(port: field.port).greet(dialled: "b.example"))
        let capabilities = hello.fields(0x0008).map { $0.reduce(0) { $0 << 8 | Int($1) } }
        #expect(capabilities.allSatisfy { [1, 2].contains($0) || $0 & 0x0F0F == 0x0A0A }, "\(capabilities)")
        try await field.end()
    }
}
