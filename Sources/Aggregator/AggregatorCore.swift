// SPDX-License-Identifier: Apache-2.0
public import AdapterKit
public import EnvelopeModel
public import Logging
package import Presence
public import Store
import Telemetry

import struct NIOCore.ByteBuffer

/// The core: takes envelopes from one adapter, and sees each of them to its one outcome at another.
///
/// It knows no socket and no wire format, and it reads no body. The IMX front is an adapter to it like any other, with
/// the authority ``Authority/network``. `AggregatorCore+Pipeline.swift` is the map of what happens to an envelope.
///
/// Confined to one event loop; the time comes from the scheduler alone.
public final class AggregatorCore {
    /// The settings.
    public let settings: CoreSettings
    let scheduler: any Scheduler
    let logger: Logger
    let repeatWindow: RepeatWindow
    var directory = DomainDirectory()
    var ports: ContiguousArray<AdapterPort> = []
    var networkPort: UInt16?
    var tickets = TicketTable()
    var lanes: LaneTable
    var wheel: DeadlineWheel
    var wheelTimer: ScheduledWork?
    /// The book of all outcomes.
    public internal(set) var ledger = Ledger()
    /// How often each outcome code was given; codes beyond the known classes count under 0.
    var outcomeCounts = [UInt64](repeating: 0, count: 6000)
    var drops: [DropReason: UInt64] = [:]
    var repeats: UInt64 = 0
    /// What came from the network in this turn and shares memory with read buffers.
    var borrowed: [Ticket] = []
    /// The octets of all unsettled envelopes.
    var waitingOctets = 0
    var isDraining = false
    var drainCompletion: (() -> Void)?
    /// The time of the present turn, read once.
    var now: Instant
    private var depth = 0
    private var dirtyPorts: [UInt16] = []
    private var generator = SplitMix(seed: SystemRandomNumberGenerator())
    private let idPrefix: String
    private var idCounter: UInt64 = 0
    let tracesSteps: Bool
    var watched: [TraceID: (TraceStep) -> Void] = [:]
    /// How many lost messages of a lane the log and the record take, so that one that loses many hides no other's.
    var failureLines = LogBudget<LaneTable.Pair>(burst: 50, perSecond: 5)
    var failureRecords = LogBudget<LaneTable.Pair>(burst: 1000, perSecond: 50)
    /// Subscriptions to and of users here; nil where presence is not served.
    package internal(set) var desk: PresenceDesk?
    var agent: PresenceAgent?
    var presenceTimer: ScheduledWork?
    var attributeCache = AttributeCache()
    /// Requests for attributes that wait for an adapter.
    var openQueries = 0
    /// How each of those ends where it has to end early.
    var queryEnds: [UInt64: (Outcome) -> Void] = [:]
    var lastQuery: UInt64 = 0
    /// What a domain here publishes of itself beside what the core knows.
    package var domainAttributes: ((_ domain: Domain, _ class: String, _ requester: Domain) -> [Attribute])?
    /// Names of users here, on their way to those who may know them.
    var rider = AliasRider()
    /// Whether somebody may know who watches a user here; the user alone where nothing is said.
    package var mayKnowWatchers: ((_ requester: Address, _ user: Address) -> Bool)?
    /// Called with what is to be written to disk of subscriptions, at the end of a turn.
    package var onPresenceChanges: (([SubscriptionChange]) -> Void)?
    /// Called with every outcome other than "delivered".
    public var onFailure: ((FailedEnvelope) -> Void)?

    /// Says why an envelope is turned away although there would be room for it; nil lets it in. The operator's own tool is
    /// not asked about.
    public var gate: ((Envelope, Instant) -> Outcome?)?

    /// Called at the end of every turn with the book as it then stands.
    public var onTurn: ((Ledger) -> Void)?

    /// Makes a core without adapters.
    public init(
        settings: CoreSettings,
        directory: DomainDirectory,
        scheduler: any Scheduler,
        repeatWindow: RepeatWindow,
        logger: Logger
    ) {
        self.settings = settings
        self.directory = directory
        self.scheduler = scheduler
        self.repeatWindow = repeatWindow
        self.logger = logger
        now = scheduler.now
        lanes = LaneTable(maximum: settings.maximumLanes)
        wheel = DeadlineWheel(grain: settings.deadlineGrain, now: scheduler.now)
        idPrefix = String(settings.serverID.high, radix: 36)
        tracesSteps = logger.logLevel <= .debug
    }

    /// Joins an adapter instance to the core; `make` gets the host that the adapter is to use.
    ///
    /// The name must be free. The adapter is started by ``start()``.
    @discardableResult
    public func attach<A: Adapter>(
        named name: String,
        authority: Authority = .ownDomains,
        _ make: (AdapterPort) throws -> A
    ) rethrows -> A {
        let port = makePort(name, authority)
        let adapter = try make(port)
        join(adapter, to: port)
        return adapter
    }

    /// Joins an adapter instance whose kind is known only at run time.
    public func attachAny(named name: String, _ make: (AdapterPort) throws -> any Adapter) rethrows {
        let port = makePort(name, .ownDomains)
        join(try make(port), to: port)
    }

    private func makePort(_ name: String, _ authority: Authority) -> AdapterPort {
        var logger = logger
        logger[metadataKey: "adapter"] = "\(name)"
        return AdapterPort(
            name: name,
            index: UInt16(ports.count),
            authority: authority,
            core: self,
            logger: logger
        )
    }

    private func join(_ adapter: any Adapter, to port: AdapterPort) {
        port.adapter = adapter
        port.kind = type(of: adapter).descriptor.kind
        port.window = type(of: adapter).descriptor.window
        port.capabilities = type(of: adapter).descriptor.capabilities
        ports.append(port)
        if port.authority == .network { networkPort = port.index }
    }

    /// Starts all adapters.
    public func start() {
        turn {
            for port in ports { presenceLinkChanged(port) }
            for port in ports { port.adapter?.start() }
        }
    }

    /// Whether an adapter instance called `name` has been joined.
    public func hasAdapter(named name: String) -> Bool { ports.contains { $0.name == name } }

    /// Joins an adapter instance to a core that runs, and starts it.
    public func addAny(named name: String, _ make: (AdapterPort) throws -> any Adapter) rethrows {
        try attachAny(named: name, make)
        turn { ports.last?.adapter?.start() }
    }

    /// Sets or removes the row of a domain, effective with the next envelope.
    public func serve(_ domain: Domain, _ row: DomainDirectory.Row?) {
        var changed = directory
        changed[domain] = row
        replaceDirectory(with: changed)
    }

    /// Takes another directory, effective with the next envelope. What waits in a lane whose way is the same stays
    /// where it is, in its order; what waits on a way that is gone still goes that way.
    ///
    /// - Returns: The domains whose rows are new, gone or different.
    @discardableResult
    public func replaceDirectory(with other: DomainDirectory) -> Set<Domain> {
        let changed = directory.replace(with: other)
        guard !changed.isEmpty else { return [] }
        presenceMoved(changed)
        lanes.update(changed) { lane in
            if let row = directory[lane.destination] {
                return ports.first { $0.name == row.adapter }.map { ($0.index, row.domainClass) }
            }
            guard let networkPort, let row = directory[lane.source] else { return nil }
            return (networkPort, row.domainClass)
        }
        return changed
    }

    /// Whether `domain` is served here.
    public func serves(_ domain: Domain) -> Bool { directory[domain] != nil }

    /// Runs `body` and then, once, everything that follows from it.
    func turn(_ body: () -> Void) {
        if depth > 0 { return body() }
        depth = 1
        now = scheduler.now
        body()
        flush()
        depth = 0
    }

    func markDirty(_ port: AdapterPort) {
        guard !port.isDirty else { return }
        port.isDirty = true
        dirtyPorts.append(port.index)
    }

    /// Hands out batches until nothing is left to hand out; after so many rounds, the event loop has its turn first.
    private func flush() {
        var rounds = 0
        while true {
            if hasPresenceOutput { drainPresence() }
            if dirtyPorts.isEmpty {
                guard hasPresenceOutput else { break }
            }
            rounds += 1
            if rounds > 64 {
                scheduler.schedule(after: .zero) { [weak self] in self?.turn {} }
                return
            }
            let round = dirtyPorts
            dirtyPorts.removeAll(keepingCapacity: true)
            for index in round {
                let port = ports[Int(index)]
                port.isDirty = false
                hand(to: port)
            }
        }
        if !borrowed.isEmpty { detachWhatStays() }
        onTurn?(ledger)
        finishDrainIfSettled()
    }

    func makeTraceID() -> TraceID { TraceID.random(using: &generator) }

    func makeMessageID(native: String?) -> MessageID {
        idCounter &+= 1
        var text = idPrefix + "." + String(idCounter, radix: 36)
        if let native, native.utf8.count <= 160, native.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) {
            text = native + "~" + text
        }
        return MessageID(unchecked: ByteBuffer(string: text))
    }
}

/// A small fast generator for identifiers that are no secrets.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: some RandomNumberGenerator) {
        var seed = seed
        state = seed.next()
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z &>> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z &>> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z &>> 31)
    }
}
