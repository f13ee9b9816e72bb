// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Configuration
import Discovery
import EnvelopeModel
import IMXFront
import TransportSecurity

/// Looks at a peer from outside.
struct ProbeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "probe",
        abstract: "Connects to a peer as a stranger and says, step by step, what works and whose fault the rest is.",
        discussion: """
            TARGET is a domain, which is looked up as an aggregator does it, or HOST:PORT. Nothing that is sent can \
            harm a peer that keeps the rules, and no message is sent. The rehearsal of the dial-back claims a domain \
            with a token that nobody has made: it must be refused. Whether a true claim succeeds is shown by imx send.

            EXIT CODES
              0  all is right
              1  something is wrong
              2  wrong command line or configuration

            EXAMPLES
              imx probe b.example
              imx probe 192.0.2.7:5290 --domain b.example
              imx probe b.example --config aggregator.yaml --json | jq '.steps[] | select(.verdict == "wrong")'
            """
    )

    static let isWrong = ExitCode(1)

    @Argument(help: "A domain, or HOST:PORT.")
    var target: String

    @Option(help: ArgumentHelp("The domain to ask for, where TARGET is HOST:PORT.", valueName: "domain"))
    var domain: String?

    @Option(
        name: .customLong("as"),
        help: ArgumentHelp(
            "The domain to claim in the rehearsal; the peer will look it up and ask its servers.",
            valueName: "domain"
        )
    )
    var source: String?

    @Flag(help: "HOST:PORT speaks TLS from its first octet.")
    var tls = false

    @Option(help: ArgumentHelp("Seconds to wait for each answer.", valueName: "seconds"))
    var wait = 10

    @Flag(help: "Print the report as JSON.")
    var json = false

    @Option(
        name: [.customLong("config"), .short],
        help: ArgumentHelp("Find peers, addresses and authorities as this configuration says.", valueName: "file")
    )
    var config: String?

    func validate() throws {
        guard (1...60).contains(wait) else { throw ValidationError("--wait takes 1 to 60 seconds") }
        for (name, value) in [("--domain", domain), ("--as", source)] {
            if let value, Domain(value) == nil {
                throw ValidationError("\(name) is no domain: \"\(Terminal.safe(value))\"")
            }
        }
        if Endpoint(target) == nil, Domain(target) == nil {
            throw ValidationError("TARGET is neither a domain nor HOST:PORT: \"\(Terminal.safe(target))\"")
        }
    }

    func run() throws {
        let probe = Probe(try plan())
        let report = probe.run()
        Terminal.answer(json ? try Display.json(report) : Display.text(report))
        if !report.faults.isEmpty { throw CommandFailure("", code: ProbeCommand.isWrong) }
    }

    private func plan() throws -> Probe.Plan {
        guard let nobody = Domain("imx-probe.invalid") else { throw CommandFailure("no name could be made up") }
        let endpoint = Endpoint(target)
        let host = endpoint.flatMap { $0.isNumericHost ? nil : Domain($0.host) }
        let known = domain.flatMap { Domain($0) } ?? (endpoint == nil ? Domain(target) : host)
        var plan = Probe.Plan(
            target: target,
            domain: known ?? nobody,
            isDomainKnown: known != nil,
            places: [],
            source: source.flatMap { Domain($0) },
            nobody: nobody
        )
        plan.patience = .seconds(wait)
        let configuration = try loadedConfiguration()
        if let configuration { use(configuration, in: &plan) }
        if let endpoint {
            plan.places = [Probe.Place(endpoint: PeerEndpoint(endpoint, usesTLS: tls))]
        } else if let peers = configuration?.peers[plan.domain] {
            plan.places = peers.map { Probe.Place(endpoint: PeerEndpoint($0, usesTLS: $0.usesTLS)) }
        }
        return plan
    }

    private func loadedConfiguration() throws -> AggregatorConfiguration? {
        guard config != nil else { return nil }
        var file = ConfigOption()
        file.config = config
        return try file.load()
    }

    private func use(_ configuration: AggregatorConfiguration, in plan: inout Probe.Plan) {
        plan.dns = DNSSettings(configuration.dns)
        plan.policy = AddressPolicy(allowed: configuration.dns.allowedAddresses.compactMap { AddressRange($0) })
        plan.tls = TLSSettings(
            extraRootFiles: configuration.tls.authorities,
            usesSystemRoots: configuration.tls.believesSystemAuthorities
        )
        plan.connectTimeout = configuration.timeouts.connect
        let words = configuration.domains.compactMap { configuration.classes[$0.className]?.trust }
        plan.demanded = TrustLevel.allCases.last { words.contains($0.word) }
    }
}

extension PeerEndpoint {
    fileprivate init(_ endpoint: Endpoint, usesTLS: Bool) {
        self.init(host: endpoint.host, port: endpoint.port, usesTLS: usesTLS)
    }
}
