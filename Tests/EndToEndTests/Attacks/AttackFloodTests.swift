// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

extension EndToEnd {
    /// Too much of what each alone is allowed.
    @Suite("Attacks by number", .serialized, .timeLimit(.minutes(10)))
    struct AttackFloodTests {}
}

extension EndToEnd.AttackFloodTests {
    /// Two hundred messages that were never sent before.
    private static func flood(_ number: Int, _ round: Int) -> [UInt8] {
        (0..<200).flatMap { index in
            RawPeer.messageRecord(
                tag: UInt32(1000 + index),
                from: "u\(index)@m.example",
                to: "bob@b.example",
                id: "flood-\(number)-\(round)-\(index)"
            ).octets
        }
    }

    @Test("S41, IMX 6.4: a trusted peer that sends as fast as it can does not keep the good one waiting")
    func noisyNeighbour() async throws {
        let server = try HostileServer()
        let field = try await Battlefield("noisy-neighbour", peers: ["m.example": server.port])
        let answered = Locked<Int>(0)
        let isOver = Locked<Bool>(false)
        for number in 0..<2 {
            let port = field.port
            Thread {
                let from = Battlefield.address(number * 200)
                guard let peer = try? RawPeer.greeted(port: port, dialled: "b.example", from: from),
                    (try? peer.claim("m.example", for: "b.example", tag: 1, at: server))?.code == 2000
                else { return }
                var round = 0
                while !isOver.value {
                    round += 1
                    peer.send(Self.flood(number, round))
                    for _ in 0..<200 where peer.record() != nil { answered.change { $0 += 1 } }
                }
            }.start()
        }
        try await Task.sleep(for: .seconds(5))
        try await eventually("flood", within: .seconds(60)) { answered.value > 500 }
        let before = answered.value
        try await field.end()
        #expect(answered.value > before, "the flood had ended before")
        isOver.set(true)
    }

    @Test("G.3-16, G.3-18: strangers who verify, claim and greet as fast as they can keep nobody out")
    func strangersInNumbers() async throws {
        let field = try await Battlefield("strangers-in-numbers", deadline: 50)
        let isOver = Locked<Bool>(false)
        let done = Locked<Int>(0)
        for network in 0..<4 {
            let port = field.port
            Thread {
                while !isOver.value {
                    let from = Battlefield.address(network * 200 + Int.random(in: 0..<200))
                    guard let peer = try? RawPeer.greeted(port: port, dialled: "b.example", from: from, patience: 10)
                    else {
                        usleep(2_000)
                        continue
                    }
                    for tag in 1...50 as ClosedRange<UInt32> {
                        peer.send(
                            tag % 2 == 0
                                ? RawPeer.claimRecord(
                                    tag: tag,
                                    source: "n\(UInt32.random(in: 0...UInt32.max)).example",
                                    target: "b.example",
                                    token: RawPeer.random(16)
                                )
                                : RawPeer.verifyRecord(
                                    tag: tag,
                                    source: "b.example",
                                    target: "m.example",
                                    token: RawPeer.random(56),
                                    secret: RawPeer.random(32)
                                )
                        )
                    }
                    for _ in 0..<50 where peer.record() != nil { done.change { $0 += 1 } }
                }
            }.start()
        }
        try await Task.sleep(for: .seconds(3))
        try await eventually("flood", within: .seconds(60)) { done.value > 100 }
        let before = done.value
        // Somebody new, in the middle of it: the good peer's aggregator starts afresh and has to be verified again.
        field.north.crash()
        try await field.north.start()
        let answer = GoodPeer.ask(
            field.north.controlSocket,
            #"{"send":{"from":"alice@good.example","to":"bob@b.example","text":"new"}}"# + "\n",
            within: 60
        )
        #expect(answer.contains(#""code":2000"#), "\(answer)")
        #expect(done.value > before, "the flood had ended before")
        isOver.set(true)
        field.abandon()
        #expect(try await field.south.status().balances)
    }
}
