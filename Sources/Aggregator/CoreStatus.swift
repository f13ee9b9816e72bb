// SPDX-License-Identifier: Apache-2.0
public import AdapterKit
public import EnvelopeModel
import Logging
import Store
import Telemetry

/// An envelope that did not end delivered, for the record.
public struct FailedEnvelope: Sendable {
    /// Its trace identifier.
    public let trace: TraceID
    /// The sender's domain.
    public let source: Domain
    /// The recipient's domain.
    public let destination: Domain
    /// How it ended.
    public let outcome: Outcome
}

/// One step of an envelope's way, for whoever watches it.
public struct TraceStep: Sendable {
    /// When.
    public let at: Instant
    /// The adapter instance or room where it happened.
    public let place: String
    /// What happened.
    public let text: String
}

/// What an operator can see of the core at one moment.
public struct CoreStatus: Sendable {
    /// One lane.
    public struct LaneStatus: Sendable {
        /// The sender's domain.
        public let source: Domain
        /// The recipient's domain.
        public let destination: Domain
        /// The adapter instance that it leads to.
        public let adapter: String
        /// Its book.
        public let ledger: Ledger
        /// Envelopes without an outcome.
        public let waiting: Int
        /// Their octets.
        public let waitingOctets: Int
    }

    /// One adapter instance.
    public struct AdapterStatus: Sendable {
        /// Its name.
        public let name: String
        /// The word for its kind.
        public let kind: String
        /// Its link.
        public let link: LinkState
        /// Deliveries with it.
        public let outstanding: Int
        /// Its submissions without an outcome.
        public let unsettledSubmissions: Int
        /// Whether it was told to stop submitting.
        public let isPaused: Bool
    }

    /// The book of all outcomes.
    public let ledger: Ledger
    /// Envelopes without an outcome.
    public let waiting: Int
    /// Repeats that were answered without a second delivery.
    public let repeats: UInt64
    /// Entries that the repeat window gave up before their time.
    public let lostRepeatEntries: UInt64
    /// How often each outcome code was given. Codes that peers made up count under x000 of their class.
    public let outcomes: [(code: OutcomeCode, count: UInt64)]
    /// Log lines about lost messages that were left out.
    public let linesLeftOut: UInt64
    /// Lost messages that were not handed to ``AggregatorCore/onFailure``.
    public let recordsLeftOut: UInt64
    /// What was dropped without an answer, by reason.
    public let drops: [DropReason: UInt64]
    /// The lanes.
    public let lanes: [LaneStatus]
    /// The adapters.
    public let adapters: [AdapterStatus]
}

extension AggregatorCore {
    /// What there is to see now.
    public var status: CoreStatus {
        CoreStatus(
            ledger: ledger,
            waiting: tickets.unsettled + openQueries,
            repeats: repeats,
            lostRepeatEntries: repeatWindow.lostEntries,
            outcomes: outcomes,
            linesLeftOut: failureLines.leftOutInAll,
            recordsLeftOut: failureRecords.leftOutInAll,
            drops: drops,
            lanes: lanes.all.map {
                CoreStatus.LaneStatus(
                    source: $0.source,
                    destination: $0.destination,
                    adapter: ports[Int($0.port)].name,
                    ledger: $0.ledger,
                    waiting: $0.unsettled,
                    waitingOctets: $0.unsettledOctets
                )
            },
            adapters: ports.map {
                CoreStatus.AdapterStatus(
                    name: $0.name,
                    kind: $0.kind,
                    link: $0.linkState,
                    outstanding: $0.outstanding,
                    unsettledSubmissions: $0.unsettledSubmissions,
                    isPaused: $0.isPaused
                )
            }
        )
    }

    /// Calls `observer` with every step of the envelope with this trace identifier, until ``unwatch(_:)``.
    public func watch(_ trace: TraceID, _ observer: @escaping (TraceStep) -> Void) {
        watched[trace] = observer
    }

    /// Stops watching.
    public func unwatch(_ trace: TraceID) {
        watched[trace] = nil
    }

    /// Notes a step of an envelope's way. Costs two comparisons where nobody wants to know.
    func note(_ trace: TraceID, at place: String, _ step: @autoclosure () -> String) {
        if !watched.isEmpty, let observer = watched[trace] {
            observer(TraceStep(at: scheduler.now, place: place, text: step()))
        }
        if tracesSteps {
            logger.debug("\(step())", metadata: ["trace": "\(trace)", "at": "\(place)"])
        }
    }

    private var outcomes: [(code: OutcomeCode, count: UInt64)] {
        var counts: [OutcomeCode: UInt64] = [:]
        for (code, count) in outcomeCounts.enumerated() where count > 0 {
            let code = OutcomeCode(rawValue: UInt16(code))
            let shown = OutcomeCode.known.contains(code) ? code : OutcomeCode(rawValue: code.classCode)
            counts[shown, default: 0] += count
        }
        return counts.sorted { $0.key.rawValue < $1.key.rawValue }.map { ($0.key, $0.value) }
    }

    /// Logs and hands out an outcome other than "delivered".
    func report(_ envelope: Envelope, _ outcome: Outcome) {
        let lane = LaneTable.Pair(source: envelope.source.domain, destination: envelope.destination.domain)
        if let leftOut = failureLines.take(lane, now: now) {
            var metadata: Logger.Metadata = [
                "trace": "\(envelope.trace)", "outcome": "\(outcome.code)", "reason": "\(outcome.text ?? "")",
                "from": "\(envelope.source.domain)", "to": "\(envelope.destination.domain)",
            ]
            if leftOut > 0 { metadata["left-out"] = "\(leftOut)" }
            logger.info("not delivered", metadata: metadata)
        }
        guard failureRecords.take(lane, now: now) != nil else { return }
        onFailure?(
            FailedEnvelope(
                trace: envelope.trace,
                source: envelope.source.domain,
                destination: envelope.destination.domain,
                outcome: outcome
            )
        )
    }
}
