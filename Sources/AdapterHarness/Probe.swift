// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import Aggregator
import EnvelopeModel
import Logging

import struct NIOCore.ByteBuffer

/// Stands between the core and the adapter under test, and writes down every call in both directions.
final class Probe<Tested: Adapter>: Adapter {
    static var descriptor: AdapterDescriptor { Tested.descriptor }

    private let tested: Tested
    private let log: ProbeLog

    init(_ tested: Tested, log: ProbeLog) {
        self.tested = tested
        self.log = log
    }

    func start() { tested.start() }

    func deliver(_ batch: [Delivery]) {
        log.delivered(batch)
        tested.deliver(batch)
    }

    func settled(_ batch: [Settlement]) {
        for settlement in batch {
            log.record("core -> adapter: settled \(settlement.token) \(settlement.outcome.code)")
        }
        tested.settled(batch)
    }

    func withdraw(_ ticket: Ticket) -> Withdrawal {
        let answer = tested.withdraw(ticket)
        log.recalled(ticket, answer)
        return answer
    }

    func pause() {
        log.paused(true)
        tested.pause()
    }

    func resume() {
        log.paused(false)
        tested.resume()
    }

    func presence(_ orders: [PresenceOrder]) {
        log.ordered(orders)
        tested.presence(orders)
    }

    func attributes(
        of subject: Address,
        for requester: Address,
        keys: [String],
        by deadline: Instant,
        answer: @escaping ([Attribute]) -> Void
    ) {
        let note = log.askedForAttributes(of: subject, keys)
        tested.attributes(of: subject, for: requester, keys: keys, by: deadline) { found in
            note(found)
            answer(found)
        }
    }

    func stop(by deadline: Instant, completion: @escaping () -> Void) {
        log.record("core -> adapter: stop")
        tested.stop(by: deadline) { [log] in
            log.stopped()
            if log.stopCompletions == 1 { completion() }
        }
    }
}

/// The host that the adapter under test sees.
///
/// It outlives the core where the adapter does, for a timer of the adapter may run once the check is over; from then on
/// it does nothing.
final class ProbeHost: AdapterHost {
    private let port: AdapterPort
    private let log: ProbeLog
    private weak var core: AggregatorCore?

    init(_ port: AdapterPort, of core: AggregatorCore, log: ProbeLog) {
        self.port = port
        self.core = core
        self.log = log
    }

    private var livePort: AdapterPort? { core == nil ? nil : port }

    var name: String { port.name }
    var scheduler: any Scheduler { port.scheduler }
    var logger: Logger { port.logger }
    var domains: [Domain] { livePort?.domains ?? [] }
    func serves(_ domain: Domain) -> Bool { livePort?.serves(domain) ?? false }

    func submit(_ batch: [Submission]) {
        log.submitted(batch)
        livePort?.submit(batch)
    }

    func presence(_ events: [PresenceEvent]) {
        log.told(events)
        livePort?.presence(events)
    }

    func settle(_ ticket: Ticket, _ outcome: Outcome) {
        log.settled(ticket, outcome)
        livePort?.settle(ticket, outcome)
    }

    func turn(_ body: () -> Void) {
        if let livePort { livePort.turn(body) } else { body() }
    }

    func linkChanged(to state: LinkState) {
        log.linkChanged(state)
        port.linkChanged(to: state)
    }

    func count(_ reason: DropReason) {
        log.record("adapter -> core: dropped, \(reason.rawValue)")
        livePort?.count(reason)
    }

    func note(_ trace: TraceID, _ step: @autoclosure () -> String) {
        let step = step()
        log.noted(trace, step)
        livePort?.note(trace, step)
    }

    func makeTraceID() -> TraceID { livePort?.makeTraceID() ?? TraceID(high: 0, low: 0) }

    func makeMessageID(native: String?) -> MessageID {
        livePort?.makeMessageID(native: native) ?? MessageID(unchecked: ByteBuffer(string: "late"))
    }
}
