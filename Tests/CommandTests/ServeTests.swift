// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@testable import imx

/// Runs a real aggregator with users in memory.
@Suite(.onItsOwnThread) struct ServeTests {
    let program: Program
    let path: String

    init() throws {
        program = try Program()
        path = try program.write(
            """
            name: north
            state-directory: state
            listen: []
            dns: { resolver: off }
            stop-within: 2s
            log: { level: error }
            adapters:
              demo:
                kind: stub
                users:
                  alice: {}
                  carol: { outcome: "5003" }
                  dave: { outcome: "2001" }
                  erin: { outcome: "4001" }
                  mute: { outcome: silent }
            domains: { a.example: { adapter: demo } }

            """
        )
    }

    /// Starts the aggregator and waits until it answers.
    func serve() throws -> Process {
        let process = try program.start(["serve", "--config", path])
        for _ in 0..<300 {
            if try program.run(["status", "--config", path]).code == 0 { return process }
            usleep(50_000)
        }
        Issue.record("the aggregator does not answer")
        return process
    }

    func end(_ process: Process, _ signal: Int32) -> Int32 {
        kill(process.processIdentifier, signal)
        process.waitUntilExit()
        return process.terminationStatus
    }

    func status() throws -> StatusReport {
        let ended = try program.run(["status", "--json", "--config", path])
        return try JSONDecoder().decode(StatusReport.self, from: Data(ended.out.utf8))
    }

    @Test("Commands: send prints the outcome and the way, its exit code follows, and the ledger balances")
    func sends() throws {
        let process = try serve()
        for (user, code, word) in [
            ("alice", 0, "delivered (2000) in "), ("carol", 1, "failed (5003 no such user) in "),
            ("dave", 3, "uncertain (2001 "), ("erin", 4, "failed for now (4001 "), ("nobody", 1, "failed (5003 "),
        ] as [(String, Int32, String)] {
            let sent = try program.run(["send", "alice@a.example", "\(user)@a.example", "hi", "--config", path])
            #expect(sent.code == code && sent.out.hasPrefix(word), "\(sent)")
            #expect(sent.out.contains("accepted alice@a.example -> \(user)@a.example") && sent.err.isEmpty)
        }
        let relayed = try program.run(["send", "eve@e.example", "alice@a.example", "hi", "--config", path])
        #expect(relayed.code == 1 && relayed.out.hasPrefix("failed (5005 "), "\(relayed)")
        let report = try status()
        #expect(report.ledger == .init(accepted: 6, delivered: 1, failed: 4, uncertain: 1))
        #expect(report.waiting == 0 && report.ledger.settled == 6)
        let outcomes = try program.run(["outcomes", "--config", path])
        #expect(outcomes.code == 0 && outcomes.out.split(separator: "\n").count == 5, "\(outcomes)")
        let second = try program.run(["serve", "--config", path])
        #expect(second.code == 2 && second.err.contains("in use by another process"), "\(second)")
        #expect(try status().ledger == report.ledger)
        #expect(end(process, SIGTERM) == 0)
        #expect(try program.run(["status", "--config", path]).code == 2)
    }

    @Test("Outcomes: what waited when the aggregator was killed is booked as uncertain, and its sender is told so")
    func killed() throws {
        let process = try serve()
        #expect(try program.run(["send", "alice@a.example", "alice@a.example", "hi", "--config", path]).code == 0)
        let err = Pipe()
        let sender = try program.start(["send", "alice@a.example", "mute@a.example", "hi", "--config", path], err: err)
        for _ in 0..<200 {
            if try status().waiting == 1 { break }
            usleep(20_000)
        }
        _ = end(process, SIGKILL)
        sender.waitUntilExit()
        #expect(sender.terminationStatus == 3)
        let said = String(decoding: err.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        #expect(said.hasPrefix("imx: uncertain: the aggregator \"north\" gave no answer"), "\(said)")
        let second = try serve()
        let previous = try #require(try status().previousRun)
        #expect(previous.isClean == false)
        #expect(previous.ledger == .init(accepted: 2, delivered: 1, uncertain: 1))
        #expect(end(second, SIGTERM) == 0)
        let third = try serve()
        #expect(try status().previousRun?.isClean == true)
        #expect(end(third, SIGTERM) == 0)
    }
}
