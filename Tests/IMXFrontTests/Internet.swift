// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import Aggregator
import Discovery
import EnvelopeModel
import IMXWire
import Logging
import NIOCore
import Presence
import Store
import TestSupport
import Testing
import TransportSecurity

@testable import IMXFront

/// A whole small internet of aggregators in one process, on a virtual clock.
final class Internet {
    let scheduler = VirtualScheduler()
    let network: SimulatedNetwork
    private(set) var hosts: [Host] = []
    var peers: [Domain: [PeerEndpoint]] = [:]
    /// What DNS says of domains; before ``peers``.
    var published: [Domain: Publication] = [:]
    /// How long a look-up takes; nil where the answer is there at once.
    var lookUpTime: Interval?
    /// The domains whose look-ups fail.
    var failing: Set<Domain> = []
    /// How many look-ups there were.
    private(set) var lookUps = 0

    /// What a domain publishes.
    struct Publication {
        var hosts: [PeerService.Host]
        var ttl = Interval.seconds(60)
        var security = PeerService.Security.insecure
    }

    /// One aggregator with a recorder for its domains.
    final class Host {
        let core: AggregatorCore
        let front: IMXFront
        let users: RecordingAdapter
        let transport: SimulatedTransport
        let life: MortalScheduler

        init(
            core: AggregatorCore,
            front: IMXFront,
            users: RecordingAdapter,
            transport: SimulatedTransport,
            life: MortalScheduler
        ) {
            self.life = life
            self.core = core
            self.front = front
            self.users = users
            self.transport = transport
        }

        /// How many requests are on their way and have no answer yet.
        var inFlight: Int { front.pairs.values.reduce(0) { $0 + $1.inFlight } }

        var balances: Bool { core.ledger.balances(waiting: core.status.waiting) }
    }

    init(seed: UInt64 = 1) {
        network = SimulatedNetwork(scheduler: scheduler, seed: seed)
    }

    func endpoint(_ number: Int) -> PeerEndpoint { PeerEndpoint(host: Self.address(number), port: 5290) }

    /// The address of host `number`.
    static func address(_ number: Int) -> String {
        number < 256 ? "192.0.2.\(number)" : "198.51.\(number / 256).\(number % 256)"
    }

    /// The TLS port of host `number`.
    func secureEndpoint(_ number: Int) -> PeerEndpoint {
        PeerEndpoint(host: Self.address(number), port: 5291, usesTLS: true)
    }

    /// Has DNS say that `domain` is at hosts with these numbers; equals among each other, or in their order.
    func publish(
        _ domain: String,
        at numbers: [Int],
        secure: [Int] = [],
        ttl: Interval = .seconds(60),
        ordered: Bool = false
    ) throws {
        let plain = numbers.enumerated().map { index, number in
            PeerService.Host(
                name: "h\(number).example",
                addresses: [Self.address(number)],
                port: 5290,
                preference: ordered ? UInt16(index) : 0
            )
        }
        let encrypted = secure.map {
            PeerService.Host(name: "h\($0).example", addresses: [Self.address($0)], port: 5291, usesTLS: true)
        }
        published[try #require(Domain(domain))] = Publication(hosts: plain + encrypted, ttl: ttl)
    }

    /// Starts an aggregator for `domains` as host `number`; a second one with the same number takes its place.
    ///
    /// - Parameter presence: makes the desk, where it is not to be one that knows nothing and keeps nothing.
    @discardableResult
    func start(
        _ number: Int,
        _ domains: [String],
        repeatWindow: RepeatWindow? = nil,
        policy: PeerPolicy? = nil,
        domainClass: DomainClass = DomainClass(),
        configure: (inout FrontSettings) -> Void = { _ in },
        presence: ((AggregatorCore) throws -> PresenceDesk)? = nil
    ) throws -> Host {
        let names = try domains.map { try #require(Domain($0)) }
        for name in names { peers[name] = [endpoint(number)] }
        var directory = DomainDirectory()
        for name in names { directory[name] = .init(domainClass: domainClass, adapter: "users") }
        let serverID = ServerID(high: network.generator.next(), low: UInt64(number))
        let life = MortalScheduler(scheduler)
        let core = AggregatorCore(
            settings: CoreSettings(name: "host\(number)", serverID: serverID),
            directory: directory,
            scheduler: life,
            repeatWindow: try repeatWindow ?? RepeatWindow(path: nil, capacity: 1 << 14, now: scheduler.now),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        core.attachPresence(
            try presence?(core)
                ?? PresenceDesk(
                    now: scheduler.now,
                    wallTime: WallTime(milliseconds: 1_800_000_000_000 + Int64(scheduler.now.nanoseconds / 1_000_000)),
                    generator: SeededGenerator(seed: serverID.high &+ 1)
                )
        )
        let users = core.attach(named: "users") { RecordingAdapter(host: $0) }
        let transport = SimulatedTransport(network: network, number: number)
        var settings = FrontSettings(serverID: serverID)
        configure(&settings)
        let front = core.attach(named: "imx", authority: .network) { host in
            IMXFront(
                host: host,
                settings: settings,
                transport: transport,
                resolver: Table(internet: self),
                isHosted: { [unowned core] in core.serves($0) },
                policy: policy ?? PeerPolicy(wallTime: { WallTime(milliseconds: 1_800_000_000_000) }),
                generator: SeededGenerator(seed: serverID.high)
            )
        }
        core.start()
        network.listen(transport, on: endpoint(number))
        network.listen(transport, on: secureEndpoint(number))
        let host = Host(core: core, front: front, users: users, transport: transport, life: life)
        hosts.append(host)
        return host
    }

    /// Stops a host as SIGKILL would: nothing is said to anybody.
    func kill(_ host: Host) {
        network.remove(host.transport)
        host.transport.delegate = nil
        host.life.isAlive = false
        hosts.removeAll { $0 === host }
    }

    /// The peers as they are known now, so that a host that comes up later is found. What is published is remembered
    /// for its time, as a real resolver does.
    final class Table: PeerResolver {
        private unowned let internet: Internet
        private var known: [Domain: PeerService] = [:]

        init(internet: Internet) { self.internet = internet }

        func resolve(_ domain: Domain, _ completion: @escaping (Resolution) -> Void) {
            let resolution = answer(domain)
            guard let time = internet.lookUpTime else { return completion(resolution) }
            internet.scheduler.schedule(after: time) { completion(resolution) }
        }

        private func answer(_ domain: Domain) -> Resolution {
            let now = internet.scheduler.now
            if let known = known[domain], known.expiry > now { return .service(known) }
            internet.lookUps += 1
            if internet.failing.contains(domain) { return .unavailable("SERVFAIL") }
            if let publication = internet.published[domain] {
                let service = PeerService(
                    hosts: publication.hosts,
                    origin: .imxRecord,
                    security: publication.security,
                    expiry: now + publication.ttl
                )
                known[domain] = service
                return .service(service)
            }
            let service = internet.peers[domain].map { PeerService(configured: $0) }
            return service.map(Resolution.service) ?? .notFound("no such name")
        }

        func forget(_ domain: Domain) { known[domain] = nil }
    }
}

/// The clock of one process: its timers die with it.
final class MortalScheduler: Scheduler {
    var isAlive = true
    private let scheduler: VirtualScheduler

    init(_ scheduler: VirtualScheduler) { self.scheduler = scheduler }

    var now: Instant { scheduler.now }

    @discardableResult
    func schedule(after interval: Interval, _ body: @escaping () -> Void) -> ScheduledWork {
        scheduler.schedule(after: interval) { [weak self] in
            if self?.isAlive == true { body() }
        }
    }
}

func message(_ source: String, _ destination: String, id: String, text: String = "hi") throws -> Envelope {
    Envelope(
        source: try #require(Address(source)),
        destination: try #require(Address(destination)),
        messageID: try #require(MessageID(id)),
        trace: TraceID(high: 7, low: 7),
        body: .parts([.text(text)])
    )
}

/// The contract, whatever happened: the ledgers balance, nothing is delivered twice, order holds, what was answered
/// "delivered" was delivered, and everything was answered. That nothing arrives would satisfy all of it, hence `atLeast`.
func checkContract(
    _ a: Internet.Host,
    received: [String],
    sent: [String],
    atLeast: Int,
    _ context: String,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(a.balances, "\(context): ledger", sourceLocation: sourceLocation)
    #expect(a.core.status.waiting == 0, "\(context): something waits for ever", sourceLocation: sourceLocation)
    #expect(Set(received).count == received.count, "\(context): delivered twice", sourceLocation: sourceLocation)
    #expect(received.count >= atLeast, "\(context): too little arrived", sourceLocation: sourceLocation)
    let places = Dictionary(uniqueKeysWithValues: sent.enumerated().map { ($1, $0) })
    let order = received.compactMap { places[$0] }
    #expect(order == order.sorted(), "\(context): order", sourceLocation: sourceLocation)
    let failed = Set(a.users.settlements.compactMap { $0.envelope?.messageID.description })
    let missing = Set(sent.filter { !failed.contains($0) }).subtracting(received)
    #expect(missing.isEmpty, "\(context): answered and lost: \(missing)", sourceLocation: sourceLocation)
    #expect(a.users.settlements.count == sent.count, "\(context): one outcome each", sourceLocation: sourceLocation)
}

extension Internet.Host {
    /// The identifiers of what was delivered here, in order.
    var received: [String] { users.deliveries.map(\.envelope.messageID.description) }
}

extension Internet.Host {
    /// Has the front close a connection in order, as it does for reasons of its own.
    func closeInOrder(_ handle: ConnectionHandle) {
        guard let connection = front.connections[handle] else { return }
        front.burst {
            connection.machine.close(now: front.now)
            front.work(on: connection)
        }
    }

    /// The end of `stream` that is here.
    func handle(of stream: UInt64) -> ConnectionHandle? {
        transport.streams.first { $0.value == stream }?.key
    }

    /// The connection that `peer` has dialled to here last.
    func inbound(from peer: Internet.Host) -> UInt64? {
        let accepted = front.connections.values.filter { $0.role == .acceptor }
        let streams = accepted.compactMap { transport.streams[$0.handle] }
        return streams.filter { peer.transport.streams.values.contains($0) }.max()
    }

    /// Sends a REDIRECT on the end of `stream` that is here, whether or not that is allowed.
    func send(_ redirect: RedirectRecord, on stream: UInt64) {
        guard let handle = handle(of: stream), let connection = front.connections[handle] else { return }
        front.burst {
            connection.machine.send(redirect: redirect, now: front.now)
            front.markDirty(connection)
        }
    }
}
