// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

extension AggregatorConfiguration {
    /// Reads and checks the configuration file at `path`, including the secrets that it names.
    ///
    /// - Parameter adapters: What the adapters that are compiled in understand.
    /// - Throws: ``ConfigurationError`` with everything that is wrong.
    package static func load(path: String, adapters: [SettingsSchema]) throws -> AggregatorConfiguration {
        let (file, source) = try open(path)
        return try read(file.text, file: path, adapters: adapters, secrets: source)
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

    /// What a command needs to talk to the aggregator of the file at `path`: its name and its control socket.
    ///
    /// Nothing else in the file matters here; a secret that only the aggregator may read is not looked for.
    package static func controlPlace(path: String) throws -> (name: String, socket: String) {
        let (file, source) = try open(path)
        let wanted = AggregatorKeys.all.filter { ["name", "state-directory", "control-socket"].contains($0.name) }
        let (settings, problems) = Settings.check(
            file.text,
            file: path,
            keys: wanted,
            schemas: [],
            secrets: source,
            ignoring: { name in !wanted.contains { $0.name == name } }
        )
        guard problems.isEmpty, let settings else { throw ConfigurationError(problems) }
        return (try settings.text("name"), try socket(settings))
    }

    private static func open(_ path: String) throws -> (ReadFile, SecretSource) {
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
            return (file, source)
        }
    }

    private static func socket(_ settings: Settings) throws -> String {
        guard settings.has("control-socket") else { return try settings.text("state-directory") + "/control.sock" }
        return try settings.text("control-socket")
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
        // A message that a class allows and no record holds could never leave.
        let envelope = 16 << 10
        if let limits = try? settings.section("limits"), let record = try? limits.integer("record-size") {
            for (name, row) in (try? settings.table("classes")) ?? [] {
                guard let most = try? row.integer("max-message"), most > record - envelope else { continue }
                problems.append(
                    row.problem(
                        at: "max-message",
                        "\"classes.\(name).max-message\" does not fit into a record",
                        remedy:
                            "set it to at most limits.record-size less 16KiB, which is \(sizeText(record - envelope)); "
                            + "or make record-size larger"
                    )
                )
            }
        }
        // The kernel's bound for the name of a socket; a path that is too long would fail only at the start.
        if let socket = try? socket(settings), socket.utf8.count > 107 {
            let key = settings.has("control-socket") ? "control-socket" : "state-directory"
            problems.append(
                settings.problem(
                    at: key,
                    "the control socket's path is longer than 107 octets: \(socket)",
                    remedy: "set a shorter one, for example: control-socket: /run/imx/control.sock"
                )
            )
        }
        problems += tlsProblems(settings)
        problems += nodeProblems(settings)
        problems += dnsProblems(settings)
        let hosted = Set(domains.map(\.name))
        problems += policyProblems(settings, hosted: Set(settings.names("domains") ?? []))
        for blocked in (try? settings.list("block")) ?? [] {
            guard let domain = try? blocked.domain("value"), hosted.contains(domain.name) else { continue }
            problems.append(
                blocked.problem(
                    at: "value",
                    "\"\(domain.name)\" is hosted here and cannot be blocked",
                    remedy: "remove it from block or from domains"
                )
            )
        }
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

    /// A TLS port without certificates would turn everybody away.
    private static func tlsProblems(_ settings: Settings) -> [ConfigurationProblem] {
        guard let listeners = try? settings.list("listen"), let tls = try? settings.section("tls"),
            !tls.has("certificates")
        else { return [] }
        return listeners.compactMap { entry in
            guard let endpoint = try? entry.endpoint("value"), endpoint.usesTLS else { return nil }
            return entry.problem(
                at: "value",
                "\(endpoint) speaks TLS and there are no certificates",
                remedy: "name their directory, for example: tls: { certificates: /etc/letsencrypt/live }"
            )
        }
    }

    /// Servers that nobody would ask.
    private static func dnsProblems(_ settings: Settings) -> [ConfigurationProblem] {
        guard let dns = try? settings.section("dns"), let resolver = try? dns.text("resolver") else { return [] }
        if let places = try? dns.endpoints("reached-at"), places.contains(where: { $0.port == 0 }) {
            let remedy = "write the port that others connect to"
            return [dns.problem(at: "reached-at", "\"dns.reached-at\" has a place with port 0", remedy: remedy)]
        }
        guard resolver != "system",
            let servers = try? dns.list("servers"), !servers.isEmpty
        else { return [] }
        return [
            dns.problem(
                at: "servers",
                "\"dns.servers\" are not asked where dns.resolver is \(resolver)",
                remedy: "remove them, or set dns.resolver to system"
            )
        ]
    }

    /// Nodes know each other by their key; a short one could be guessed.
    private static func nodeProblems(_ settings: Settings) -> [ConfigurationProblem] {
        guard let node = try? settings.section("node"), let directory = try? node.text("socket-directory") else {
            return []
        }
        guard let key = try? node.secret("key") else {
            return [
                node.problem(
                    at: "socket-directory",
                    "\"node.socket-directory\" needs a key",
                    remedy: "make one with: openssl rand -hex 32 > node.key, and say key: { file: node.key }"
                )
            ]
        }
        var problems: [ConfigurationProblem] = []
        if key.reveal().utf8.count < 32 {
            problems.append(
                node.problem(
                    at: "key",
                    "\"node.key\" is shorter than 32 characters",
                    remedy: "make a longer one with: openssl rand -hex 32"
                )
            )
        }
        // The kernel's bound for the name of a socket, less the longest name of a node.
        if directory.utf8.count > 107 - "/node-65535.sock".utf8.count {
            problems.append(
                node.problem(
                    at: "socket-directory",
                    "\"node.socket-directory\" is longer than 91 octets",
                    remedy: "choose a shorter one, for example: /run/imx/nodes"
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
        controlSocket = try AggregatorConfiguration.socket(settings)
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
        dns = try DNS(settings.section("dns"))
        tls = try TLS(settings.section("tls"))
        node = try Node(settings.section("node"))
        blocked = Set(try settings.list("block").map { try $0.domain("value") })
        var classes: [String: DomainClass] = [:]
        for (name, entry) in try settings.table("classes") {
            classes[name] = DomainClass(
                name: name,
                trust: try entry.text("trust"),
                maxMessage: try entry.integer("max-message"),
                deadline: try entry.duration("deadline"),
                lease: try entry.duration("lease"),
                leastLease: try entry.duration("least-lease"),
                laneMessages: try entry.integer("lane-messages"),
                laneOctets: try entry.integer("lane-octets"),
                contact: entry.has("contact") ? try entry.text("contact") : nil,
                members: try entry.domains("members"),
                budgets: try Budgets(entry)
            )
        }
        self.classes = classes
        rules = try settings.list("rules").compactMap { try AccessRule($0) }
        spam = try Spam(settings.section("spam"))
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

extension AggregatorConfiguration.DNS {
    fileprivate init(_ settings: Settings) throws {
        resolver = try settings.text("resolver")
        servers = try settings.endpoints("servers")
        var zones: [Domain: [Endpoint]] = [:]
        for (name, entry) in try settings.table("zones") {
            if let domain = Domain(name) { zones[domain] = try entry.endpoints("value") }
        }
        self.zones = zones
        trustAnchor = settings.has("trust-anchor") ? try settings.text("trust-anchor") : nil
        defaultPort = UInt16(clamping: try settings.integer("default-port"))
        allowedAddresses = try settings.list("allow-addresses").map { try $0.text("value") }
        watch = try settings.duration("watch")
        reachedAt = try settings.endpoints("reached-at")
    }
}

extension AggregatorConfiguration.Node {
    fileprivate init?(_ settings: Settings) throws {
        guard settings.has("socket-directory") else { return nil }
        number = try settings.integer("number")
        socketDirectory = try settings.text("socket-directory")
        key = try settings.secret("key")
    }
}

extension AggregatorConfiguration.TLS {
    fileprivate init(_ settings: Settings) throws {
        certificates = settings.has("certificates") ? try settings.text("certificates") : nil
        authorities = try settings.list("authorities").map { try $0.text("value") }
        believesSystemAuthorities = try settings.flag("system-authorities")
        lookForChanges = try settings.duration("look-for-changes")
    }
}

extension AggregatorConfiguration.Limits {
    fileprivate init(_ settings: Settings) throws {
        lanes = try settings.integer("lanes")
        submissions = try settings.integer("submissions")
        waitingOctets = try settings.integer("waiting-octets")
        inFlight = try settings.integer("in-flight")
        recordSize = try settings.integer("record-size")
        connections = try settings.integer("connections")
        connectionsFromAddress = try settings.integer("connections-from-address")
        connectionsFromNetwork = try settings.integer("connections-from-network")
        connectionsFromDomain = try settings.integer("connections-from-domain")
        connectionsUnproved = try settings.integer("connections-unproved")
        newConnections = try settings.integer("new-connections")
        connectionsToPeer = try settings.integer("connections-to-peer")
        rememberedMessages = try settings.integer("remembered-messages")
        keptOutcomes = try settings.integer("kept-outcomes")
    }
}

extension AggregatorConfiguration.Timeouts {
    fileprivate init(_ settings: Settings) throws {
        connect = try settings.duration("connect")
        handshake = try settings.duration("handshake")
        idle = try settings.duration("idle")
        ping = try settings.duration("ping")
        pingAnswer = try settings.duration("ping-answer")
        reconnect = try settings.duration("reconnect")
        reconnectMost = try settings.duration("reconnect-most")
        repeatWindow = try settings.duration("repeat-window")
        presenceGrace = try settings.duration("presence-grace")
    }
}
