// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

extension EndToEnd {
    /// A domain on two hosts, of which each goes out of service in its turn, while somebody writes to it all the time.
    @Suite("Moving and draining", .serialized, .timeLimit(.minutes(10)))
    struct MovingTests {}
}

extension EndToEnd.MovingTests {
    private struct Bed {
        let scratch: Scratch
        let names: ZoneServer
        let sender: AggregatorProcess
        let hosts: [AggregatorProcess]
        let ports: [UInt16]

        init(_ name: String) async throws {
            let scratch = try Scratch(name)
            self.scratch = scratch
            names = try ZoneServer("b.example", in: scratch)
            let senderPort = try Ports.free()
            let ports = [try Ports.free(), try Ports.free()]
            self.ports = ports
            var plan = AggregatorPlan(name: "sender", listen: senderPort)
            plan.dns = """
                { resolver: system, zones: { b.example: [ "\(names.address):\(names.port)" ] }, \
                allow-addresses: [ 127.0.0.0/8 ] }
                """
            plan.adapters["memory"] = "{ kind: stub, users: { ann: {} } }"
            plan.domains["a.example"] = "memory"
            sender = try AggregatorProcess(plan, in: scratch)
            hosts = try ports.enumerated().map { number, port in
                var plan = AggregatorPlan(name: "host\(number)", listen: port, peers: ["a.example": senderPort])
                plan.adapters["memory"] = "{ kind: stub, users: { bob: {} } }"
                plan.domains["b.example"] = "memory"
                return try AggregatorProcess(plan, in: scratch)
            }
        }

        /// Has DNS name these hosts, the first one first.
        func publish(_ numbers: [Int]) async throws {
            let records = numbers.enumerated().map { preference, number in
                "_imx._tcp SRV \(preference) 0 \(ports[number]) host\(number)\nhost\(number) A 127.0.0.1"
            }
            try await names.serve(records.joined(separator: "\n"))
        }

        func stop() {
            names.stop()
            for process in hosts + [sender] { process.crash() }
        }

        /// Writes `count` messages, one after the other, and gives those that were not delivered.
        func write(_ count: Int) async throws -> [String] {
            var failures: [String] = []
            for number in 0..<count {
                let (end, out) = try await sender.run(["send", "ann@a.example", "bob@b.example", "message \(number)"])
                if end != .exited(0) { failures.append("message \(number): \(end)\n\(out)") }
            }
            return failures
        }

        /// Writes messages while `body` runs, and gives those that were not delivered.
        func writing(_ count: Int, while body: @Sendable () async throws -> Void) async throws -> [String] {
            async let failures = write(count)
            try await body()
            return try await failures
        }
    }

    @Test(
        "P3, P6: a domain moves, nodes are drained and restarted, and not one message is lost",
        .enabled(if: ZoneServer.isPossible)
    )
    func everything() async throws {
        let bed = try await Bed("moving")
        defer { bed.stop() }
        try await bed.publish([0, 1])
        for process in bed.hosts + [bed.sender] { try await process.start() }
        #expect(try await bed.write(2) == [])

        let drained = try await bed.writing(6) {
            let (end, out) = try await bed.hosts[0].run(["drain", "--to", "127.0.0.1:\(bed.ports[1])"])
            #expect(end == .exited(0) && out.contains("none is left"), "\(out)")
        }
        #expect(drained == [], "draining, with a word where to go")

        #expect(try await bed.hosts[0].terminate() == .exited(0))
        try await bed.hosts[0].start()
        let stopped = try await bed.writing(6) {
            let end = try await bed.hosts[1].terminate()
            #expect(end == .exited(0))
        }
        #expect(stopped == [], "SIGTERM, and the other host by look-up")

        try await bed.hosts[1].start()
        try await bed.publish([1])
        let moved = try await bed.writing(6) {
            let end = try await bed.hosts[0].run(["drain"]).end
            #expect(end == .exited(0))
        }
        #expect(moved == [], "moved by DNS")

        let restarted = try await bed.writing(6) {
            let end = try await bed.hosts[1].terminate()
            #expect(end == .exited(0))
            try await bed.hosts[1].start()
        }
        #expect(restarted == [], "restarted, with nobody beside it")

        let status = try await bed.sender.settled(within: .seconds(20))
        #expect(status.balances && status.ledger.delivered == 26, "\(status.ledger)")
        let taken = try await bed.hosts[1].status().ledger.delivered
        #expect(taken > 0)
    }
}
