// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import Aggregator
import Discovery
import EnvelopeModel
import IMXWire
import Testing
import TransportSecurity

@testable import IMXFront

/// What records say of the names and the certificates of hosts, whatever trust is asked for.
@Suite("Names and pins")
struct PinTests {
    private let internet = Internet()

    /// Has DNS say that `domain` is at host `number` with TLS, which shows a certificate that records name.
    private func publish(_ domain: String, at number: Int, _ security: PeerService.Security) throws {
        let pin = TLSARecord(usage: 3, selector: 1, matching: 1, association: Array(repeating: 7, count: 32))
        let host = PeerService.Host(
            name: "front\(number).hoster.example",
            addresses: ["192.0.2.\(number)"],
            port: 5291,
            usesTLS: true,
            tlsa: security == .secure ? [pin] : []
        )
        internet.published[try #require(Domain(domain))] = .init(hosts: [host], security: security)
    }

    @Test(
        "RFC 7673 §4, RFC 7672 §2.2: a host that shows another certificate than signed records name is not spoken to",
        arguments: [PeerService.Security.secure, .insecure]
    )
    func contradicted(security: PeerService.Security) throws {
        let a = try internet.start(1, ["a.example"])
        let b = try internet.start(2, ["b.example"])
        b.transport.certificates["b.example"] = ["elsewhere.example"]
        try publish("b.example", at: 2, security)
        a.users.send(try message("ann@a.example", "bob@b.example", id: "1"))
        internet.scheduler.advance(by: .seconds(90))
        #expect(b.received == (security == .secure ? [] : ["1"]), "without signatures, records say nothing")
        guard security == .secure else { return }
        let outcome = a.users.settlements.first?.outcome
        #expect(outcome?.code == .timedOut || outcome?.code == .refused)
        #expect(outcome?.text?.contains("the certificate is not for b.example") == true, "\(a.users.settlements)")
        #expect(a.front.status.refusals.contains { $0.reason == "less-than-certificate" })
        b.transport.certificates["b.example"] = ["b.example"]
        a.users.send(try message("ann@a.example", "bob@b.example", id: "2"))
        internet.scheduler.advance(by: .seconds(90))
        #expect(b.received == ["2"] && a.balances)
    }

    @Test(
        "RFC 7673 §4: a domain whose records name another certificate does not share the connection of one that has none"
    )
    func notShared() throws {
        let a = try internet.start(1, ["a.example"])
        let b = try internet.start(2, ["b.example", "c.example"])
        b.transport.certificates = ["b.example": ["b.example"], "c.example": ["b.example"]]
        try publish("b.example", at: 2, .insecure)
        try publish("c.example", at: 2, .secure)
        a.users.send(try message("ann@a.example", "bob@b.example", id: "1"))
        internet.scheduler.advance(by: .seconds(2))
        a.users.send(try message("ann@a.example", "cid@c.example", id: "2"))
        internet.scheduler.advance(by: .seconds(20))
        #expect(b.received == ["1"])
        let refused = a.users.settlements.filter { $0.outcome.code != .delivered }
        #expect(refused.map(\.outcome.code) == [.refused])
        #expect(refused.first?.outcome.text?.contains("the certificate is not for c.example") == true, "\(refused)")
        b.transport.certificates["c.example"] = ["c.example"]
        a.users.send(try message("ann@a.example", "cid@c.example", id: "3"))
        internet.scheduler.advance(by: .seconds(20))
        #expect(b.received == ["1", "3"] && a.balances)
    }

    @Test("RFC 7673 §4, G.3-11: a claim is not verified where signed records name another certificate")
    func verification() throws {
        let a = try internet.start(1, ["a.example"])
        let b = try internet.start(2, ["b.example"])
        a.transport.certificates["a.example"] = ["elsewhere.example"]
        try publish("a.example", at: 1, .secure)
        try publish("b.example", at: 2, .insecure)
        a.users.send(try message("ann@a.example", "bob@b.example", id: "1"))
        internet.scheduler.advance(by: .seconds(60))
        #expect(b.received.isEmpty && a.users.settlements.map(\.outcome.code) == [.notVerifiedNow])
        a.transport.certificates["a.example"] = ["a.example"]
        a.users.send(try message("ann@a.example", "bob@b.example", id: "2"))
        internet.scheduler.advance(by: .seconds(60))
        #expect(b.received == ["2"])
    }

    @Test(
        "RFC 6066 §3, RFC 9525 §6.1: SNI names the domain that was looked up, whatever host the records lead to",
        arguments: [PeerService.Security.secure, .insecure]
    )
    func serverName(security: PeerService.Security) throws {
        let a = try internet.start(1, ["a.example"])
        let b = try internet.start(2, ["b.example", "c.example"])
        b.transport.certificates = ["b.example": ["b.example"], "c.example": ["c.example"]]
        for domain in ["b.example", "c.example"] { try publish(domain, at: 2, security) }
        a.users.send(try message("ann@a.example", "bob@b.example", id: "1"))
        internet.scheduler.advance(by: .seconds(5))
        #expect(Set(internet.network.askedFor) == ["b.example"])
        a.users.send(try message("ann@a.example", "cid@c.example", id: "2"))
        internet.scheduler.advance(by: .seconds(5))
        #expect(Set(internet.network.askedFor).isSubset(of: ["b.example", "c.example"]))
        #expect(b.received == ["1", "2"])
    }
}
