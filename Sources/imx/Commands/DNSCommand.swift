// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Configuration
import Discovery
import EnvelopeModel
import Glibc

/// What concerns a domain's DNS records.
struct DNSCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dns",
        abstract: "Prints the DNS records that a domain needs, or checks those it has.",
        subcommands: [Record.self, Check.self]
    )

    struct Record: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Prints the zone lines that lead to this aggregator, for BIND, Knot DNS and NSD.",
            discussion: """
                Ports, TLS, addresses and the certificate are taken from the configuration where one is given, and \
                from the options before that. The lines go into the domain's zone as they are.

                EXAMPLES
                  imx dns record acme.example --host imx.acme.example --tls --certificate fullchain.pem
                  imx dns record acme.example --config aggregator.yaml >> acme.example.zone
                """
        )

        @Argument(help: "The domain.")
        var domain: String

        @Option(help: ArgumentHelp("The name of the machine; without it, imx.DOMAIN.", valueName: "name"))
        var host: String?

        @Option(help: ArgumentHelp("The port; without it, those of the configuration, else 5290.", valueName: "port"))
        var port: UInt16?

        @Flag(inversion: .prefixedNo, help: "Whether the port of --port speaks TLS.")
        var tls = false

        @Option(help: ArgumentHelp("A public address of the machine; may be repeated.", valueName: "address"))
        var address: [String] = []

        @Option(help: ArgumentHelp("The certificate in PEM, for the TLSA record.", valueName: "file"))
        var certificate: String?

        @Option(help: ArgumentHelp("Lower is tried first.", valueName: "number"))
        var preference: UInt16 = 10

        @Option(help: ArgumentHelp("The share among records of one preference.", valueName: "number"))
        var weight: UInt16 = 0

        @Option(help: ArgumentHelp("How long answers may be kept.", valueName: "seconds"))
        var ttl: UInt32 = 3600

        @OptionGroup var file: ConfigOption

        func run() throws {
            let domain = try DNSCommand.domain(domain)
            var records = ZoneRecords(domain: domain, configuration: try file.loadWhereGiven())
            if let host {
                guard let name = HostName.canonical(host) else {
                    throw CommandFailure("--host takes a name, not \"\(Terminal.safe(host))\"")
                }
                records.host = name
            }
            if let port {
                guard port > 0 else { throw CommandFailure("--port takes 1 to 65535") }
                records.ports = [ZoneRecords.Port(number: port, usesTLS: tls)]
            } else if tls {
                records.ports = records.ports.map { ZoneRecords.Port(number: $0.number, usesTLS: true) }
            }
            records.addresses = try address.isEmpty ? records.addresses : address.map(DNSCommand.address)
            if let certificate { records.certificate = certificate }
            (records.preference, records.weight, records.seconds) = (preference, weight, ttl)
            Terminal.answer(try records.text())
        }
    }

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Looks a domain up as strangers do, and says what is right, what is missing and what to add.",
            discussion: """
                With a configuration the domain is looked up as the aggregator would, and it is checked that the \
                records lead to it.

                EXIT CODES
                  0  other aggregators find the domain
                  1  something is wrong
                  2  wrong command line or configuration

                EXAMPLES
                  imx dns check acme.example
                  imx dns check acme.example --config aggregator.yaml --json
                """
        )

        @Argument(help: "The domain.")
        var domain: String

        @Flag(help: "Print the findings as JSON.")
        var json = false

        @OptionGroup var file: ConfigOption

        func run() throws {
            let domain = try DNSCommand.domain(domain)
            let configuration = try file.loadWhereGiven()
            let facts = try DNSFacts.gather(domain, configuration)
            let report = DNSCheck(facts).report()
            Terminal.answer(try json ? Display.json(report) : Display.text(report))
            if !report.isRight { throw CommandFailure("", code: ExitCode(1)) }
        }
    }

    static func domain(_ text: String) throws -> Domain {
        guard let domain = Domain(text), !HostName.isNumeric(domain) else {
            throw CommandFailure("\"\(Terminal.safe(text))\" is no domain; one looks like acme.example")
        }
        return domain
    }

    static func address(_ text: String) throws -> NumericAddress {
        guard let address = NumericAddress(text) else {
            throw CommandFailure("--address takes a numeric address, not \"\(Terminal.safe(text))\"")
        }
        return address
    }
}

extension ConfigOption {
    /// The configuration where one is named or stands in the usual place, else nil.
    func loadWhereGiven() throws -> AggregatorConfiguration? {
        guard config != nil || getenv("IMX_CONFIG") != nil || access(path, F_OK) == 0 else { return nil }
        return try load()
    }
}
