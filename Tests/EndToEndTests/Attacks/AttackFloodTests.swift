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

    @Test("S41: a trusted peer that sends as fast as it can does not keep the good one waiting")
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

    @Test("S37: who asks and asks and never reads the answers is not read either, and is cut and counted")
    func neverReads() async throws {
        let server = try HostileServer()
        let field = try await Battlefield("never-reads", peers: ["m.example": server.port])
        let pid = try #require(field.south.pid)
        let before = try residentKiB(of: pid)
        let cut = Locked<Int>(0)
        for number in 0..<8 {
            let port = field.port
            Thread {
                let from = Battlefield.address(number * 200)
                guard let peer = try? RawPeer(port: port, from: from, patience: 30, window: 2048),
                    (try? peer.greet(dialled: "b.example"))?.type == RawPeer.hello,
                    number % 2 == 0
                        || (try? peer.claim("m.example", for: "b.example", tag: 1, at: server))?.code == 2000
                else { return }
                // Each is answered, and no answer is read; nothing ends it but the other side.
                var tag: UInt32 = 100
                let start = peer.octets.sent
                let echo = RawPeer.field(0x000E, RawPeer.random(256))
                while peer.sendIfThere(
                    (0..<50).flatMap { index in
                        RawPeer.Record(
                            type: RawPeer.ping,
                            flags: RawPeer.Record.request,
                            tag: tag &+ UInt32(index),
                            payload: echo
                        ).octets
                    }
                ) { tag &+= 50 }
                if peer.octets.sent > start { cut.change { $0 += 1 } }
            }.start()
        }
        // Thirty seconds unread, or what a stranger may send at all.
        try await eventually("the end of all", within: .seconds(200)) { cut.value == 8 }
        let growth = try residentKiB(of: pid) - before
        #expect(growth < 4 * 1024 + 8192, "\(growth) KiB for four that may have 1 MiB each")
        let status = try await field.south.status()
        #expect(status.refused("unread") == 4, "\(status.refusals)")
        let lines = try field.south.log(holding: "the peer does not read")
        #expect(!lines.isEmpty && lines.allSatisfy { $0.contains("127.66.") && $0.contains("m.example") }, "\(lines)")
        try await field.end()
    }

    @Test("S42: no start where hashes can be foreseen, and names without number fill no table, no page and no log")
    func namesWithoutNumber() async throws {
        let server = try HostileServer()
        let field = try await Battlefield("names-without-number", peers: ["m.example": server.port])
        for value in ["1", "0", ""] {
            let foreseeable = try ChildProcess(
                "foreseeable\(value)",
                [Place.binary, "serve", "--config", field.south.directory.appending(path: "aggregator.yaml").path],
                in: field.south.directory,
                environment: ["SWIFT_DETERMINISTIC_HASHING": value]
            )
            #expect(try await foreseeable.wait(within: .seconds(60)) == .exited(2))
            #expect(foreseeable.tail().contains("SWIFT_DETERMINISTIC_HASHING"), "\(foreseeable.tail())")
        }
        let small = try await field.south.run(["status", "--json"]).out.utf8.count
        // Names of domains and users, by strangers and by somebody who is trusted; 200 to a connection.
        var number = 0
        for round in 0..<30 {
            let peer = try field.stranger(round % 10 * 200 + round)
            if round % 2 == 0 {
                #expect(try peer.claim("m.example", for: "b.example", tag: 1, at: server)?.code == 2000)
            }
            var tag: UInt32 = 10
            for _ in 0..<(round % 2 == 0 ? 200 : 30) {
                number += 1
                tag += 1
                let name = "n\(number)-\(String(UInt64.random(in: 0 ... .max), radix: 36)).example"
                if round % 2 == 0 {
                    #expect([5003, 5005].contains(peer.fate("u\(number)@m.example", "x\(number)@b.example", tag: tag)))
                } else {
                    peer.send(
                        RawPeer.claimRecord(tag: tag, source: name, target: "b.example", token: RawPeer.random(16))
                    )
                }
            }
        }
        let out = try await field.south.run(["status", "--json"]).out
        #expect(out.utf8.count < small + 64 << 10, "\(small) octets before, \(out.utf8.count) after \(number) names")
        let status = try JSONDecoder().decode(AggregatorProcess.Status.self, from: Data(out.utf8))
        #expect(status.drops.count + status.refusals.count < 60)
        let log = try field.south.log(holding: "n").filter { $0.contains(".example") && $0.contains("claim refused") }
        #expect(log.count < 300, "\(log.count) lines about strangers")
        try await field.end()
    }
}
