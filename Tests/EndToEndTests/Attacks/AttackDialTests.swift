// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

extension EndToEnd {
    /// Claims make us look up and dial. What is that worth to somebody who wants others to be dialled?
    @Suite("Attacks by having us dial", .serialized, .timeLimit(.minutes(10)))
    struct AttackDialTests {}
}

extension EndToEnd.AttackDialTests {
    @Test(
        "S07, G.3-16, G.3-18: 10,000 claims of 10,000 names cause no more dials than the budget, eight octets each, and less than 1.5 octets for each that came"
    )
    func tenThousandClaims() async throws {
        let victim = try CountingVictim()
        let field = try await Battlefield("ten-thousand-claims") { plan in
            for number in 0..<10_000 {
                plan.farPeers["n\(number).example"] = "127.70.\(number / 200).\(1 + number % 200):\(victim.port)"
            }
        }
        let start = Date()
        var octets = (sent: 0, received: 0)
        var answers: [Int: Int] = [:]
        var number = 0
        while number < 10_000 {
            // Ten attackers, each in a network of its own.
            let peer = try field.stranger(number / 50 % 10 * 200)
            peer.wait(atMost: 3)
            let tags = (0..<50).map { UInt32(number + $0 + 1) }
            for tag in tags {
                let source = "n\(tag - 1).example"
                peer.send(
                    RawPeer.claimRecord(tag: tag, source: source, target: "b.example", token: RawPeer.random(16))
                )
            }
            var open = Set(tags)
            while !open.isEmpty, let answer = peer.record() {
                guard answer.type == RawPeer.claim, open.remove(answer.tag) != nil else { continue }
                answers[answer.code ?? 0, default: 0] += 1
            }
            number += 50
            octets = (octets.sent + peer.octets.sent, octets.received + peer.octets.received)
        }
        try await field.end()
        let count = victim.count
        let seconds = Date().timeIntervalSince(start)
        // IMX-1 §6.6: each network 64 at once and 2 a second, and all together 512 at once and 50 a second.
        let budget = min(10 * (64 + 2 * seconds), 512 + 50 * seconds)
        #expect(Double(count.dials) <= budget, "\(count.dials) dials in \(seconds) s")
        #expect(count.dials > 10, "nobody was dialled at all")
        #expect(count.most == 8 && count.isPreface, "\(count)")
        #expect(Set(answers.keys).isSubset(of: [4004, 4005]), "\(answers)")
        let ratio = Double(octets.received + count.octets) / Double(octets.sent)
        #expect(ratio <= 1.5, "\(ratio) octets out for each that came in")
        print("S07: \(count.dials) dials of at most \(Int(budget)), \(ratio) octets out for each in, \(answers)")
    }

    @Test(
        "IMX 6.3.1-2, G.3-16: who is dialled and speaks no IMX hears eight octets, and none of them is the claimant's",
        arguments: ["", "220 mail.example ESMTP\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n"]
    )
    func eightOctets(_ greeting: String) async throws {
        let victim = try CountingVictim(greeting: greeting)
        let field = try await Battlefield("eight-octets", peers: ["victim.example": victim.port])
        let peer = try field.stranger(patience: 60)
        let token = Array("EHLO attacker.example\r\nMAIL FROM:<>\r\n".utf8)
        for tag in 1...3 as ClosedRange<UInt32> {
            peer.send(RawPeer.claimRecord(tag: tag, source: "victim.example", target: "b.example", token: token))
            #expect([4004, 4005].contains(peer.answer(to: tag)?.code))
        }
        let count = victim.count
        #expect(count.dials >= 1 && count.dials <= 3)
        #expect(count.most == 8 && count.isPreface, "\(count)")
        try await field.end()
    }

    @Test("S07: someone who speaks IMX gets at most 1.5 octets for each that a claimant sent")
    func amplification() async throws {
        let heard = Locked<Int>(0)
        let victim = try HostileServer { _, peer in
            if peer.welcome() != nil { while peer.record() != nil {} }
            heard.change { $0 += peer.octets.received }
        }
        let field = try await Battlefield("amplification", peers: ["victim.example": victim.port])
        var octets = (sent: 0, received: 0)
        for number in 0..<20 {
            let peer = try field.stranger(number * 200)
            peer.wait(atMost: 2)
            for tag in 1...8 as ClosedRange<UInt32> {
                let token = RawPeer.random(16)
                peer.send(RawPeer.claimRecord(tag: tag, source: "victim.example", target: "b.example", token: token))
            }
            while peer.record() != nil {}
            octets = (octets.sent + peer.octets.sent, octets.received + peer.octets.received)
        }
        try await field.end()
        field.south.crash()
        try await eventually("the victim's count", within: .seconds(30)) { heard.value > 0 }
        try await Task.sleep(for: .milliseconds(300))
        let ratio = Double(octets.received + heard.value) / Double(octets.sent)
        #expect(ratio <= 1.5, "\(ratio) octets out for each that came in")
        print("S07: a victim that speaks IMX: \(ratio) octets out for each in, \(victim.connections) connections")
    }

    @Test("S08, G.3-17: a server that claims back whenever it is asked makes no chain of dials")
    func recursion() async throws {
        let claims = Locked<Int>(0)
        let server = try HostileServer { server, peer in
            guard peer.welcome() != nil else { return }
            var legs: [RawPeer] = []
            while let record = peer.record() {
                guard record.type == RawPeer.verify else { continue }
                // Instead of an answer: first you, on a new connection.
                guard legs.count < 20,
                    let leg = try? RawPeer.greeted(port: server.asksAt.value, dialled: "b.example", from: "127.66.9.9")
                else { continue }
                claims.change { $0 += 1 }
                leg.send(
                    RawPeer.claimRecord(tag: 1, source: "m.example", target: "b.example", token: RawPeer.random(16))
                )
                legs.append(leg)
            }
        }
        let field = try await Battlefield("recursion", peers: ["m.example": server.port])
        server.asksAt.set(field.port)
        let peer = try field.stranger()
        peer.send(RawPeer.claimRecord(tag: 1, source: "m.example", target: "b.example", token: RawPeer.random(16)))
        // It settles: for two seconds nothing more happens.
        var settled = (0, 0)
        for _ in 0..<15 {
            settled = (server.connections, claims.value)
            try await Task.sleep(for: .seconds(2))
            if claims.value > 0, settled == (server.connections, claims.value) { break }
        }
        #expect(settled == (server.connections, claims.value), "it does not settle")
        try await Task.sleep(for: .seconds(2))
        #expect(settled == (server.connections, claims.value), "it goes on")
        #expect((1...2).contains(server.connections), "\(server.connections) dials")
        #expect((1...8).contains(claims.value), "claims of one source that were looked into")
        try await field.end()
    }

    @Test(
        "S08, G.3-17: two aggregators that write to each other at the same moment trust each other within five seconds"
    )
    func simultaneous() async throws {
        let field = try await Battlefield("simultaneous")
        for round in 1...5 {
            field.north.crash()
            field.south.crash()
            try await field.south.start()
            try await field.north.start()
            let outcomes = Locked<[String]>([])
            let sockets = [
                (field.south.controlSocket, "bob@b.example", "alice@good.example"),
                (field.north.controlSocket, "alice@good.example", "bob@b.example"),
            ]
            for (socket, from, to) in sockets {
                Thread {
                    let line = #"{"send":{"from":"\#(from)","to":"\#(to)","text":"x"}}"# + "\n"
                    let answer = GoodPeer.ask(socket, line)
                    outcomes.change { $0.append(answer) }
                }.start()
            }
            try await eventually("both outcomes in round \(round)", within: .seconds(30)) { outcomes.value.count == 2 }
            #expect(outcomes.value.allSatisfy { $0.contains(#""code":2000"#) }, "\(outcomes.value)")
            // What the five seconds are made of: a refused claim is made again after half a second, then after one.
            let refusals = try field.south.log(holding: "claim refused") + field.north.log(holding: "claim refused")
            #expect(refusals.count <= 4 * round, "\(refusals)")
        }
        let status = try await field.south.status()
        #expect(status.peers.count <= 4, "\(status.peers)")
        field.abandon()
    }
}
