// SPDX-License-Identifier: Apache-2.0
package import AdapterKit
import EnvelopeModel
import IMXWire
import Logging
import MessageFormats
// Needed for CircularBuffer's own `append`: where its module is not imported, the standard library's stands in, and
// that one copies the whole queue.
import NIOCore

/// What the core gives us to send, and what we tell it of the outcome.
extension IMXFront {
    package func deliver(_ batch: [Delivery]) {
        burst {
            for index in batch.indices { dispatch(batch[index]) }
        }
    }

    private func dispatch(_ delivery: Delivery) {
        let route = route(from: delivery.envelope.source.domain, to: delivery.envelope.destination.domain)
        let pair = route.pair
        if let link = route.link, case .up(let connection) = link.state, pair.claim == .confirmed, pair.isEmpty,
            connection.isWritable, send(delivery, of: pair, isRepeat: false, on: connection)
        {
            return
        }
        var kept = delivery.envelope
        kept.detach()
        let waitingDelivery = Delivery(ticket: delivery.ticket, envelope: kept)
        waiting[delivery.ticket] = pair
        pair.waiting.append(waitingDelivery)
        if let link = route.link {
            host.note(delivery.envelope.trace, "waits for \(link.endpoint)")
            ensureUp(link)
            pump(pair, link)
        } else {
            lookUp(route)
        }
    }

    /// Sends one delivery. False where it must wait: the peer's window or our socket is full.
    private func send(
        _ delivery: Delivery,
        of pair: PairQueue,
        isRepeat: Bool,
        on connection: FrontConnection
    ) -> Bool {
        guard connection.machine.requestRoom > 0 else { return false }
        if case .unknown = delivery.envelope.operation {
            host.settle(delivery.ticket, Outcome(.notUnderstood, "IMX/1 cannot carry this operation"))
            return true
        }
        let cookie = connection.remember(.delivery(delivery, pair))
        let result = encode(delivery.envelope, cookie: cookie, isRepeat: isRepeat, on: connection)
        switch result {
        case .sent:
            markDirty(connection)
            host.note(delivery.envelope.trace, "sent to \(connection.link?.endpoint.description ?? connection.address)")
            return true
        case .windowFull, .notOpen:
            _ = connection.take(cookie)
            return false
        case .tooLarge:
            _ = connection.take(cookie)
            host.settle(delivery.ticket, Outcome(.tooLarge, "larger than the peer takes"))
            return true
        }
    }

    /// Writes the request into the connection's octets. A body that is no MIME entity yet becomes one on the way, in a
    /// buffer that is used again and again.
    private func encode(
        _ envelope: Envelope,
        cookie: UInt64,
        isRepeat: Bool,
        on connection: FrontConnection
    ) -> SendResult {
        let left = (envelope.deadline - now).nanoseconds / 1_000_000
        let deadline = envelope.deadline == .distantFuture ? nil : UInt32(clamping: max(1, left))
        guard case .parts = envelope.body else {
            return connection.machine.send(
                envelope: envelope,
                deadline: deadline,
                cookie: cookie,
                isRetry: isRepeat,
                now: now
            )
        }
        entity.clear()
        let losses = MIMEEntity.write(
            body: envelope.body,
            from: envelope.source,
            to: envelope.destination,
            into: &entity
        )
        var envelope = envelope
        envelope.add(losses: losses)
        return connection.machine.send(
            envelope: envelope,
            mime: entity,
            deadline: deadline,
            cookie: cookie,
            isRetry: isRepeat,
            now: now
        )
    }

    /// Sends what waits for the pair, as far as the peer lets us, and asks for the pair's trust where it is missing.
    func pump(_ pair: PairQueue, _ link: PeerLink) {
        guard case .up(let connection) = link.state, !pair.isEmpty, !connection.isLeaving else { return }
        switch pair.claim {
        case .none: askForTrust(pair, on: connection)
        case .asked, .later: return
        case .confirmed:
            while connection.isWritable, let (delivery, isRepeat) = pair.next() {
                guard send(delivery, of: pair, isRepeat: isRepeat, on: connection) else {
                    return pair.putBack(delivery, isRepeat: isRepeat)
                }
                waiting[delivery.ticket] = nil
            }
        }
    }

    /// Sends what waits for all pairs of the link, each in its turn.
    func pump(_ link: PeerLink) {
        for pair in link.pairs where !pair.isEmpty { pump(pair, link) }
    }

    package func withdraw(_ ticket: Ticket) -> Withdrawal {
        guard let pair = waiting.removeValue(forKey: ticket) else { return .tooLate }
        pair.withdraw(ticket)
        if let reason = routes[PairKey(source: pair.source, target: pair.target)]?.link?.lastFailure {
            host.settle(ticket, Outcome(.timedOut, "\(pair.target) could not be reached in time: \(reason)"))
        }
        return .withdrawn
    }

    /// Ends everything that waits for the pair with `outcome`.
    func refuse(_ pair: PairQueue, _ outcome: Outcome) {
        for delivery in pair.takeAll() {
            waiting[delivery.ticket] = nil
            host.settle(delivery.ticket, outcome)
        }
    }

    // MARK: Answers to the peer

    /// The token of a request that a peer made: its connection, its tag, and whether it is a REPORT.
    static func token(_ connection: ConnectionHandle, tag: UInt32, isReport: Bool) -> UInt64 {
        (connection.rawValue << 33) | (isReport ? 1 << 32 : 0) | UInt64(tag)
    }

    package func settled(_ batch: [Settlement]) {
        burst {
            var recent: FrontConnection?
            for index in batch.indices {
                let token = batch[index].token
                let handle = ConnectionHandle(rawValue: token >> 33)
                if recent?.handle != handle { recent = connections[handle] }
                guard let connection = recent else { continue }  // the peer is gone; it will hear it when it asks again
                let type = token & (1 << 32) == 0 ? RecordType.message : .report
                let tag = UInt32(truncatingIfNeeded: token)
                connection.machine.answer(outcome: batch[index].outcome, to: type, tag: tag, now: now)
                markDirty(connection)
            }
        }
    }
}
