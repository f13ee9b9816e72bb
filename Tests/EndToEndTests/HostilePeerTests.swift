// SPDX-License-Identifier: Apache-2.0
import Testing

extension EndToEnd {
    /// A peer of raw octets does what it must not do. The aggregator is the real binary; it needs no server behind it.
    @Suite("Hostile peer", .serialized, .timeLimit(.minutes(10)))
    struct HostilePeerTests {
        let scratch: Scratch
        let south: AggregatorProcess

        init() async throws {
            scratch = try Scratch("hostile")
            var plan = AggregatorPlan(name: "south", listen: try Ports.free())
            plan.adapters["office"] = """
                { kind: xmpp, server: "127.0.0.1:\(try Ports.free())", component: imx.b.example, \
                secret: { env: IMX_TEST_SECRET } }
                """
            plan.domains["b.example"] = "office"
            south = try AggregatorProcess(plan, in: scratch)
            try await south.start(awaitingLinks: false)
        }
    }
}

extension EndToEnd.HostilePeerTests {
    private func greeted() throws -> RawPeer { try RawPeer.greeted(port: south.plan.listen, dialled: "b.example") }

    @Test("IMX 6.3(2), IMX 4.3.3, G.3-13: a message before dial-back is refused 5005 and the connection lives on")
    func unauthenticated() async throws {
        let peer = try greeted()
        peer.send(RawPeer.messageRecord(tag: 7, from: "mallory@a.example", to: "bob@b.example"))
        #expect(peer.answer(to: 7)?.code == 5005)
        peer.send(RawPeer.messageRecord(tag: 8, from: "mallory@a.example", to: "victim@elsewhere.example"))
        #expect([5005, 5006].contains(peer.answer(to: 8)?.code))
        #expect(try await south.status().ledger.accepted == 0)
    }

    @Test("IMX 4.4.2, I.1.1: an unknown request is answered 5008, an unknown record is skipped")
    func unknown() async throws {
        let peer = try greeted()
        peer.send(RawPeer.Record(type: 0x1A1A, payload: [0, 1, 2]))
        peer.send(RawPeer.Record(type: 0x0777, flags: RawPeer.Record.request, tag: 9))
        #expect(peer.answer(to: 9)?.code == 5008)
    }

    @Test("G.3-16: a claim of a domain that cannot be found is answered and dials nobody")
    func claim() async throws {
        let peer = try greeted()
        let domains =
            RawPeer.field(0x0020, Array("nowhere.example".utf8)) + RawPeer.field(0x0021, Array("b.example".utf8))
        let token = RawPeer.field(0x0022, [UInt8](repeating: 7, count: 32))
        peer.send(RawPeer.Record(type: RawPeer.claim, flags: 1, tag: 1, payload: domains + token))
        #expect(peer.answer(to: 1)?.code == 4005)
        let unserved = RawPeer.field(0x0020, Array("a.example".utf8)) + RawPeer.field(0x0021, Array("c.example".utf8))
        peer.send(RawPeer.Record(type: RawPeer.claim, flags: 1, tag: 2, payload: unserved + token))
        #expect(peer.answer(to: 2)?.code == 5006)
        #expect(try await !south.status().peers.contains { $0.direction == "out" }, "somebody was dialled")
    }

    @Test(
        "IMX 4.4.9, I.1.1: what breaks the framing ends that connection and nothing else",
        arguments: ["second HELLO", "oversize record", "wrong preface", "truncated record", "silence"]
    )
    func framing(_ breach: String) async throws {
        let bystander = try greeted()
        let peer: RawPeer
        switch breach {
        case "second HELLO":
            peer = try greeted()
            peer.send(RawPeer.helloRecord(dialled: "b.example"))
        case "oversize record":
            peer = try greeted()
            peer.send([0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x20, 0x01, 0x00, 0, 0, 0, 1])
        case "wrong preface":
            peer = try RawPeer(port: south.plan.listen)
            peer.send(Array("GET / HTTP/1.1\r\n\r\n".utf8))
        case "truncated record":
            peer = try greeted()
            let whole = RawPeer.messageRecord(tag: 3, from: "a@a.example", to: "b@b.example").octets
            peer.send(Array(whole.dropLast(5)))
            peer.finish()
        default:
            peer = try RawPeer(port: south.plan.listen)
        }
        #expect(peer.isClosedByPeer(), "the connection is still open")
        // Whoever waits for the silent one to be gone has itself no time left.
        let witness = breach == "silence" ? try greeted() : bystander
        witness.send(RawPeer.Record(type: 0x0777, flags: RawPeer.Record.request, tag: 9))
        #expect(witness.answer(to: 9)?.code == 5008, "another connection was harmed")
        #expect(try await south.status().balances)
    }
}
