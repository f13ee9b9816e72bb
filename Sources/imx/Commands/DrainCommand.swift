// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Configuration

/// Takes a node out of service.
struct DrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain",
        abstract: "Empties the aggregator: peers go elsewhere, what is in flight is finished.",
        discussion: """
            The listening ports are closed, connected peers are sent to the other host or look the domains up again, \
            and every connection is closed in order once its messages are answered. The aggregator goes on running, so \
            that its services can be moved; stop it afterwards. Ports open again at the next start.

            Peers follow --to only where the domains' own DNS records name that host, or where it shows a certificate \
            for them.

            EXAMPLES
              imx drain --config aggregator.yaml
              imx drain --to front2.example.net:5290
            """
    )

    @Option(help: ArgumentHelp("The host that serves the domains from now on.", valueName: "host:port"))
    var to: String?

    @Option(help: ArgumentHelp("How long peers shall go there before they look again.", valueName: "seconds"))
    var seconds: UInt32 = 300

    @OptionGroup var control: ControlOptions

    func validate() throws {
        if let to, Endpoint(to) == nil {
            throw ValidationError("\"\(to)\" is not a host and a port: front2.example:5290")
        }
        guard (1...86_400).contains(seconds) else { throw ValidationError("--seconds takes 1 to 86400") }
    }

    func run() throws {
        guard case .drained(let count) = try control.ask(.drain(to: to, seconds: seconds), within: 120) else {
            throw CommandFailure("the aggregator answered something else; is it of another version?")
        }
        Terminal.answer("drained: \(count) connection\(count == 1 ? "" : "s") closed in order, none is left")
    }
}
