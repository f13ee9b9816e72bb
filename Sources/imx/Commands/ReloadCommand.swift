// SPDX-License-Identifier: Apache-2.0
import ArgumentParser

/// Has a running aggregator read its configuration again.
struct ReloadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload",
        abstract: "Has the aggregator read its configuration and its certificates again.",
        discussion: """
            The whole file is checked first; with a mistake in it nothing changes. Domains, classes, new adapters, \
            peers, rules, budgets, the block list, certificates and the log level are taken over at once, and connections of what did \
            not change stay. SIGHUP does the same.

            EXAMPLE
              imx reload --config aggregator.yaml
            """
    )

    @Flag(help: "Print what changed as JSON.")
    var json = false

    @OptionGroup var control: ControlOptions

    func run() throws {
        guard case .reloaded(let report) = try control.ask(.reload, within: 30) else {
            throw CommandFailure("the aggregator answered something else; is it of another version?")
        }
        if json {
            Terminal.answer(try Display.json(report))
        } else if report.problems.isEmpty {
            Terminal.answer(Display.text(report))
        }
        guard report.problems.isEmpty else {
            let count = report.problems.count
            let head = count == 1 ? "1 mistake" : "\(count) mistakes"
            throw CommandFailure(
                json ? "" : "nothing was changed: \(head)\n" + report.problems.joined(separator: "\n")
            )
        }
    }
}

/// Shows and forgets what foreign domains have shown of themselves.
struct TrustCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trust",
        abstract: "Shows which foreign domains have proved themselves by TLS, or forgets it.",
        discussion: """
            A domain that has once shown a certificate, or spoken TLS, is not believed with less afterwards. When its \
            people give up TLS for a good reason, tell the aggregator to forget.

            EXAMPLES
              imx trust
              imx trust forget b.example
            """,
        subcommands: [List.self, Forget.self],
        defaultSubcommand: List.self
    )

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Shows the domains.")

        @Flag(help: "Print them as JSON.")
        var json = false

        @OptionGroup var control: ControlOptions

        func run() throws {
            let reports = try TrustCommand.ask(.trust, control)
            Terminal.answer(json ? try Display.json(reports) : Display.text(reports))
        }
    }

    struct Forget: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Forgets what a domain has shown, so that less is enough again where the policy allows it."
        )

        @Argument(help: "The foreign domain.")
        var domain: String

        @OptionGroup var control: ControlOptions

        func run() throws {
            _ = try TrustCommand.ask(.forgetTrust(domain: domain), control)
            Terminal.answer("forgotten; the trust policy of the classes decides about \(Terminal.safe(domain)) again")
        }
    }

    private static func ask(_ request: ControlRequest, _ control: ControlOptions) throws -> [TrustReport] {
        guard case .trust(let reports) = try control.ask(request, within: 10) else {
            throw CommandFailure("the aggregator answered something else; is it of another version?")
        }
        return reports
    }
}
