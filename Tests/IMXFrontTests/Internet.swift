// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import Aggregator
import Discovery
import EnvelopeModel
import IMXFront
import IMXWire
import Logging
import NIOCore
import Store
import Testing

/// A whole small internet of aggregators in one process, on a virtual clock.
final class Internet {
    let scheduler = VirtualScheduler()
    let network: SimulatedNetwork
    private(set) var hosts: [Host] = []
    var peers: [Domain: [PeerEndpoint]] = [:]
    /// How long a look-up takes; nil where the answer is there at once.
    var lookUpTime: Interval?
    /// How many look-ups there were.
    private(set) var lookUps = 0

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

        var balances: Bool { core.ledger.balances(waiting: core.status.waiting) }
    }

    init(seed: UInt64 = 1) {
        network = SimulatedNetwork(scheduler: scheduler, seed: seed)
    }

    func endpoint(_ number: Int) -> PeerEndpoint { PeerEndpoint(host: "192.0.2.\(number)", port: 5290) }

    /// Starts an aggregator for `domains` as host `number`; a second one with the same number takes its place.
    @discardableResult
    func start(
        _ number: Int,
        _ domains: [String],
        repeatWindow: RepeatWindow? = nil,
        policy: PeerPolicy? = nil,
        configure: (inout FrontSettings) -> Void = { _ in }
    ) throws -> Host {
        let names = try domains.map { try #require(Domain($0)) }
        for name in names { peers[name] = [endpoint(number)] }
        var directory = DomainDirectory()
        for name in names { directory[name] = .init(domainClass: DomainClass(), adapter: "users") }
        let serverID = ServerID(high: network.generator.next(), low: UInt64(number))
        let life = MortalScheduler(scheduler)
        let core = AggregatorCore(
            settings: CoreSettings(name: "host\(number)", serverID: serverID),
            directory: directory,
            scheduler: life,
            repeatWindow: try repeatWindow ?? RepeatWindow(path: nil, capacity: 1 << 14, now: scheduler.now),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
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
                policy: policy ?? PeerPolicy(wallTime: { WallTime(milliseconds: 1_800_000_000_000) })
            )
        }
        core.start()
        network.listen(transport, on: endpoint(number))
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

    /// The peers as they are known now, so that a host that comes up later is found.
    final class Table: PeerResolver {
        private unowned let internet: Internet

        init(internet: Internet) { self.internet = internet }

        func resolve(_ domain: Domain, _ completion: @escaping (Resolution) -> Void) {
            internet.lookUps += 1
            let service = internet.peers[domain].map { PeerService(configured: $0) }
            let resolution = service.map(Resolution.service) ?? .notFound("no such name")
            guard let time = internet.lookUpTime else { return completion(resolution) }
            internet.scheduler.schedule(after: time) { completion(resolution) }
        }

        func forget(_ domain: Domain) {}
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
