// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

extension EndToEnd.TLSTests {
    @Test("G.3-11, S27: once strong, never weaker, both ways and after a restart, until the operator lets go")
    func neverWeaker() async throws {
        let bed = try await TLSBed("tls-memory", trust: "dialback")
        defer { bed.stop() }
        try await bed.publish(a: .tls(), b: .tls())
        try await bed.start()
        for process in [bed.north, bed.south] {
            let sent = try await bed.send(process)
            #expect(sent.isDelivered, "\(sent.out)\n\(process.tail())")
        }
        try await bed.publish(a: .plain, b: .plain)
        try await bed.restart()
        let day = /b\.example has shown a certificate on \d{4}-\d\d-\d\d; `imx trust forget b\.example` lets go/
        for _ in 0..<2 {
            let sent = try await bed.send(bed.north)
            #expect(!sent.isDelivered && sent.out.contains(day), "\(sent.out)")
            #expect(try await !bed.send(bed.south).isDelivered)
            try await bed.restart()
        }
        // b.example forgets, and now claims over plain TCP what a.example has known to be stronger.
        #expect(try await bed.south.run(["trust", "forget", "a.example"]).end == .exited(0))
        let back = try await bed.send(bed.south)
        #expect(!back.isDelivered && back.out.contains("source refused"), "\(back.out)")
        #expect(!back.out.contains("shown") && !back.out.contains("forget"), "no oracle")
        let refused = try bed.north.log(holding: "claim refused")
        #expect(
            refused.contains { $0.contains("is not encrypted, and b.example has shown a certificate on") },
            "\(refused)"
        )
        #expect(try await bed.north.status().refusals.contains { $0.name == "less-than-certificate" })

        #expect(try await bed.north.run(["trust", "forget", "b.example"]).end == .exited(0))
        for process in [bed.north, bed.south] {
            let sent = try await bed.send(process)
            #expect(sent.isDelivered, "\(sent.out)\n\(process.tail())")
        }
    }

    @Test(
        "S47: a certificate that is renewed is shown to newcomers, and what stands goes on without a lost message"
    )
    func renewal() async throws {
        let bed = try await TLSBed("tls-renewal", trust: "certificate")
        defer { bed.stop() }
        try await bed.publish(a: .tls(), b: .tls())
        try await bed.start()
        #expect(try await bed.send(bed.north).isDelivered)
        let port = try #require(bed.south.plan.secureListen)
        #expect(try await bed.papers.shown("b.example", at: port) == "1001")
        let connected = try bed.north.log(holding: "peer connected").count
        async let failures = write(20, bed)
        try await bed.papers.issue("b.example", into: bed.certificates(of: bed.south), serial: 0x2002)
        try await eventuallyHolds("the new certificate", within: .seconds(60)) {
            try await bed.papers.shown("b.example", at: port) == "2002"
        }
        #expect(try await failures == [])
        #expect(try await bed.send(bed.north).isDelivered)
        #expect(try bed.north.log(holding: "peer connected").count == connected, "the connection stands")
        #expect(try bed.north.log(holding: "peer disconnected").isEmpty)
        #expect(try await bed.south.status().ledger.delivered == 22)
        // A new connection is proved with the new certificate.
        #expect(try await bed.north.terminate() == .exited(0))
        try await bed.north.start(within: .seconds(60))
        let sent = try await bed.send(bed.north)
        #expect(sent.isDelivered, "\(sent.out)")
    }

    private func write(_ count: Int, _ bed: TLSBed) async throws -> [String] {
        var failures: [String] = []
        for number in 0..<count {
            let sent = try await bed.send(bed.north, "message \(number)")
            if !sent.isDelivered { failures.append("message \(number): \(sent.out)") }
        }
        return failures
    }
}
