// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import IMXWire
import NIOCore
import Testing

@testable import IMXFront

@Suite("Whom a connection may speak for")
struct TrustTests {
    @Test("IMX 6.3(3): trust is for one pair on one connection, ends with its time, and is asked for octet by octet")
    func trust() throws {
        let now = Instant.start
        func connection() -> FrontConnection {
            let hello = HelloRecord(serverID: ServerID(high: 1, low: 2), nonce: ConnectionNonce(1, 2, 3, 4))
            return FrontConnection(
                handle: ConnectionHandle(rawValue: 1),
                role: .acceptor,
                address: "192.0.2.1",
                link: nil,
                machine: ConnectionMachine(.acceptor, hello: hello, now: now)
            )
        }
        let trusted = connection()
        func holds(_ source: String, _ target: String, _ now: Instant, on connection: FrontConnection) -> Bool {
            connection.trustedPair(ByteBuffer(string: source), ByteBuffer(string: target), now: now) != nil
        }
        let a = try #require(Domain("a.example"))
        let b = try #require(Domain("b.example"))
        let c = try #require(Domain("c.example"))
        trusted.trust(b, a, until: now + .seconds(86_400))
        trusted.trust(c, a, until: now + .seconds(10))
        #expect(holds("b.example", "a.example", now, on: trusted))
        #expect(holds("c.example", "a.example", now, on: trusted))
        #expect(!holds("a.example", "b.example", now, on: trusted))
        #expect(!holds("x.b.example", "a.example", now, on: trusted))
        #expect(!holds("b.example", "c.example", now, on: trusted))
        #expect(!holds("c.example", "a.example", now + .seconds(10), on: trusted))
        #expect(holds("b.example", "a.example", now + .seconds(10), on: trusted))
        #expect(!holds("b.example", "a.example", now + .seconds(86_400), on: trusted))
        #expect(!holds("b.example", "a.example", now, on: connection()))
        trusted.trust(c, a, until: now + .seconds(30))
        #expect(holds("c.example", "a.example", now + .seconds(20), on: trusted))
    }

    @Test("bounds: a request that stays unanswered does not keep the read buffer in which it came")
    func readBuffers() throws {
        let now = Instant.start
        let connection = FrontConnection(
            handle: ConnectionHandle(rawValue: 1),
            role: .dialler,
            address: "192.0.2.1",
            link: nil,
            machine: ConnectionMachine(
                .dialler,
                hello: HelloRecord(serverID: ServerID(high: 1, low: 2), nonce: ConnectionNonce(1, 2, 3, 4)),
                now: now
            )
        )
        let pair = PairQueue(
            source: try #require(Domain("a.example")),
            peer: PeerDomain(try #require(Domain("b.example")))
        )
        var read = ByteBuffer(repeating: 0x61, count: 1 << 20)
        let slice = read.readSlice(length: 100)
        let body = try #require(slice)
        let envelope = Envelope(
            source: try #require(Address("ann@a.example")),
            destination: try #require(Address("bob@b.example")),
            messageID: try #require(MessageID("1")),
            trace: TraceID(high: 1, low: 1),
            body: .entity(body)
        )
        let ticket = Ticket(index: 1, generation: 1)
        let delivery = Delivery(ticket: ticket, envelope: envelope)
        let cookie = connection.remember(.delivery(delivery, pair, isRepeat: false), now: now)
        connection.detachOldRequests()
        connection.detachOldRequests()
        guard case .delivery(let kept, _, false)? = connection.take(cookie),
            case .entity(let octets) = kept.envelope.body
        else { throw Lost() }
        #expect(octets == body && kept.ticket == ticket)
        #expect(octets.storageCapacity < 1024)
        for _ in 0..<514 { _ = connection.remember(.delivery(delivery, pair, isRepeat: false), now: now) }
        #expect(connection.keepsCopies)
    }

    private struct Lost: Error {}
}
