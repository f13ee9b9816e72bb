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
        if let refusal = delivery.envelope.wireRefusal { return host.settle(delivery.ticket, refusal) }
        let pair = pair(from: delivery.envelope.source.domain, to: delivery.envelope.destination.domain)
        if let connection = pair.connection, pair.claim == .confirmed, pair.isEmpty, connection.isWritable,
            pair.isFree(for: connection),
            send(connection.keepsCopies ? delivery.detached() : delivery, of: pair, isRepeat: false, on: connection)
        {
            return
        }
        waiting[delivery.ticket] = pair
        pair.waiting.append(delivery.detached())
        if let connection = pair.connection {
            connection.line?.hasBacklog = true
            pump(pair)
        } else if pair.link == nil {
            place(pair)
        }
        if let place = pair.connection?.line?.endpoint ?? pair.link?.endpoint {
            host.note(delivery.envelope.trace, "waits for \(place)")
        }
    }

    /// Sends one delivery. False where it must wait: the peer's window or our socket is full.
    private func send(
        _ delivery: Delivery,
        of pair: PairQueue,
        isRepeat: Bool,
        on connection: FrontConnection
    ) -> Bool {
        if case .pushAttributes = delivery.envelope.operation { return push(delivery, on: connection) }
        let cookie = connection.remember(.delivery(delivery, pair, isRepeat: isRepeat), now: now)
        let result = encode(delivery.envelope, cookie: cookie, isRepeat: isRepeat, on: connection)
        switch result {
        case .sent:
            markDirty(connection)
            pair.sent(on: connection)
            host.note(delivery.envelope.trace, "sent to \(connection.peerName)")
            return true
        case .windowFull, .notOpen:
            _ = connection.take(cookie)
            return false
        case .tooLarge:
            _ = connection.take(cookie)
            host.settle(delivery.ticket, isRepeat ? Self.unanswered : Outcome(.tooLarge, "larger than the peer takes"))
            return true
        }
    }

    /// Sends attributes that nobody asked for. Nobody answers, so they are done with once they are on their way.
    private func push(_ delivery: Delivery, on connection: FrontConnection) -> Bool {
        switch connection.machine.send(pushed: delivery.envelope, now: now) {
        case .sent:
            markDirty(connection)
            host.settle(delivery.ticket, .delivered)
        case .tooLarge: host.settle(delivery.ticket, Outcome(.tooLarge, "larger than the peer takes"))
        case .windowFull, .notOpen: return false
        }
        return true
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
    func pump(_ pair: PairQueue, atMost limit: Int = .max) {
        guard let connection = pair.connection, !pair.isEmpty else { return }
        guard connection.machine.isOpen else { return replace(connection) }
        switch pair.claim {
        case .none: askForTrust(pair, on: connection)
        case .asked, .later: return
        case .confirmed:
            guard pair.isFree(for: connection) else { return }
            var sent = 0
            while sent < limit, connection.isWritable, let (delivery, isRepeat) = pair.next() {
                if isRepeat, delivery.envelope.deadline <= now {  // the core has called it uncertain
                    host.settle(delivery.ticket, Self.unanswered)
                    continue
                }
                sent += 1
                guard send(delivery, of: pair, isRepeat: isRepeat, on: connection) else {
                    return pair.putBack(delivery, isRepeat: isRepeat)
                }
                waiting[delivery.ticket] = nil
            }
        }
    }

    package func withdraw(_ ticket: Ticket) -> Withdrawal {
        guard let pair = waiting.removeValue(forKey: ticket) else { return .tooLate }
        pair.withdraw(ticket)
        if let reason = pair.link?.lastFailure ?? pair.peer.lastFailure {
            host.settle(ticket, Outcome(.timedOut, "\(pair.target) could not be reached in time: \(reason)"))
        }
        return .withdrawn
    }

    /// What became of a request that the peer may have taken before its connection was lost.
    static var unanswered: Outcome { Outcome(.uncertain, "the connection was lost before the answer came") }

    /// Ends everything that waits for the pair with `outcome`, save what the peer may have taken before.
    func refuse(_ pair: PairQueue, _ outcome: Outcome) {
        for (delivery, isRepeat) in pair.takeAll() {
            waiting[delivery.ticket] = nil
            host.settle(delivery.ticket, isRepeat ? Self.unanswered : outcome)
        }
    }

    /// The peer did not take a request because its trust in the pair has run out: it is asked for trust again, and what
    /// it did not take goes out anew, in the old order. A peer that forgets within a second means it.
    func denied(
        _ delivery: Delivery,
        of pair: PairQueue,
        isRepeat: Bool,
        _ outcome: Outcome,
        on connection: FrontConnection
    ) {
        if pair.connection === connection, pair.claim == .confirmed {
            guard now - pair.confirmedAt >= .seconds(1) else {
                return host.settle(delivery.ticket, isRepeat ? Self.unanswered : outcome)
            }
            pair.claim = .none
        }
        returnUntaken(delivery, to: pair, isRepeat: isRepeat, outcome)
    }

    /// The peer did not take a request because it does not serve the domain. It may have moved: a fresh look-up tells.
    func misdirected(
        _ delivery: Delivery,
        of pair: PairQueue,
        isRepeat: Bool,
        _ outcome: Outcome,
        on connection: FrontConnection
    ) {
        guard let line = connection.line, returnUntaken(delivery, to: pair, isRepeat: isRepeat, outcome) else { return }
        guard pair.connection === connection else { return }
        pair.misdirection = (line.endpoint, outcome)
        move(pair, from: connection)
    }

    /// Puts a request back that the peer has said it did not take. False where it is too late for another try: the core
    /// has ended it, or does so at once.
    @discardableResult
    private func returnUntaken(_ delivery: Delivery, to pair: PairQueue, isRepeat: Bool, _ outcome: Outcome) -> Bool {
        guard delivery.envelope.deadline > now else {
            host.settle(delivery.ticket, outcome)
            return false
        }
        let returned = delivery.detached()
        pair.connection?.line?.hasBacklog = true
        if isRepeat {
            pair.toRepeat.append(returned)
        } else {
            waiting[delivery.ticket] = pair
            pair.returned.append(returned)
        }
        return true
    }

    // MARK: Answers to the peer

    package func settled(_ batch: [Settlement]) {
        burst {
            var recent: FrontConnection?
            for index in batch.indices {
                let token = RequestToken(rawValue: batch[index].token)
                guard let type = token.kind.answerType else { continue }
                let handle = token.connection(latest: latestConnection)
                if recent?.handle != handle { recent = connections[handle] }
                guard let connection = recent else { continue }  // the peer is gone; it will hear it when it asks again
                connection.machine.answer(outcome: batch[index].outcome, to: type, tag: token.tag, now: now)
                markDirty(connection)
            }
        }
    }
}

extension Delivery {
    /// A copy that shares no memory with a read buffer.
    func detached() -> Delivery {
        var envelope = envelope
        envelope.detach()
        return Delivery(ticket: ticket, envelope: envelope)
    }
}
