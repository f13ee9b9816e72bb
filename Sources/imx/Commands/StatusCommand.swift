// SPDX-License-Identifier: Apache-2.0
import ArgumentParser

/// Shows the state of a running aggregator.
struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Shows the ledger, the lanes, the links, the peers and the counters.",
        discussion: """
            EXAMPLES
              imx status --config aggregator.yaml
              imx status --json | jq .ledger
              imx status --metrics > /var/lib/node_exporter/imx.prom
            """
    )

    @Flag(help: "Print everything as one JSON object.")
    var json = false

    @Flag(help: "Print the numbers in the text format of Prometheus.")
    var metrics = false

    @OptionGroup var control: ControlOptions

    func validate() throws {
        if json && metrics { throw ValidationError("--json and --metrics exclude each other") }
    }

    func run() throws {
        guard case .status(let report) = try control.ask(.status, within: 10) else {
            throw CommandFailure("the aggregator answered something else; is it of another version?")
        }
        Terminal.answer(json ? try Display.json(report) : metrics ? Display.metrics(report) : Display.text(report))
    }
}

/// Shows where messages went that were not delivered.
struct OutcomesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "outcomes",
        abstract: "Shows the last messages that were not delivered, and why.",
        discussion: """
            EXAMPLES
              imx outcomes --last 50
              imx outcomes --trace 4bf92f3577b34da6a3ce929d0e0e4736
            """
    )

    @Option(help: ArgumentHelp("How many to show.", valueName: "count"))
    var last = 20

    @Option(help: ArgumentHelp("Show those of one message, by its trace identifier.", valueName: "trace"))
    var trace: String?

    @Flag(help: "Print them as JSON.")
    var json = false

    @OptionGroup var control: ControlOptions

    func validate() throws {
        guard (1...100_000).contains(last) else { throw ValidationError("--last takes 1 to 100000") }
        if let trace, trace.utf8.count != 32 { throw ValidationError("a trace identifier has 32 hexadecimal digits") }
    }

    func run() throws {
        guard case .outcomes(let reports) = try control.ask(.outcomes(last: last, trace: trace), within: 10) else {
            throw CommandFailure("the aggregator answered something else; is it of another version?")
        }
        Terminal.answer(json ? try Display.json(reports) : Display.text(reports))
    }
}
