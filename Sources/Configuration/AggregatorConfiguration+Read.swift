// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

extension AggregatorConfiguration {
    /// Reads and checks the configuration file at `path`, including the secrets that it names.
    ///
    /// - Parameter adapters: What the adapters that are compiled in understand.
    /// - Throws: ``ConfigurationError`` with everything that is wrong.
    package static func load(path: String, adapters: [SettingsSchema]) throws -> AggregatorConfiguration {
        switch readFile(path, limit: 16 << 20) {
        case .failure(let failure):
            throw ConfigurationError([
                ConfigurationProblem(
                    SettingsPosition(file: path, line: 0, column: 0),
                    "cannot read the file: \(failure.reason)",
                    remedy: "imx config keys prints an example to start from"
                )
            ])
        case .success(let file):
            let slash = path.lastIndex(of: "/")
            let source = SecretSource(
                directory: slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "",
                fileIsWorldReadable: file.isWorldReadable,
                environment: SecretSource.processEnvironment
            )
            return try read(file.text, file: path, adapters: adapters, secrets: source)
        }
    }

    /// Reads and checks a configuration in `text`. Secrets may stand in it; `environment` gives those of the
    /// environment.
    package static func parse(
        _ text: String,
        file: String = "configuration",
        adapters: [SettingsSchema],
        environment: @escaping @Sendable (String) -> String? = { _ in nil }
    ) throws -> AggregatorConfiguration {
        let secrets = SecretSource(directory: "", fileIsWorldReadable: false, environment: environment)
        return try read(text, file: file, adapters: adapters, secrets: secrets)
    }

    static func read(
        _ text: String,
        file: String,
        adapters: [SettingsSchema],
        secrets: SecretSource
    ) throws -> AggregatorConfiguration {
        let (settings, problems) = Settings.check(
            text,
            file: file,
            keys: AggregatorKeys.all,
            schemas: adapters,
            secrets: secrets
        )
        let references = settings.map(referenceProblems) ?? []
        guard problems.isEmpty, references.isEmpty, let settings else {
            throw ConfigurationError(problems + references)
        }
        return try AggregatorConfiguration(settings, file: file)
    }

    /// Names of adapters and classes that lead nowhere, and domains that are said to be both here and elsewhere.
    private static func referenceProblems(_ settings: Settings) -> [ConfigurationProblem] {
        var problems: [ConfigurationProblem] = []
        let domains = (try? settings.table("domains")) ?? []
        for (key, table) in [("adapter", "adapters"), ("class", "classes")] {
            // A table that could not be read has been reported; what it defines is not known.
            guard let known = settings.names(table) else { continue }
            for (name, domain) in domains {
                guard let reference = try? domain.text(key), !known.contains(reference) else { continue }
                let hint = nearest(to: reference, among: known).map { "did you mean \"\($0)\"?" }
                let choice = known.isEmpty ? "define it under \"\(table)\"" : "one of: \(known.joined(separator: ", "))"
                problems.append(
                    domain.problem(
                        at: key,
                        "\"domains.\(name).\(key)\": there is no \"\(reference)\" under \"\(table)\"",
                        remedy: hint ?? choice
                    )
                )
            }
        }
        let hosted = Set(domains.map(\.name))
        for (name, peer) in (try? settings.table("peers")) ?? [] where hosted.contains(name) {
            problems.append(
                peer.problem(
                    at: "value",
                    "\"\(name)\" is both hosted here and a peer's",
                    remedy: "remove it from peers or from domains"
                )
            )
        }
        return problems
    }

    private init(_ settings: Settings, file: String) throws {
        self.file = file
        name = try settings.text("name")
        listen = try settings.endpoints("listen")
        stateDirectory = try settings.text("state-directory")
        controlSocket =
            settings.has("control-socket") ? try settings.text("control-socket") : stateDirectory + "/control.sock"
        stopWithin = try settings.duration("stop-within")
        let log = try settings.section("log")
        logLevel = try log.text("level")
        logsJSON = try log.text("format") == "json"
        limits = try Limits(settings.section("limits"))
        timeouts = try Timeouts(settings.section("timeouts"))
        var peers: [Domain: [Endpoint]] = [:]
        for (name, entry) in try settings.table("peers") {
            if let domain = Domain(name) { peers[domain] = try entry.endpoints("value") }
        }
        self.peers = peers
        var classes: [String: DomainClass] = [:]
        for (name, entry) in try settings.table("classes") {
            classes[name] = DomainClass(
                name: name,
                maxMessage: try entry.integer("max-message"),
                deadline: try entry.duration("deadline")
            )
        }
        self.classes = classes
        adapters = try settings.table("adapters").map { row in
            AdapterSection(name: row.name, kind: try row.settings.text("kind"), settings: row.settings)
        }
        domains = try settings.table("domains").compactMap { row in
            guard let domain = Domain(row.name) else { return nil }
            return HostedDomain(
                domain: domain,
                className: try row.settings.text("class"),
                adapter: try row.settings.text("adapter")
            )
        }
    }
}

extension AggregatorConfiguration.Limits {
    fileprivate init(_ settings: Settings) throws {
        lanes = try settings.integer("lanes")
        laneMessages = try settings.integer("lane-messages")
        laneOctets = try settings.integer("lane-octets")
        waitingOctets = try settings.integer("waiting-octets")
        connections = try settings.integer("connections")
        connectionsFromDomain = try settings.integer("connections-from-domain")
        connectionsToDomain = try settings.integer("connections-to-domain")
        inFlight = try settings.integer("in-flight")
        recordSize = try settings.integer("record-size")
        rememberedMessages = try settings.integer("remembered-messages")
        keptOutcomes = try settings.integer("kept-outcomes")
    }
}

extension AggregatorConfiguration.Timeouts {
    fileprivate init(_ settings: Settings) throws {
        handshake = try settings.duration("handshake")
        verify = try settings.duration("verify")
        idle = try settings.duration("idle")
        reconnect = try settings.duration("reconnect")
        reconnectMost = try settings.duration("reconnect-most")
        repeatWindow = try settings.duration("repeat-window")
    }
}
