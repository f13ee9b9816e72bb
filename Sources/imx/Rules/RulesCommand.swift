// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Configuration

/// Explains the rules about who may see, watch and write to whom.
struct RulesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rules",
        abstract: "Shows which rule decides who may see, watch or write to whom, and why.",
        discussion: """
            The most specific rule decides: first by its owner (a user, a domain, a class, everybody), then by its party \
            (an address, a pattern, a domain, what is below a domain, a class, contacts, everybody), then one about the \
            action itself before one about presence.

            EXAMPLES
              imx rules check message ann@a.example eve@evil.example
              imx rules list
            """,
        subcommands: [Check.self, List.self]
    )

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows which rule decides a case, with its place in the file, and which others speak about it.",
            discussion: """
                The rules are read from the configuration file. With --running the aggregator is asked instead, which \
                knows who is a contact and has the file as it was read last.

                VERDICTS
                  allow   yes
                  deny    no
                  polite  looks granted and is never served
                  ask     the owner's service decides

                What no rule denies still has to pass first-contact and the budgets of the classes. The running \
                aggregator says what they would decide now; from the file it is said as for the first time.

                EXAMPLES
                  imx rules check message ann@a.example eve@evil.example --config aggregator.yaml
                  imx rules check subscribe ann@a.example bob@b.example --contact
                  imx rules check fetch ann@a.example bob@b.example --running
                """
        )

        @Argument(help: "subscribe, fetch, attributes, message, or watchers (who may know who watches).")
        var action: String

        @Argument(help: "Whose presence, inbox or watchers it is: local@domain, hosted here.")
        var owner: String

        @Argument(help: "Who wishes to see, write or know: local@domain.")
        var party: String

        @Flag(help: "Take the party for a contact of the owner.")
        var contact = false

        @Flag(help: "Ask the running aggregator.")
        var running = false

        @Flag(help: "Print the answer as JSON.")
        var json = false

        @OptionGroup var control: ControlOptions

        func validate() throws {
            if contact && running { throw ValidationError("--contact and --running exclude each other") }
        }

        func run() throws {
            let question = RuleQuestion(action: action, owner: owner, party: party)
            let report = try running ? ask(question) : question.answer(by: control.file.load(), isContact: contact)
            Terminal.answer(json ? try Display.json(report) : Display.text(report))
        }

        private func ask(_ question: RuleQuestion) throws -> RuleReport {
            guard case .rules(let report) = try control.ask(.rules(question), within: 10) else {
                throw CommandFailure("the aggregator answered something else; is it of another version?")
            }
            return report
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows all rules in the order of the file, each with its place.",
            discussion: """
                EXAMPLE
                  imx rules list --config aggregator.yaml
                """
        )

        @Flag(help: "Print them as JSON.")
        var json = false

        @OptionGroup var file: ConfigOption

        func run() throws {
            let rules = try file.load().rules.map { RuleLine($0) }
            guard !json else { return Terminal.answer(try Display.json(rules)) }
            let lines = rules.map { "\(Terminal.safe($0.place))  \(Terminal.safe($0.rule))" }
            Terminal.answer(
                lines.isEmpty ? "there are no rules; each service decides for its users" : lines.joined(separator: "\n")
            )
        }
    }
}
