// SPDX-License-Identifier: Apache-2.0
import ArgumentParser

/// Runs an aggregator.
struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Runs an aggregator until SIGTERM or SIGINT.",
        discussion: """
            The log goes to standard error. After SIGTERM, work in flight is finished or answered within stop-within; \
            the exit code is then 0.

            EXAMPLE
              imx serve --config aggregator.yaml
            """
    )

    @OptionGroup var file: ConfigOption

    func run() throws {
        try Serve.run(file.load())
    }
}
