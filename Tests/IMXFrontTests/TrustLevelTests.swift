// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import Aggregator
import EnvelopeModel
import IMXFront
import IMXWire
import Testing
import TransportSecurity

/// How much a peer must have proved before anything goes to it, and that it is never believed with less afterwards.
@Suite("Levels of trust")
struct TrustLevelTests {
    /// What a configuration and a memory would say.
    private final class Rules {
        var required: [String: TrustLevel] = [:]
        var shown: [String: TrustLevel] = [:]

        var policy: PeerPolicy {
            PeerPolicy(
                requiredTrust: { [self] hosted, _ in required[hosted.name] ?? .dialback },
                shownTrust: { [self] peer in
                    shown[peer.name].map { ShownTrust(level: $0, since: WallTime(milliseconds: 1_800_000_000_000)) }
                },
                noteTrust: { [self] peer, level in
                    guard level > shown[peer.name] ?? .dialback else { return false }
                    shown[peer.name] = level
                    return true
                },
                wallTime: { WallTime(milliseconds: 0) }
            )
        }
    }

    private func send(
        _ ids: Range<Int>,
        from source: String = "a.example",
        at a: Internet.Host,
        to domain: String
    ) throws {
        for id in ids { a.users.send(try message("ann@\(source)", "bob@\(domain)", id: "\(id)")) }
    }

    @Test("G.3-11, dialback 4: a peer that has spoken TLS is not spoken to without, though only its plain port is open")
    func neverWeaker() throws {
        let internet = Internet()
        let rules = Rules()
        let a = try internet.start(1, ["a.example"], policy: rules.policy)
        let b = try internet.start(2, ["b.example"])
        try internet.publish("b.example", at: [2], secure: [2], ttl: .seconds(5))
        for id in 0..<12 where rules.shown["b.example"] != .tls {
            try send(id..<id + 1, at: a, to: "b.example")
            internet.scheduler.advance(by: .seconds(2))
            for stream in 1...internet.network.opened { internet.network.cut(stream) }
            internet.scheduler.advance(by: .seconds(10))
        }
        #expect(rules.shown["b.example"] == .tls)
        let before = internet.network.tried.count
        internet.network.remove(b.transport)
        internet.network.listen(b.transport, on: internet.endpoint(2))
        try send(100..<103, at: a, to: "b.example")
        internet.scheduler.advance(by: .seconds(31))
        let toB = internet.network.tried[before...].filter { $0.host == "192.0.2.2" }
        #expect(!toB.isEmpty && toB.allSatisfy(\.usesTLS))
        #expect(!b.received.contains("100") && a.core.ledger.expired == 3 && a.balances)
        internet.network.listen(b.transport, on: internet.secureEndpoint(2))
        try send(103..<104, at: a, to: "b.example")
        internet.scheduler.advance(by: .seconds(61))
        try send(104..<105, at: a, to: "b.example")
        internet.scheduler.advance(by: .seconds(5))
        #expect(b.received.contains("104"), "its TLS port is back")
        #expect(a.core.ledger.expired <= 4 && a.balances)
    }

    @Test("IMX 6.1.3: where a class asks for a certificate, a peer without a TLS port is refused undialled")
    func noSecurePort() throws {
        let internet = Internet()
        let rules = Rules()
        rules.required["a.example"] = .certificate
        let a = try internet.start(1, ["a.example"], policy: rules.policy)
        _ = try internet.start(2, ["b.example"])
        try internet.publish("b.example", at: [2])
        try send(0..<1, at: a, to: "b.example")
        internet.scheduler.advance(by: .seconds(1))
        #expect(a.users.settlements.map(\.outcome.code) == [.refused])
        let text = a.users.settlements.first?.outcome.text
        #expect(text == "b.example publishes no TLS port, and a.example asks for a certificate")
        #expect(internet.network.tried.isEmpty)
    }

    @Test("IMX 6.1.3: a certificate that is not good for the domain carries nothing, and the reason is told")
    func wrongCertificate() throws {
        let internet = Internet()
        let rules = Rules()
        rules.required["a.example"] = .certificate
        let a = try internet.start(1, ["a.example"], policy: rules.policy)
        let b = try internet.start(2, ["b.example"])
        b.transport.certificates["b.example"] = ["elsewhere.example"]
        try internet.publish("b.example", at: [], secure: [2])
        try send(0..<1, at: a, to: "b.example")
        internet.scheduler.advance(by: .seconds(2))
        #expect(b.received.isEmpty)
        #expect(a.users.settlements.map(\.outcome.code) == [.refused])
        #expect(a.users.settlements.first?.outcome.text?.contains("the certificate is not for b.example") == true)
        b.transport.certificates["b.example"] = ["b.example"]
        try send(1..<2, at: a, to: "b.example")
        internet.scheduler.advance(by: .seconds(2))
        #expect(b.received == ["1"] && rules.shown["b.example"] == .certificate)
        #expect(a.balances)
    }

    @Test("IMX 6.1.3: of several hosts the one whose certificate is good is used")
    func otherHost() throws {
        let internet = Internet()
        let rules = Rules()
        rules.required["a.example"] = .certificate
        let a = try internet.start(1, ["a.example"], policy: rules.policy)
        _ = try internet.start(2, ["b.example"])
        let good = try internet.start(3, ["b.example"])
        good.transport.certificates["b.example"] = ["b.example"]
        try internet.publish("b.example", at: [], secure: [2, 3])
        for id in 0..<6 {
            try send(id..<id + 1, at: a, to: "b.example")
            internet.scheduler.advance(by: .seconds(2))
            for stream in 1...internet.network.opened { internet.network.cut(stream) }
            internet.scheduler.advance(by: .seconds(61))
        }
        #expect(good.received == (0..<6).map(String.init) && a.balances)
    }

    @Test("IMX 6.3(1): a connection that suffices for one domain does not carry another for which it does not suffice")
    func notShared() throws {
        let internet = Internet()
        let rules = Rules()
        rules.required["strict.example"] = .certificate
        let a = try internet.start(1, ["a.example", "strict.example"], policy: rules.policy)
        let b = try internet.start(2, ["b.example", "c.example"])
        b.transport.certificates = ["b.example": ["b.example"], "c.example": ["c.example"]]
        for domain in ["b.example", "c.example"] { try internet.publish(domain, at: [], secure: [2]) }
        try send(0..<1, at: a, to: "b.example")
        internet.scheduler.advance(by: .seconds(1))
        try send(1..<2, from: "strict.example", at: a, to: "b.example")
        try send(2..<3, from: "strict.example", at: a, to: "c.example")
        internet.scheduler.advance(by: .seconds(2))
        #expect(b.received.sorted() == ["0", "1", "2"])
        let pairs = a.front.peers.filter { $0.isOutgoing }.map { $0.pairs.map { "\($0.source)>\($0.target)" }.sorted() }
        #expect(pairs.contains(["strict.example>c.example"]), "a connection of its own: \(pairs)")
        #expect(pairs.contains(["a.example>b.example", "strict.example>b.example"]), "this one will do for both")
    }

    @Test("IMX 4.3.1: a certificate for both domains lets them share a connection")
    func shared() throws {
        let internet = Internet()
        let rules = Rules()
        rules.required["strict.example"] = .certificate
        let a = try internet.start(1, ["a.example", "strict.example"], policy: rules.policy)
        let b = try internet.start(2, ["b.example", "c.example"])
        let both: Set<String> = ["b.example", "c.example"]
        b.transport.certificates = ["b.example": both, "c.example": both]
        for domain in ["b.example", "c.example"] { try internet.publish(domain, at: [], secure: [2]) }
        try send(0..<1, at: a, to: "b.example")
        internet.scheduler.advance(by: .seconds(1))
        try send(1..<2, from: "strict.example", at: a, to: "c.example")
        internet.scheduler.advance(by: .seconds(2))
        #expect(b.received == ["0", "1"])
        #expect(a.front.peers.filter { $0.isOutgoing }.count == 1)
    }

    @Test("G.3-11: the verification of a claim goes where as much is proved as is asked for", arguments: [true, false])
    func verification(isGood: Bool) throws {
        let internet = Internet()
        let rules = Rules()
        rules.required["b.example"] = .certificate
        let a = try internet.start(1, ["a.example"])
        let b = try internet.start(2, ["b.example"], policy: rules.policy)
        a.transport.certificates["a.example"] = isGood ? ["a.example"] : ["other.example"]
        try internet.publish("a.example", at: [], secure: [1])
        try internet.publish("b.example", at: [], secure: [2])
        try send(0..<1, at: a, to: "b.example")
        internet.scheduler.advance(by: .seconds(31))
        #expect(b.received == (isGood ? ["0"] : []))
        #expect(a.users.settlements.map(\.outcome.code) == [isGood ? .delivered : .notVerifiedNow])
    }
}
