// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import Aggregator
import Configuration
import Discovery
import EnvelopeModel
import Glibc
import IMXFront
import Logging
import NIOCore
import Policy
import Store
import Telemetry
import TransportSecurity

/// Carries out what commands ask of the running aggregator.
final class NodeControl: ControlHandler {
    let core: AggregatorCore
    private let front: IMXFront
    let tool: OperatorTool
    private let state: StateDirectory
    private let configuration: AggregatorConfiguration
    private let eventLoop: any EventLoop
    private let trust: TrustMemory
    private let gate: Gate
    private let security: TLSService
    private let resolver: DNSResolver?
    private let watch: RecordsWatch?
    private let startedAt: Instant
    /// Reads the configuration again; set once the node is complete.
    var reloader: Reloader?
    private var reloads = StatusReport.Reloads()

    init(
        core: AggregatorCore,
        front: IMXFront,
        tool: OperatorTool,
        state: StateDirectory,
        trust: TrustMemory,
        gate: Gate,
        security: TLSService,
        resolver: DNSResolver?,
        watch: RecordsWatch?,
        configuration: AggregatorConfiguration,
        eventLoop: any EventLoop
    ) {
        self.eventLoop = eventLoop
        self.core = core
        self.front = front
        self.tool = tool
        self.state = state
        self.trust = trust
        self.gate = gate
        self.security = security
        self.resolver = resolver
        self.watch = watch
        self.configuration = configuration
        startedAt = tool.host.scheduler.now
    }

    func handle(_ request: ControlRequest, answer: @escaping (ControlResponse) -> Void) {
        switch request {
        case .send(let from, let to, let text, let language): send(from, to, text, language, answer)
        case .status: answer(.status(report))
        case .outcomes(let last, let trace): outcomes(last, trace, answer)
        case .reload: reload(answer)
        case .trust: answer(.trust(trust.all.map(TrustReport.init)))
        case .forgetTrust(let name): forgetTrust(name, answer)
        case .drain(let to, let seconds): drain(to, seconds, answer)
        case .subscriptions(let of, let limit): answer(subscriptions(of, limit))
        case .attributes(let subject, let keys, let requester): attributes(subject, keys, requester, answer)
        case .rules(let question): answer(question.answer(by: gate, isHosted: core.serves, now: core.time))
        }
    }

    private func subscriptions(_ of: String?, _ limit: Int) -> ControlResponse {
        guard let desk = core.desk else { return .refused("presence is not served here") }
        do {
            return .subscriptions(try SubscriptionsReport(desk, of: of, limit: limit))
        } catch let failure as CommandFailure {
            return .refused(failure.message)
        } catch {
            return .refused("\(error)")
        }
    }

    private func drain(_ to: String?, _ seconds: UInt32, _ answer: @escaping (ControlResponse) -> Void) {
        let endpoint = to.flatMap { Endpoint($0) }
        if let to, endpoint == nil { return answer(.refused("\"\(to)\" is not a host and a port")) }
        tool.host.logger.notice("draining", metadata: ["to": "\(to ?? "wherever the look-up leads")"])
        let count = front.status.incoming + front.status.outgoing
        watch?.stop()  // the records may lead elsewhere now
        front.drain(to: endpoint.map { PeerEndpoint(host: $0.host, port: $0.port) }, seconds: seconds) {
            answer(.drained(connections: count))
        }
    }

    private func send(
        _ from: String,
        _ to: String,
        _ text: String,
        _ language: String?,
        _ answer: @escaping (ControlResponse) -> Void
    ) {
        guard let source = Address(from) else { return answer(.refused("\"\(from)\" is not an address: local@domain")) }
        guard let destination = Address(to) else {
            return answer(.refused("\"\(to)\" is not an address: local@domain"))
        }
        let trace = tool.host.makeTraceID()
        let start = tool.host.scheduler.now
        var path: [SendReport.Step] = []
        core.watch(trace) { step in
            let time = (step.at - start).seconds * 1000
            path.append(SendReport.Step(milliseconds: time, place: step.place, text: step.text))
        }
        let envelope = Envelope(
            source: source,
            destination: destination,
            messageID: tool.host.makeMessageID(native: nil),
            trace: trace,
            body: .parts([.text(text, language: language)])
        )
        tool.send(envelope) { [core, tool] settlement in
            core.unwatch(trace)
            let outcome = settlement.outcome
            answer(
                .sent(
                    SendReport(
                        trace: trace.description,
                        code: outcome.code.rawValue,
                        text: outcome.text,
                        retryAfter: outcome.details?.retryAfter,
                        milliseconds: (tool.host.scheduler.now - start).seconds * 1000,
                        path: path
                    )
                )
            )
        }
    }

    /// The configuration was read again, whoever asked for it.
    func note(_ report: ReloadReport) {
        if report.problems.isEmpty { reloads.taken += 1 } else { reloads.refused += 1 }
        reloads.last = WallTime.now.description
        reloads.problems = report.problems
    }

    private func reload(_ answer: @escaping (ControlResponse) -> Void) {
        guard let reloader else { return answer(.refused("the aggregator is still starting")) }
        let bound = NIOLoopBound(answer, eventLoop: eventLoop)
        reloader.reload { bound.value(.reloaded($0)) }
    }

    private func forgetTrust(_ name: String, _ answer: (ControlResponse) -> Void) {
        guard let domain = Domain(name) else { return answer(.refused("\"\(name)\" is not a domain name")) }
        guard trust.forget(domain) else { return answer(.refused("nothing is remembered about \(domain)")) }
        tool.host.logger.notice("trust forgotten", metadata: ["domain": "\(domain)"])
        answer(.trust(trust.all.map(TrustReport.init)))
    }

    /// Reads the database on its own thread, and answers on the event loop.
    private func outcomes(_ last: Int, _ trace: String?, _ answer: @escaping (ControlResponse) -> Void) {
        var wanted: TraceID?
        if let trace {
            guard let id = TraceID(trace) else {
                return answer(.refused("\"\(trace)\" is no trace: 32 hexadecimal digits"))
            }
            wanted = id
        }
        let bound = NIOLoopBound(answer, eventLoop: eventLoop)
        let eventLoop = eventLoop
        state.database.fetchOutcomes(last: min(last, 10_000), trace: wanted) { result in
            let response: ControlResponse
            switch result {
            case .success(let records): response = .outcomes(records.map(OutcomeReport.init))
            case .failure(let error): response = .refused("the database cannot be read: \(error)")
            }
            eventLoop.execute { bound.value(response) }
        }
    }

    private var report: StatusReport {
        let status = core.status
        let peers = front.status
        return StatusReport(
            name: configuration.name,
            version: Version.number,
            serverID: core.settings.serverID.description,
            pid: getpid(),
            started: state.started.description,
            uptimeSeconds: UInt64(max(0, (tool.host.scheduler.now - startedAt).nanoseconds / 1_000_000_000)),
            ledger: StatusReport.Book(status.ledger),
            waiting: UInt64(status.waiting),
            repeats: status.repeats,
            lostRepeats: status.lostRepeatEntries,
            lostOutcomes: state.database.lostOutcomes + status.recordsLeftOut,
            lostTrust: state.database.lostTrust + trust.lost,
            outcomes: status.outcomes.map { StatusReport.Count(name: $0.code.description, count: $0.count) },
            drops: status.drops.map { StatusReport.Count(name: $0.key.rawValue, count: $0.value) }.sorted {
                $0.name < $1.name
            },
            turnedAway: StatusReport.counts(gate.counts),
            presence: StatusReport.presence(core.desk, lostChanges: state.database.lostChanges),
            refusals: peers.refusals.map { StatusReport.Count(name: $0.reason, count: $0.count) },
            linesLeftOut: peers.linesLeftOut + status.linesLeftOut,
            connections: StatusReport.Connections(
                incoming: peers.incoming,
                unauthenticated: peers.unauthenticated,
                outgoing: peers.outgoing
            ),
            lanes: status.lanes.map(StatusReport.Lane.init).sorted { ($0.from, $0.to) < ($1.from, $1.to) },
            adapters: status.adapters.map(StatusReport.Adapter.init),
            peers: front.peers.map(StatusReport.Peer.init),
            certificates: security.inventory.expiries.map(StatusReport.Certificate.init),
            certificateProblems: security.inventory.problems.map(\.description),
            lookUps: resolver.map { StatusReport.counts($0.counts) } ?? [],
            hostedRecords: watch.map(StatusReport.HostedRecords.init),
            reloads: reloads,
            previousRun: state.previousRun.map(StatusReport.Run.init)
        )
    }
}

extension StatusReport.Book {
    fileprivate init(_ ledger: Ledger) {
        self.init(
            accepted: ledger.accepted,
            delivered: ledger.delivered,
            failed: ledger.failed,
            expired: ledger.expired,
            uncertain: ledger.uncertain
        )
    }
}

extension StatusReport.Lane {
    fileprivate init(_ lane: CoreStatus.LaneStatus) {
        self.init(
            from: lane.source.name,
            to: lane.destination.name,
            adapter: lane.adapter,
            ledger: StatusReport.Book(lane.ledger),
            waiting: lane.waiting,
            waitingOctets: lane.waitingOctets
        )
    }
}

extension StatusReport.Adapter {
    fileprivate init(_ adapter: CoreStatus.AdapterStatus) {
        self.init(
            name: adapter.name,
            kind: adapter.kind,
            link: adapter.link.description,
            outstanding: adapter.outstanding,
            unsettled: adapter.unsettledSubmissions,
            isPaused: adapter.isPaused
        )
    }
}

extension StatusReport.Peer {
    fileprivate init(_ peer: PeerStatus) {
        self.init(
            id: peer.id,
            address: peer.address,
            direction: peer.isOutgoing ? "out" : "in",
            state: peer.state,
            pairs: peer.pairs.map { "\($0.source)>\($0.target)" },
            inFlight: peer.inFlight
        )
    }
}

extension StatusReport.HostedRecords {
    /// The most domains that are shown one by one.
    private static let shown = 1000

    fileprivate init(_ watch: RecordsWatch) {
        self.init(
            looks: watch.looks,
            right: watch.right.count,
            astrayCount: watch.astray.count,
            astray: watch.astray.sorted { $0.key < $1.key }.prefix(Self.shown).map { domain, finding in
                Astray(domain: domain.name, since: finding.since.description, problems: finding.problems)
            }
        )
    }
}

extension StatusReport.Certificate {
    fileprivate init(_ status: CertificateInventory.Status) {
        self.init(
            domain: status.domain?.name ?? "any",
            file: status.file,
            notAfter: WallTime(milliseconds: status.notAfter * 1000).description,
            names: status.names
        )
    }
}

extension StatusReport {
    fileprivate static func counts(_ counts: [(name: String, count: UInt64)]) -> [Count] {
        counts.map { Count(name: $0.name, count: $0.count) }
    }

    fileprivate static func counts(_ counts: DNSCounts) -> [Count] {
        [
            ("made", counts.lookups), ("questions", counts.asked), ("from-memory", counts.cached),
            ("shared", counts.merged), ("refused", counts.refused), ("found", counts.found),
            ("not-found", counts.notFound), ("failed", counts.failed), ("bogus", counts.bogus),
        ].map { Count(name: $0.0, count: UInt64($0.1)) }
    }
}

extension StatusReport.Run {
    fileprivate init(_ run: StateDatabase.RunRecord) {
        self.init(
            version: run.version,
            started: run.started.description,
            stopped: run.stopped?.description,
            isClean: run.isClean,
            ledger: StatusReport.Book(
                accepted: run.totals.accepted,
                delivered: run.totals.delivered,
                failed: run.totals.failed,
                expired: run.totals.expired,
                uncertain: run.totals.uncertain
            )
        )
    }
}

extension OutcomeReport {
    fileprivate init(_ record: StateDatabase.OutcomeRecord) {
        self.init(
            time: record.time.description,
            trace: record.trace.description,
            from: record.source.name,
            to: record.destination.name,
            code: record.code.rawValue,
            text: record.text
        )
    }
}

extension TrustReport {
    fileprivate init(_ record: StateDatabase.TrustRecord) {
        self.init(
            domain: record.domain.name,
            level: (TrustLevel(rawValue: record.level) ?? .dialback).word,
            since: record.since.description,
            seen: record.seen.description
        )
    }
}
