// SPDX-License-Identifier: Apache-2.0
package import AdapterKit
package import Discovery
package import EnvelopeModel
import IMXWire
import Logging
import NIOCore
import Telemetry
import TransportSecurity

/// The way to other aggregators: IMX/1 over a transport.
///
/// To the core it is an adapter, with the authority of the network and no other privilege. It keeps one connection to
/// each peer service while there is something to say, asks there for every pair of domains to be trusted before it
/// sends for it, and takes from others only what they may say. What happens to the octets of a connection is decided
/// by `IMXWire`; this class joins connections, links and the core.
///
/// Confined to one event loop.
package final class IMXFront: Adapter, TransportDelegate {
    package static let descriptor = AdapterDescriptor(
        kind: "imx",
        capabilities: Set(AdapterKit.Capability.allCases),
        window: 1 << 20
    )

    let host: any AdapterHost
    let settings: FrontSettings
    let transport: any Transport
    let resolver: any PeerResolver
    let isHosted: (Domain) -> Bool
    let policy: PeerPolicy
    /// The way to the other nodes of the cluster; nil where there is none.
    let bus: (any NodeBus)?
    var connections: [ConnectionHandle: FrontConnection] = [:]
    var links: [PeerLink.Key: PeerLink] = [:]
    var foreignDomains: [Domain: PeerDomain] = [:]
    var pairs: [PairKey: PairQueue] = [:]
    var recentPair: PairQueue?
    /// Where each delivery that waits in a pair's queue waits.
    var waiting: [Ticket: PairQueue] = [:]
    var acceptor: DialbackAcceptor
    var claimant: DialbackClaimant
    /// The day, counted from 1970, under whose key tokens are made.
    var tokenDay: UInt32?
    /// Pauses, and the keys and numbers that must not be guessed: the system's own except in tests.
    var generator: any RandomNumberGenerator
    /// What the present burst brought for the core.
    var submissions: [Submission] = []
    var dirty: [FrontConnection] = []
    var peerMemory = PeerMemory()
    /// Foreign domains that have shown more than before, since the clock last looked.
    var risen: Set<Domain> = []
    var admission: ConnectionAdmission
    /// Connections to here that were taken in and have not shaken hands yet.
    var shaking: [ConnectionHandle: (source: SourceAddress, since: Instant)] = [:]
    var provedDomains = ProvedDomains()
    var connectionClock: ConnectionClock
    var crowd = CrowdGauge()
    /// Called when many connections have gone, so that their memory may go back to the system.
    package var onCrowdGone: (() -> Void)?
    var logBudget = LogBudget<AddressBlock?>()
    /// When lines that were left out were last told apart from a line of their own network.
    var leftOutTold = Instant.start
    /// What was refused to peers, by reason.
    var refusals: [PeerRefusal: UInt64] = [:]
    /// Where a body becomes a MIME entity.
    var entity = ByteBuffer()
    /// More than zero while a burst is being worked on, at the end of which everything is flushed at once.
    var burstDepth = 0
    var clockTimer: ScheduledWork?
    var now: Instant
    var isStopping = false
    var stopCompletion: (() -> Void)?
    /// How far taking this node out of service has come; nil where it is in service.
    var draining: Draining?
    private var tagSpace: UInt32 = 0
    /// The number of the latest connection.
    private(set) var latestConnection: UInt64 = 0

    struct PairKey: Hashable {
        let source: Domain
        let target: Domain
    }

    /// Makes a front. `isHosted` tells which domains are served here, `policy` how peers are treated; where an answer of
    /// theirs changes, ``policyChanged()`` is to be called.
    package init(
        host: any AdapterHost,
        settings: FrontSettings,
        transport: any Transport,
        resolver: any PeerResolver,
        isHosted: @escaping (Domain) -> Bool,
        policy: PeerPolicy = PeerPolicy(wallTime: { WallTime.now }),
        bus: (any NodeBus)? = nil,
        generator: any RandomNumberGenerator = SystemRandomNumberGenerator()
    ) {
        self.generator = generator
        self.host = host
        self.settings = settings
        self.transport = transport
        self.resolver = resolver
        self.isHosted = isHosted
        self.policy = policy
        self.bus = bus
        now = host.scheduler.now
        admission = ConnectionAdmission(limits: settings.admission)
        connectionClock = ConnectionClock(now: now)
        acceptor = DialbackAcceptor(limits: settings.dialback)
        claimant = DialbackClaimant(
            tokens: ClaimTokens(key: Octets32(using: &self.generator)),
            limits: settings.dialback
        )
        transport.delegate = self
        renewTokenKey()
        bus?.prove = { [weak self] in self?.prove($0) ?? false }
    }

    package func start() {
        host.linkChanged(to: .up)
    }

    // MARK: Bursts

    /// Runs `body`, then hands the core what it brought, then flushes every connection that has octets to write.
    func burst(_ body: () -> Void) {
        burstDepth += 1
        if burstDepth == 1 { now = host.scheduler.now }
        host.turn {
            body()
            handOverSubmissions()
        }
        burstDepth -= 1
        if burstDepth == 0 { flush() }
    }

    private func handOverSubmissions() {
        guard !submissions.isEmpty else { return }
        let batch = submissions
        submissions = []
        submissions.reserveCapacity(batch.count)
        host.submit(batch)
    }

    func markDirty(_ connection: FrontConnection) {
        guard !connection.isDirty else { return }
        connection.isDirty = true
        dirty.append(connection)
    }

    func flush() {
        guard burstDepth == 0, !dirty.isEmpty else { return }
        let connections = dirty
        dirty.removeAll(keepingCapacity: true)
        for connection in connections {
            connection.isDirty = false
            if let octets = connection.machine.takeOutbound() {
                if !connection.isWritable { connection.burden.wrote(octets.readableBytes) }
                transport.write(octets, on: connection.handle)
            }
            if connection.mustClose { transport.close(connection.handle) }
        }
    }

    // MARK: Connections

    func makeConnection(
        _ role: ConnectionRole,
        _ handle: ConnectionHandle,
        address: String,
        link: PeerLink?,
        security: ConnectionSecurity? = nil,
        since: Instant? = nil
    ) -> FrontConnection {
        tagSpace = (tagSpace + 1) % 4095
        var hello = HelloRecord(
            serverID: settings.serverID,
            nonce: ConnectionNonce(random: &generator),
            dialled: link?.dialled.octets
        )
        // A connection that is made to verify a claim says as little as it can: claimants must not have us send others
        // more than they sent us.
        let isForData = link?.hasData ?? true
        var machineSettings = settings.connection
        machineSettings.grease = machineSettings.grease && isForData
        hello.software = settings.software.isEmpty || !isForData ? nil : ByteBuffer(string: settings.software)
        hello.capabilities = security?.exporter == nil ? [] : [.channelBinding]
        let connection = FrontConnection(
            handle: handle,
            role: role,
            address: address,
            link: link,
            machine: ConnectionMachine(
                role,
                hello: hello,
                settings: machineSettings,
                tagSpace: tagSpace,
                now: since ?? now
            )
        )
        connection.security = security
        connections[handle] = connection
        latestConnection = max(latestConnection, handle.rawValue)
        if role == .dialler { admission.call(connection.source) }
        file(connection)
        watchClock()
        return connection
    }
}
