// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import EnvelopeModel

/// Sends one message.
struct SendCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "send",
        abstract: "Sends one message and prints what became of it and the way it took.",
        discussion: """
            The message goes through the running aggregator like any other. FROM must be of a domain that is hosted \
            there; TO may be anywhere.

            EXIT CODES
              0  delivered
              1  failed for good
              2  could not be sent
              3  uncertain, handed on and nobody knows whether it arrived
              4  not now, trying again later may help

            EXAMPLES
              imx send alice@a.example bob@b.example 'hello' --config aggregator.yaml
              fortune | imx send alice@a.example bob@b.example - --language en
            """
    )

    static let failed = ExitCode(1)
    static let uncertain = ExitCode(3)
    static let temporary = ExitCode(4)

    @Argument(help: "The sender's address, of a hosted domain.")
    var from: String

    @Argument(help: "The recipient's address.")
    var to: String

    @Argument(help: "The text; - reads it from standard input.")
    var text: String

    @Option(help: ArgumentHelp("The language of the text, such as en or pt-BR.", valueName: "tag"))
    var language: String?

    @Option(help: ArgumentHelp("Seconds to wait for the outcome.", valueName: "seconds"))
    var wait = 60

    @Flag(help: "Print the outcome as JSON.")
    var json = false

    @OptionGroup var control: ControlOptions

    func validate() throws {
        for (name, address) in [("FROM", from), ("TO", to)] where Address(address) == nil {
            throw ValidationError("\(name) is no address: \"\(Terminal.safe(address))\"; an address is user@domain")
        }
        guard (1...3600).contains(wait) else { throw ValidationError("--wait takes 1 to 3600 seconds") }
    }

    func run() throws {
        var content = text
        if text == "-" {
            guard let input = Terminal.input(limit: 512 << 10) else {
                throw CommandFailure("standard input is no UTF-8 text of at most 512 KiB")
            }
            content = input.hasSuffix("\n") ? String(input.dropLast()) : input
        }
        guard !content.isEmpty else { throw CommandFailure("there is no text to send") }
        let request = ControlRequest.send(from: from, to: to, text: content, language: language)
        guard case .sent(let report) = try control.ask(request, within: wait) else {
            throw CommandFailure("the aggregator answered something else", code: SendCommand.uncertain)
        }
        Terminal.answer(json ? try Display.json(report) : Display.text(report))
        let code = SendCommand.exitCode(for: OutcomeCode(rawValue: report.code))
        if code != .success { throw CommandFailure("", code: code) }
    }

    /// The exit code that stands for an outcome.
    static func exitCode(for code: OutcomeCode) -> ExitCode {
        switch Outcome(code).disposition {
        case .delivered: .success
        case .uncertain: uncertain
        case .expired: temporary
        case .failed: code.isTemporary ? temporary : failed
        }
    }
}
