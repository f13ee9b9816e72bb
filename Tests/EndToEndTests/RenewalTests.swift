// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

extension EndToEnd {
    /// The life of a host that has to show a certificate, while somebody writes to it all the time.
    @Suite("Renewing", .serialized, .timeLimit(.minutes(5)))
    struct RenewalTests {}
}

extension EndToEnd.RenewalTests {
    private struct Bed {
        let scratch: Scratch
        let authority: TestAuthority
        let sender: AggregatorProcess
        let hosts: [AggregatorProcess]
        let ports: [UInt16]

        init() async throws {
            let scratch = try Scratch("renew")
            self.scratch = scratch
            let authority = try await TestAuthority(in: scratch)
            self.authority = authority
            let senderPort = try Ports.free()
            let ports = [try Ports.free(), try Ports.free()]
            self.ports = ports
            var plan = AggregatorPlan(name: "sender", listen: senderPort)
            plan.deadline = 60
            plan.farPeers["b.example"] = "tls://127.0.0.1:\(ports[0])"
            plan.adapters["memory"] = "{ kind: stub, users: { ann: {} } }"
            plan.classes["strict"] = "{ trust: certificate, deadline: 60s }"
            plan.strictDomains["a.example"] = (adapter: "memory", class: "strict")
            plan.more = "tls: { authorities: [ \(authority.file) ], system-authorities: false }"
            sender = try AggregatorProcess(plan, in: scratch)
            hosts = try ports.enumerated().map { number, port in
                var plan = AggregatorPlan(
                    name: "host\(number)",
                    listen: try Ports.free(),
                    peers: ["a.example": senderPort]
                )
                plan.secureListen = port
                plan.hostInMemory(["b.example"], users: ["bob"])
                let live = try scratch.directory("live\(number)").path
                plan.more = "tls: { certificates: \(live), look-for-changes: 1s }"
                return try AggregatorProcess(plan, in: scratch)
            }
            for version in 0...2 { try await authority.issue("b.example", version, days: 20 + version) }
            for number in 0...1 { try install(number, on: number) }
        }

        func install(_ version: Int, on host: Int) throws {
            try authority.install("b.example", version, in: scratch.url.appending(path: "live\(host)").path)
        }

        /// Waits until the host has another certificate than `old`.
        func renewed(_ host: Int, from old: String?) async throws -> String? {
            for _ in 0..<300 {
                let now = try await hosts[host].status().certificates.first?.notAfter
                if now != old { return now }
                try await Task.sleep(for: .milliseconds(100))
            }
            throw HarnessError("no new certificate\n\(hosts[host].tail())")
        }

        /// How often the sender has connected to a host of b.example.
        var connects: Int {
            get throws {
                try sender.log(holding: "peer connected").filter { log in
                    ports.contains { log.contains("127.0.0.1:\($0)") }
                }.count
            }
        }
    }

    @Test(
        "P3, P6: certificates are renewed, the host restarts and the domain moves: nothing is lost, at most a reconnect",
        .enabled(if: TestAuthority.isPossible)
    )
    func everything() async throws {
        let bed = try await Bed()
        let (sender, host, other) = (bed.sender, bed.hosts[0], bed.hosts[1])
        defer { for process in bed.hosts + [sender] { process.crash() } }
        for process in [host, other, sender] { try await process.start() }
        // Several at a time, so that some messages are on their way at every moment.
        let writers = (0..<4).map { _ in Writer(sender, from: "ann@a.example", to: "bob@b.example") }
        func flow() async throws {
            let counts = writers.map(\.count)
            try await eventually("flow", within: .seconds(60)) {
                zip(writers, counts).allSatisfy { $0.count >= $1 + 3 }
            }
        }
        try await flow()
        let before = try await sender.status().standing
        #expect(try bed.connects == 1 && !before.isEmpty)

        // Renewed with a new key, found by the watch over the files.
        let first = try await host.status().certificates.first?.notAfter
        try bed.install(2, on: 0)
        _ = try await bed.renewed(0, from: first)
        try await flow()
        #expect(try await sender.status().standing == before, "nobody has noticed")

        // A renewal that went wrong is told, and what was there stays in use.
        let broken = try bed.scratch.directory("live0/broken")
        try "no certificate".write(to: broken.appending(path: "fullchain.pem"), atomically: true, encoding: .utf8)
        try "no key".write(to: broken.appending(path: "privkey.pem"), atomically: true, encoding: .utf8)
        try FileManager.default.removeItem(atPath: bed.scratch.url.appending(path: "live0/b.example").path)
        try FileManager.default.moveItem(
            atPath: broken.path,
            toPath: bed.scratch.url.appending(path: "live0/b.example").path
        )
        let reloaded = try await host.run(["reload"])
        #expect(reloaded.end == .exited(0) && reloaded.out.contains("certificates: "), "\(reloaded)")
        #expect(try await host.status().certificateProblems.count == 1)
        try await flow()
        #expect(try await sender.status().standing == before)
        try FileManager.default.removeItem(atPath: bed.scratch.url.appending(path: "live0/b.example").path)
        try bed.install(2, on: 0)

        // Restarted: each time one more connection, with the renewed certificate.
        var places: [Int] = []
        for round in 1...4 {
            #expect(try await host.terminate() == .exited(0))
            try await host.start()
            try await flow()
            #expect(try bed.connects == 1 + round)
            places.append(try await host.status().previousRun?.ledger.delivered ?? 0)
        }

        // Moved, and the old place emptied.
        try sender.change { $0.farPeers["b.example"] = "tls://127.0.0.1:\(bed.ports[1])" }
        #expect(try await sender.run(["reload"]).end == .exited(0))
        let (end, out) = try await host.run(["drain"])
        #expect(end == .exited(0) && out.contains("none is left"), "\(out)")
        try await flow()
        #expect(try bed.connects == 6)

        let records = writers.map { $0.stop() }
        let sent = records.map(\.sent).reduce(0, +)
        #expect(records.flatMap(\.missed) == [])
        let status = try await sender.settled(within: .seconds(60))
        #expect(status.balances && status.ledger.delivered == sent && status.ledger.accepted == sent)
        places += [try await host.status().ledger.delivered, try await other.status().ledger.delivered]
        #expect(places.reduce(0, +) == sent && places.allSatisfy { $0 > 0 }, "\(places) of \(sent)")
    }
}
