// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

extension EndToEnd {
    /// A domain's server sends us elsewhere, where it must not.
    @Suite("Attacks by redirection", .serialized, .timeLimit(.minutes(10)))
    struct AttackRedirectTests {}
}

extension EndToEnd.AttackRedirectTests {
    private static func redirect(_ domain: String, to host: String, _ port: UInt16) -> RawPeer.Record {
        RawPeer.Record(
            type: RawPeer.redirect,
            payload: RawPeer.field(0x0020, Array(domain.utf8)) + RawPeer.field(0x000A, Array(host.utf8))
                + RawPeer.field(0x000B, big(port)) + RawPeer.field(0x000C, big(UInt32(300)))
                + RawPeer.field(0x000D, [0])
        )
    }

    /// Where each domain's server sends it, and why nobody goes there; nil stands for the server itself.
    private static let places: [(host: String?, reason: String)] = [
        ("127.0.0.1", "its address is not one to connect to"), ("127.66.77.88", "its address is not one to connect to"),
        ("::1", "its address is not one to connect to"), ("::ffff:127.0.0.1", "its address is not one to connect to"),
        ("169.254.169.254", "its address is not one to connect to"),
        ("10.0.0.1", "its address is not one to connect to"),
        ("victim.example", "its host was not found"), (nil, "it leads back to where it came from"),
    ]

    /// A server for all of those domains that sends us away before a claim is confirmed and with each message, and with
    /// its first message domains that are not its own.
    private static func server(to victim: UInt16) throws -> HostileServer {
        let own = Locked<UInt16>(0)
        let isFirst = Locked<Bool>(true)
        let server = try HostileServer { server, peer in
            func sendAway(_ domain: String) {
                let index = domain.prefix { $0 != "." }.dropFirst()
                guard let place = Int(index).map({ places[$0] }) else { return }
                let port = place.host == nil ? own.value : victim
                peer.send(redirect(domain, to: place.host ?? "127.0.0.1", port))
            }
            server.takeMessages(peer, atClaim: sendAway) { record in
                for domain in ["good.example", "b.example", "elsewhere.example"] where isFirst.value {
                    peer.send(redirect(domain, to: "127.0.0.1", victim))
                }
                isFirst.set(false)
                sendAway(record.text(0x0101)?.split(separator: "@").last.map(String.init) ?? "")
                return 2000
            }
        }
        own.set(server.port)
        return server
    }

    @Test(
        "S15, G.3-16, IMX 2.9b, IMX 6.2.2.1(4): who is not trusted yet, or not for that domain, or leads to a victim or in a circle, redirects nobody"
    )
    func refused() async throws {
        let victim = try CountingVictim()
        let server = try Self.server(to: victim.port)
        let names = Self.places.indices.map { "m\($0).example" }
        let field = try await Battlefield(
            "redirections",
            peers: Dictionary(uniqueKeysWithValues: names.map { ($0, server.port) })
        )
        server.asksAt.set(field.port)
        for _ in 0..<2 {
            for name in names {
                let outcome = Locked<String>("")
                field.send("bob@b.example", "mo@\(name)") { outcome.set($0) }
                try await eventually("outcome for \(name)", within: .seconds(60)) { !outcome.value.isEmpty }
                #expect(outcome.value.contains(#""code":2000"#), "\(name): \(outcome.value)")
            }
        }
        // Who has dialled us has nothing to say here, strange or not.
        let peer = try field.stranger()
        for domain in ["m0.example", "b.example", "good.example"] {
            peer.send(Self.redirect(domain, to: "127.0.0.1", victim.port))
        }
        #expect(peer.fate("eve@m0.example", "bob@b.example", tag: 1) == 5005)
        #expect(server.messages == 2 * names.count, "all of them where they belong")
        #expect(victim.count.dials == 0, "the victim was dialled")
        // One before the confirmation of each claim, one with each message, and three and three for others' domains.
        let expected = 3 * names.count + 6
        let count = try await field.south.status().dropped("refused-redirect")
        #expect(count == expected, "\(count) of \(expected)")
        try await field.end()
        let lines = try field.south.log(holding: "redirection refused")
        #expect(lines.contains { $0.contains("the domain is not trusted on the connection") })
        #expect(lines.contains { $0.contains("it came on a connection that the peer made") })
        for (name, place) in zip(names, Self.places) {
            let told = lines.filter { $0.contains("domain=\(name)") || $0.contains("domain=\"\(name)\"") }
            #expect(told.contains { $0.contains(place.reason) }, "\(name): \(told)")
        }
    }
}
