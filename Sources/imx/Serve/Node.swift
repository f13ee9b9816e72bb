// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import Aggregator
import Configuration
import Discovery
import EnvelopeModel
import IMXFront
import IMXWire
import Logging
import NIOCore
import Policy
import Store
import Telemetry
import TransportSecurity

/// One aggregator as its configuration describes it: the core, the front, and the adapters, on one event loop.
final class Node {
    /// What the running parts were made from.
    let startedWith: AggregatorConfiguration
    /// What the adapters were made with, each once.
    private var adapters: [AggregatorConfiguration.AdapterSection]
    /// What is in force now.
    private(set) var configuration: AggregatorConfiguration
    let core: AggregatorCore
    let front: IMXFront
    let state: StateDirectory
    let control: NodeControl
    let logger: Logger
    private let scheduler: EventLoopScheduler
    private let transport: SocketTransport
    private let eventLoop: any EventLoop
    private let levelSwitch: LevelSwitch
    private let peerTable: StaticPeerTable
    let trust: TrustMemory
    /// Rules and budgets.
    let gate: Gate
    private let trustPolicy: TrustPolicy
    private let bus: UnixNodeBus?
    private let resolver: DNSResolver?
    private let watch: RecordsWatch?
    private let security: TLSService
    private let ledgerPage: LedgerPage
    private var toldLostTrust: UInt64 = 0

    init(
        _ configuration: AggregatorConfiguration,
        state: StateDirectory,
        logger: Logger,
        levelSwitch: LevelSwitch,
        eventLoop: any EventLoop
    ) throws {
        startedWith = configuration
        adapters = configuration.adapters
        self.configuration = configuration
        self.eventLoop = eventLoop
        self.levelSwitch = levelSwitch
        let trust = try TrustMemory(state.database)
        self.trust = trust
        let trustPolicy = TrustPolicy(configuration, memory: trust, logger: logger)
        self.trustPolicy = trustPolicy
        self.state = state
        self.logger = logger
        var generator = SystemRandomNumberGenerator()
        let serverID = ServerID(high: generator.next(), low: generator.next())
        let scheduler = EventLoopScheduler(eventLoop: eventLoop)
        self.scheduler = scheduler
        ledgerPage = try LedgerPage(path: state.path + "/ledger.page")
        ledgerPage.begin(run: state.run)
        let core = AggregatorCore(
            settings: CoreSettings(
                name: configuration.name,
                serverID: serverID,
                maximumLanes: configuration.limits.lanes,
                submissionWindow: configuration.limits.submissions,
                maximumWaitingOctets: configuration.limits.waitingOctets
            ),
            directory: Node.directory(configuration),
            scheduler: scheduler,
            repeatWindow: try RepeatWindow(
                path: state.path + "/repeats.window",
                capacity: configuration.limits.rememberedMessages,
                window: configuration.timeouts.repeatWindow,
                now: scheduler.now
            ),
            logger: logger
        )
        self.core = core
        let security = PeerParts.security(configuration)
        self.security = security
        let transport = SocketTransport(
            eventLoop: eventLoop,
            // The front turns connections away with a reason; this is for the case that they come faster than it can.
            maximumConnections: configuration.limits.connections + 1024,
            security: security
        )
        self.transport = transport
        resolver = try PeerParts.resolver(configuration, on: eventLoop)
        watch = PeerParts.watch(configuration, resolver, scheduler, on: eventLoop, logger)
        let peerTable = StaticPeerTable(Node.peers(configuration), before: resolver)
        self.peerTable = peerTable
        var frontSettings = Node.frontSettings(configuration, serverID)
        frontSettings.node = configuration.node.map {
            .init(number: UInt16(clamping: $0.number), secret: Octets32(hashing: Array($0.key.reveal().utf8)))
        }
        let bus = configuration.node.flatMap { section in
            frontSettings.node.map { UnixNodeBus($0, directory: section.socketDirectory, eventLoop: eventLoop) }
        }
        self.bus = bus
        front = core.attach(named: "imx", authority: .network) { host in
            IMXFront(
                host: host,
                settings: frontSettings,
                transport: transport,
                resolver: peerTable,
                isHosted: { [unowned core] in core.serves($0) },
                policy: trustPolicy.forPeers,
                bus: bus
            )
        }
        try PresenceMemory.join(
            core,
            state.database,
            grace: configuration.timeouts.presenceGrace,
            wallTime: WallTime.now,
            logger: logger
        )
        let gate = Gate(PolicyTables(configuration))
        self.gate = gate
        PolicyParts.join(gate, to: core)
        try PolicyParts.remember(gate, in: state.database, count: configuration.spam.remembered, now: core.time)
        let operatorTool = core.attach(named: "operator", authority: .operatorTool) { OperatorTool(host: $0) }
        for section in configuration.adapters {
            try core.attachAny(named: section.name) { try CompiledAdapters.make(section, $0, eventLoop) }
        }
        control = NodeControl(
            core: core,
            front: front,
            tool: operatorTool,
            state: state,
            trust: trust,
            gate: gate,
            security: security,
            resolver: resolver,
            watch: watch,
            configuration: configuration,
            eventLoop: eventLoop
        )
        observe()
    }

    /// Keeps the book and the failures where they outlive the process.
    private func observe() {
        front.onCrowdGone = { FreeMemory.giveBack() }
        let page = ledgerPage
        let database = state.database
        core.onTurn = { page.write(LedgerTotals($0)) }
        core.domainAttributes = { [unowned self] in
            PolicyParts.attributes($1, configuration, startedWith, gate, for: $2)
        }
        core.onFailure = { failed in
            database.record(
                StateDatabase.OutcomeRecord(
                    time: WallTime.now,
                    trace: failed.trace,
                    source: failed.source,
                    destination: failed.destination,
                    code: failed.outcome.code,
                    text: failed.outcome.text
                )
            )
        }
    }

    func listen(on endpoint: Endpoint) -> EventLoopFuture<UInt16> {
        transport.listen(
            on: PeerEndpoint(host: endpoint.host, port: endpoint.port, usesTLS: endpoint.usesTLS),
            isShared: bus != nil
        )
    }

    /// Where the other nodes of the cluster find this one.
    var nodeSocket: String? { bus?.path }

    /// Takes questions from the other nodes of the cluster, where this is one.
    func joinNodes() -> EventLoopFuture<Void> { bus?.listen() ?? eventLoop.makeSucceededVoidFuture() }

    func logListening(_ host: String, _ port: UInt16) {
        logger.notice("listening", metadata: ["address": "\(PeerEndpoint(host: host, port: port))"])
    }

    func start() {
        if startedWith.node != nil {
            logger.warning(
                "presence is not shared between the nodes of a cluster",
                metadata: ["remedy": "let the peers of a domain reach one node, or serve presence from one alone"]
            )
        }
        core.start()
        core.rulesChanged()  // rules may be others than those under which subscriptions were granted
        snapshot()
        watch?.start()
        for problem in PeerParts.problems(security, configuration) {
            logger.error("certificates", metadata: ["problem": "\(problem)"])
        }
        transport.watchCertificates(every: configuration.tls.lookForChanges, time: { PeerParts.seconds }) {
            [weak self] in self?.tell($0)
        }
    }

    /// Takes the book to the database now and then, for the case that the machine goes down.
    private func snapshot() {
        scheduler.schedule(after: .seconds(5)) { [weak self] in
            guard let self else { return }
            state.database.snapshot(LedgerTotals(core.ledger), at: WallTime.now)
            tellLostTrust()
            snapshot()
        }
    }

    /// What a foreign domain has proved and the disk does not keep is believed with less after the next start.
    private func tellLostTrust() {
        let lost = state.database.lostTrust
        guard lost > toldLostTrust else { return }
        logger.error(
            "what foreign domains have proved cannot be kept: the disk is full, too slow or broken",
            metadata: ["lost": "\(lost)", "path": "\(state.path)"]
        )
        toldLostTrust = lost
    }

    /// Reads the certificates again; what is no good leaves in use what was there.
    func reloadCertificates(completion: @escaping (SocketTransport.Reload) -> Void) {
        transport.reloadCertificates(time: PeerParts.seconds, completion: completion)
    }

    private func tell(_ reload: SocketTransport.Reload) {
        logger.notice("certificates read", metadata: ["count": "\(reload.readCount)"])
        for problem in reload.problems { logger.error("certificates", metadata: ["problem": "\(problem)"]) }
    }

    /// Lets what is in flight finish, answers the rest, and says goodbye to peers and services.
    func stop(within time: Interval, completion: @escaping () -> Void) {
        let start = scheduler.now
        let settled = start + Interval(nanoseconds: time.nanoseconds / 2)
        var isSettling = false
        let settle = { [core] in
            guard !isSettling else { return }
            isSettling = true
            core.drain(by: settled) { core.stopAdapters(by: start + time, completion: completion) }
        }
        // P6: no more connections from here on, and peers look for another host. What they sent before they knew is
        // taken as ever; everything new is told to try later only after that, or when a quarter of the time is over.
        front.drain(to: nil) { [scheduler] in scheduler.schedule(after: .zero, settle) }
        scheduler.schedule(after: Interval(nanoseconds: time.nanoseconds / 4), settle)
    }

    func closeBooks() {
        bus?.stop()
        watch?.stop()
        resolver?.stop()
        do {
            try state.database.end(LedgerTotals(core.ledger), at: WallTime.now)
        } catch {
            logger.error("the run could not be closed in the database", metadata: ["reason": "\(error)"])
        }
    }
}

extension Node {
    /// Takes over what can change while the aggregator runs. Everything is checked before anything changes.
    func apply(_ new: AggregatorConfiguration, _ tables: PolicyTables) -> ReloadReport {
        var report = ReloadReport()
        do {
            // An adapter is made once; what makes it fail leaves those before it without domains, and harmless.
            for section in new.adapters where !core.hasAdapter(named: section.name) {
                try core.addAny(named: section.name) { try CompiledAdapters.make(section, $0, eventLoop) }
                adapters.append(section)
                report.changes.append("adapters.\(section.name) was added")
            }
        } catch {
            report.problems.append("\(error)")
            return report
        }
        let old = configuration
        configuration = new
        let domains = core.replaceDirectory(with: Node.directory(new))
        report.changes += domains.sorted().map { "domains.\($0) \(Node.change($0, core.serves($0), old))" }
        watch?.replace(new.domains.map(\.domain))
        if old.peers != new.peers {
            peerTable.replace(Node.peers(new))
            report.changes.append("peers")
        }
        trustPolicy.configuration = new
        if old.blocked != new.blocked { report.changes.append("block") }
        gate.replace(tables)
        let isOtherSpam = old.saysOtherwiseOfSpam(than: new)
        if old.rules != new.rules { report.changes.append("rules") }
        if isOtherSpam { report.changes.append("spam") }
        let isOtherClass = !new.rules.isEmpty && (isOtherSpam || !domains.isEmpty)
        if old.rules != new.rules || old.blocked != new.blocked || isOtherClass { core.rulesChanged() }
        front.policyChanged()
        if old.logLevel != new.logLevel {
            levelSwitch.level = Logger.Level(rawValue: new.logLevel) ?? .info
            report.changes.append("log.level is \(new.logLevel)")
        }
        report.waiting = startedWith.waitsForRestart(in: new, adapters: adapters)
        return report
    }

    private static func change(_ domain: Domain, _ isServed: Bool, _ old: AggregatorConfiguration) -> String {
        guard isServed else { return "is no longer hosted" }
        return old.domains.contains { $0.domain == domain } ? "changed" : "is hosted now"
    }

    private static func directory(_ configuration: AggregatorConfiguration) -> DomainDirectory {
        var directory = DomainDirectory()
        for hosted in configuration.domains {
            let settings = configuration.classes[hosted.className]
            let domainClass = settings.map {
                DomainClass(
                    name: $0.name,
                    deadline: $0.deadline,
                    maximumMessageOctets: $0.maxMessage,
                    lease: $0.leaseSeconds,
                    laneLimits: LaneLimits(messages: $0.laneMessages, octets: $0.laneOctets)
                )
            }
            directory[hosted.domain] = .init(domainClass: domainClass ?? DomainClass(), adapter: hosted.adapter)
        }
        return directory
    }

    private static func peers(_ configuration: AggregatorConfiguration) -> [Domain: PeerService] {
        configuration.peers.mapValues { endpoints in
            PeerService(configured: endpoints.map { PeerEndpoint(host: $0.host, port: $0.port, usesTLS: $0.usesTLS) })
        }
    }

    private static func frontSettings(_ configuration: AggregatorConfiguration, _ serverID: ServerID) -> FrontSettings {
        var settings = FrontSettings(serverID: serverID, software: "imx/\(Version.number)")
        settings.connection.maxRecord = UInt32(clamping: configuration.limits.recordSize)
        settings.connection.maxInflight = UInt32(clamping: configuration.limits.inFlight)
        settings.connection.handshake = configuration.timeouts.handshake
        settings.connection.idleSeconds = UInt32(clamping: configuration.timeouts.idle.nanoseconds / 1_000_000_000)
        settings.connection.pingAfter = configuration.timeouts.ping
        settings.connection.pingTimeout = configuration.timeouts.pingAnswer
        settings.backOff = BackOff(
            first: configuration.timeouts.reconnect,
            most: configuration.timeouts.reconnectMost
        )
        settings.connectTimeout = configuration.timeouts.connect
        settings.takesTLS = configuration.listen.contains(where: \.usesTLS)
        settings.connectionsPerPeer = configuration.limits.connectionsToPeer
        settings.admission.connections = configuration.limits.connections
        settings.admission.unauthenticated = configuration.limits.connectionsUnproved
        settings.admission.perAddress = configuration.limits.connectionsFromAddress
        settings.admission.perNetwork = configuration.limits.connectionsFromNetwork
        settings.admission.perDomain = configuration.limits.connectionsFromDomain
        settings.admission.newPerAddress = configuration.limits.newConnections
        settings.admission.newPerNetwork = 3 * configuration.limits.newConnections
        return settings
    }
}
