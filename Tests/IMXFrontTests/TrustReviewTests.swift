// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import Aggregator
import Discovery
import EnvelopeModel
import IMXWire
import NIOCore
import Testing
import TransportSecurity

@testable import IMXFront

/// What becomes of connections that stand when more is asked for than they prove.
@Suite("Trust that is raised")
struct TrustReviewTests {
    /// What a configuration asks for and a memory holds.
    private final class Rules {
        var required: [String: TrustLevel] = [:]
        var shown: [String: TrustLevel] = [:]
        /// Whether anything is remembered that is not here from the beginning.
        var learns = true

        var policy: PeerPolicy {
            PeerPolicy(
                requiredTrust: { [self] hosted, _ in required[hosted.name] ?? .dialback },
                shownTrust: { [self] peer in
                    shown[peer.name].map { ShownTrust(level: $0, since: WallTime(milliseconds: 1_800_000_000_000)) }
                },
                noteTrust: { [self] peer, level in
                    guard learns, level > shown[peer.name] ?? .dialback else { return false }
                    shown[peer.name] = level
                    return true
                },
                wallTime: { WallTime(milliseconds: 1_800_000_000_000) }
            )
        }
    }

    private let internet = Internet()

    private func send(_ ids: Range<Int>, from source: String, at a: Internet.Host, to domain: String) throws {
        for id in ids { a.users.send(try message("ann@\(source)", "bob@\(domain)", id: "\(source)-\(id)")) }
    }

    /// The pairs that `host` sends on connections that it has dialled, each with whether that speaks TLS.
    private func ways(of host: Internet.Host) -> [String: Bool] {
        var ways: [String: Bool] = [:]
        for peer in host.front.peers where peer.isOutgoing {
            for pair in peer.pairs { ways["\(pair.source)>\(pair.target)"] = peer.address.hasPrefix("tls://") }
        }
        return ways
    }

    private func ids(_ source: String, _ range: Range<Int>) -> [String] { range.map { "\(source)-\($0)" } }

    @Test(
        "IMX 6.1.3, G.3-11: a class that asks for more takes its pairs off weaker connections, alone and without loss"
    )
    func raisedHere() throws {
        let rules = Rules()
        rules.learns = false  // else what b.example shows to the one class binds the other too
        let a = try internet.start(1, ["strict.example", "lax.example"], policy: rules.policy)
        let b = try internet.start(2, ["b.example"])
        try internet.publish("b.example", at: [2], ttl: .seconds(3600))
        for source in ["strict.example", "lax.example"] { try send(0..<1, from: source, at: a, to: "b.example") }
        internet.scheduler.advance(by: .seconds(2))
        #expect(ways(of: a) == ["strict.example>b.example": false, "lax.example>b.example": false])
        let opened = internet.network.opened

        try internet.publish("b.example", at: [2], secure: [2])
        for source in ["strict.example", "lax.example"] { try send(1..<60, from: source, at: a, to: "b.example") }
        internet.scheduler.advance(by: .milliseconds(1))  // many are on their way by now, and many are not
        rules.required["strict.example"] = .tls
        a.front.policyChanged()
        for source in ["strict.example", "lax.example"] { try send(60..<100, from: source, at: a, to: "b.example") }
        internet.scheduler.advance(by: .seconds(5))
        #expect(ways(of: a) == ["strict.example>b.example": true, "lax.example>b.example": false])
        #expect(a.core.ledger.delivered == 200 && a.balances && a.core.status.waiting == 0)
        for source in ["strict.example", "lax.example"] {
            #expect(b.received.filter { $0.hasPrefix(source) } == ids(source, 0..<100), "each once, in order")
        }
        #expect(internet.network.opened <= opened + 2, "one way more, and at most one question about it")
    }

    @Test("dialback 3.3, IMX 6.1.3: a peer that cannot bind its claims is not locked out by its own certificate")
    func unbound() throws {
        internet.network.hasExporter = false
        let rules = Rules()
        let a = try internet.start(1, ["a.example"])
        let b = try internet.start(2, ["b.example"], policy: rules.policy)
        a.transport.certificates["a.example"] = ["a.example"]
        try internet.publish("a.example", at: [], secure: [1])
        try internet.publish("b.example", at: [], secure: [2])
        for number in 0..<3 {
            try send(number..<number + 1, from: "a.example", at: a, to: "b.example")
            internet.scheduler.advance(by: .seconds(5))
            for stream in 1...internet.network.opened { internet.network.cut(stream) }
            internet.scheduler.advance(by: .seconds(70))
        }
        #expect(b.received == ids("a.example", 0..<3))
        #expect(rules.shown["a.example"] == .tls)
    }

    @Test(
        "IMX 6.1.3: where nobody can come by TLS, a peer that shows it at home comes without, and is asked there by TLS",
        arguments: [true, false]
    )
    func noPortHere(takesTLS: Bool) throws {
        let rules = Rules()
        let a = try internet.start(1, ["a.example"])
        let b = try internet.start(2, ["b.example"], policy: rules.policy) { $0.takesTLS = takesTLS }
        rules.shown["a.example"] = .tls
        try internet.publish("a.example", at: [1], secure: [1])
        try internet.publish("b.example", at: [2])
        try send(0..<1, from: "a.example", at: a, to: "b.example")
        internet.scheduler.advance(by: .seconds(31))
        #expect(b.received == (takesTLS ? [] : ids("a.example", 0..<1)))
        #expect(!internet.network.tried.contains { $0.host == "192.0.2.1" && !$0.usesTLS })
        b.front.policyChanged()
        try send(1..<2, from: "a.example", at: a, to: "b.example")
        internet.scheduler.advance(by: .seconds(5))
        #expect(b.received == (takesTLS ? [] : ids("a.example", 0..<2)))
    }

    @Test("IMX 6.1.3: where nothing that proves enough is published, what waits ends with the reason, and nothing more")
    func nowhereToGo() throws {
        let rules = Rules()
        let a = try internet.start(1, ["strict.example", "lax.example"], policy: rules.policy)
        let b = try internet.start(2, ["b.example"])
        try internet.publish("b.example", at: [2])
        for source in ["strict.example", "lax.example"] { try send(0..<1, from: source, at: a, to: "b.example") }
        internet.scheduler.advance(by: .seconds(2))
        rules.required["strict.example"] = .certificate
        a.front.policyChanged()
        for source in ["strict.example", "lax.example"] { try send(1..<2, from: source, at: a, to: "b.example") }
        internet.scheduler.advance(by: .seconds(2))
        #expect(ways(of: a) == ["lax.example>b.example": false])
        #expect(b.received.sorted() == ["lax.example-0", "lax.example-1", "strict.example-0"])
        let failed = a.users.settlements.filter { $0.outcome.code != .delivered }
        #expect(
            failed.map(\.outcome.text)
                == ["b.example publishes no TLS port, and strict.example asks for a certificate"]
        )
        #expect(a.front.status.refusals.contains { $0.reason == "less-than-certificate" && $0.count >= 1 })
        // Nor may the peer say anything for the pair on the connection that stands.
        b.users.send(try message("bob@b.example", "ann@strict.example", id: "back"))
        b.users.send(try message("bob@b.example", "ann@lax.example", id: "back"))
        try internet.publish("strict.example", at: [1])
        try internet.publish("lax.example", at: [1])
        internet.scheduler.advance(by: .seconds(5))
        #expect(a.users.deliveries.map(\.envelope.destination.domain.name) == ["lax.example"])
    }

    @Test(
        "IMX 6.1.3, G.3-11: pairs that peers have proved with less end, and go again over TLS where that is published"
    )
    func raisedThere() throws {
        let rules = Rules()
        rules.learns = false
        let a = try internet.start(1, ["a.example", "lax.example"])
        let b = try internet.start(2, ["b.example", "open.example"], policy: rules.policy)
        for domain in ["b.example", "open.example"] {
            try internet.publish(domain, at: [2], secure: [2], ordered: true)
        }
        for domain in ["a.example", "lax.example"] { try internet.publish(domain, at: [1], secure: [1]) }
        try preferPlain("b.example")
        try preferPlain("open.example")
        for domain in ["b.example", "open.example"] { try send(0..<1, from: "a.example", at: a, to: domain) }
        internet.scheduler.advance(by: .seconds(2))
        #expect(ways(of: a) == ["a.example>b.example": false, "a.example>open.example": false])
        rules.required["b.example"] = .tls
        b.front.policyChanged()
        for round in 1..<4 {
            for domain in ["b.example", "open.example"] {
                try send(round * 10..<round * 10 + 10, from: "a.example", at: a, to: domain)
            }
            internet.scheduler.advance(by: .seconds(2))
        }
        #expect(ways(of: a) == ["a.example>b.example": true, "a.example>open.example": false])
        #expect(a.core.ledger.delivered == 62 && a.balances && a.core.status.waiting == 0)
        #expect(Set(b.received).count == 31 && b.received.count == 62)
    }

    /// Has DNS say that the plain port of host 2 comes before the one with TLS.
    private func preferPlain(_ domain: String) throws {
        let hosts = internet.published[try #require(Domain(domain))]?.hosts ?? []
        internet.published[try #require(Domain(domain))]?.hosts = hosts.map { host in
            .init(
                name: host.name,
                addresses: host.addresses,
                port: host.port,
                usesTLS: host.usesTLS,
                preference: host.usesTLS ? 2 : 1
            )
        }
    }

    @Test("G.3-11: a claim that is proved while more is asked for than when it was made is refused as any other")
    func raisedWhileAsked() throws {
        let rules = Rules()
        let a = try internet.start(1, ["a.example"])
        let b = try internet.start(2, ["b.example"], policy: rules.policy)
        try send(0..<1, from: "a.example", at: a, to: "b.example")
        for _ in 0..<100 where b.front.acceptor.pendingCount == 0 {
            internet.scheduler.advance(by: .milliseconds(1))
        }
        #expect(b.front.acceptor.pendingCount == 1)
        rules.required["b.example"] = .tls
        internet.scheduler.advance(by: .seconds(5))
        #expect(b.received.isEmpty && a.users.settlements.map(\.outcome.text) == ["b.example said: source refused"])
        #expect(b.front.connections.values.allSatisfy { $0.trusted.isEmpty })
    }

    @Test("G.3-11: a connection from before the peer showed more loses its pairs, both ways, and nothing is lost")
    func risen() throws {
        let rules = Rules()
        let a = try internet.start(1, ["a1.example", "a2.example"], policy: rules.policy)
        let b = try internet.start(2, ["b.example"])
        try internet.publish("b.example", at: [2], ttl: .seconds(1))
        for domain in ["a1.example", "a2.example"] { try internet.publish(domain, at: [1], secure: [1]) }
        try send(0..<1, from: "a1.example", at: a, to: "b.example")
        internet.scheduler.advance(by: .seconds(2))
        #expect(ways(of: a) == ["a1.example>b.example": false] && rules.shown.isEmpty)
        // The domain moves to TLS; the old connection stands, and a pair for which it does not do makes a new one.
        try internet.publish("b.example", at: [], secure: [2])
        rules.required["a2.example"] = .tls
        try send(0..<1, from: "a2.example", at: a, to: "b.example")
        internet.scheduler.advance(by: .seconds(2))
        #expect(rules.shown == ["b.example": .tls])
        try send(1..<20, from: "a1.example", at: a, to: "b.example")
        internet.scheduler.advance(by: .seconds(3))
        #expect(ways(of: a) == ["a1.example>b.example": true, "a2.example>b.example": true])
        #expect(b.received.filter { $0.hasPrefix("a1") } == ids("a1.example", 0..<20))
        #expect(a.core.ledger.delivered == 21 && a.balances && a.core.status.waiting == 0)
    }

    @Test("G.3-11, G.6: what a peer has shown is named to our own users and in no octet that the peer gets")
    func wording() throws {
        let rules = Rules()
        rules.shown["b.example"] = .certificate
        var octets = ""
        internet.network.recorder = { _, number, sent in
            if number == 1 { octets += String(buffer: sent) }
        }
        let a = try internet.start(1, ["a.example"], policy: rules.policy)
        let b = try internet.start(2, ["b.example"])
        try internet.publish("b.example", at: [2])
        try internet.publish("a.example", at: [1])
        try send(0..<1, from: "a.example", at: a, to: "b.example")
        b.users.send(try message("bob@b.example", "ann@a.example", id: "1"))
        internet.scheduler.advance(by: .seconds(3))
        #expect(
            a.users.settlements.map(\.outcome.text) == [
                "b.example publishes no TLS port, and b.example has shown a certificate on 2027-01-15; "
                    + "`imx trust forget b.example` lets go"
            ]
        )
        #expect(b.users.settlements.map(\.outcome.text) == ["a.example said: source refused"])
        #expect(!octets.isEmpty && !octets.contains("shown") && !octets.contains("forget"))
        #expect(a.users.deliveries.isEmpty && b.users.deliveries.isEmpty)
        rules.shown = [:]  // imx trust forget
        try send(1..<2, from: "a.example", at: a, to: "b.example")
        b.users.send(try message("bob@b.example", "ann@a.example", id: "2"))
        internet.scheduler.advance(by: .seconds(3))
        #expect(a.users.deliveries.count == 1 && b.users.deliveries.count == 1)
    }
}
