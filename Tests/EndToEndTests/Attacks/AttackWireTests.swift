// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

extension EndToEnd {
    /// Octets that no honest peer sends: at the worst they end the connection that they came on.
    @Suite("Attacks on the reader", .serialized, .timeLimit(.minutes(10)))
    struct AttackWireTests {}
}

extension EndToEnd.AttackWireTests {
    typealias Record = RawPeer.Record

    /// What is sent, and whether the connection may live on.
    private struct Case {
        var name: String
        var octets: [UInt8]
        /// The codes that the answer or CLOSE may have; where it is empty nothing needs to come back.
        var codes: Set<Int> = [5001]

        init(_ name: String, _ octets: [UInt8], _ codes: Set<Int> = [5001]) {
            (self.name, self.octets, self.codes) = (name, octets, codes)
        }
    }

    /// A header that declares `length`, and then `body`.
    private static func header(_ length: UInt32, type: UInt16 = 0x20, flags: UInt8 = 1, _ body: [UInt8] = []) -> [UInt8]
    {
        big(length) + big(type) + [flags, 0] + big(UInt32(9)) + body
    }

    private static func message(_ fields: [UInt8]) -> [UInt8] {
        Record(type: RawPeer.message, flags: 1, tag: 9, payload: fields).octets
    }

    private static let whole = RawPeer.messageRecord(tag: 9, from: "a@m.example", to: "bob@b.example").payload

    private static var lengths: [Case] {
        var cases: [Case] = []
        for length in [16_385, 65_536, 1 << 24, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFF3, 0xFFFF_FFFF] as [UInt32] {
            cases.append(Case("record of \(length)", header(length, Array(repeating: 0, count: 64)), [5009]))
            cases.append(Case("unknown record of \(length)", header(length, type: 0x7777), [5009]))
            cases.append(Case("answer of \(length)", header(length, flags: 2), [5009]))
        }
        for length in [1, 5, 100, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFA, 0xFFFF_FFFF] as [UInt32] {
            cases.append(Case("field of \(length) in nothing", message(big(UInt16(0x0100)) + big(length))))
            cases.append(
                Case("field of \(length) behind others", message(whole + big(UInt16(0x0182)) + big(length)))
            )
            let nested = big(UInt16(0x0121)) + big(length) + [0x61]
            if length > 1 {
                cases.append(
                    Case("nested field of \(length)", message(whole + RawPeer.field(0x0181, nested)))
                )
            }
        }
        for size in 1...5 {
            cases.append(Case("\(size) octets left over", message(whole + [UInt8](repeating: 1, count: size))))
        }
        return cases
    }

    private static var contents: [Case] {
        var cases: [Case] = []
        for id in [0x0100, 0x0101, 0x0102, 0x0103, 0x0110, 0x0104, 0x0106, 0x0180] as [UInt16] {
            let value: [UInt8] = id == 0x0180 ? RawPeer.random(16) : id == 0x0106 || id == 0x0103 ? [1] : [0x61]
            let twice = message(whole + RawPeer.field(id, value) + RawPeer.field(id, value))
            cases.append(Case("field \(id) twice", twice))
        }
        for (name, text) in [
            ("overlong", [0xC0, 0xAF]), ("surrogate", [0xED, 0xA0, 0x80]), ("too high", [0xF4, 0x90, 0x80, 0x80]),
            ("cut off", [0xE2, 0x82]), ("lone", [0x80]), ("FE", [0xFE]),
        ] as [(String, [UInt8])] {
            cases.append(Case("UTF-8, \(name)", message(whole + RawPeer.field(0x0182, text))))
        }
        let unknown = (0..<1000).flatMap { RawPeer.field(0x3000 + UInt16($0), [1]) }
        cases.append(Case("a thousand unknown fields", message(whole + unknown)))
        let empty = (0..<2000).flatMap { _ in RawPeer.field(0x0182, []) }
        cases.append(Case("two thousand empty fields", message(whole + empty)))
        cases.append(Case("unknown critical field", message(whole + RawPeer.field(0x8777, [1])), [5008]))
        cases.append(Case("empty message", message([])))
        cases.append(Case("no sender", message(RawPeer.field(0x0101, Array("bob@b.example".utf8)))))
        for tag in [0, 0xFFFF_FFFF] as [UInt32] {
            let record = Record(type: RawPeer.message, flags: 1, tag: tag, payload: whole)
            cases.append(Case("tag \(tag)", record.octets))
        }
        for type in [0x0001, 0x0002, 0x0003, 0x0012, 0x0041] as [UInt16] {
            cases.append(
                Case("type \(type) as a request", Record(type: type, flags: 1, tag: 9).octets, [5001, 5009])
            )
        }
        return cases
    }

    @Test(
        "S40, IMX 4.4.9, I.1.4: lengths that lie, fields twice, nests that disagree, and a thousand unknown things are refused one by one",
        arguments: [false, true]
    )
    func boundaries(_ isAuthenticated: Bool) async throws {
        let server = try HostileServer()
        let field = try await Battlefield("boundaries", peers: ["m.example": server.port])
        let bystander = try field.stranger(400)
        #expect(try bystander.claim("m.example", for: "b2.example", tag: 1, at: server)?.code == 2000)
        var count = 0
        for entry in Self.lengths + Self.contents {
            // A trusted peer may send what a stranger may not.
            if isAuthenticated, entry.name.hasSuffix("of 16385") || entry.name.hasSuffix("of 65536") { continue }
            let peer = try field.stranger(count % 100, patience: 5)
            if isAuthenticated {
                #expect(try peer.claim("m.example", for: "b.example", tag: 1, at: server)?.code == 2000)
            }
            peer.send(entry.octets)
            var codes: [Int] = []
            // What follows is answered, unless the connection has ended: either is right.
            peer.send(Record(type: RawPeer.ping, flags: 1, tag: 77))
            while let record = peer.record() {
                if record.type == RawPeer.ping, record.tag == 77 { break }
                if let code = record.code { codes.append(code) }
            }
            #expect(
                codes.contains { entry.codes.contains($0) } && codes.allSatisfy { $0 >= 4000 },
                "\(entry.name): \(codes)"
            )
            count += 1
        }
        #expect(bystander.fate("mo@m.example", "ben@b2.example", tag: 5) == 2000, "a bystander was harmed")
        try await field.end()
    }

    @Test(
        "S40, I.1.4: random octets, and good records with random octets changed, never end more than their connection"
    )
    func noise() async throws {
        let server = try HostileServer()
        let field = try await Battlefield("noise", peers: ["m.example": server.port])
        var generator = SeededNoise(state: 20_261_121)
        let records = [
            RawPeer.messageRecord(tag: 9, from: "a@m.example", to: "bob@b.example"),
            RawPeer.claimRecord(tag: 8, source: "m.example", target: "b.example", token: RawPeer.random(16)),
            RawPeer.verifyRecord(
                tag: 7,
                source: "b.example",
                target: "m.example",
                token: RawPeer.random(56),
                secret: RawPeer.random(32)
            ),
            RawPeer.proofRecord(source: "m.example", target: "b.example", proof: RawPeer.random(32)),
            RawPeer.helloRecord(dialled: "b.example"), Record(type: RawPeer.ping, flags: 1, tag: 6),
            Record(
                type: RawPeer.close,
                payload: RawPeer.field(0x0009, big(UInt32(5))) + RawPeer.field(0x0120, [7, 208])
            ),
            RawPeer.answerRecord(type: RawPeer.message, tag: 3, code: 2000),
        ]
        var ended = 0
        for round in 0..<400 {
            let peer = try RawPeer(port: field.port, from: Battlefield.address(round))
            var octets = RawPeer.preface
            if round % 4 != 0 { octets += RawPeer.helloRecord(dialled: "b.example").octets }
            for _ in 0..<12 {
                var record = records.randomElement(using: &generator)?.octets ?? []
                for _ in 0..<Int.random(in: 0...3, using: &generator) where !record.isEmpty {
                    let place = Int.random(in: 0..<record.count, using: &generator)
                    record[place] = UInt8.random(in: 0...255, using: &generator)
                }
                octets += record
            }
            if round % 4 == 1 { octets = (0..<600).map { _ in UInt8.random(in: 0...255, using: &generator) } }
            peer.send(octets)
            peer.finish()
            if peer.isClosedByPeer() { ended += 1 }
        }
        #expect(ended == 400, "\(400 - ended) connections had no end")
        try await field.end()
    }
}

/// A generator whose runs can be repeated.
struct SeededNoise: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z &>> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z &>> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z &>> 31)
    }
}
