// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

extension EndToEnd {
    /// What people see of real connections: a capture in Wireshark, and a probe.
    @Suite("Seeing", .serialized, .timeLimit(.minutes(10)))
    struct SeeingTests {
        let scratch: Scratch
        let north: AggregatorProcess
        let south: AggregatorProcess

        init() async throws {
            scratch = try Scratch("seeing")
            let ports = (north: try Ports.free(), south: try Ports.free())
            var plan = AggregatorPlan(name: "north", listen: ports.north, peers: ["b.example": ports.south])
            plan.adapters["demo"] = "{ kind: stub, users: { ann: {} } }"
            plan.domains["a.example"] = "demo"
            north = try AggregatorProcess(plan, in: scratch)
            plan = AggregatorPlan(name: "south", listen: ports.south, peers: ["a.example": ports.north])
            plan.adapters["demo"] = "{ kind: stub, users: { bob: {}, nina: { outcome: \"5004\" } } }"
            plan.domains["b.example"] = "demo"
            south = try AggregatorProcess(plan, in: scratch)
            try await north.start()
            try await south.start()
        }

        /// Whether this user may capture on the loopback device.
        static let canCapture: Bool = {
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/env")
            process.arguments = ["dumpcap", "-q", "-i", "lo", "-a", "duration:1", "-w", "/dev/null"]
            process.standardInput = FileHandle.nullDevice
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            guard Place.has("tshark"), Place.has("dumpcap"), (try? process.run()) != nil else { return false }
            process.waitUntilExit()
            return process.terminationStatus == 0
        }()
    }
}

extension EndToEnd.SeeingTests {
    /// What tshark shows of a capture: the named fields of each frame that holds IMX/1.
    private func frames(_ capture: URL, _ fields: [String]) async throws -> [[String]] {
        let arguments = [
            "tshark", "-2", "-X", "lua_script:\(Place.root.appending(path: "Tools/Wireshark/imx.lua").path)", "-r",
            capture.path, "-Y", "imx", "-T", "fields", "-E", "separator=/t",
        ]
        let reader = try ChildProcess(
            "tshark-\(UInt32.random(in: 0 ... .max))",
            arguments + fields.flatMap { ["-e", $0] },
            in: scratch.url,
            environment: ["HOME": scratch.url.path]
        )
        #expect(try await reader.wait(within: .seconds(30)) == .exited(0), "\(reader.tail())")
        return try String(contentsOf: reader.output, encoding: .utf8).split(separator: "\n").map {
            $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        }
    }

    @Test(
        "IMX 6.3.1, I.1.2: Wireshark shows a real dial-back and the messages behind it, joined by token, tag and trace",
        .enabled(if: canCapture)
    )
    func capture() async throws {
        let file = scratch.url.appending(path: "lo.pcapng")
        let filter = "tcp port \(north.plan.listen) or tcp port \(south.plan.listen)"
        let recorder = try ChildProcess(
            "dumpcap",
            ["dumpcap", "-q", "-i", "lo", "-f", filter, "-w", file.path],
            in: scratch.url
        )
        try await eventually("capture", within: .seconds(10)) { recorder.tail().contains("File:") }
        let sent = try await north.run(["send", "ann@a.example", "bob@b.example", "hello", "--json"])
        #expect(sent.end == .exited(0))
        let refused = try await north.run(["send", "ann@a.example", "nina@b.example", "hello"])
        #expect(refused.end == .exited(1))
        #expect(try await north.terminate() == .exited(0))
        // What was captured last may still be on its way to the file.
        try await Task.sleep(for: .milliseconds(500))
        recorder.signal(SIGINT)
        _ = try await recorder.wait(within: .seconds(10))

        let trace = try #require(sent.out.firstMatch(of: /"trace" : "([0-9a-f]{32})"/)).1
        let frames = try await frames(
            file,
            ["_ws.col.Info", "imx.request_trace", "imx.trace", "imx.claim_in", "imx.verify_in", "_ws.expert.severity"]
        )
        let lines = frames.map { $0[0] }.joined(separator: "; ").components(separatedBy: "; ")
        let kinds = lines.map { $0.replacing(/\ \[[0-9a-f]+\]/, with: "") }
        for kind in [
            "preface", "HELLO to b.example", "HELLO to a.example", "CLAIM a.example > b.example",
            "VERIFY a.example > b.example", "PROOF a.example > b.example", "VERIFY answer 2000 done",
            "CLAIM answer 2000 done", "MESSAGE ann@a.example > bob@b.example", "MESSAGE answer 2000 done",
            "MESSAGE ann@a.example > nina@b.example", "MESSAGE answer 5004 refused", "CLOSE first 2000",
            "CLOSE last 2000",
        ] {
            #expect(kinds.contains(kind), "\(kind) is not among \(kinds)")
        }
        #expect(frames.contains { $0[0].hasPrefix("MESSAGE ann@a.example > bob@b.example") && $0[2] == trace })
        #expect(frames.contains { $0[0].hasPrefix("MESSAGE answer 2000") && $0[1] == trace })
        #expect(frames.contains { $0[0].contains("VERIFY a.example") && !$0[3].isEmpty })
        #expect(frames.contains { $0[0].contains("CLAIM a.example") && !$0[4].isEmpty })
        // Nothing that two of our own say to each other is an error or out of order.
        let (warning, error) = (6_291_456, 8_388_608)
        let severities = frames.flatMap { $0[5].split(separator: ",") }.compactMap { Int($0) }
        #expect(!severities.isEmpty && severities.allSatisfy { $0 < min(warning, error) }, "\(frames)")
    }

    @Test("I.1.3: a probe of a peer that the configuration names finds nothing wrong, whoever it claims to be")
    func probe() async throws {
        let stranger = try await north.run(["probe", "b.example"])
        #expect(stranger.end == .exited(0) && stranger.out.hasSuffix("everything is right\n"), "\(stranger.out)")
        // The peer asks the real servers of the domain that is claimed, and they deny it.
        let claimant = try await north.run(["probe", "b.example", "--as", "a.example"])
        #expect(claimant.end == .exited(0))
        #expect(claimant.out.contains("ok     dial-back  5015 "), "\(claimant.out)")
        #expect(claimant.out.contains("it reached the servers of a.example"))
        // Neither leaves a trace in the ledger.
        #expect(try await south.status().ledger.accepted == 0)
    }

    @Test("I.1.1: a probe of a real XMPP server's port says what is there instead", .enabled(if: Place.has("prosody")))
    func foreign() async throws {
        let prosody = try Prosody(domain: "c.example", accounts: [], in: scratch)
        try await prosody.start()
        defer { prosody.stop() }
        let ended = try await north.run(["probe", "127.0.0.1:\(prosody.clientPort)", "--domain", "c.example"])
        #expect(ended.end == .exited(1))
        #expect(ended.out.contains("WRONG  preface"), "\(ended.out)")
        #expect(ended.out.contains("fault: theirs") && ended.out.contains("not the port of an IMX service"))
    }
}
