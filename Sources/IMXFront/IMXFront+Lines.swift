// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import IMXWire
import Logging
// Needed for CircularBuffer's own members; see IMXFront+Deliveries.swift.
import NIOCore
import TransportSecurity

/// Which pairs send on which connection, and what becomes of them when the connection goes (IMX-1 §5.5, §5.8).
///
/// A pair whose requests are still in flight on an old connection has its place on the new one at once and asks for
/// trust there, but sends only when the old requests have their end. So a connection may be replaced at any moment.
extension IMXFront {
    /// Gives the pair its place on `connection`, if that proves enough for it.
    func board(_ pair: PairQueue, _ connection: FrontConnection) {
        guard let line = connection.line, let link = pair.link else { return }
        if let reason = contradiction(on: connection, for: pair.target), pair.floor?.level != .certificate {
            // It needs a connection of its own, where the certificate counts.
            pair.floor = (.certificate, Outcome(.refused, "\(pair.target) has not proved enough: \(reason)"))
        }
        let level = neededLevel(pair)
        let proved = self.level(of: connection, for: pair.target)
        guard proved >= level else { return leaveUnfit(pair, link, level) }
        if let repeatsAt = pair.repeatsAt, repeatsAt.server != connection.peer { giveUpRepeats(of: pair) }
        pair.leaveConnection()
        pair.connection = connection
        pair.level = proved
        line.pairs.append(pair)
        line.hasBacklog = true
        pump(pair)
    }

    /// IMX-1 §5.6: only the process that was asked may be asked again.
    private func giveUpRepeats(of pair: PairQueue) {
        pair.repeatsAt = nil
        while let delivery = pair.toRepeat.popFirst() {
            if pair.withdrawn.remove(delivery.ticket) == nil { host.settle(delivery.ticket, Self.unanswered) }
        }
    }

    /// More is asked for the pair than when it came to the link: it goes where more is proved.
    private func leaveUnfit(_ pair: PairQueue, _ link: PeerLink, _ level: TrustLevel) {
        let isHere = link.key.endpoints.allSatisfy(\.usesTLS) && (link.key.serverName != nil || level < .certificate)
        pair.link = nil
        link.pairs.removeAll { $0 === pair }
        defer { retireIfUnused(link) }
        guard isHere, pair.peer.redirection == nil else {
            pair.peer.redirection = nil
            return place(pair)
        }
        count(.weak(level))
        let demand = demand(hosted: pair.source, peer: pair.target)
        refuse(pair, Outcome(.refused, "\(pair.target) has not proved enough: \(demand)"))
        tidy(pair)
    }

    // MARK: Sending

    /// Sends what waits for all pairs of the connection, each in its turn.
    func pump(_ connection: FrontConnection) {
        guard let line = connection.line, line.hasBacklog, let link = connection.link,
            link.connections.contains(where: { $0 === connection })
        else { return }
        guard connection.machine.isOpen else { return replace(connection) }
        while connection.machine.requestRoom > 0, let id = line.verifications.popFirst() { ask(id, on: connection) }
        // Claims come before data, or pairs that send all the time would keep new ones out.
        for pair in line.pairs where !pair.isEmpty && pair.claim == .none { askForTrust(pair, on: connection) }
        guard sendInTurns(line, connection) else { return grow(link) }
        line.hasBacklog = !line.verifications.isEmpty || line.pairs.contains { !$0.isEmpty }
    }

    /// False where the peer's window or our socket is full before all is sent.
    private func sendInTurns(_ line: PeerLine, _ connection: FrontConnection) -> Bool {
        var isMoving = true
        while isMoving {
            isMoving = false
            for _ in line.pairs.indices {
                guard !line.pairs.isEmpty else { return true }
                guard connection.isWritable, connection.machine.requestRoom > 0 else { return false }
                line.turn = (line.turn + 1) % line.pairs.count
                let pair = line.pairs[line.turn]
                guard pair.claim == .confirmed, !pair.isEmpty, pair.isFree(for: connection) else { continue }
                pump(pair, atMost: Self.quantum)
                isMoving = isMoving || !pair.isEmpty
            }
        }
        return true
    }

    /// The most requests of one pair before the next pair has its turn.
    private static var quantum: Int { 32 }

    // MARK: Several connections

    /// Makes a further connection where that helps: several pairs wait for room on those that stand (IMX 4.3.1).
    private func grow(_ link: PeerLink) {
        guard link.connections.count < settings.connectionsPerPeer, link.opening == nil, link.timer == nil,
            now >= link.growsAgain, !isStopping
        else { return }
        var waiting = 0
        for pair in link.pairs where !pair.isEmpty && pair.claim == .confirmed {
            waiting += 1
            if waiting > 1 { return open(link) }
        }
    }

    /// Gives a new connection its share of the pairs. Each goes on there once its requests in flight have their end.
    func share(_ link: PeerLink, with connection: FrontConnection) {
        let share = link.pairs.count / link.connections.count
        var moving: [PairQueue] = []
        for donor in link.connections where donor !== connection {
            guard let line = donor.line else { continue }
            var surplus = line.pairs.count - share
            line.pairs.removeAll { pair in
                guard surplus > 0, pair.toRepeat.isEmpty else { return false }
                surplus -= 1
                moving.append(pair)
                return true
            }
            line.turn = 0
        }
        for pair in moving {
            pair.leaveConnection()
            board(pair, connection)
        }
    }

    // MARK: Ends

    /// A request of the pair has its end on `connection`.
    func landed(_ pair: PairQueue, on connection: FrontConnection) {
        pair.landed()
        guard pair.inFlight == 0, pair.connection !== connection else { return }
        if pair.connection == nil { tidy(pair) } else { pump(pair) }
    }

    /// The peer is about to leave, or says that it does.
    func closing(_ close: CloseRecord, on connection: FrontConnection) {
        connection.isLeaving = true
        guard let line = connection.line else { return }
        line.closeCode = close.code
        if close.code != .delivered {
            let text = close.text.map { ": " + String(buffer: $0) } ?? ""
            line.closeReason = "the peer closed with \(close.code)\(text)"
        }
        replace(connection)
    }

    /// Sends nothing new on the connection. Its pairs go to another one at once, however long it takes to end.
    func replace(_ connection: FrontConnection) {
        guard let line = connection.line, let link = connection.link,
            let index = link.connections.firstIndex(where: { $0 === connection })
        else { return }
        link.connections.remove(at: index)
        connection.isLeaving = true
        let pause = account(connection, line, link)
        let pairs = line.pairs
        line.pairs = []
        for pair in pairs { pair.leaveConnection() }
        while let id = line.verifications.popFirst() { verificationFailed(id) }
        rehome(pairs, link, after: pause)
    }

    /// Finds new places for pairs that have lost theirs.
    private func rehome(_ pairs: [PairQueue], _ link: PeerLink, after pause: Interval) {
        for pair in pairs where pair.link === link && pair.connection == nil {
            if pair.isEmpty {
                pair.link = nil
                link.pairs.removeAll { $0 === pair }
                tidy(pair)
            } else if let other = link.leastLoaded {
                board(pair, other)
            }
        }
        guard link.connections.isEmpty, link.opening == nil, link.timer == nil else { return }
        guard link.hasStranded, !isStopping else { return regroup(link) }
        self.pause(link, for: pause)
    }

    /// Draws the conclusions from a connection that is over or about to be; the pause before the next one.
    private func account(_ connection: FrontConnection, _ line: PeerLine, _ link: PeerLink) -> Interval {
        let hasLasted = now - line.openedAt >= .seconds(10)
        if let reason = line.closeReason {
            link.failures = (hasLasted ? 0 : link.failures) + 1
            link.lastFailure = reason
        } else if connection.hasServed || hasLasted {
            link.failures = 0
        } else {
            // A peer that greets and does nothing else is no better reached than one that does not answer.
            link.failures += 1
        }
        guard link.failures > 0 else { return briefPause }
        link.avoided[line.endpoint] = now + .seconds(60)
        for pair in line.pairs { distrustLookUp(of: pair.peer) }
        return settings.backOff.pause(after: link.failures, using: &generator)
    }

    /// A short random pause, so that many that lost the same peer do not come back together.
    private var briefPause: Interval { .milliseconds(Int.random(in: 1...20, using: &generator)) }

    func randomPause(upTo most: Interval) -> Interval {
        Interval(nanoseconds: Int64.random(in: 0...max(0, most.nanoseconds), using: &generator))
    }

    /// A connection that we dialled is gone, or a try to make one has failed.
    func lineEnded(_ connection: FrontConnection, reason: String) {
        guard let line = connection.line, let link = connection.link else { return }
        let reason = line.closeReason ?? connection.endReason ?? reason
        if link.opening === connection { return openingFailed(link, line, reason: reason) }
        host.logger.info("peer disconnected", metadata: ["peer": "\(line.endpoint)", "reason": "\(reason)"])
        replace(connection)
        retireIfUnused(link)
    }

    /// Puts back what was asked on a connection that is gone: first what the peer says it has not taken.
    func putBackAll(from connection: FrontConnection) {
        let untaken = connection.machine.takeUnhandled()
        putBack(untaken.compactMap { connection.take($0) }, asRepeats: false, from: connection)
        let unanswered = connection.machine.takeRemaining()
        putBack(unanswered.compactMap { connection.take($0) }, asRepeats: true, from: connection)
    }

    /// Puts what has no answer back in line, before everything that waits there, in the order in which it was sent.
    private func putBack(_ requests: [FrontConnection.Request], asRepeats: Bool, from connection: FrontConnection) {
        var returned: [PairQueue] = []
        for request in requests.reversed() {
            switch request {
            case .delivery(let delivery, let pair, let isRepeat):
                if pair.connection !== connection, returned.last !== pair { returned.append(pair) }
                // A repeat that the peer did not take stays one: an earlier connection may have brought it there.
                if delivery.envelope.operation.isIdempotent {
                    putBack(delivery, of: pair)
                } else if asRepeats || isRepeat {
                    pair.toRepeat.prepend(delivery)
                    if let server = connection.peer, let line = connection.line {
                        pair.repeatsAt = (server, line.endpoint)
                    }
                } else {
                    pair.waiting.prepend(delivery)
                    waiting[delivery.ticket] = pair
                }
                pair.landed()
            case .claim(let pair): if pair.connection === connection, pair.claim == .asked { pair.claim = .none }
            case .verification(let id): verificationFailed(id)
            }
        }
        for pair in returned { resume(pair) }
    }

    /// IMX-1 §5.6: what may be said again goes out as if it had never been sent, while somebody waits for it.
    private func putBack(_ delivery: Delivery, of pair: PairQueue) {
        guard delivery.envelope.deadline > now else { return host.settle(delivery.ticket, Self.unanswered) }
        pair.waiting.prepend(delivery)
        waiting[delivery.ticket] = pair
    }

    /// What a pair had in flight on an old connection has come back.
    private func resume(_ pair: PairQueue) {
        guard let connection = pair.connection else { return pair.link == nil ? place(pair) : () }
        if let repeatsAt = pair.repeatsAt, repeatsAt.server != connection.peer { giveUpRepeats(of: pair) }
        connection.line?.hasBacklog = true
        pump(pair)
    }
}
