// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import Aggregator
import EnvelopeModel
import IMXFront
import IMXWire
import NIOCore
import Testing
import TransportSecurity

/// What is asked of a claim's connection, and what claims may make us send.
@Suite("Claims and policy")
struct ClaimPolicyTests {
    private func policy(_ level: TrustLevel) -> PeerPolicy {
        PeerPolicy(requiredTrust: { _, _ in level }, wallTime: { WallTime(milliseconds: 1_800_000_000_000) })
    }

    @Test("dialback 3.3: a claim on a plain connection is refused before any dial where TLS is asked for")
    func plain() throws {
        let internet = Internet()
        let a = try internet.start(1, ["a.example"])
        let b = try internet.start(2, ["b.example"], policy: policy(.tls))
        a.users.send(try message("ann@a.example", "bob@b.example", id: "1"))
        internet.scheduler.advance(by: .seconds(5))
        #expect(a.users.settlements.map(\.outcome.code) == [.refused])
        #expect(b.users.deliveries.isEmpty && internet.network.opened == 1)
    }

    @Test(
        "dialback 3.3: over TLS the proof covers the session, so that nobody between can pass it on",
        arguments: [false, true]
    )
    func bound(hasMiddleman: Bool) throws {
        let internet = Internet()
        internet.network.hasMiddleman = hasMiddleman
        let a = try internet.start(1, ["a.example"])
        let b = try internet.start(2, ["b.example"])
        try internet.publish("a.example", at: [], secure: [1])
        try internet.publish("b.example", at: [], secure: [2])
        a.users.send(try message("ann@a.example", "bob@b.example", id: "1"))
        internet.scheduler.advance(by: .seconds(40))
        #expect(b.users.deliveries.count == (hasMiddleman ? 0 : 1))
        #expect(a.balances && a.core.status.waiting == 0)
    }

    @Test("dialback 3.3: without a way to bind to the session, claims over TLS are proved as over TCP")
    func unbound() throws {
        let internet = Internet()
        internet.network.hasExporter = false
        let a = try internet.start(1, ["a.example"])
        let b = try internet.start(2, ["b.example"], policy: policy(.tls))
        try internet.publish("a.example", at: [], secure: [1])
        try internet.publish("b.example", at: [], secure: [2])
        a.users.send(try message("ann@a.example", "bob@b.example", id: "1"))
        internet.scheduler.advance(by: .seconds(5))
        #expect(b.users.deliveries.count == 1)
    }

    @Test("S49, dialback 3.3: a certificate proves nothing for a claim on a session that nothing can be bound to")
    func certificateUnbound() throws {
        let internet = Internet()
        internet.network.hasExporter = false
        let a = try internet.start(1, ["a.example"])
        let b = try internet.start(2, ["b.example"], policy: policy(.certificate))
        a.transport.certificates["a.example"] = ["a.example"]
        try internet.publish("a.example", at: [], secure: [1])
        try internet.publish("b.example", at: [], secure: [2])
        a.users.send(try message("ann@a.example", "bob@b.example", id: "1"))
        internet.scheduler.advance(by: .seconds(40))
        #expect(b.users.deliveries.isEmpty && a.users.settlements.map(\.outcome.code) == [.refused])
    }

    @Test(
        "dialback 3.3, IMX 6.2.2.2: where a certificate is asked for, it is that of the source's own server",
        arguments: [false, true]
    )
    func certificate(isShown: Bool) throws {
        let internet = Internet()
        let a = try internet.start(1, ["a.example"])
        let b = try internet.start(2, ["b.example"], policy: policy(.certificate))
        if isShown { a.transport.certificates["a.example"] = ["a.example"] }
        try internet.publish("a.example", at: [], secure: [1])
        try internet.publish("b.example", at: [], secure: [2])
        a.users.send(try message("ann@a.example", "bob@b.example", id: "1"))
        internet.scheduler.advance(by: .seconds(40))
        #expect(b.users.deliveries.count == (isShown ? 1 : 0))
        if !isShown { #expect(a.users.settlements.map(\.outcome.code) == [.notVerifiedNow]) }
    }

    @Test(
        "S07, dialback 4: claims for 2,000 names make us send others no more than they cost, and 8 octets to what is not IMX"
    )
    func amplification() throws {
        let internet = Internet()
        let a = try internet.start(1, ["a.example"])
        for index in 0..<2000 {
            let name = try #require(Domain("s\(index).example"))
            internet.peers[name] = [PeerEndpoint(host: "192.0.2.200", port: UInt16(1000 + index))]
        }
        let victim = Silent(internet.network, ports: 1000..<3000)
        var sent: [Int: Int] = [:]
        var toVictim: [UInt64: Int] = [:]
        internet.network.recorder = { stream, number, octets in
            sent[number, default: 0] += octets.readableBytes
            if number == 1, victim.streams.contains(stream) { toVictim[stream, default: 0] += octets.readableBytes }
        }
        let attackers = (100..<110).map { Claimer(internet, number: $0) }
        for round in 0..<4 {
            for (place, attacker) in attackers.enumerated() {
                try attacker.claim((0..<50).map { "s\((round * 10 + place) * 50 + $0).example" })
            }
            internet.scheduler.advance(by: .seconds(8))
        }
        let claimed = attackers.reduce(0) { $0 + $1.claims }
        let octetsIn = attackers.reduce(0) { $0 + (sent[$1.number] ?? 0) }
        #expect(claimed == 2000)
        #expect(victim.streams.count > 20 && victim.streams.count <= 64 + 2 * 32 + 1, "\(victim.streams.count) dials")
        #expect(toVictim.values.allSatisfy { $0 == 8 })
        #expect(toVictim.values.reduce(0, +) * 2 <= octetsIn * 3)
        internet.scheduler.advance(by: .seconds(90))
        #expect(a.front.peers.isEmpty, "nothing of it is left")
    }
}

/// Something that takes connections and says nothing.
private final class Silent: TransportDelegate {
    private let transport: SimulatedTransport
    private(set) var streams: Set<UInt64> = []

    init(_ network: SimulatedNetwork, ports: Range<UInt16>) {
        transport = SimulatedTransport(network: network, number: 200)
        transport.delegate = self
        for port in ports { network.listen(transport, on: PeerEndpoint(host: "192.0.2.200", port: port)) }
    }

    func accepted(_ connection: ConnectionHandle, from address: String, security: ConnectionSecurity?) {
        if let stream = transport.streams[connection] { streams.insert(stream) }
    }

    func connected(_ connection: ConnectionHandle, security: ConnectionSecurity?) {}
    func received(_ octets: inout ByteBuffer, on connection: ConnectionHandle) {}
    func readBurstEnded(on connection: ConnectionHandle) {}
    func writabilityChanged(_ isWritable: Bool, on connection: ConnectionHandle) {}
    func closed(_ connection: ConnectionHandle, reason: String) {}
}

/// Somebody who claims what is not theirs, with as few octets as possible.
private final class Claimer: TransportDelegate {
    private let internet: Internet
    private let transport: SimulatedTransport
    private var names: [ConnectionHandle: [String]] = [:]
    let number: Int
    private(set) var claims = 0

    init(_ internet: Internet, number: Int) {
        self.internet = internet
        self.number = number
        transport = SimulatedTransport(network: internet.network, number: number)
        transport.delegate = self
    }

    func claim(_ domains: [String]) throws {
        let name = try #require(Domain("a.example"))
        names[transport.connect(to: internet.endpoint(1), serverName: name, timeout: .seconds(5))] = domains
    }

    func connected(_ connection: ConnectionHandle, security: ConnectionSecurity?) {
        var generator = SystemRandomNumberGenerator()
        var octets = ByteBuffer(integer: 0x8949_4D58_0D0A_1A0A as UInt64)
        HelloRecord(
            serverID: ServerID(high: 9, low: UInt64(number)),
            nonce: ConnectionNonce(random: &generator),
            dialled: ByteBuffer(string: "a.example")
        )
        .write(to: &octets)
        for (tag, name) in (names[connection] ?? []).enumerated() {
            claims += 1
            ClaimRecord(
                source: ByteBuffer(string: name),
                target: ByteBuffer(string: "a.example"),
                token: ByteBuffer(repeating: 7, count: 16)
            )
            .write(to: &octets, tag: UInt32(tag + 1))
        }
        transport.write(octets, on: connection)
    }

    func accepted(_ connection: ConnectionHandle, from address: String, security: ConnectionSecurity?) {}
    func received(_ octets: inout ByteBuffer, on connection: ConnectionHandle) {}
    func readBurstEnded(on connection: ConnectionHandle) {}
    func writabilityChanged(_ isWritable: Bool, on connection: ConnectionHandle) {}
    func closed(_ connection: ConnectionHandle, reason: String) {}
}
