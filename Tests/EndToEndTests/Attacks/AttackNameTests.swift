// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

extension EndToEnd {
    /// Names: whose they are, how they are spelled, and what may be said in them.
    @Suite("Attacks by names", .serialized, .timeLimit(.minutes(10)))
    struct AttackNameTests {}
}

extension EndToEnd.AttackNameTests {
    @Test("S09, G.3-12: a domain that is hosted here cannot be claimed from outside, however it is spelled")
    func hosted() async throws {
        let field = try await Battlefield("hosted-names")
        let spellings: [(String, Set<Int>)] = [
            ("b.example", [5004]), ("b2.example", [5004]), ("B.EXAMPLE", [5001]), ("b.example.", [5001]),
            ("B.example", [5001]), ("b。example", [5001]), ("ｂ.example", [5001]), ("b.example\0", [5001]),
            (" b.example", [5001]), ("b.example ", [5001]), ("b..example", [5001]), (".b.example", [5001]),
            ("b.example:5290", [5001]), ("[127.0.0.1]", [5001]), ("b.exam\u{AD}ple", [5001]),
            ("xn--b.example", [4005, 5001]), ("x.b.example", [4005]), ("example", [4005]), ("bb.example", [4005]),
        ]
        var tag: UInt32 = 0
        for (spelling, codes) in spellings {
            let peer = try field.stranger()
            tag += 1
            peer.send(
                RawPeer.claimRecord(tag: tag, source: spelling, target: "b.example", token: RawPeer.random(32))
            )
            let code = try #require(peer.answer(to: tag)?.code, "no answer for \(spelling)")
            #expect(codes.contains(code), "\(spelling): \(code)")
            #expect(peer.fate("eve@\(spelling)", "bob@b.example", tag: 1000 + tag) != 2000)
        }
        for spelling in ["B.EXAMPLE", "b.example.", "x.b.example", "example", "b.example\0", "127.0.0.1"] {
            let peer = try RawPeer(port: field.port, from: Battlefield.address(2))
            let answer = try peer.greet(dialled: spelling)
            #expect(answer?.type == RawPeer.close, "\(spelling) was taken for a hosted domain")
            #expect([5001, 5006].contains(answer?.code))
        }
        // Nobody was dialled: the only peer ever spoken to is the good one.
        let dialled = try await field.south.status().peers.filter { $0.direction == "out" }.map(\.address)
        #expect(dialled.allSatisfy { $0.hasSuffix(":\(field.north.plan.listen)") }, "\(dialled)")
        try await field.end()
    }

    @Test(
        "S10, IMX 2.9a, IMX 4.3.3, IMX 6.2.2, IMX 6.2.2.1(3), IMX 6.4(2), RFC2779 5.4.3, G.3-12: on a connection with five domains exactly the proved pairs deliver"
    )
    func matrix() async throws {
        let server = try HostileServer()
        let names = (1...5).map { "m\($0).example" }
        let field = try await Battlefield(
            "pair-matrix",
            peers: Dictionary(uniqueKeysWithValues: names.map { ($0, server.port) })
        )
        let peer = try field.stranger()
        var proved: Set<String> = []
        var tag: UInt32 = 0
        for (index, name) in names.enumerated() {
            let targets = [["b.example"], ["b2.example"], ["b.example", "b2.example"], [], ["b.example"]][index]
            for target in targets {
                tag += 1
                #expect(try peer.claim(name, for: target, tag: tag, at: server)?.code == 2000)
                proved.insert(name + ">" + target)
            }
        }
        let senders = names + ["b.example", "good.example", "x.m1.example", "example", "m1.example.b.example"]
        let recipients = ["b.example", "b2.example", "good.example", "m2.example", "elsewhere.example"]
        for sender in senders {
            for recipient in recipients {
                tag += 1
                let code = peer.fate("mo@\(sender)", "bob@\(recipient)", tag: tag)
                if proved.contains(sender + ">" + recipient) {
                    #expect(code == 2000, "\(sender) to \(recipient)")
                } else if recipient.hasPrefix("b") {
                    #expect(code == 5005, "\(sender) to \(recipient)")
                } else {
                    #expect(code == 5006, "relayed: \(sender) to \(recipient)")
                }
            }
        }
        // Of a message's two addresses the one on the wire counts, not the one in its content.
        tag += 1
        let other = try field.stranger(2)
        #expect(other.fate("mo@m1.example", "bob@b.example", tag: tag) == 5005, "trust is for one connection")
        try await field.end()
    }

    @Test("S11: who greets again, or claims again under another name, gains nothing by it and widens nothing")
    func switching() async throws {
        let server = try HostileServer()
        let field = try await Battlefield(
            "switching",
            peers: ["m.example": server.port, "victim.example": try Ports.free()]
        )
        for second in [
            RawPeer.helloRecord(dialled: "b2.example"), RawPeer.helloRecord(dialled: "b.example"),
            RawPeer.helloRecord(dialled: nil),
        ] {
            let peer = try field.stranger()
            #expect(try peer.claim("m.example", for: "b.example", tag: 1, at: server)?.code == 2000)
            peer.send(second)
            peer.send(RawPeer.messageRecord(tag: 2, from: "mo@m.example", to: "bob@b.example"))
            var sawAnswer = false
            var closed: Int?
            while let record = peer.record() {
                if record.type == RawPeer.close { closed = record.code }
                sawAnswer = sawAnswer || record.tag == 2
            }
            #expect(closed == 5001 && !sawAnswer, "a second HELLO")
        }
        let peer = try field.stranger()
        #expect(try peer.claim("m.example", for: "b.example", tag: 1, at: server)?.code == 2000)
        peer.send(
            RawPeer.claimRecord(tag: 2, source: "victim.example", target: "b.example", token: RawPeer.random(32))
        )
        peer.send(RawPeer.proofRecord(source: "victim.example", target: "b.example", proof: RawPeer.random(32)))
        #expect([4005, 5015].contains(peer.answer(to: 2)?.code))
        #expect(peer.fate("eve@victim.example", "bob@b.example", tag: 3) == 5005)
        #expect(peer.fate("mo@m.example", "ben@b2.example", tag: 4) == 5005)
        #expect(peer.fate("mo@m.example", "bob@b.example", tag: 5) == 2000, "the old pair goes on")
        try await field.end()
    }

    @Test("S13: a peer that answers everything that others were asked changes nobody's outcome")
    func spoofedAnswers() async throws {
        // What waits at `slow` is answered by nobody; `evil` says 2000 to every tag there could be.
        let slow = try HostileServer { server, peer in server.takeMessages(peer) { _ in nil } }
        let reached = Locked<Int>(0)
        let evilServer = try HostileServer { server, peer in
            server.takeMessages(peer) { _ in
                for space in 0..<16 as Range<UInt32> {
                    for low in 0..<32 as Range<UInt32> {
                        for type in [RawPeer.message, RawPeer.claim, RawPeer.verify] {
                            peer.send(RawPeer.answerRecord(type: type, tag: space << 20 | low, code: 2000))
                        }
                    }
                }
                reached.change { $0 += 1 }
                return 2000
            }
        }
        let field = try await Battlefield(
            "spoofed-answers",
            peers: ["slow.example": slow.port, "evil.example": evilServer.port]
        )
        slow.asksAt.set(field.port)
        evilServer.asksAt.set(field.port)
        let outcome = Locked<String>("")
        field.send("bob@b.example", "ann@slow.example") { outcome.set($0) }
        try await Task.sleep(for: .seconds(2))
        field.send("bob@b.example", "eve@evil.example")
        try await eventually("outcome of the message that nobody answered", within: .seconds(60)) {
            !outcome.value.isEmpty
        }
        #expect(reached.value > 0 && slow.messages > 0, "the messages reached both")
        #expect(!outcome.value.contains(#""code":2000"#), "\(outcome.value)")
        try await field.end()
    }

    @Test("S14, RFC2779 5.3.2: a notification that nobody asked for is refused and counted")
    func notification() async throws {
        let server = try HostileServer()
        let field = try await Battlefield("notification", peers: ["m.example": server.port])
        let notify = { (tag: UInt32, presentity: String) in
            RawPeer.Record(
                type: 0x0031,
                flags: RawPeer.Record.request,
                tag: tag,
                payload: RawPeer.field(0x0100, Array(presentity.utf8))
                    + RawPeer.field(0x0101, Array("bob@b.example".utf8))
                    + RawPeer.field(0x0131, Array("s1".utf8)) + RawPeer.field(0x0133, [1])
                    + RawPeer.field(0x0134, [0, 0, 0, 0, 0, 0, 0, 1])
            )
        }
        let peer = try field.stranger()
        peer.send(notify(1, "eve@m.example"))
        #expect(peer.answer(to: 1)?.code == 5005)
        #expect(try peer.claim("m.example", for: "b.example", tag: 2, at: server)?.code == 2000)
        let told = [(3, "mo@m.example", 5012), (4, "carol@victim.example", 5005)] as [(UInt32, String, Int)]
        for (tag, presentity, code) in told {
            peer.send(notify(tag, presentity))
            #expect(peer.answer(to: tag)?.code == code)
        }
        let status = try await field.south.status()
        #expect(status.dropped("unauthenticated") == 2 && status.refused("data-5005") == 2, "\(status.drops)")
        try await field.end()
    }
}
