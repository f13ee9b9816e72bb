// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import Aggregator
import EnvelopeModel
import IMXWire
import NIOCore
import Testing

@testable import IMXFront

/// Being sent elsewhere: when that is believed, and what happens to messages meanwhile.
@Suite("Redirection")
struct RedirectTests {
    private struct Scene {
        let internet: Internet
        let a: Internet.Host
        let b: Internet.Host
        let c: Internet.Host
    }

    /// a.example at host 1; b.example at hosts 2 and 3, of which DNS prefers 2.
    private func scene(policy: PeerPolicy? = nil, seed: UInt64 = 1) throws -> Scene {
        let internet = Internet(seed: seed)
        let plain = PeerPolicy(wallTime: { WallTime(milliseconds: 0) })
        let a = try internet.start(1, ["a.example"], policy: policy ?? plain)
        let b = try internet.start(2, ["b.example", "other.example"])
        let c = try internet.start(3, ["b.example", "other.example"])
        try internet.publish("b.example", at: [2, 3], ttl: .seconds(600), ordered: true)
        try internet.publish("other.example", at: [2, 3], ttl: .seconds(600), ordered: true)
        return Scene(internet: internet, a: a, b: b, c: c)
    }

    private func send(_ ids: Range<Int>, from a: Internet.Host, to domain: String = "b.example") throws {
        for id in ids { a.users.send(try message("ann@a.example", "bob@\(domain)", id: "\(id)")) }
    }

    private func redirect(
        _ domain: String,
        to host: String,
        port: UInt16 = 5290,
        seconds: UInt32 = 300
    ) -> RedirectRecord {
        RedirectRecord(
            domain: ByteBuffer(string: domain),
            host: ByteBuffer(string: host),
            port: port,
            seconds: seconds,
            scope: .newWork
        )
    }

    @Test("IMX 4.4.4: a domain is moved by its trusted host, for that domain only, and the old work ends in order")
    func followed() throws {
        let scene = try scene()
        try send(0..<1, from: scene.a)
        try send(100..<101, from: scene.a, to: "other.example")
        scene.internet.scheduler.advance(by: .seconds(2))
        scene.b.users.habit = .hold(.tooLate)
        try send(1..<4, from: scene.a)
        scene.internet.scheduler.advance(by: .seconds(1))
        scene.b.send(redirect("b.example", to: "192.0.2.3"), on: 1)
        scene.internet.scheduler.advance(by: .seconds(2))
        try send(4..<7, from: scene.a)
        scene.internet.scheduler.advance(by: .seconds(2))
        #expect(scene.c.received.isEmpty, "what the old host has comes first")
        for delivery in scene.b.users.deliveries.suffix(3) { scene.b.users.settle(delivery.ticket, .delivered) }
        scene.internet.scheduler.advance(by: .seconds(1))
        #expect(scene.c.received == ["4", "5", "6"])
        scene.b.users.habit = .settle(.delivered)
        try send(101..<102, from: scene.a, to: "other.example")
        scene.internet.scheduler.advance(by: .seconds(1))
        #expect(scene.b.received == ["0", "100", "1", "2", "3", "101"], "the other domain stays")
        #expect(scene.a.core.ledger.delivered == 9 && scene.a.balances)
    }

    @Test(
        "S15, IMX 2.9b, IMX 6.2.2.1(4): a REDIRECT from who is not trusted for the domain on a connection of ours is ignored and counted"
    )
    func untrusted() throws {
        let scene = try scene()
        try send(0..<1, from: scene.a)
        scene.internet.scheduler.advance(by: .seconds(2))
        let streams = scene.internet.network.opened
        scene.b.send(redirect("c.example", to: "192.0.2.3"), on: 1)  // a domain that we never asked for
        scene.b.send(redirect("a.example", to: "192.0.2.3"), on: 1)  // one of ours
        scene.a.send(redirect("a.example", to: "192.0.2.3"), on: 1)  // from the dialler
        scene.internet.scheduler.advance(by: .seconds(1))
        #expect(scene.a.core.status.drops[.refusedRedirect] == 2 && scene.b.core.status.drops[.refusedRedirect] == 1)
        try send(1..<3, from: scene.a)
        scene.internet.scheduler.advance(by: .seconds(2))
        #expect(scene.b.received == ["0", "1", "2"] && scene.internet.network.opened == streams)
    }

    @Test("S15, IMX 2.9b: an unauthenticated peer redirects nobody")
    func unauthenticated() throws {
        let scene = try scene()
        scene.c.users.habit = .settle(.delivered)
        try scene.internet.publish("a.example", at: [77])  // no dial-back succeeds, so no claim is believed
        try send(0..<1, from: scene.a)
        scene.internet.scheduler.advance(by: .milliseconds(200))
        scene.b.send(redirect("b.example", to: "192.0.2.3"), on: 1)
        scene.internet.scheduler.advance(by: .seconds(1))
        #expect(scene.a.core.status.drops[.refusedRedirect] == 1)
        #expect(!scene.internet.network.tried.contains(scene.internet.endpoint(3)))
    }

    @Test("S15: one redirection a minute, no loop, and not outside what DNS says without a certificate")
    func bounds() throws {
        let scene = try scene()
        try send(0..<1, from: scene.a)
        scene.internet.scheduler.advance(by: .seconds(2))
        scene.b.send(redirect("b.example", to: "192.0.2.2"), on: 1)  // to itself
        scene.internet.scheduler.advance(by: .seconds(61))
        #expect(scene.a.core.status.drops[.refusedRedirect] == 1)
        scene.b.send(redirect("b.example", to: "192.0.2.3"), on: 1)
        scene.internet.scheduler.advance(by: .seconds(1))
        try send(1..<2, from: scene.a)
        scene.internet.scheduler.advance(by: .seconds(2))
        #expect(scene.c.received == ["1"])
        let second = try #require(scene.c.inbound(from: scene.a))
        // Within the minute; it would be followed, and come to nothing only afterwards.
        scene.c.send(redirect("b.example", to: "192.0.2.9", port: 5291), on: second)
        scene.internet.scheduler.advance(by: .seconds(61))
        #expect(scene.a.core.status.drops[.refusedRedirect] == 2)
        scene.c.send(redirect("b.example", to: "192.0.2.2"), on: second)  // back again
        scene.internet.scheduler.advance(by: .seconds(61))
        #expect(scene.a.core.status.drops[.refusedRedirect] == 3)
        _ = try scene.internet.start(4, ["b.example"])
        scene.c.send(redirect("b.example", to: "192.0.2.4", port: 5291), on: second)  // shows no certificate
        scene.internet.scheduler.advance(by: .seconds(1))
        try send(2..<5, from: scene.a)
        scene.internet.scheduler.advance(by: .seconds(5))
        #expect(scene.internet.hosts.last?.received.isEmpty == true)
        #expect((scene.b.received + scene.c.received).count == 5, "the look-up rules again")
        #expect(scene.a.core.ledger.delivered == 5 && scene.a.balances)
    }

    @Test("S15: a host outside of the records that shows a certificate for the domain is believed")
    func certified() throws {
        let scene = try scene()
        try send(0..<1, from: scene.a)
        scene.internet.scheduler.advance(by: .seconds(2))
        let d = try scene.internet.start(4, ["b.example"])
        d.transport.certificates["b.example"] = ["b.example"]
        scene.b.send(redirect("b.example", to: "192.0.2.4", port: 5291), on: 1)
        scene.internet.scheduler.advance(by: .seconds(1))
        try send(1..<3, from: scene.a)
        scene.internet.scheduler.advance(by: .seconds(5))
        #expect(d.received == ["1", "2"])
    }

    @Test("G.3-16: the address policy holds for redirections too")
    func policy() throws {
        let refusing = PeerPolicy(
            addressRefusal: { address, _ in address == "192.0.2.3" ? "special" : nil },
            wallTime: { WallTime(milliseconds: 0) }
        )
        let scene = try scene(policy: refusing)
        try send(0..<1, from: scene.a)
        scene.internet.scheduler.advance(by: .seconds(2))
        scene.b.send(redirect("b.example", to: "192.0.2.3"), on: 1)
        scene.internet.scheduler.advance(by: .seconds(1))
        try send(1..<2, from: scene.a)
        scene.internet.scheduler.advance(by: .seconds(1))
        #expect(scene.b.received == ["0", "1"] && scene.a.core.status.drops[.refusedRedirect] == 1)
    }

    @Test("S15: a chain of redirections ends after three")
    func chain() throws {
        let internet = Internet()
        let a = try internet.start(1, ["a.example"])
        let hosts = try (2...6).map { try internet.start($0, ["b.example"]) }
        try internet.publish("b.example", at: [2, 3, 4, 5, 6], ttl: .seconds(6000), ordered: true)
        for step in 0..<4 {
            try send(step..<step + 1, from: a)
            internet.scheduler.advance(by: .seconds(2))
            let inbound = try #require(hosts[step].inbound(from: a))
            hosts[step].send(redirect("b.example", to: "192.0.2.\(step + 3)", seconds: 6000), on: inbound)
            internet.scheduler.advance(by: .seconds(62))
        }
        try send(4..<5, from: a)
        internet.scheduler.advance(by: .seconds(2))
        #expect(hosts.map(\.received) == [["0"], ["1"], ["2"], ["3", "4"], []])
        #expect(a.core.status.drops[.refusedRedirect] == 1)
    }

    @Test("S15: a redirection holds as long as the records do, and then the look-up rules again")
    func expires() throws {
        let scene = try scene()
        try scene.internet.publish("b.example", at: [2, 3], ttl: .seconds(30), ordered: true)
        try send(0..<1, from: scene.a)
        scene.internet.scheduler.advance(by: .seconds(2))
        scene.b.send(redirect("b.example", to: "192.0.2.3", seconds: 3600), on: 1)
        scene.internet.scheduler.advance(by: .seconds(1))
        try send(1..<2, from: scene.a)
        scene.internet.scheduler.advance(by: .seconds(40))
        #expect(scene.c.received == ["1"])
        let stream = try #require(scene.c.inbound(from: scene.a))
        scene.c.closeInOrder(try #require(scene.c.handle(of: stream)))
        scene.internet.scheduler.advance(by: .seconds(2))
        try send(2..<3, from: scene.a)
        scene.internet.scheduler.advance(by: .seconds(2))
        #expect(scene.b.received == ["0", "2"])
    }

    @Test("S15: hundreds who are sent away at once do not arrive at once", arguments: [200, 1000])
    func storm(count: Int) throws {
        let internet = Internet()
        func settings(_ settings: inout FrontSettings) {
            // All of them live in a few networks here.
            settings.admission.perNetwork = 4096
            settings.admission.newPerNetwork = 65_536
            settings.dialback.pendingPerBlock = 4096
            settings.dialback.dialBurstPerBlock = 4096
            settings.dialback.dialBurst = 8192
            settings.connection.maxInflight = 1
        }
        let b = try internet.start(2, ["b.example"], configure: settings)
        let c = try internet.start(3, ["b.example"], configure: settings)
        try internet.publish("b.example", at: [2, 3], ttl: .seconds(600), ordered: true)
        let crowd = try (0..<count).map { try internet.start(10 + $0, ["a\($0).example"]) }
        for (number, peer) in crowd.enumerated() {
            peer.users.send(try message("ann@a\(number).example", "bob@b.example", id: "\(number)"))
        }
        internet.scheduler.advance(by: .seconds(20))
        #expect(b.received.count == count)
        internet.network.latency = .milliseconds(20)
        for (number, peer) in crowd.enumerated() {
            for id in 0..<5 {
                peer.users.send(try message("ann@a\(number).example", "bob@b.example", id: "\(number)-\(id)"))
            }
        }
        b.front.drain(to: internet.endpoint(3))
        var arrivals: [Int] = []
        let dials = internet.network.tried.count
        for _ in 0..<70 {
            internet.scheduler.advance(by: .milliseconds(10))
            arrivals.append(c.transport.streams.count)
        }
        // Each comes once, and none before it was sent.
        let came = internet.network.tried.dropFirst(dials).filter { $0 == internet.endpoint(3) }
        #expect(came.count == count, "\(came.count) dials")
        let most = zip(arrivals.dropFirst(), arrivals).map { $0 - $1 }.max() ?? 0
        #expect(most < count / 8 && (arrivals.last ?? 0) >= count, "in any ten milliseconds: \(most)")
        internet.scheduler.advance(by: .seconds(20))
        #expect(b.received.count + c.received.count == count * 6 && c.received.count >= count * 3)
        #expect(crowd.allSatisfy { $0.balances && $0.core.ledger.delivered == 6 })
    }
}
