// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import imx

/// Changes the configuration of a real aggregator while it runs.
extension ServeTests {
    private func rewrite(_ change: (String) -> String) throws {
        let text = try String(contentsOfFile: path, encoding: .utf8)
        try Data(change(text).utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
    }

    @Test("Commands: reload takes over domains, adapters, peers and the log level, and names what must wait")
    func reload() throws {
        let process = try serve()
        let unchanged = try program.run(["reload", "--config", path])
        #expect(unchanged.code == 0 && unchanged.out == "nothing is different\n", "\(unchanged)")
        try rewrite {
            $0.replacing("log: { level: error }", with: "log: { level: warning }\nblock: [ evil.example ]")
                .replacing("stop-within: 2s", with: "stop-within: 3s")
                .replacing("adapters:\n", with: "adapters:\n  second: { kind: stub, users: { zoe: {} } }\n")
                .replacing("{ adapter: demo } }", with: "{ adapter: demo }, z.example: { adapter: second } }")
        }
        let reloaded = try program.run(["reload", "--config", path])
        #expect(
            reloaded.out == """
                adapters.second was added
                domains.z.example is hosted now
                block
                log.level is warning
                waits for the next start: stop-within

                """,
            "\(reloaded)"
        )
        let sent = try program.run(["send", "alice@a.example", "zoe@z.example", "hi", "--config", path])
        #expect(sent.code == 0, "\(sent)")
        try rewrite { $0.replacing(", z.example: { adapter: second }", with: "") }
        #expect(try program.run(["reload", "--config", path]).out.hasPrefix("domains.z.example is no longer hosted\n"))
        #expect(try program.run(["send", "alice@a.example", "zoe@z.example", "hi", "--config", path]).code == 1)
        #expect(end(process, SIGTERM) == 0)
    }

    @Test("Commands: a configuration with a mistake changes nothing, and says what is wrong")
    func reloadOfMistake() throws {
        let process = try serve()
        try rewrite { $0.replacing("{ a.example:", with: "{ b.example: { adapter: demo }, a.example:") + "blok: []\n" }
        let reloaded = try program.run(["reload", "--config", path])
        #expect(reloaded.code == 2 && reloaded.out.isEmpty)
        #expect(reloaded.err.contains("nothing was changed: 1 mistake") && reloaded.err.contains("\"block\""))
        #expect(try program.run(["send", "alice@a.example", "alice@a.example", "hi", "--config", path]).code == 0)
        #expect(try program.run(["send", "alice@b.example", "alice@a.example", "hi", "--config", path]).code == 1)
        try rewrite { $0.replacing("blok: []\n", with: "") }
        // SIGHUP does the same as the command, only that nobody waits for it.
        kill(process.processIdentifier, SIGHUP)
        var code: Int32 = 1
        for _ in 0..<100 where code != 0 {
            code = try program.run(["send", "alice@a.example", "alice@b.example", "hi", "--config", path]).code
            usleep(20_000)
        }
        #expect(code == 0, "b.example is hosted now")
        #expect(end(process, SIGTERM) == 0)
    }

    @Test("Commands: a thousand signals to reload, faster than it can, while messages pass lose none")
    func manyReloads() throws {
        let process = try serve()
        for number in 0..<1000 {
            if number % 50 == 0 {
                try rewrite { text in
                    text.contains("evil.example")
                        ? text.replacing("block: [ evil.example ]\n", with: "") : text + "block: [ evil.example ]\n"
                }
                let sent = try program.run(["send", "alice@a.example", "alice@a.example", "hi", "--config", path])
                #expect(sent.code == 0, "\(sent)")
            }
            kill(process.processIdentifier, SIGHUP)
            usleep(1000)
        }
        let report = try status()
        #expect(report.ledger == .init(accepted: 20, delivered: 20))
        #expect(end(process, SIGTERM) == 0)
    }
}
