// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

extension EndToEnd {
    /// What our answers, our log and our status tell to whom they should not.
    @Suite("Attacks by asking", .serialized, .timeLimit(.minutes(10)))
    struct AttackOracleTests {}
}

extension EndToEnd.AttackOracleTests {
    @Test("S44, G.5: who is not trusted gets the same octets whether the user, the domain or the token exists or not")
    func sameAnswers() async throws {
        let field = try await Battlefield("same-answers")
        let peer = try field.stranger()
        var answers: Set<[UInt8]> = []
        for (tag, to) in ["bob@b.example", "nobody@b.example", "ben@b2.example", "eve@elsewhere.example"].enumerated() {
            peer.send(RawPeer.messageRecord(tag: UInt32(tag + 1), from: "eve@m.example", to: to))
            answers.insert(try #require(peer.answer(to: UInt32(tag + 1))).payload)
        }
        #expect(answers.count == 1, "answers to messages differ: \(answers)")
        answers = []
        let shaped: [UInt8] = [1, 0, 0, 0] + RawPeer.random(20) + RawPeer.random(32)
        var tag: UInt32 = 10
        for source in ["b.example", "b2.example", "elsewhere.example", "good.example"] {
            for target in ["m.example", "good.example", "b.example"] {
                for token in [shaped, RawPeer.random(16), RawPeer.random(56)] {
                    tag += 1
                    let leg = tag % 12 == 0 ? try field.stranger(2) : peer
                    leg.send(
                        RawPeer.verifyRecord(
                            tag: tag,
                            source: source,
                            target: target,
                            token: token,
                            secret: RawPeer.random(32)
                        )
                    )
                    answers.insert(try #require(leg.answer(to: tag)).payload)
                }
            }
        }
        #expect(answers.count == 1, "answers to VERIFY differ")
        try await field.end()
    }

    @Test(
        "S44, G.3-19: how long a refused VERIFY takes does not tell whether the domain is hosted or the token shaped right"
    )
    func sameTimes() async throws {
        let field = try await Battlefield("same-times")
        let shaped: [UInt8] = [1, 0, 0, 0] + RawPeer.random(20) + RawPeer.random(32)
        let kinds: [(String, [UInt8])] = [
            ("b.example", shaped), ("elsewhere.example", shaped), ("b.example", RawPeer.random(56)),
            ("elsewhere.example", RawPeer.random(16)),
            // The first again: what it differs from itself is the machine's doing.
            ("b.example", shaped),
        ]
        var times = [[Double]](repeating: [], count: kinds.count)
        // Far below any budget, and the kinds in turn, so that whatever else goes on hits all alike.
        for round in 0..<15 {
            let leg = try field.stranger(round * 200)
            for step in 0..<40 {
                let (source, token) = kinds[step % kinds.count]
                let record = RawPeer.verifyRecord(
                    tag: UInt32(step + 1),
                    source: source,
                    target: "m.example",
                    token: token,
                    secret: RawPeer.random(32)
                )
                let start = DispatchTime.now().uptimeNanoseconds
                leg.send(record)
                let code = leg.answer(to: UInt32(step + 1))?.code
                let took = Double(DispatchTime.now().uptimeNanoseconds - start) / 1000
                if code == 5015 { times[step % kinds.count].append(took) }
            }
        }
        // Of each kind what a quarter of its answers take at most: the longer ones had to wait for a processor.
        let quarters = times.map { $0.sorted()[$0.count / 4] }
        let spread = (quarters.max() ?? 0) - (quarters.min() ?? 0)
        #expect(times.allSatisfy { $0.count > 50 }, "\(times.map(\.count))")
        // A loopback round trip is noisy by tens of microseconds; a look-up that is left out saves less than that.
        let noise = abs(quarters[0] - quarters[kinds.count - 1])
        #expect(
            spread < max(150, 0.5 * (quarters.min() ?? 0), 3 * noise),
            "lower quartiles in microseconds: \(quarters)"
        )
        try await field.end()
    }

    @Test(
        "S43, IMX 4.4.10: what strangers call themselves reaches log, status and commands without a control or format character"
    )
    func hostileText() async throws {
        let server = try HostileServer()
        let field = try await Battlefield("hostile-text", peers: ["m.example": server.port])
        let escapes = "\u{1B}[2J\u{1B}]0;owned\u{7}\r\nfake=line level=error\u{0}"
        let turns = "\u{202E}gro.elpmaxe\u{2066}\u{200F}\u{85}\u{9B}31m\u{2028}\u{FEFF}"
        // In a HELLO, in a CLOSE, in names of domains, before anybody is trusted.
        for text in [escapes, turns] {
            let hello = try RawPeer(port: field.port, from: Battlefield.address(1), patience: 5)
            hello.send(RawPeer.preface)
            let own = RawPeer.helloRecord(dialled: "b.example")
            hello.send(
                RawPeer.Record(type: own.type, payload: own.payload + RawPeer.field(0x0004, Array(text.utf8)))
            )
            hello.send(
                RawPeer.Record(
                    type: RawPeer.close,
                    payload: RawPeer.field(0x0009, big(UInt32.max)) + RawPeer.field(0x0120, big(UInt16(5014)))
                        + RawPeer.field(0x0121, Array(text.utf8))
                )
            )
            while hello.record() != nil {}
            let peer = try field.stranger(2)
            peer.send(
                RawPeer.claimRecord(tag: 1, source: "m\(text).example", target: "b.example", token: RawPeer.random(16))
            )
            #expect(peer.answer(to: 1)?.code == 5001)
            #expect(peer.fate("a@m\(text).example", "bob\(text)@b.example", tag: 2) == 5001)
        }
        // In the names of users and in identifiers, from somebody who is trusted.
        let peer = try field.stranger(3)
        #expect(try peer.claim("m.example", for: "b.example", tag: 1, at: server)?.code == 2000)
        #expect(peer.fate("a\(turns)@m.example", "nobody\(turns)@b.example", tag: 2, id: turns) == 5003)
        #expect(peer.fate("a\(turns)@m.example", "bob@b.example", tag: 3, id: escapes) == 2000)
        var status = ""
        for command in [["status"], ["status", "--json"], ["outcomes"]] {
            status += (try? await field.south.run(command).out) ?? ""
        }
        try await field.end()
        let log = try field.south.log(holding: " ").joined(separator: "\n")
        #expect(log.contains("m.example") && status.contains("m.example"))
        for (name, text) in [("log", log), ("status", status)] {
            let bad = text.unicodeScalars.filter {
                ($0.value < 0x20 && $0 != "\n") || (0x7F...0x9F).contains($0.value)
                    || [.format, .lineSeparator, .paragraphSeparator].contains($0.properties.generalCategory)
            }
            #expect(bad.isEmpty, "\(name): \(Set(bad.map { String($0.value, radix: 16) }))")
        }
    }
}
