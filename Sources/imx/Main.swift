// SPDX-License-Identifier: Apache-2.0
import ArgumentParser

/// The one program: the aggregator and the commands that talk to it.
@main
struct IMX: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "imx",
        abstract: "Connects instant-messaging domains with each other and with the IMX network.",
        discussion: """
            EXIT CODES
              0  done; send: delivered
              1  send: failed for good
              2  wrong command line or configuration, or no aggregator is running
              3  send: uncertain, handed on and nobody knows whether it arrived
              4  send: not now, trying again later may help

            EXAMPLES
              imx config check aggregator.yaml
              imx serve --config aggregator.yaml
              imx send alice@a.example bob@b.example 'hello' --config aggregator.yaml
              imx status --config aggregator.yaml
            """,
        version: Version.line,
        subcommands: [
            ServeCommand.self, SendCommand.self, StatusCommand.self, OutcomesCommand.self, ReloadCommand.self,
            DrainCommand.self, TrustCommand.self, RulesCommand.self, SubscriptionsCommand.self,
            AttributesCommand.self, DNSCommand.self,
            ProbeCommand.self,
            ConfigCommand.self,
            CPIMCommand.self,
            VersionCommand.self,
        ]
    )

    static func main() {
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch let failure as CommandFailure {
            Terminal.complain(failure.message)
            exit(withError: failure.code)
        } catch {
            guard exitCode(for: error) != .success else { exit(withError: error) }
            Terminal.complain(fullMessage(for: error), asIs: true)
            exit(withError: CommandFailure.fault)
        }
    }
}

/// What a command ends with when it does not end well.
struct CommandFailure: Error {
    /// The command line, the configuration or the connection to the aggregator is at fault.
    static let fault = ExitCode(2)

    /// What to tell, in full lines; empty where everything has been told.
    var message: String
    /// The exit code.
    var code: ExitCode

    init(_ message: String, code: ExitCode = fault) {
        self.message = message
        self.code = code
    }
}
