// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import Presence

/// The desk's place among the adapters: what it asks of other sides goes the way of every envelope, and comes back with
/// an outcome.
final class PresenceAgent: Adapter {
    static let descriptor = AdapterDescriptor(kind: "presence", capabilities: [], window: 1)

    private unowned let core: AggregatorCore
    private let host: any AdapterHost

    init(host: any AdapterHost, core: AggregatorCore) {
        self.host = host
        self.core = core
    }

    func start() { host.linkChanged(to: .up) }

    /// No domain is served by the desk, so nothing is ever delivered to it.
    func deliver(_ batch: [Delivery]) {
        for delivery in batch { host.settle(delivery.ticket, Outcome(.notUnderstood)) }
    }

    func settled(_ batch: [Settlement]) {
        guard let desk = core.desk else { return }
        for settlement in batch { desk.settled(settlement.token, settlement.outcome, at: host.scheduler.now) }
    }

    func send(_ requests: [PresenceDesk.Request]) {
        host.submit(
            requests.map { request in
                var envelope = Envelope(
                    operation: request.operation,
                    source: request.source,
                    destination: request.destination,
                    messageID: host.makeMessageID(native: nil),
                    trace: host.makeTraceID(),
                    body: request.body
                )
                if let name = request.name {
                    var details = Envelope.Details()
                    details.sourceName = name
                    envelope.details = details
                }
                return Submission(token: request.token, envelope: envelope)
            }
        )
    }

    func stop(by deadline: Instant, completion: @escaping () -> Void) { completion() }
}
