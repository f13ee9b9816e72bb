// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

extension EndToEnd {
    /// Configuration and certificates that change all the time under connections that do not.
    @Suite("Reloading under load", .serialized, .timeLimit(.minutes(10)))
    struct ReloadTests {}
}

extension EndToEnd.ReloadTests {
    /// What `imx reload` is answered.
    private struct Report: Decodable {
        struct Content: Decodable {
            var problems: [String]
            var certificateProblems: [String]
            var changes: [String]
        }
        struct Inner: Decodable { var _0: Content }
        var reloaded: Inner
    }

    /// Two domains on either side, one pair over TLS and one over TCP.
    private struct Bed {
        let scratch: Scratch
        let authority: TestAuthority
        let live: String
        let north: AggregatorProcess
        let south: AggregatorProcess

        init() async throws {
            scratch = try Scratch("reload")
            authority = try await TestAuthority(in: scratch)
            live = try scratch.directory("live").path
            for version in 0...1 { try await authority.issue("b.example", version, days: 20 + version) }
            try authority.install("b.example", 0, in: live)
            let (here, there, secure) = (try Ports.free(), try Ports.free(), try Ports.free())
            var plan = AggregatorPlan(name: "north", listen: here, peers: ["d.example": there])
            plan.farPeers["b.example"] = "tls://127.0.0.1:\(secure)"
            plan.hostInMemory(["a.example", "c.example"], users: ["ann"])
            // The window of repeats is a mapped file that grows into memory as it is used, up to its size.
            plan.more = "limits: { remembered-messages: 1024 }"
            north = try AggregatorProcess(plan, in: scratch)
            plan = AggregatorPlan(name: "south", listen: there, peers: ["a.example": here, "c.example": here])
            plan.secureListen = secure
            plan.hostInMemory(["b.example", "d.example"], users: ["bob"])
            plan.more =
                "limits: { remembered-messages: 1024 }\ntls: { certificates: \(live), look-for-changes: 1h }"
            south = try AggregatorProcess(plan, in: scratch)
        }

        /// Reads the configuration of `process` again, and waits for that.
        func reload(_ process: AggregatorProcess) throws -> Report.Content {
            let answer = GoodPeer.ask(process.controlSocket, "{\"reload\":{}}\n", within: 60)
            return try JSONDecoder().decode(Report.self, from: Data(answer.utf8)).reloaded._0
        }

        /// One of the reloads, each of its kind, and what is wrong with its answer.
        func step(_ number: Int) throws -> String? {
            let hasExtra = number / 10 % 2 == 0
            var expected: [String] = []
            switch number % 10 {
            case 2:
                try south.change { if hasExtra { $0.domains["extra.example"] = "memory" } }
                expected = ["domains.extra.example \(hasExtra ? "is hosted now" : "is no longer hosted")"]
            case 4:
                try authority.install("b.example", hasExtra ? 1 : 0, in: live)
                expected = ["certificates: 1 read"]
            case 6:
                // Everything in it would hurt, were it not for the mistake.
                try south.change {
                    $0.domains = ["d.example": "memory"]
                    $0.peers = [:]
                    $0.more += "\nblock: [ a.example ]\nblok: []"
                }
                let report = try reload(south)
                let isRight =
                    report.changes.isEmpty && report.problems.count == 1 && report.problems[0].contains("blok")
                return isRight ? nil : "mistake: \(report)"
            case 7: try south.change { if hasExtra { $0.domains["extra.example"] = "memory" } }
            default: break
            }
            let report = try reload(south)
            let isRight = report.problems.isEmpty && report.certificateProblems.isEmpty && report.changes == expected
            return isRight ? nil : "expected \(expected): \(report)"
        }

        func memory() throws -> [Int] { try [north, south].map { try residentKiB(of: #require($0.pid)) } }

        func standing() async throws -> [Set<String>] {
            [try await north.status().standing, try await south.status().standing]
        }
    }

    @Test(
        "Reload: a thousand reloads under load close no connection, lose no message and cost no memory that stays",
        .enabled(if: TestAuthority.isPossible)
    )
    func thousand() async throws {
        let bed = try await Bed()
        let (north, south) = (bed.north, bed.south)
        defer { for process in [north, south] { process.crash() } }
        try await south.start()
        try await north.start()
        let ways = [("ann@a.example", "bob@b.example"), ("ann@c.example", "bob@d.example")]
        var writers = ways.map { Writer(north, from: $0.0, to: $0.1) }
        writers += ways.map { Writer(south, from: $0.1, to: $0.0) }
        try await eventually("flow", within: .seconds(60)) { writers.allSatisfy { $0.count > 5 } }
        let before = try await bed.standing()
        #expect(before.allSatisfy { $0.count >= 2 }, "\(before)")

        var wrong: [String] = []
        var memory: [[Int]] = []
        for number in 0..<1000 {
            if let problem = try bed.step(number) { wrong.append("\(number): \(problem)") }
            if number % 10 == 0, !(try bed.reload(north)).problems.isEmpty { wrong.append("north \(number)") }
            if number % 100 == 0 { memory.append(try bed.memory()) }
        }
        #expect(wrong == [])
        // Signals that come faster than a reload is done are one reload together.
        for _ in 0..<500 {
            for process in [north, south] { kill(try #require(process.pid), SIGHUP) }
            try await Task.sleep(for: .milliseconds(1))
        }
        #expect(try bed.reload(south).changes == [] && bed.reload(north).changes == [])
        memory.append(try bed.memory())
        let records = writers.map { $0.stop() }
        #expect(records.flatMap(\.missed) == [])
        let (a, b) = (try await north.settled(within: .seconds(60)), try await south.settled(within: .seconds(60)))
        #expect([a.standing, b.standing] == before)
        #expect(b.reloads.taken >= 900 && b.reloads.refused == 100 && a.reloads.taken >= 100, "\(b.reloads)")
        #expect(a.repeats == 0 && b.repeats == 0 && a.balances && b.balances)
        for (record, way) in zip(records.prefix(2), ways) {
            let (from, to) = (String(way.0.dropFirst(4)), String(way.1.dropFirst(4)))
            #expect(a.delivered(from, to) == record.sent && b.delivered(from, to) == record.sent, "\(from) to \(to)")
        }
        #expect(b.ledger.delivered == records.map(\.sent).reduce(0, +))
        print("\(b.reloads), \(records.map(\.sent)) messages, resident after each hundred \(memory) KiB")
        // What the first of them make is made once. South is reloaded ten times as often as north.
        #expect(memory[10][1] * 100 <= memory[2][1] * 105, "\(memory)")
        #expect(memory[10][0] - memory[2][0] <= 4096, "\(memory)")
    }
}
