// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

extension EndToEnd {
    /// Everything that a stranger can have refused to him: what he is told, what is counted, and what the log says.
    @Suite("Attacks that are refused", .serialized, .timeLimit(.minutes(10)))
    struct AttackRefusalTests {}
}

extension EndToEnd.AttackRefusalTests {
    private typealias Record = RawPeer.Record

    /// Something that is refused: the code that the stranger sees, under which name it is counted, and what the log's
    /// line about his address holds beside it.
    private struct Row {
        var name: String
        var code: Int
        var counter: String
        var line: String
        var play: (RawPeer) throws -> Int?

        init(_ name: String, _ code: Int, _ counter: String, _ line: String, play: @escaping (RawPeer) throws -> Int?) {
            (self.name, self.code, self.counter, self.line, self.play) = (name, code, counter, line, play)
        }
    }

    /// After a greeting, `record` is sent, and the answer's or the CLOSE's code is what it comes to.
    private static func greeted(
        _ name: String,
        _ code: Int,
        _ counter: String,
        _ line: String,
        _ records: Record...
    ) -> Row {
        Row(name, code, counter, line) { peer in
            guard try peer.greet(dialled: "b.example")?.type == RawPeer.hello else { return nil }
            for record in records { peer.send(record) }
            while let record = peer.record() { if let code = record.code { return code } }
            return nil
        }
    }

    private static func request(_ type: UInt16, _ fields: [UInt8] = []) -> Record {
        Record(type: type, flags: Record.request, tag: 7, payload: fields)
    }

    private static func claim(_ source: String, _ target: String = "b.example") -> Record {
        RawPeer.claimRecord(tag: 7, source: source, target: target, token: RawPeer.random(32))
    }

    private static let address = RawPeer.field(0x0100, Array("eve@m.example".utf8))
    private static let other = RawPeer.field(0x0101, Array("bob@b.example".utf8))

    private static var answered: [Row] {
        [
            greeted(
                "a message without proof",
                5005,
                "data-5005",
                "from=m.example",
                RawPeer.messageRecord(tag: 7, from: "eve@m.example", to: "bob@b.example")
            ),
            greeted(
                "a message to somebody else's domain",
                5005,
                "data-5005",
                "from=m.example",
                RawPeer.messageRecord(tag: 7, from: "eve@m.example", to: "x@elsewhere.example")
            ),
            greeted("a claim of nobody's domain", 4005, "claim-4005", "from=absent.example", claim("absent.example")),
            greeted("a claim of ours", 5004, "claim-5004", "from=b2.example", claim("b2.example")),
            greeted(
                "a claim of a blocked domain",
                5004,
                "claim-5004",
                "from=blocked.example",
                claim("blocked.example")
            ),
            greeted(
                "a claim that policy refuses",
                5004,
                "claim-5004",
                "to=strict.example",
                claim("m.example", "strict.example")
            ),
            greeted(
                "a claim for another's",
                5006,
                "claim-5006",
                "to=elsewhere.example",
                claim("m.example", "elsewhere.example")
            ),
            greeted("a claim of no domain", 5001, "record-5001", "outcome=5001", claim("M..example")),
            greeted(
                "a verification of nothing",
                5015,
                "verify-5015",
                "outcome=5015",
                RawPeer.verifyRecord(
                    tag: 7,
                    source: "b.example",
                    target: "m.example",
                    token: RawPeer.random(56),
                    secret: RawPeer.random(32)
                )
            ),
            greeted("an unknown request", 5008, "record-5008", "outcome=5008", request(0x0777)),
            greeted(
                "a notification",
                5005,
                "data-5005",
                "outcome=5005",
                request(
                    0x0031,
                    address + other + RawPeer.field(0x0131, Array("s1".utf8)) + RawPeer.field(0x0133, [1])
                        + RawPeer.field(0x0134, [0, 0, 0, 0, 0, 0, 0, 1])
                )
            ),
        ]
    }

    private static var closed: [Row] {
        [
            Row("a greeting for another's domain", 5006, "closed-5006", "code=5006") {
                try $0.greet(dialled: "elsewhere.example")?.code
            },
            Row("a greeting for a blocked domain", 5006, "closed-5006", "code=5006") {
                try $0.greet(dialled: "blocked.example")?.code
            },
            greeted("a second greeting", 5001, "closed-5001", "code=5001", RawPeer.helloRecord(dialled: "b.example")),
            Row("a record that is too long", 5009, "closed-5009", "code=5009") { peer in
                _ = try peer.greet(dialled: "b.example")
                peer.send(big(UInt32(16_385)) + big(UInt16(4)) + [1, 0] + big(UInt32(1)))
                return peer.record()?.code
            },
            Row("another protocol", 0, "closed-5001", "code=5001") { peer in
                peer.send(Array("GET / HTTP/1.1\r\n\r\n".utf8))
                return peer.isClosedByPeer() ? 0 : nil
            },
            Row("silence", 4002, "closed-4002", "code=4002") { peer in
                _ = try peer.greet(dialled: "b.example")
                return peer.record()?.code
            },
        ]
    }

    /// A claim whose proof is none.
    private static func falseProof(_ server: HostileServer) -> Row {
        Row("a claim with a false proof", 5015, "claim-5015", "from=m.example") { peer in
            _ = try peer.greet(dialled: "b.example")
            let token = RawPeer.random(32)
            peer.send(RawPeer.claimRecord(tag: 7, source: "m.example", target: "b.example", token: token))
            guard server.verification(of: token) != nil else { return nil }
            peer.send(RawPeer.proofRecord(source: "m.example", target: "b.example", proof: RawPeer.random(32)))
            return peer.answer(to: 7)?.code
        }
    }

    /// What the log says of an address, each name with quotation marks or without.
    private func lines(about address: String, in field: Battlefield) throws -> [String] {
        try field.south.log(holding: "address=\(address)").map { $0.replacing("\"", with: "") }
    }

    @Test(
        "S44, S42, IMX 4.4.9, Contract trace: each refusal that a stranger can bring about has its code, its count, and a line with address and reason, or domain"
    )
    func table() async throws {
        let server = try HostileServer()
        let field = try await Battlefield("refusals", peers: ["m.example": server.port]) { plan in
            plan.classes["strict"] = "{ trust: tls }"
            plan.strictDomains["strict.example"] = ("memory", "strict")
            plan.more = "block: [ blocked.example ]"
        }
        for (number, row) in (Self.answered + [Self.falseProof(server)] + Self.closed).enumerated() {
            let before = try await field.south.status().refused(row.counter)
            let address = Battlefield.address(number * 200)
            let peer = try RawPeer(port: field.port, from: address, patience: 60)
            #expect(try row.play(peer) == row.code, "\(row.name)")
            #expect(try await field.south.status().refused(row.counter) == before + 1, "\(row.name): \(row.counter)")
            let lines = try lines(about: address, in: field)
            #expect(lines.contains { $0.contains(row.line) }, "\(row.name): \(row.line) in \(lines)")
        }
        // Before anybody can say a word: too many from one address, and TLS where none is spoken.
        let crowded = Battlefield.address(9000)
        let crowd = try (0..<70).map { _ in try RawPeer(port: field.port, from: crowded, patience: 60) }
        let turnedAway = crowd.suffix(6)
        for peer in turnedAway {
            #expect(peer.takePreface())
            #expect(peer.record()?.code == 4004)
        }
        var status = try await field.south.status()
        #expect(status.refused("connection-too-many-from-address") >= 6, "\(status.refusals)")
        #expect(try lines(about: crowded, in: field).contains { $0.contains("connection refused") })
        let secured = Battlefield.address(9200)
        let peer = try RawPeer(port: field.port, from: secured, patience: 60)
        peer.send(RawClientHello.octets(name: "b.example"))
        #expect(peer.isClosedByPeer())
        status = try await field.south.status()
        #expect(status.dropped("refused-connection") == 1)
        #expect(try lines(about: secured, in: field).contains { $0.contains("TLS on a port without TLS") })
        withExtendedLifetime(crowd) {}
        try await field.end()
    }

    @Test("S44: what is hosted, blocked or asked more of is told apart no further than the protocol has it")
    func oracle() async throws {
        let field = try await Battlefield("refusal-oracle") { plan in
            plan.classes["strict"] = "{ trust: tls }"
            plan.strictDomains["strict.example"] = ("memory", "strict")
            plan.more = "block: [ blocked.example ]"
        }
        func answer(_ number: Int, _ records: [Record]) throws -> [UInt8] {
            let peer = try field.stranger(number * 200)
            for record in records { peer.send(record) }
            return try #require(peer.answer(to: 7)).payload
        }
        // IMX-1 §6.4: 5004 for a source that is ours, or blocked, or of which more is asked; which of them, nobody says.
        let refused = try [
            Self.claim("b2.example"), Self.claim("blocked.example"), Self.claim("m.example", "strict.example"),
        ]
        .enumerated().map { try answer($0, [$1]) }
        #expect(Set(refused).count == 1, "\(refused)")
        // A record without proof is told the same of everybody, whoever it is from and to.
        let pairs = ["m", "blocked", "b2", "good", "absent"].flatMap { from in
            ["b", "b2", "strict", "blocked", "elsewhere"].map { (from + ".example", $0 + ".example") }
        }
        let denied = try pairs.enumerated().map { number, pair in
            try answer(10 + number, [RawPeer.messageRecord(tag: 7, from: "x@\(pair.0)", to: "y@\(pair.1)")])
        }
        #expect(Set(denied).count == 1)
        // And a greeting tells of each domain only whether it is hosted.
        let closes = try ["elsewhere.example", "blocked.example", "good.example", "m.example"].map { name in
            let peer = try RawPeer(port: field.port, from: Battlefield.address(9000))
            return try #require(try peer.greet(dialled: name)).payload
        }
        #expect(Set(closes).count == 1)
        try await field.end()
    }
}
