// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import EnvelopeModel
import IMXWire
import NIOCore
import TestSupport
import Testing

@testable import IMXFront

/// Records about presence and attributes from somebody who has proved a.example to b.example, and nothing else.
private struct Spoof: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let type: RecordType
    let from: String
    var to = "bob@b.example"
    var code: UInt16 = 5005

    /// The record as a request with this tag.
    func octets(tag: UInt32) throws -> ByteBuffer {
        var out = ByteBuffer()
        let source = ByteBuffer(string: from)
        let target = ByteBuffer(string: to)
        switch type {
        case .subscribe:
            SubscribeRecord(
                watcher: try #require(AddressField(source)),
                target: try #require(AddressField(target)),
                duration: 60,
                subscriptID: ByteBuffer(string: "s1")
            ).write(to: &out, tag: tag)
        case .notify:
            NotifyRecord(
                presentity: try #require(AddressField(source)),
                watcher: try #require(AddressField(target)),
                subscriptID: ByteBuffer(string: "s1"),
                state: .active,
                sequence: 1
            ).write(to: &out, tag: tag)
        case .get:
            let requester = AddressField(source).map(AttributeParty.user) ?? .domain(source)
            let subject = AddressField(target).map(AttributeParty.user) ?? .domain(target)
            GetRecord(requester: requester, subject: subject, keys: [ByteBuffer(string: "alias")])
                .write(to: &out, tag: tag)
        default:
            let subject = AddressField(source).map(AttributeParty.user) ?? .domain(source)
            let attribute = AttributeField(key: ByteBuffer(string: "alias"), value: ByteBuffer(string: "Eve"))
            PushAttributesRecord(subject: subject, attributes: [attribute]).write(to: &out)
        }
        return out
    }

    static let all: [Spoof] = [
        Spoof(testDescription: "a watcher of another domain", type: .subscribe, from: "good@c.example"),
        Spoof(testDescription: "a watcher of a domain below", type: .subscribe, from: "ann@x.a.example"),
        Spoof(testDescription: "a watcher of ours", type: .subscribe, from: "eve@b.example"),
        Spoof(testDescription: "a presentity of another domain", type: .notify, from: "good@c.example"),
        Spoof(testDescription: "a presentity of ours", type: .notify, from: "bob@b.example"),
        Spoof(testDescription: "a requester of another domain", type: .get, from: "good@c.example"),
        Spoof(testDescription: "another domain asks a domain", type: .get, from: "c.example", to: "b.example"),
        Spoof(
            testDescription: "a target elsewhere",
            type: .subscribe,
            from: "ann@a.example",
            to: "x@d.example",
            code: 5006
        ),
        Spoof(
            testDescription: "a watcher elsewhere",
            type: .notify,
            from: "ann@a.example",
            to: "x@d.example",
            code: 5006
        ),
        Spoof(testDescription: "a subject elsewhere", type: .get, from: "ann@a.example", to: "d.example", code: 5006),
    ]
}

@Suite("Presence and attributes from those who may not")
struct PresenceAttackTests {
    private let internet = BareInternet()

    /// A front for b.example, a stranger's connection to it, and what the stranger was answered.
    private func scene(trusted: Bool) throws -> (b: BareInternet.Place, peer: FrontConnection) {
        let b = try internet.start(2, ["b.example"], others: [:])
        let handle = ConnectionHandle(rawValue: 1 << 40)
        b.front.accepted(handle, from: "203.0.113.1", security: nil)
        let connection = try #require(b.front.connections[handle])
        var greeting = ByteBuffer(integer: Preface.value)
        var generator = SeededGenerator(seed: 3)
        HelloRecord(
            serverID: ServerID(high: 8, low: 8),
            nonce: ConnectionNonce(random: &generator),
            dialled: ByteBuffer(string: "b.example")
        ).write(to: &greeting)
        say(greeting, to: b, on: connection)
        if trusted {
            connection.machine.markAuthenticated()
            connection.trust(
                try #require(Domain("a.example")),
                try #require(Domain("b.example")),
                until: internet.scheduler.now + .seconds(5)
            )
        }
        return (b, connection)
    }

    private func say(_ octets: ByteBuffer, to place: BareInternet.Place, on connection: FrontConnection) {
        var octets = octets
        place.front.received(&octets, on: connection.handle)
        place.front.readBurstEnded(on: connection.handle)
    }

    private func refusals(_ place: BareInternet.Place) -> [String: UInt64] {
        Dictionary(uniqueKeysWithValues: place.front.status.refusals.map { ($0.reason, $0.count) })
    }

    @Test(
        "IMX 6.2.2.1(1), IMX 6.2.2.1(2), RFC2779 2.3.4, RFC2779 5.1.1, RFC2779 5.1.6, RFC2779 5.2.4, RFC2779 5.3.3, S10: whoever is not of the sender's domain is refused",
        arguments: Spoof.all
    )
    fileprivate func spoofed(_ spoof: Spoof) throws {
        let (b, peer) = try scene(trusted: true)
        say(try spoof.octets(tag: 3), to: b, on: peer)
        #expect(b.host.submitted.isEmpty)
        #expect(refusals(b) == ["data-\(spoof.code)": 1])
        #expect(b.host.drops == [.unauthenticated: 1])
        let honest = Spoof(testDescription: "", type: spoof.type, from: "ann@a.example")
        say(try honest.octets(tag: 4), to: b, on: peer)
        #expect(b.host.submitted.count == 1, "the connection goes on")
    }

    @Test(
        "G.3-13, IMX 6.3(2), RFC2779 5.1.14: nothing of presence or attributes is taken, or kept for later, before its pair is trusted",
        arguments: [RecordType.subscribe, .notify, .get, .pushAttributes]
    )
    func early(type: RecordType) throws {
        let (b, peer) = try scene(trusted: false)
        let honest = Spoof(testDescription: "", type: type, from: "ann@a.example")
        say(try honest.octets(tag: 3), to: b, on: peer)
        peer.trust(try #require(Domain("a.example")), try #require(Domain("b.example")), until: .distantFuture)
        internet.scheduler.advance(by: .seconds(1))
        #expect(b.host.submitted.isEmpty && refusals(b) == ["data-5005": 1])
    }

    @Test(
        "IMX 4.6.1, IMX 6.3(3), S12: with the trust of a pair the right to push attributes ends, and another pair keeps it"
    )
    func pushEnds() throws {
        let (b, peer) = try scene(trusted: true)
        let push = try Spoof(testDescription: "", type: .pushAttributes, from: "ann@a.example").octets(tag: 0)
        say(push, to: b, on: peer)
        #expect(b.host.submitted.count == 1)
        peer.trust(try #require(Domain("a.example")), try #require(Domain("b2.example")), until: .distantFuture)
        _ = peer.endTrust { $0.target.name == "b2.example" }
        say(push, to: b, on: peer)
        #expect(b.host.submitted.count == 2, "the first pair stands")
        internet.scheduler.advance(by: .seconds(6))
        say(push, to: b, on: peer)
        #expect(b.host.submitted.count == 2, "its time is over")
        say(try Spoof(testDescription: "", type: .pushAttributes, from: "c.example").octets(tag: 0), to: b, on: peer)
        #expect(b.host.submitted.count == 2 && refusals(b) == ["data-5005": 2])
    }

    @Test("S41: a flood of pushed attributes, which no answer bounds, is not read for a while, and is not closed")
    func pushFlood() throws {
        let (b, peer) = try scene(trusted: true)
        let push = try Spoof(testDescription: "", type: .pushAttributes, from: "ann@a.example").octets(tag: 0)
        var records = ByteBuffer()
        for _ in 0..<1000 { records.writeImmutableBuffer(push) }
        for _ in 0..<10 { say(records, to: b, on: peer) }
        #expect(b.transport.unread == [peer.handle] && refusals(b)["flood"] ?? 0 >= 1)
        #expect(!b.front.connections.isEmpty)
    }

    @Test("bounds: ten thousand keys, a key or an attribute too large, are refused on the way in and on the way out")
    func oversized() throws {
        let (b, peer) = try scene(trusted: true)
        func get(_ keys: [String]) throws -> ByteBuffer {
            var out = ByteBuffer()
            GetRecord(
                requester: .user(try #require(AddressField(ByteBuffer(string: "ann@a.example")))),
                subject: .domain(ByteBuffer(string: "b.example")),
                keys: keys.map { ByteBuffer(string: $0) }
            ).write(to: &out, tag: 5)
            return out
        }
        say(try get(Array(repeating: "k", count: 10_000)), to: b, on: peer)
        say(try get(Array(repeating: "k", count: 257)), to: b, on: peer)
        say(try get([String(repeating: "k", count: 256)]), to: b, on: peer)
        #expect(b.host.submitted.isEmpty)
        #expect(refusals(b) == ["record-5001": 2], "the largest is passed over unread")
        say(try get(Array(repeating: "k", count: 256)), to: b, on: peer)
        #expect(b.host.submitted.count == 1)
    }

    @Test("bounds: what no peer would take is not sent, and an answer that is too large loses its largest values alone")
    func tooLarge() throws {
        let a = try internet.start(1, ["a.example"], others: ["b.example": 2])
        let b = try internet.start(2, ["b.example"], others: ["a.example": 1])
        let asked = try [
            Array(repeating: "k", count: 10_000), [String(repeating: "k", count: 256)], [""],
        ].map { try Operations.envelope(.getAttributes($0), "ann@a.example", "b.example") }
        a.host.send(asked)
        #expect(a.host.codes == [.tooLarge, .malformed, .malformed], "at once")
        let large = ByteBuffer(repeating: 1, count: 70_000)
        var details = Envelope.Details()
        details.attributes = [Attribute("vcard", value: large)]
        var told = try Operations.notify("ann@a.example", "bob@b.example", sequence: 1)
        told.details = details
        let small = Attribute("alias", value: ByteBuffer(string: "Bob"))
        b.host.answer = { _ in
            let attributes = [Attribute("vcard", type: "text/vcard", value: large), small]
            return Outcome(.delivered, details: .init(attributes: attributes))
        }
        a.host.send([
            try Operations.envelope(.pushAttributes, "ann@a.example", "b.example", details: details), told,
            try Operations.envelope(.getAttributes([]), "ann@a.example", "bob@b.example"),
        ])
        internet.scheduler.advance(by: .seconds(2))
        #expect(b.host.submitted.map(\.operation) == [.getAttributes([])])
        #expect(a.host.codes.suffix(3) == [.tooLarge, .tooLarge, .delivered])
        var gone = Attribute("vcard", status: .tooLarge)
        gone.type = "text/vcard"
        #expect(a.host.outcomes.last?.outcome.details?.attributes == [gone, small])
    }
}
