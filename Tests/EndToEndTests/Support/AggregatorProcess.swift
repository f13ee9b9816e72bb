// SPDX-License-Identifier: Apache-2.0
import Foundation
import Synchronization

/// What a test aggregator is to do; written out as the YAML that `imx serve` reads.
struct AggregatorPlan: Sendable {
    var name: String
    var listen: UInt16
    /// A port that speaks TLS beside it.
    var secureListen: UInt16?
    /// Foreign domain to the port of its aggregator.
    var peers: [String: UInt16] = [:]
    /// Adapter sections by their names, each as YAML in flow style.
    var adapters: [String: String] = [:]
    /// Hosted domain to the name of its adapter.
    var domains: [String: String] = [:]
    /// How long a message may wait, in seconds.
    var deadline = 10
    /// How long a subscription is granted, in seconds; nil leaves it to the aggregator.
    var lease: Int?
    /// How long a stop may take, in seconds.
    var stopWithin = 10
    /// Foreign domain to an endpoint as the file spells it, for those that are not on 127.0.0.1.
    var farPeers: [String: String] = [:]
    /// How foreign domains are found.
    var dns = "{ resolver: off }"
    /// Classes beside the default one.
    var classes: [String: String] = [:]
    /// Hosted domains of another class: adapter and class.
    var strictDomains: [String: (adapter: String, class: String)] = [:]
    /// Further lines of YAML.
    var more = ""

    /// Adds domains that live in memory, with users who take everything.
    mutating func hostInMemory(_ names: [String], users: [String]) {
        adapters["memory"] = "{ kind: stub, users: { \(users.map { "\($0): {}" }.joined(separator: ", ")) } }"
        for name in names { domains[name] = "memory" }
    }

    /// Adds an XMPP server's domain, reached through its component port.
    mutating func host(_ server: some XMPPServer, form: String = "native") {
        let name = server.domain.replacing(".", with: "-")
        adapters[name] = """
            { kind: xmpp, server: "127.0.0.1:\(server.componentPort)", component: \(server.componentDomain), \
            secret: { env: IMX_TEST_SECRET }, form: \(form), reconnect: 100ms, reconnect-most: 500ms }
            """
        domains[server.domain] = name
    }

    func yaml(state: String) -> String {
        func table(_ rows: [String: String]) -> String {
            rows.isEmpty
                ? "  {}" : rows.sorted { $0.key < $1.key }.map { "  \($0.key): \($0.value)" }.joined(separator: "\n")
        }
        let leases = lease.map { ", lease: \($0)s, least-lease: \($0)s" } ?? ""
        let usual = "{ deadline: \(deadline)s, budgets: { sender-burst: 0 }\(leases) }"
        let strict = strictDomains.mapValues { "{ adapter: \($0.adapter), class: \($0.class) }" }
        return """
            name: \(name)
            listen: [ "127.0.0.1:\(listen)"\(secureListen.map { ", \"tls://127.0.0.1:\($0)\"" } ?? "") ]
            state-directory: \(state)
            stop-within: \(stopWithin)s
            log: { level: debug, format: text }
            dns: \(dns)
            timeouts: { reconnect: 100ms, reconnect-most: 1s }
            classes:
            \(table(["default": usual].merging(classes) { $1 }))
            peers:
            \(table(peers.mapValues { "[ \"127.0.0.1:\($0)\" ]" }.merging(farPeers.mapValues { "[ \"\($0)\" ]" }) { $1 }))
            adapters:
            \(table(adapters))
            domains:
            \(table(domains.mapValues { "{ adapter: \($0) }" }.merging(strict) { $1 }))
            \(more)

            """
    }
}

/// The real binary, `imx serve`, with a state directory of its own that outlives each run of it.
final class AggregatorProcess: Sendable {
    /// What `imx status --json` says, as far as the tests read it.
    struct Status: Decodable, Sendable {
        struct Ledger: Decodable, Sendable, Equatable {
            var accepted: Int
            var delivered: Int
            var failed: Int
            var expired: Int
            var uncertain: Int
            var settled: Int { delivered + failed + expired + uncertain }
        }
        struct Adapter: Decodable, Sendable {
            var name: String
            var link: String
        }
        struct Count: Decodable, Sendable {
            var name: String
            var count: Int
        }
        struct Lane: Decodable, Sendable {
            var from: String
            var to: String
            var ledger: Ledger
        }
        struct Reloads: Decodable, Sendable {
            var taken: Int
            var refused: Int
        }
        struct Run: Decodable, Sendable {
            var ledger: Ledger
        }
        struct Certificate: Decodable, Sendable {
            var domain: String
            var notAfter: String
        }
        struct HostedRecords: Decodable, Sendable {
            struct Astray: Decodable, Sendable {
                var domain: String
                var problems: [String]
            }
            var looks: Int
            var right: Int
            var astray: [Astray]
        }
        struct Peer: Decodable, Sendable {
            var id: Int?
            var address: String
            var direction: String
            var state: String
            var pairs: [String]
        }
        var ledger: Ledger
        var waiting: Int
        var adapters: [Adapter]
        var peers: [Peer]
        var drops: [Count]
        var refusals: [Count]
        var repeats: Int
        var lanes: [Lane]
        var presence: [Count]
        var reloads: Reloads
        var certificates: [Certificate]
        var certificateProblems: [String]
        var hostedRecords: HostedRecords?
        var previousRun: Run?

        /// The connections that somebody is trusted on, each with its number and direction.
        var standing: Set<String> {
            Set(peers.filter { !$0.pairs.isEmpty }.map { "\($0.direction) \($0.id ?? 0) \($0.pairs.sorted())" })
        }

        /// What was delivered from one domain to another.
        func delivered(_ from: String, _ to: String) -> Int {
            lanes.first { ($0.from, $0.to) == (from, to) }?.ledger.delivered ?? 0
        }

        /// How often something was dropped for this reason.
        func dropped(_ reason: String) -> Int { drops.first { $0.name == reason }?.count ?? 0 }

        /// A number of the desk of subscriptions.
        func presence(_ name: String) -> Int { presence.first { $0.name == name }?.count ?? 0 }

        /// How often this was refused to peers.
        func refused(_ what: String) -> Int { refusals.first { $0.name == what }?.count ?? 0 }

        /// accepted = delivered + failed + expired + uncertain + waiting.
        var balances: Bool { ledger.accepted == ledger.settled + waiting }
    }

    /// What `imx subscriptions --json` says, as far as the tests read it.
    struct Subscriptions: Decodable, Sendable {
        struct Line: Decodable, Sendable {
            var side: String
            var watcher: String
            var presentity: String
            var state: String
        }
        var lines: [Line]
    }

    let plan: AggregatorPlan
    let directory: URL
    private let configuration: String
    private let runs = Mutex<(count: Int, process: ChildProcess?)>((0, nil))

    init(_ plan: AggregatorPlan, in scratch: Scratch) throws {
        self.plan = plan
        directory = try scratch.directory("imx-\(plan.name)")
        let state = try scratch.directory("imx-\(plan.name)/state")
        configuration = try scratch.write(plan.yaml(state: state.path), to: "imx-\(plan.name)/aggregator.yaml")
    }

    /// Where its commands reach it.
    var controlSocket: String { directory.appending(path: "state/control.sock").path }

    /// Writes the file anew; the aggregator is told of it by a reload.
    func change(_ edit: (inout AggregatorPlan) -> Void) throws {
        var plan = plan
        edit(&plan)
        let state = directory.appending(path: "state").path
        try plan.yaml(state: state).write(toFile: configuration, atomically: true, encoding: .utf8)
    }

    /// Has it take over the plan with these lines of YAML at its end.
    func reload(with more: String) async throws {
        try change { $0.more += more }
        let (end, out) = try await run(["reload"])
        guard end == .exited(0) else { throw HarnessError("imx reload \(end)\n\(out)") }
    }

    private var process: ChildProcess? { runs.withLock { $0.process } }

    /// Starts it and waits until it answers on its port and all its links are up.
    func start(within limit: Duration = .seconds(60), awaitingLinks: Bool = true) async throws {
        let run = runs.withLock {
            $0.count += 1
            return $0.count
        }
        let started = try ChildProcess(
            "imx-\(plan.name)-\(run)",
            [Place.binary, "serve", "--config", configuration],
            in: directory,
            environment: ["IMX_TEST_SECRET": componentSecret]
        )
        runs.withLock { $0.process = started }
        try await eventually("answer of \(plan.name)", within: limit, detail: { started.tail(30) }) {
            if let end = started.ended { throw HarnessError("imx serve \(end)\n\(started.tail(30))") }
            return Ports.answers(plan.listen)
        }
        if awaitingLinks { try await linksUp(within: limit) }
    }

    /// Waits until every adapter's link is up.
    func linksUp(within limit: Duration = .seconds(60)) async throws {
        let clock = ContinuousClock()
        let end = clock.now + limit
        while true {
            if let status = try? await status(), status.adapters.allSatisfy({ $0.link == "up" }) { return }
            guard clock.now < end else { throw HarnessError("links of \(plan.name) are not up\n\(tail())") }
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    /// Runs another command of the binary with this aggregator's configuration.
    func run(_ arguments: [String], within limit: Duration = .seconds(60)) async throws -> (
        end: ProcessEnd, out: String
    ) {
        let name = "imx-\(arguments[0])-\(UInt32.random(in: 0...UInt32.max))"
        let command = try ChildProcess(
            name,
            [Place.binary] + arguments + ["--config", configuration],
            in: directory,
            environment: ["IMX_TEST_SECRET": componentSecret]
        )
        let end = try await command.wait(within: limit)
        let out = try String(contentsOf: command.output, encoding: .utf8)
        return (end, out)
    }

    func status() async throws -> Status {
        let (end, out) = try await run(["status", "--json"], within: .seconds(60))
        guard end == .exited(0) else { throw HarnessError("imx status \(end)") }
        return try JSONDecoder().decode(Status.self, from: Data(out.utf8))
    }

    /// What the subscription of this watcher to this presentity is in, on one side of it.
    func subscription(_ side: String, of watcher: String, to presentity: String) async throws -> String? {
        let (end, out) = try await run(["subscriptions", "--json"])
        guard end == .exited(0) else { throw HarnessError("imx subscriptions \(end)") }
        return try JSONDecoder().decode(Subscriptions.self, from: Data(out.utf8)).lines
            .first { $0.side == side && $0.watcher == watcher && $0.presentity == presentity }?.state
    }

    /// Waits until nothing waits any more, and gives the status then.
    func settled(within limit: Duration) async throws -> Status {
        let clock = ContinuousClock()
        let end = clock.now + limit
        while true {
            let status = try await status()
            if status.waiting == 0 { return status }
            guard clock.now < end else {
                throw HarnessError("\(status.waiting) envelopes still wait at \(plan.name)\n\(tail())")
            }
            try await Task.sleep(for: .milliseconds(200))
        }
    }

    /// Asks it to end and waits for that.
    func terminate() async throws -> ProcessEnd {
        guard let process else { throw HarnessError("\(plan.name) does not run") }
        process.signal(SIGTERM)
        let end = try await process.wait(within: .seconds(plan.stopWithin + 5))
        runs.withLock { $0.process = nil }
        return end
    }

    /// Kills it at once.
    func crash() { runs.withLock { $0.process.take() }?.stop() }

    /// Removes all that it has kept, while it does not run.
    func forget() throws {
        let state = directory.appending(path: "state")
        for file in try FileManager.default.contentsOfDirectory(at: state, includingPropertiesForKeys: nil) {
            try FileManager.default.removeItem(at: file)
        }
    }

    /// The last lines of its log.
    func tail(_ lines: Int = 20) -> String { process?.tail(lines) ?? "" }

    /// Its process while it runs.
    var pid: pid_t? { process?.pid }

    /// The lines of its log, of all runs, that hold `text`.
    func log(holding text: String) throws -> [String] {
        let files = try FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil)
        return try files.filter { $0.lastPathComponent.hasPrefix("imx-\(plan.name)-") && $0.pathExtension == "err" }
            .flatMap { try String(contentsOf: $0, encoding: .utf8).split(separator: "\n").map(String.init) }
            .filter { $0.contains(text) }
    }
}
