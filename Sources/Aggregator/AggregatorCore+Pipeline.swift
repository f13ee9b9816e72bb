// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import Store

/// The way of an envelope: authorise, resolve, admit, dispatch, settle. This file is the map of the program.
extension AggregatorCore {
    /// Accepts a batch: each envelope is entered in the ledger and gets exactly one settlement.
    func submit(_ batch: [Submission], from port: AdapterPort) {
        for index in batch.indices {
            accept(batch[index].envelope, token: batch[index].token, from: port)
        }
        if port.unsettledSubmissions >= settings.submissionWindow && !port.isPaused {
            port.isPaused = true
            port.adapter?.pause()
        }
    }

    private func accept(_ envelope: Envelope, token: UInt64, from port: AdapterPort) {
        switch envelope.operation {
        case .message, .report, .unknown: break
        case .subscribe, .notify, .getAttributes, .pushAttributes:
            return acceptPresence(envelope, token, from: port)
        }
        guard let lane = lane(for: envelope, from: port) else { return refuse(envelope, token, port, port.refusal) }
        if let outcome = admission(of: envelope, into: lane) ?? refusalByPolicy(of: envelope, from: port) {
            // RFC 2779 5.4.2: what was taken before is not called failed because there is no room for it now.
            guard let known = repeatWindow.find(envelope, now: now) else {
                return refuse(envelope, token, port, outcome)
            }
            return answerRepeat(envelope, token, port, known)
        }
        switch repeatWindow.admit(envelope, now: now) {
        case .new(let slot):
            ledger.accept()
            lanes[lane].ledger.accept()
            note(envelope.trace, at: port.name, "accepted \(envelope.source) -> \(envelope.destination)")
            if port.authority == .network, envelope.hasDetails { attributeCache.keep(envelope, now: now) }
            enqueue(loaded(envelope, from: port), token: token, from: port, into: lane, slot: slot)
        case let known: answerRepeat(envelope, token, port, known)
        }
    }

    /// Presence and attributes: what is for somebody here ends at the desk, and what is for others goes the way of every
    /// envelope. Repeats do no harm, so nothing is remembered of them.
    private func acceptPresence(_ envelope: Envelope, _ token: UInt64, from port: AdapterPort) {
        guard serves(envelope.destination.domain) else {
            if let known = cachedAttributes(envelope, port) { return answerAtOnce(envelope, token, port, known) }
            guard let lane = lane(for: envelope, from: port) else { return refuse(envelope, token, port, port.refusal) }
            if let outcome = admission(of: envelope, into: lane) ?? refusalByPolicy(of: envelope, from: port) {
                return refuse(envelope, token, port, outcome)
            }
            ledger.accept()
            lanes[lane].ledger.accept()
            return enqueue(envelope, token: token, from: port, into: lane, slot: nil)
        }
        if let outcome = authorise(envelope.source.domain, port) ?? passing(envelope) ?? oversize(envelope)
            ?? refusalByPolicy(of: envelope, from: port)
        {
            return refuse(envelope, token, port, outcome)
        }
        ledger.accept()
        note(envelope.trace, at: port.name, "accepted \(envelope.source) -> \(envelope.destination)")
        openQueries += 1
        guard let outcome = takePresence(envelope, token: token, from: port) else { return }
        settlePresence(envelope, outcome, token, port)
    }

    private func answerAtOnce(_ envelope: Envelope, _ token: UInt64, _ port: AdapterPort, _ outcome: Outcome) {
        ledger.accept()
        openQueries += 1
        settlePresence(envelope, outcome, token, port)
    }

    /// Ends an operation that was taken here.
    func settlePresence(_ envelope: Envelope, _ outcome: Outcome, _ token: UInt64, _ port: AdapterPort) {
        openQueries -= 1
        ledger.settle(outcome.disposition)
        count(outcome.code)
        note(envelope.trace, at: port.name, "outcome \(outcome.code)")
        let isDelivered = outcome.disposition == .delivered
        answer(port, Settlement(token: token, outcome: outcome, envelope: isDelivered ? nil : envelope))
    }

    /// Answers what was taken before: no second delivery.
    private func answerRepeat(
        _ envelope: Envelope,
        _ token: UInt64,
        _ port: AdapterPort,
        _ known: RepeatWindow.Verdict
    ) {
        repeats += 1
        var outcome = Outcome(.uncertain, "a repeat")
        if case .settled(let code) = known { outcome = Outcome(code) }  // RFC 2779 5.4.2: the same answer
        let isDelivered = outcome.disposition == .delivered
        answer(port, Settlement(token: token, outcome: outcome, envelope: isDelivered ? nil : envelope))
    }

    // MARK: Authorise and resolve

    /// The lane for the envelope, or nil with the refusal left in the port.
    private func lane(for envelope: borrowing Envelope, from port: AdapterPort) -> UInt32? {
        if let recent = port.recentLane, recent.epoch == lanes.epoch,
            lanes[recent.index].source == envelope.source.domain,
            lanes[recent.index].destination == envelope.destination.domain
        {
            return recent.index
        }
        let source = envelope.source.domain
        let destination = envelope.destination.domain
        if let refusal = authorise(source, port) {
            port.refusal = refusal
            return nil
        }
        let found = lanes.index(from: source, to: destination) ?? openLane(source, destination, port)
        port.recentLane = found.map { ($0, lanes.epoch) }
        return found
    }

    /// Whether the port may speak for the domain; nil where it may.
    private func authorise(_ source: Domain, _ port: AdapterPort) -> Outcome? {
        let row = directory[source]
        switch port.authority {
        case .ownDomains:
            if row?.adapter == port.name { return nil }  // IMX 6.2.1
            return Outcome(.notAuthenticated, "\(port.name) does not speak for \(source)")
        case .network:
            if row == nil { return nil }  // IMX 6.2.2: nobody outside speaks for a domain that lives here
            return Outcome(.notAuthenticated, "\(source) is served here")
        case .operatorTool:
            if row != nil { return nil }
            return Outcome(.notAuthenticated, "\(source) is not served here")
        }
    }

    /// A new lane, or nil with the refusal left in the port.
    private func openLane(_ source: Domain, _ destination: Domain, _ port: AdapterPort) -> UInt32? {
        let target: (port: UInt16, domainClass: DomainClass)
        if let row = directory[destination] {
            guard let owner = ports.first(where: { $0.name == row.adapter }) else {
                port.refusal = Outcome(.internalError, "no adapter called \(row.adapter)")
                return nil
            }
            target = (owner.index, row.domainClass)
        } else if port.authority != .network, let networkPort, let row = directory[source] {
            target = (networkPort, row.domainClass)
        } else if port.authority == .network {
            port.refusal = Outcome(.notServedHere, "\(destination) is not served here")  // IMX 4.3.3: no relaying
            return nil
        } else {
            port.refusal = Outcome(.domainNotFound, "no way leads to \(destination)")
            return nil
        }
        let lane = Lane(
            source: source,
            destination: destination,
            port: target.port,
            domainClass: target.domainClass
        )
        guard let index = lanes.add(lane) else {
            port.refusal = Outcome(.shortOfResources, "too many lanes", retryAfter: 5)
            return nil
        }
        return index
    }

    // MARK: Admit

    /// Why the envelope cannot go into the lane; nil where it can.
    private func admission(of envelope: borrowing Envelope, into lane: UInt32) -> Outcome? {
        if let outcome = passing(envelope) { return outcome }
        if envelope.body.octetCount > lanes[lane].domainClass.maximumMessageOctets {
            return Outcome(.tooLarge, "at most \(lanes[lane].domainClass.maximumMessageOctets) octets")
        }
        if waitingOctets >= settings.maximumWaitingOctets {
            return Outcome(.shortOfResources, "too much is waiting", retryAfter: 1)
        }
        if lanes[lane].isFull { return Outcome(.shortOfResources, "too much is waiting", retryAfter: 1) }
        return nil
    }

    private func oversize(_ envelope: borrowing Envelope) -> Outcome? {
        let limit = directory[envelope.destination.domain]?.domainClass.maximumMessageOctets ?? 0
        return envelope.body.octetCount > limit ? Outcome(.tooLarge, "at most \(limit) octets") : nil
    }

    /// What rules and budgets say, last of all: what is turned away for want of room is not charged.
    private func refusalByPolicy(of envelope: Envelope, from port: AdapterPort) -> Outcome? {
        guard let gate, port.authority != .operatorTool else { return nil }
        return gate(envelope, now)  // IMX 6.4; RFC 2779 5.4.10
    }

    /// Why nothing like the envelope is taken now; nil where it may pass.
    private func passing(_ envelope: borrowing Envelope) -> Outcome? {
        if isDraining { return Outcome(.unavailable, "shutting down", retryAfter: 5) }
        if envelope.hops == 0 { return Outcome(.loop, "the hop limit is used up") }  // RFC 3860 §3.4.2
        if envelope.hasDetails, envelope.trail.contains(settings.serverID) {
            return Outcome(.loop, "has been here before")
        }
        return nil
    }

    private func enqueue(
        _ submitted: Envelope,
        token: UInt64,
        from port: AdapterPort,
        into lane: UInt32,
        slot: RepeatWindow.Slot?
    ) {
        var envelope = submitted
        let octets = envelope.octetCount
        let deadline = min(envelope.deadline, now + lanes[lane].domainClass.deadline)
        envelope.deadline = deadline
        let index = tickets.insert(envelope, token: token, origin: port.index, lane: lane, octets: octets)
        tickets[index].slot = slot
        port.unsettledSubmissions += 1
        lanes[lane].unsettled += 1
        lanes[lane].unsettledOctets += octets
        waitingOctets += octets
        if lanes[lane].tail == TicketTable.none {
            lanes[lane].head = index
        } else {
            tickets[lanes[lane].tail].next = index
        }
        lanes[lane].tail = index
        list(lane)
        let ticket = tickets.ticket(index)
        if port.authority == .network { borrowed.append(ticket) }
        watchDeadline(ticket, deadline)
    }

    /// Gives what came from the network and has no outcome at the end of its turn memory of its own, so that one
    /// message that waits does not keep the whole buffer that it was read into.
    func detachWhatStays() {
        for ticket in borrowed {
            if let index = tickets.index(of: ticket) { tickets[index].envelope?.detach() }
        }
        borrowed.removeAll(keepingCapacity: true)
    }

    /// Puts the lane in line at its port, unless it stands there.
    private func list(_ lane: UInt32) {
        guard !lanes[lane].isListed else { return }
        lanes[lane].isListed = true
        let port = ports[Int(lanes[lane].port)]
        port.readyLanes.append(lane)
        if port.outstanding < port.window { markDirty(port) }
    }

    // MARK: Dispatch

    /// The most envelopes of one lane before the next lane has its turn.
    private static var quantum: Int { 32 }

    /// Hands the port its settlements and as many deliveries as its window allows, lane by lane in turn.
    func hand(to port: AdapterPort) {
        if !port.settlements.isEmpty {
            let batch = port.settlements
            port.settlements.removeAll(keepingCapacity: true)
            port.adapter?.settled(batch)
        }
        while port.outstanding < port.window, port.firstReadyLane < port.readyLanes.count {
            let lane = port.readyLanes[port.firstReadyLane]
            port.firstReadyLane += 1
            takeQuantum(from: lane, to: port)
            if lanes[lane].head == TicketTable.none {
                lanes[lane].isListed = false
                lanes.freeIfRetired(lane)
            } else {
                port.readyLanes.append(lane)
            }
        }
        if port.firstReadyLane == port.readyLanes.count || port.firstReadyLane > 1024 {
            port.readyLanes.removeFirst(port.firstReadyLane)
            port.firstReadyLane = 0
        }
        guard !port.deliveries.isEmpty else { return }
        let batch = port.deliveries
        port.deliveries = []
        port.deliveries.reserveCapacity(batch.count)
        port.adapter?.deliver(batch)
    }

    private func takeQuantum(from lane: UInt32, to port: AdapterPort) {
        var taken = 0
        while taken < AggregatorCore.quantum, port.outstanding < port.window {
            let index = lanes[lane].head
            guard index != TicketTable.none else { return }
            lanes[lane].head = tickets[index].next
            if lanes[lane].head == TicketTable.none { lanes[lane].tail = TicketTable.none }
            guard let envelope = tickets[index].envelope else {  // expired while it waited
                tickets.free(index)
                continue
            }
            tickets[index].whereabouts = .handedOver
            port.outstanding += 1
            taken += 1
            port.deliveries.append(Delivery(ticket: tickets.ticket(index), envelope: envelope))
        }
    }

    // MARK: Settle

    /// Ends a delivery with the outcome that its adapter reports.
    func settle(_ ticket: Ticket, _ outcome: Outcome) {
        guard let index = tickets.index(of: ticket), tickets[index].whereabouts == .handedOver else {
            drops[.lateSettlement, default: 0] += 1
            return
        }
        finish(index, outcome)
    }

    /// Books the outcome and tells the origin.
    func finish(_ index: UInt32, _ outcome: Outcome) {
        let disposition = outcome.disposition
        let lane = tickets[index].lane
        let port = ports[Int(lanes[lane].port)]
        let origin = ports[Int(tickets[index].origin)]
        if let slot = tickets[index].slot {
            repeatWindow.settle(slot, outcome.code, disposition: disposition)
        }
        lanes[lane].unsettled -= 1
        lanes[lane].unsettledOctets -= tickets[index].octets
        waitingOctets -= tickets[index].octets
        lanes[lane].ledger.settle(disposition)
        ledger.settle(disposition)
        count(outcome.code)
        let wasHandedOver = tickets[index].whereabouts == .handedOver
        let token = tickets[index].token
        let envelope = tickets.settle(index)
        if wasHandedOver {
            tickets.free(index)
            port.outstanding -= 1
            if port.firstReadyLane < port.readyLanes.count { markDirty(port) }
        } else {
            tickets[index].whereabouts = .dropped
        }
        lanes.freeIfRetired(lane)
        if let envelope {
            note(envelope.trace, at: port.name, "outcome \(outcome.code)")
            if disposition != .delivered { report(envelope, outcome) }
            if let found = outcome.details?.attributes, !found.isEmpty {
                attributeCache.keep(found, of: envelope.destination, for: envelope.source, now: now)
            }
        }
        origin.unsettledSubmissions -= 1
        answer(origin, Settlement(token: token, outcome: outcome, envelope: disposition == .delivered ? nil : envelope))
        resumeIfPossible(origin)
    }

    /// Books a refusal at the door, which ends the envelope at once.
    private func refuse(_ envelope: Envelope, _ token: UInt64, _ port: AdapterPort, _ outcome: Outcome) {
        ledger.accept()
        ledger.settle(outcome.disposition)
        count(outcome.code)
        note(envelope.trace, at: port.name, "refused \(outcome.code) \(outcome.text ?? "")")
        report(envelope, outcome)
        answer(port, Settlement(token: token, outcome: outcome, envelope: envelope))
    }

    private func answer(_ port: AdapterPort, _ settlement: Settlement) {
        port.settlements.append(settlement)
        markDirty(port)
    }

    private func resumeIfPossible(_ port: AdapterPort) {
        guard port.isPaused, port.unsettledSubmissions <= settings.submissionWindow / 2 else { return }
        port.isPaused = false
        port.adapter?.resume()
    }

    private func count(_ code: OutcomeCode) {
        let known = Int(code.rawValue) < outcomeCounts.count
        outcomeCounts[known ? Int(code.rawValue) : 0] &+= 1
    }
}
