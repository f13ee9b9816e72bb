// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Configuration

/// What concerns the configuration.
struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Checks a configuration, or explains its keys.",
        subcommands: [Check.self, Keys.self]
    )

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Checks a configuration file and says everything that is wrong with it.",
            discussion: """
                Each mistake is told with its file, line and column, what is wrong, and what would be right. Secrets \
                are looked up and never shown.

                EXAMPLE
                  imx config check aggregator.yaml
                """
        )

        @Argument(help: "The file; without it, what --config or IMX_CONFIG names.")
        var path: String?

        @OptionGroup var file: ConfigOption

        func run() throws {
            var file = file
            file.config = path ?? file.config
            let configuration = try file.load()
            let problems = PeerParts.problems(PeerParts.security(configuration), configuration)
            guard problems.isEmpty else {
                throw CommandFailure(
                    "\(configuration.file) is right, but not its certificates\n" + problems.joined(separator: "\n")
                )
            }
            Terminal.answer(Display.text(configuration))
        }
    }

    struct Keys: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Prints an example configuration with every key, its meaning and its default.",
            discussion: """
                EXAMPLES
                  imx config keys > aggregator.yaml
                  imx config keys --adapter xmpp
                """
        )

        @Option(help: ArgumentHelp("Print the keys of one adapter alone.", valueName: "word"))
        var adapter: String?

        func run() throws {
            guard let adapter else {
                return Terminal.answer(String(ExampleFile.text(adapters: CompiledAdapters.schemas).dropLast()))
            }
            let words = CompiledAdapters.schemas.map(\.word)
            guard let schema = CompiledAdapters.schemas.first(where: { $0.word == adapter }) else {
                let hint = nearest(to: adapter, among: words).map { "did you mean \"\($0)\"?" }
                throw CommandFailure(
                    "there is no adapter \"\(Terminal.safe(adapter))\"\n    "
                        + (hint ?? "the adapters are: \(words.joined(separator: ", "))")
                )
            }
            Terminal.answer(String(ExampleFile.text(adapter: schema, name: schema.word).dropLast()))
        }
    }
}

/// Prints the version.
struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version",
        abstract: "Prints the version of the program and of the protocol.",
        discussion: """
            EXAMPLE
              imx version
            """
    )

    func run() throws { Terminal.answer(Version.line) }
}
