// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import Aggregator
import EnvelopeModel
import NIOCore
import Presence
import Testing

/// Attributes between whole aggregators, on a simulated network.
@Suite("Attributes across aggregators")
struct AttributeTests {
    private let vendors = Attribute(
        "shoes.example/Size-42!",
        type: "application/vnd.shoes",
        value: ByteBuffer(bytes: Array(0...255)),
        seconds: 60
    )

    @Test("IMX 3 Attributes: a vendor's key and its octets pass unread through both cores, asked for and riding along")
    func vendorKey() throws {
        let internet = Internet(seed: 11)
        let a = try internet.start(1, ["a.example"])
        let b = try internet.start(2, ["b.example"])
        let (ann, bob) = (try Operations.party("ann@a.example"), try Operations.party("bob@b.example"))
        b.core.desk?.verdictOnAttributes = { _, _ in .allow }
        b.users.onAttributes = { [vendors] _, requester, keys in
            keys.map { $0 == vendors.key && requester == ann ? vendors : Attribute($0, status: .noSuchUser) }
        }
        a.users.send(
            try Operations.envelope(.getAttributes([vendors.key, "other.example/x"]), "ann@a.example", "bob@b.example")
        )
        internet.scheduler.advance(by: .seconds(3))
        let found = try #require(a.users.settlements.last?.outcome.details?.attributes)
        #expect(found == [vendors, Attribute("other.example/x", status: .noSuchUser)])
        // On a message: whoever takes it is given it as it was sent, and the next question is answered with it.
        var details = Envelope.Details()
        details.attributes = [vendors]
        var written = try message("ann@a.example", "bob@b.example", id: "m1")
        written.details = details
        a.users.send(written)
        internet.scheduler.advance(by: .seconds(3))
        #expect(b.users.deliveries.last?.envelope.details?.attributes == [vendors])
        b.users.send(try Operations.envelope(.getAttributes([vendors.key]), "bob@b.example", "ann@a.example"))
        #expect(b.users.settlements.last?.outcome.details?.attributes == [vendors], "\(bob) is told at once")
        #expect(a.balances && b.balances)
    }

    @Test(
        "IMX 3 Attributes, IMX 4.6.1: what a user is called crosses with the first message to who may read it, and is known there"
    )
    func alias() throws {
        let internet = Internet(seed: 12)
        let a = try internet.start(1, ["a.example"])
        let b = try internet.start(2, ["b.example"])
        let (ann, bob) = (try Operations.party("ann@a.example"), try Operations.party("bob@b.example"))
        a.core.desk?.verdictOnAttributes = { requester, _ in requester == bob ? .allow : .deny }
        a.users.onAttributes = { user, _, keys in
            keys.map { Attribute($0, value: ByteBuffer(string: "\($0) of \(user)"), seconds: 600) }
        }
        for recipient in ["bob@b.example", "ben@b.example"] {
            a.users.send(try message("ann@a.example", recipient, id: recipient))
        }
        internet.scheduler.advance(by: .seconds(3))
        let rode = b.users.deliveries.map { $0.envelope.details?.attributes.first?.text }
        #expect(rode == ["alias of \(ann)", nil])
        b.users.send(try Operations.envelope(.getAttributes(["alias"]), "bob@b.example", "ann@a.example"))
        #expect(b.users.settlements.last?.outcome.details?.attributes.first?.text == "alias of \(ann)")
        #expect(a.balances && b.balances)
    }
}
