// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

extension EndToEnd {
    /// A running aggregator and its own domain's records, which change.
    @Suite("Its own records", .serialized, .timeLimit(.minutes(3)))
    struct RecordsWatchTests {}
}

extension EndToEnd.RecordsWatchTests {
    @Test(
        "Operator: a running aggregator says where its own domains' records do not lead to it, and when they do again",
        .enabled(if: ZoneServer.isPossible)
    )
    func watching() async throws {
        let scratch = try Scratch("watching")
        let names = try ZoneServer("b.example", in: scratch)
        defer { names.stop() }
        let (port, elsewhere) = (try Ports.free(), try Ports.free())
        var plan = AggregatorPlan(name: "host", listen: port)
        plan.dns = """
            { servers: [ "127.0.0.1:\(try Ports.free())" ], zones: { b.example: [ "\(names.address):\(names.port)" ] }, \
            allow-addresses: [ 127.0.0.0/8 ], watch: 1s }
            """
        plan.hostInMemory(["b.example"], users: ["bob"])
        let host = try AggregatorProcess(plan, in: scratch)
        defer { host.crash() }
        func publish(_ port: UInt16) async throws {
            try await names.serve("_imx._tcp SRV 0 0 \(port) host\nhost A 127.0.0.1")
        }
        /// Waits for a look at the records that is like this.
        func seen(_ what: String, _ isIt: (AggregatorProcess.Status.HostedRecords) -> Bool) async throws {
            for _ in 0..<400 {
                if let records = try await host.status().hostedRecords, isIt(records) { return }
                try await Task.sleep(for: .milliseconds(100))
            }
            throw HarnessError("not seen: \(what)\n\(host.tail(40))")
        }
        try await publish(port)
        try await host.start()
        try await seen("right") { $0.right == 1 && $0.astray.isEmpty }
        #expect(try host.log(holding: "do not lead here").isEmpty)

        try await publish(elsewhere)
        try await seen("another place") { $0.right == 0 && $0.astray.first?.problems.count == 1 }
        var lines = try host.log(holding: "do not lead here")
        #expect(lines.count == 1 && lines.allSatisfy { $0.contains("b.example") && $0.contains("no record leads to") })
        let text = try await host.run(["status"]).out
        #expect(text.contains("records that do not lead here: 1 of 1"), "\(text)")

        try await names.serve("other TXT nothing")
        try await seen("none") { $0.astray.first?.problems.first?.contains("do not find b.example") ?? false }
        lines = try host.log(holding: "do not lead here")
        #expect(lines.count == 2)

        // Where the DNS does not answer, nothing is concluded from that.
        names.stop()
        let looks = try await host.status().hostedRecords?.looks ?? 0
        try await seen("silence") { $0.looks >= looks + 3 && $0.astray.count == 1 }
        try await publish(port)
        try await seen("right again") { $0.right == 1 && $0.astray.isEmpty }
        lines = try host.log(holding: "lead here")
        #expect(lines.count == 3 && lines.last?.contains("lead here again") ?? false, "\(lines)")
    }
}
