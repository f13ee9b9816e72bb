// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Configuration
import EnvelopeModel
import Foundation
import Testing

@testable import imx

@Suite struct DisplayTests {
    @Test(
        "Commands: the exit code of send follows the outcome",
        arguments: [
            (2000, 0), (2002, 0), (2001, 3), (3001, 1), (4001, 4), (4002, 4), (4003, 4), (4099, 4), (5003, 1),
            (5006, 1), (5999, 1), (0, 1), (65535, 1),
        ] as [(UInt16, Int32)]
    )
    func exitCodes(code: UInt16, expected: Int32) {
        #expect(SendCommand.exitCode(for: OutcomeCode(rawValue: code)).rawValue == expected)
    }

    @Test("Commands: every outcome code that the project knows has words")
    func meanings() {
        for code in OutcomeCode.known { #expect(code.meaning != "code of another version") }
    }

    @Test("S43: send shows the outcome and the way, and nothing in it steers the terminal")
    func sent() {
        let report = SendReport(
            trace: "0f",
            code: 5003,
            text: "no \u{1B}[31m such\nuser",
            milliseconds: 12.34,
            path: [
                .init(milliseconds: 0, place: "cli", text: "accepted"),
                .init(milliseconds: 12.3, place: "office", text: "outcome 5003"),
            ],
            losses: ["xmpp:x: gone"]
        )
        #expect(
            Display.text(report) == """
                failed (5003 no such user) in 12.3 ms
                  no \u{FFFD}[31m such\u{FFFD}user
                       0.0 ms  cli     accepted
                      12.3 ms  office  outcome 5003
                  lost: xmpp:x: gone
                  trace 0f
                """
        )
    }

    private let status = StatusReport(
        name: "north",
        version: "0.1.0",
        serverID: "00",
        pid: 7,
        started: "t",
        uptimeSeconds: 93_784,
        ledger: .init(accepted: 10, delivered: 5, failed: 1, expired: 1, uncertain: 1),
        waiting: 2,
        repeats: 3,
        lostRepeats: 0,
        lostOutcomes: 0,
        outcomes: [.init(name: "5003", count: 1)],
        drops: [.init(name: "presence", count: 4)],
        refusals: [.init(name: "claim-5015", count: 6)],
        linesLeftOut: 9,
        connections: .init(incoming: 7, unauthenticated: 5, outgoing: 1),
        lanes: [
            .init(
                from: "a.example",
                to: "b.example",
                adapter: "imx",
                ledger: .init(accepted: 10, delivered: 5),
                waiting: 2,
                waitingOctets: 99
            )
        ],
        adapters: [.init(name: "office", kind: "xmpp", link: "up", outstanding: 1, unsettled: 2, isPaused: false)],
        peers: [
            .init(
                address: "127.0.0.1:5291",
                direction: "out",
                state: "trusted",
                pairs: ["a.example>b.example"],
                inFlight: 2
            )
        ],
        previousRun: .init(
            version: "0.1.0",
            started: "t0",
            stopped: "t1",
            isClean: false,
            ledger: .init(accepted: 1, uncertain: 1)
        )
    )

    @Test("Commands: status shows the ledger, the lanes, the links, the peers and the counters")
    func statusText() {
        #expect(
            Display.text(status) == """
                north  imx 0.1.0  pid 7  up 1d 2h

                accepted 10 = delivered 5 + failed 1 + expired 1 + uncertain 1 + waiting 2

                adapters
                  office  xmpp  up  1 out  2 in

                connections
                  in                     7
                  in, not authenticated  5
                  out                    1

                peers
                  out  127.0.0.1:5291  trusted  2 in flight  a.example>b.example

                lanes
                  a.example -> b.example  by imx  accepted 10 = delivered 5 + failed 0 + expired 0 + uncertain 0  + waiting 2

                outcomes
                  5003  no such user  1

                dropped
                  presence            4
                  repeats answered    3
                  log lines left out  9

                refused to peers
                  claim-5015  6

                the run before, from t0, was not stopped in order: accepted 1 = delivered 0 + failed 0 + expired 0 + uncertain 1
                """
        )
        var torn = status
        torn.waiting = 3
        #expect(Display.text(torn).contains("DOES NOT BALANCE"))
    }

    @Test("Commands: status as JSON has the ledger's equation in it and reads back the same")
    func statusJSON() throws {
        let text = try Display.json(status)
        #expect(try JSONDecoder().decode(StatusReport.self, from: Data(text.utf8)) == status)
        let object = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
        let ledger = object?["ledger"] as? [String: Int]
        #expect(ledger == ["accepted": 10, "delivered": 5, "failed": 1, "expired": 1, "uncertain": 1])
        #expect(object?["waiting"] as? Int == 2)
    }

    @Test("Commands: status as metrics has each number under its name")
    func statusMetrics() {
        let text = Display.metrics(status)
        for line in [
            "imx_envelopes_accepted_total 10", "imx_envelopes_settled_total{disposition=\"uncertain\"} 1",
            "imx_drops_total{reason=\"presence\"} 4", "imx_adapter_link_up{adapter=\"office\",kind=\"xmpp\"} 1",
            "imx_lane_waiting{from=\"a.example\",to=\"b.example\"} 2",
            "imx_peer_connections{state=\"unauthenticated\"} 5", "imx_peer_connections{state=\"incoming\"} 2",
            "imx_peer_refusals_total{reason=\"claim-5015\"} 6",
        ] {
            #expect(text.contains("\n\(line)\n") || text.hasSuffix(line), "\(line)")
        }
    }

    @Test("S42: a million invented names make no page of metrics longer than a thousand lines of numbers")
    func metricsStayShort() {
        var crowded = status
        crowded.lanes = (0..<5000).map {
            .init(
                from: "x\($0).example",
                to: "b.example",
                adapter: "imx",
                ledger: .init(accepted: UInt64($0), delivered: UInt64($0)),
                waiting: 1,
                waitingOctets: 2
            )
        }
        let numbers = Display.metrics(crowded).split(separator: "\n").filter { !$0.hasPrefix("#") }
        #expect(numbers.count < 1000)
        #expect(numbers.contains { $0 == "imx_lane_waiting{from=\"\",to=\"\"} 4900" })
        #expect(numbers.contains { $0.contains("x4999.example") } && !numbers.contains { $0.contains("x1.example") })
    }

    @Test(
        "S43: nothing that a peer can say puts a control or format character on a terminal, a page or into JSON",
        arguments: [
            "\u{1B}[2J", "\u{7F}", "\u{9B}1m", "\u{202E}", "\u{200B}", "\u{AD}", "\u{E0041}", "\u{2028}", "\u{FEFF}",
            "\r\n",
        ]
    )
    func unseen(hostile: String) throws {
        var report = status
        report.adapters[0].link = "down: \(hostile)"
        report.peers[0].state = "not reached: \(hostile)"
        report.peers[0].address = hostile
        report.peers[0].pairs = [hostile]
        report.outcomes.append(.init(name: hostile, count: 1))
        for text in [Display.text(report), Display.metrics(report), try Display.json(report)] {
            let bad = text.unicodeScalars.filter { scalar in
                switch scalar.properties.generalCategory {
                case .control, .format, .lineSeparator, .paragraphSeparator: scalar != "\n"
                default: false
                }
            }
            #expect(bad.isEmpty, "\(text.debugDescription)")
        }
        #expect(try JSONDecoder().decode(StatusReport.self, from: Data(try Display.json(report).utf8)) == report)
    }

    @Test("Configuration: the example file has nothing wrong in it, its optional keys switched on or not")
    func exampleIsRight() throws {
        let example = ExampleFile.text(adapters: CompiledAdapters.schemas)
            .replacing(#/: \{ file: [^}]* }/#, with: ": { env: SECRET }")
        for text in [example, example.replacing(#/# ([a-z-]+: )/#) { $0.output.1 }]
        where !CompiledAdapters.schemas.isEmpty {
            let it = try AggregatorConfiguration.parse(text, adapters: CompiledAdapters.schemas) { _ in
                String(repeating: "x", count: 32)
            }
            #expect(it.adapters.map(\.kind) == CompiledAdapters.schemas.map(\.word))
        }
    }

    @Test("Configuration: Config/aggregator.example.yaml is what imx config keys prints")
    func exampleFile() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let file = try String(
            contentsOf: root.appendingPathComponent("Config/aggregator.example.yaml"),
            encoding: .utf8
        )
        let isFresh = file == ExampleFile.text(adapters: CompiledAdapters.schemas)
        #expect(isFresh, "write it anew: imx config keys > Config/aggregator.example.yaml")
    }
}
