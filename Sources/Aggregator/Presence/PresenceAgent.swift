// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import NIOCore
import Presence

/// The desk's place among the adapters: what it asks of other sides goes the way of every envelope, and comes back with
/// an outcome.
final class PresenceAgent: Adapter {
    static let descriptor = AdapterDescriptor(kind: "presence", capabilities: [], window: 1)

    private unowned let core: AggregatorCore
    private let host: any AdapterHost
    /// What waits because enough of its pair of domains is under way: presence shares the pair's lane with messages,
    /// and must not fill it.
    private var shares: [Pair: Share] = [:]
    private static let shareLimit = 1_024
    /// What an envelope weighs beside its body, at least.
    private static let overhead = 256
    /// The most that waits for one pair; the desk tries the rest again later.
    private static let waitingLimit = 100_000
    private var open: [UInt64: Open] = [:]
    private var lastToken: UInt64 = 0

    private struct Pair: Hashable {
        let source: Domain
        let destination: Domain
    }

    private struct Open {
        let token: UInt64
        let pair: Pair
        let octets: Int
    }

    private struct Share {
        var underWay = 0
        var octets = 0
        var waiting: CircularBuffer<PresenceDesk.Request> = []
    }

    /// A quarter of what the pair's lane holds, and always one.
    private func hasRoom(_ pair: Pair, _ request: PresenceDesk.Request) -> Bool {
        guard let share = shares[pair], share.underWay > 0 else { return true }
        let limits = core.laneLimits(from: pair.source, to: pair.destination)
        return share.underWay < min(Self.shareLimit, limits.messages / 4)
            && share.octets + octets(request) <= limits.octets / 4
    }

    private func octets(_ request: PresenceDesk.Request) -> Int {
        request.source.octetCount + request.destination.octetCount + request.body.octetCount + Self.overhead
    }

    private func take(_ pair: Pair, _ request: PresenceDesk.Request) {
        shares[pair, default: Share()].underWay += 1
        shares[pair]?.octets += octets(request)
    }

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
        var next: [PresenceDesk.Request] = []
        for settlement in batch {
            guard let open = open.removeValue(forKey: settlement.token) else { continue }
            desk.settled(open.token, settlement.outcome, at: host.scheduler.now)
            // In its place: a copy of the share would copy all that waits.
            shares[open.pair]?.underWay -= 1
            shares[open.pair]?.octets -= open.octets
            while let request = shares[open.pair]?.waiting.first {
                let isCurrent = desk.isCurrent(request.token)
                guard !isCurrent || hasRoom(open.pair, request) else { break }
                shares[open.pair]?.waiting.removeFirst()
                guard isCurrent else { continue }  // what it was about is over
                take(open.pair, request)
                next.append(request)
            }
            if shares[open.pair]?.underWay == 0 { shares[open.pair] = nil }
        }
        if !next.isEmpty { submit(next) }
    }

    func send(_ requests: [PresenceDesk.Request]) {
        var now: [PresenceDesk.Request] = []
        for request in requests {
            let pair = Pair(source: request.source.domain, destination: request.destination.domain)
            if shares[pair]?.waiting.isEmpty ?? true, hasRoom(pair, request) {
                take(pair, request)
                now.append(request)
            } else if let count = shares[pair]?.waiting.count, count < Self.waitingLimit {
                shares[pair]?.waiting.append(request)
            } else {
                let outcome = Outcome(.shortOfResources, "too much presence waits for the domain", retryAfter: 30)
                core.desk?.settled(request.token, outcome, at: host.scheduler.now)
            }
        }
        if !now.isEmpty { submit(now) }
    }

    private func submit(_ requests: [PresenceDesk.Request]) {
        host.submit(
            requests.map { request in
                lastToken += 1
                let pair = Pair(source: request.source.domain, destination: request.destination.domain)
                open[lastToken] = Open(token: request.token, pair: pair, octets: octets(request))
                var envelope = Envelope(
                    operation: request.operation,
                    source: request.source,
                    destination: request.destination,
                    messageID: host.makeMessageID(native: nil),
                    trace: host.makeTraceID(),
                    body: request.body
                )
                if let details = details(of: request) { envelope.details = details }
                return Submission(token: lastToken, envelope: envelope)
            }
        )
    }

    private func details(of request: PresenceDesk.Request) -> Envelope.Details? {
        // A state without a document is told to those too who are to learn nothing more.
        let alias =
            request.body == .none ? nil : core.ridingAlias(of: request.source, for: request.destination)
        guard request.name != nil || alias != nil else { return nil }
        var details = Envelope.Details()
        details.sourceName = request.name
        if let alias { details.attributes = [alias] }
        return details
    }

    func stop(by deadline: Instant, completion: @escaping () -> Void) { completion() }
}
