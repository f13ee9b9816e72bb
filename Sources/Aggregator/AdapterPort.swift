// SPDX-License-Identifier: Apache-2.0
public import AdapterKit
public import EnvelopeModel
public import Logging

/// What one adapter instance may say of others' domains.
public enum Authority: Sendable, Hashable {
    /// It speaks for the domains that the directory gives it, and for no other (IMX 6.2.1).
    case ownDomains
    /// It brings what other aggregators send: from domains that are not served here to domains that are.
    case network
    /// It is the operator's own tool and may speak for every domain that is served here.
    case operatorTool
}

/// The place where one adapter instance is joined to the core: its lanes, its window, and the batches for it.
public final class AdapterPort: AdapterHost {
    /// The instance's name.
    public let name: String
    /// The clock and the timers of the aggregator.
    public let scheduler: any Scheduler
    /// The logger of the instance.
    public let logger: Logger
    let index: UInt16
    let authority: Authority
    var adapter: (any Adapter)?
    /// The word for the kind of adapter.
    var kind = ""
    var window = 0
    var capabilities: Set<AdapterKit.Capability> = []
    /// How many deliveries are with the adapter.
    var outstanding = 0
    /// How many of its submissions have no outcome.
    var unsettledSubmissions = 0
    var isPaused = false
    var isDirty = false
    /// The lanes that lead here and have something to send, in turn.
    var readyLanes: [UInt32] = []
    var firstReadyLane = 0
    var deliveries: [Delivery] = []
    var settlements: [Settlement] = []
    /// The lane that the last submission went into, which the next one is likely to go into too.
    var recentLane: (index: UInt32, epoch: UInt64)?
    /// Why the last envelope found no lane.
    var refusal = Outcome(.internalError)
    /// The state of the link, as the adapter last told it.
    public internal(set) var linkState = LinkState.connecting
    private unowned let core: AggregatorCore

    init(name: String, index: UInt16, authority: Authority, core: AggregatorCore, logger: Logger) {
        self.name = name
        self.index = index
        self.authority = authority
        self.core = core
        self.scheduler = core.scheduler
        self.logger = logger
    }

    /// The domains that the directory gives to the instance.
    public var domains: [Domain] { core.directory.domains(of: name) }

    /// Whether the directory gives `domain` to the instance.
    public func serves(_ domain: Domain) -> Bool { core.directory[domain]?.adapter == name }

    /// Accepts envelopes into the core.
    public func submit(_ batch: [Submission]) {
        core.turn { core.submit(batch, from: self) }
    }

    /// Tells the core about presence.
    public func presence(_ events: [PresenceEvent]) {
        core.turn { core.presence(events, from: self) }
    }

    /// Ends a delivery.
    public func settle(_ ticket: Ticket, _ outcome: Outcome) {
        core.turn { core.settle(ticket, outcome) }
    }

    /// Collects what `body` brings for the core.
    public func turn(_ body: () -> Void) { core.turn(body) }

    /// Notes the state of the link, and logs a change.
    public func linkChanged(to state: LinkState) {
        guard state != linkState else { return }
        linkState = state
        logger.notice("link \(state)")
        core.presenceLinkChanged(self)
    }

    /// Counts something dropped.
    public func count(_ reason: DropReason) { core.drops[reason, default: 0] += 1 }

    /// A new trace identifier.
    public func makeTraceID() -> TraceID { core.makeTraceID() }

    /// A new message identifier.
    public func makeMessageID(native: String?) -> MessageID { core.makeMessageID(native: native) }

    /// Notes a step of an envelope's way.
    public func note(_ trace: TraceID, _ step: @autoclosure () -> String) {
        core.note(trace, at: name, step())
    }
}
