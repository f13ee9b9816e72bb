// SPDX-License-Identifier: Apache-2.0
import AdapterKit
package import EnvelopeModel

/// The watcher's side: whom users here watch.
extension PresenceDesk {
    // MARK: From the service

    func ask(_ watcher: Address, _ presentity: Address, _ name: DisplayName?) {
        if let row = watchingRow(watcher, presentity), isWanted(row), !watching[row].flags.contains(.fetch) {
            noteSession(row)
            // RFC 6121 §3.1.3: who is approved already is told so again, and nobody is asked twice.
            if watching[row].flags.contains(.approved) {
                orders.append(.approved(watcher: watcher, presentity: presentity))
                show(row)
            }
            if watching[row].expires == 0 { request(row) }
            return
        }
        if let row = watchingRow(watcher, presentity) {
            if watching[row].flags.contains(.cancelling) { return askAgain(row, name) }
            forget(watchingRow: row)
        }
        guard let row = addWatching(watcher, presentity) else {
            let outcome = Outcome(.shortOfResources, "too many subscriptions", retryAfter: 300)
            return orders.append(.ended(watcher: watcher, presentity: presentity, outcome))
        }
        watching[row].flags.formUnion([.session, .heard])
        setName(row, name)
        save(watchingRow: row)
        request(row)
    }

    /// Asked for anew before the other side has heard of the end: the same subscription again, behind its end.
    private func askAgain(_ row: UInt32, _ name: DisplayName?) {
        watching[row].flags.remove(.cancelling)
        watching[row].flags.formUnion([.session, .heard])
        watching[row].failures = 0
        watching[row].expires = 0
        watching[row].generation &+= 1  // an answer on its way is none to this
        watching[row].flags.remove(.inFlight)
        setName(row, name)
        save(watchingRow: row)
        request(row)
    }

    func noteSession(_ row: UInt32) {
        watching[row].flags.insert(.heard)
        guard !watching[row].flags.contains(.session) else { return }
        watching[row].flags.insert(.session)
        save(watchingRow: row)
    }

    /// RFC 2779 5.1.7: for the watcher it is over at once; the other side hears of it until it has.
    func giveUp(_ watcher: Address, _ presentity: Address) {
        defer { orders.append(.ended(watcher: watcher, presentity: presentity, .delivered)) }
        guard let row = watchingRow(watcher, presentity), isWanted(row) else { return }
        watching[row].flags.subtract([.approved, .pending, .session, .untold, .known])
        watching[row].flags.insert(.cancelling)
        setShown(row, .none)
        names[row] = nil
        watching[row].failures = 0
        watching[row].generation &+= 1  // an answer on its way is none to this
        watching[row].flags.remove(.inFlight)
        save(watchingRow: row)
        request(row)
    }

    /// A watcher is there and wishes to know (RFC 6121 §4.3).
    func want(_ watcher: Address, _ presentity: Address) {
        if let row = watchingRow(watcher, presentity) {
            guard isWanted(row) else { return }
            noteSession(row)
            if watching[row].flags.contains(.approved) { show(row) }
            if watching[row].expires == 0 { request(row) }
            return
        }
        guard let row = addWatching(watcher, presentity) else { return }
        // The service believes in a subscription that is not known here: it is older than we are, or was lost. A look
        // finds out, for a wish would ask the presentity anew.
        watching[row].flags.formUnion([.fetch, .session, .heard])
        request(row)
    }

    /// The other side shows what was looked at: the watcher is approved there, and the subscription is taken up.
    private func adopt(_ row: UInt32) {
        watching[row].flags.subtract([.fetch, .inFlight])
        watching[row].flags.formUnion([.approved, .session, .heard])
        watching[row].generation &+= 1  // an answer on its way is none to this
        watching[row].failures = 0
        beAnother(row)
        save(watchingRow: row)
        request(row)
    }

    /// A look has found out nothing yet: again later, as long as the watcher is there.
    private func lookAgain(_ row: UInt32, retryAfter: UInt32?) {
        guard watching[row].flags.contains(.session) else { return forget(watchingRow: row) }
        watching[row].failures = min(watching[row].failures + 1, 20)
        watching.schedule(row, at: now + pause(after: watching[row].failures, retryAfter: retryAfter))
    }

    /// A look ends without a word of the presentity's service: the watcher keeps its contact, and sees nobody there.
    private func stopLooking(_ row: UInt32) {
        show(row, .none)
        forget(watchingRow: row)
    }

    /// A look is due: no answer has come, or it is time for another one.
    func look(_ row: UInt32) {
        guard watching[row].flags.contains(.session) else { return forget(watchingRow: row) }
        guard watching[row].flags.contains(.confirmed) else { return request(row) }
        watching[row].flags.remove(.confirmed)
        if watching[row].failures == 0 { show(row, .none) }  // nobody said anything: not there
        lookAgain(row, retryAfter: nil)
    }

    func leave(_ watcher: Address) {
        guard let party = parties.find(watcher) else { return }
        var row = watching.first(of: party)
        while let current = row {
            row = watching.next(after: current)
            guard watching[current].flags.contains(.session) else { continue }
            watching[current].flags.remove(.session)
            save(watchingRow: current)
        }
    }

    // MARK: Requests

    /// Asks for the lease, its renewal or its end.
    func request(_ row: UInt32) {
        guard !watching[row].flags.contains(.inFlight) else { return }
        if watching[row].idLength == 0, let id = makeID() { watching.set(id, of: row) }
        guard let id = watching.id(of: row) else { return }
        let flags = watching[row].flags
        let isEnd = flags.contains(.cancelling) || flags.contains(.fetch)
        watching[row].flags.insert(.inFlight)
        watching[row].flags.remove(.confirmed)
        watching.schedule(row, at: 0)
        requests.append(
            Request(
                token: token(row, .watching),
                operation: .subscribe(
                    Envelope.Subscribe(
                        id: id,
                        seconds: isEnd ? 0 : settings.wishedSeconds,
                        forgets: flags.contains(.cancelling)
                    )
                ),
                source: watcher(ofWatching: row),
                destination: presentity(ofWatching: row),
                body: .none,
                name: names[row]
            )
        )
    }

    /// A request has its outcome.
    func answered(_ row: UInt32, _ outcome: Outcome) {
        watching[row].flags.remove(.inFlight)
        let flags = watching[row].flags
        if flags.contains(.cancelling) { return cancelled(row, outcome) }
        switch outcome.code {
        case .delivered where flags.contains(.fetch):
            watching[row].flags.insert(.confirmed)
            watching.schedule(row, at: now + 10)
        case .delivered: granted(row, outcome, isPending: false)
        case .awaitingApproval: granted(row, outcome, isPending: true)
        case .noSuchSubscription: renewIdentity(row)
        default: failed(row, outcome)
        }
    }

    private func granted(_ row: UInt32, _ outcome: Outcome, isPending: Bool) {
        let seconds = max(10, min(outcome.details?.grantedSeconds ?? settings.wishedSeconds, 7 * 86_400))
        watching[row].failures = 0
        watching[row].expires = addSaturating(now, seconds)
        // F.5: at two thirds, a little spread, so that what began together does not come back together.
        let renewal = UInt32(UInt64(seconds) * 2 / 3)
        watching.schedule(row, at: now + max(1, renewal - random(0...max(1, renewal / 20))))
        if isPending {
            // A notification may have told more than this answer, on another way.
            if !watching[row].flags.contains(.confirmed) { nowPending(row) }
        } else {
            approved(row)
        }
        save(watchingRow: row)
    }

    private func approved(_ row: UInt32) {
        watching[row].flags.remove(.pending)
        guard !watching[row].flags.contains(.approved) else { return }
        watching[row].flags.insert(.approved)
        names[row] = nil
        // Who has waited for this wishes to see it, though nothing was heard since: services probe for approved ones alone.
        watching[row].flags.formUnion([.session, .heard])
        defer { save(watchingRow: row) }
        guard !isAway(row) else { return watching[row].flags.formUnion(.untold) }
        orders.append(.approved(watcher: watcher(ofWatching: row), presentity: presentity(ofWatching: row)))
    }

    /// Whether the watcher still wishes it.
    private func isWanted(_ row: UInt32) -> Bool { watching[row].flags.isDisjoint(with: [.cancelling, .over]) }

    /// Whether the service of the row's watcher cannot be told anything now.
    private func isAway(_ row: UInt32) -> Bool { away[parties.domain(watching[row].watcher)] != nil }

    private func failed(_ row: UInt32, _ outcome: Outcome) {
        let flags = watching[row].flags
        let hasHeld = flags.contains(.approved) || flags.contains(.pending)
        // What held once is not given up because the way there is broken (RFC 8048 §4.2).
        let isOfTheWay = [
            .domainNotFound, .notServedHere, .notAuthenticated, .notVerified, .internalError, .conflict, .notUnderstood,
        ].contains(outcome.code)
        let isPermanent = outcome.code.classCode == 5000 && !(hasHeld && isOfTheWay) && outcome.code != .conflict
        if flags.contains(.fetch) {
            // A refusal at once is a rule's; the service itself has not been asked.
            return isPermanent && !isOfTheWay
                ? stopLooking(row) : lookAgain(row, retryAfter: outcome.details?.retryAfter)
        }
        if isPermanent { return end(watchingRow: row, outcome) }
        watching[row].failures = min(watching[row].failures + 1, 20)
        var next = now + pause(after: watching[row].failures, retryAfter: outcome.details?.retryAfter)
        if watching[row].expires > now { next = min(next, watching[row].expires) }
        watching.schedule(row, at: next)
    }

    /// Tells the service that it is over, and forgets the row once that is told.
    func end(watchingRow row: UInt32, _ outcome: Outcome) {
        guard isAway(row) else {
            let (watcher, presentity) = (watcher(ofWatching: row), presentity(ofWatching: row))
            orders.append(.ended(watcher: watcher, presentity: presentity, outcome))
            return forget(watchingRow: row)
        }
        watching[row].flags = watching[row].flags.intersection([.live, .stored]).union(.over)
        watching[row].sequence = UInt64(outcome.code.rawValue)
        watching[row].generation &+= 1
        watching[row].idLength = 0
        watching[row].expires = 0
        watching.schedule(row, at: 0)
        setShown(row, .none)
        save(watchingRow: row)
    }

    private func cancelled(_ row: UInt32, _ outcome: Outcome) {
        let isHeard =
            outcome.code != .uncertain && outcome.disposition == .delivered
            || [.noSuchSubscription, .noSuchUser, .refused, .notUnderstood].contains(outcome.code)
        if isHeard || watching[row].failures >= 12 { return forget(watchingRow: row) }
        watching[row].failures += 1
        watching.schedule(row, at: now + pause(after: watching[row].failures, retryAfter: nil))
    }

    /// The other side knows nothing of the subscription: a new one takes its place.
    private func renewIdentity(_ row: UInt32) {
        counters.drifts += 1
        beAnother(row)
        watching.schedule(row, at: now + random(1...3))
    }

    /// Another identifier, and sequence numbers from the start: nothing of the old subscription counts for the new one.
    func beAnother(_ row: UInt32) {
        if let id = makeID() { watching.set(id, of: row) }
        watching[row].sequence = 0
        watching[row].flags.remove(.known)
    }

    // MARK: Notifications

    /// A presentity's state arrives for a watcher here (RFC 3859 §3.4).
    package func notify(
        _ notification: Envelope.Notification,
        presentity: Address,
        watcher: Address,
        body: Body,
        at instant: Instant
    ) -> Outcome {
        tick(instant)
        guard let row = watchingRow(watcher, presentity), watching.hasID(notification.id, row) else {
            counters.unasked += 1  // RFC 2779 5.3.2
            return Outcome(.noSuchSubscription)
        }
        if watching[row].flags.contains(.cancelling) { return .delivered }  // RFC 2779 5.1.7: late ones are dropped
        guard notification.sequence > watching[row].sequence else {
            counters.stale += 1
            doubtNumber(row)
            return .delivered
        }
        if case .active = notification.state,
            !states.hasRoom(for: body, .shown, row, of: parties.domainNumber(watching[row].watcher))
        {
            counters.unkept += 1
            return Outcome(.shortOfResources, "too many states are known", retryAfter: 60)
        }
        watching[row].sequence = notification.sequence
        take(notification.state, body, row)
        return .delivered
    }

    /// A renewal was granted, and what follows has a lower number than what was seen: where nothing better comes, the
    /// other side may have begun again from a lower number, its memory lost and its clock set back. Asked once more, it
    /// says what is so.
    private func doubtNumber(_ row: UInt32) {
        guard watching[row].flags.isDisjoint(with: [.confirmed, .inFlight, .fetch]), watching[row].expires > now else {
            return
        }
        watching.schedule(row, at: now + random(2...5))
    }

    private func take(_ state: SubscriptionState, _ body: Body, _ row: UInt32) {
        switch state {
        case .active:
            if watching[row].flags.contains(.fetch) { adopt(row) }
            // What a renewal brings should be what was shown: else a notification in between was lost.
            let flags = watching[row].flags
            if flags.isSuperset(of: [.approved, .known]), !flags.contains(.confirmed), shown(row) != body {
                counters.drifts += 1
            }
            watching[row].flags.formUnion([.confirmed, .known])
            approved(row)
            if shown(row) != body || body == .none {
                setShown(row, detached(body))
                show(row)
            }
        case .pending: nowPending(row)
        case .ended(let code): ended(row, code)
        }
    }

    /// The presentity has yet to decide, or has to decide again: what was shown is no longer for the watcher's eyes.
    private func nowPending(_ row: UInt32) {
        watching[row].flags.insert(.pending)
        guard watching[row].flags.contains(.approved) else { return }
        watching[row].flags.subtract([.approved, .untold])
        setShown(row, .none)
        show(row)
        save(watchingRow: row)
    }

    private func ended(_ row: UInt32, _ code: OutcomeCode) {
        guard !watching[row].flags.contains(.fetch) else {
            if code == .refused { return end(watchingRow: row, Outcome(code)) }
            return code.classCode == 5000 ? stopLooking(row) : lookAgain(row, retryAfter: nil)
        }
        if code.classCode == 5000 {
            return end(watchingRow: row, Outcome(code))
        }
        // It ran out over there, or was moved: what the watcher sees stands until we know more.
        guard watching[row].flags.contains(.session) else {
            watching[row].expires = 0
            return hide(row)
        }
        watching.schedule(row, at: now + random(1...5))
    }

    /// Shows the watcher what is known.
    func show(_ row: UInt32) { show(row, shown(row)) }

    private func show(_ row: UInt32, _ state: Body) {
        guard !isAway(row) else { return watching[row].flags.formUnion(.dirty) }
        watching[row].flags.remove(.dirty)
        orders.append(
            .show(watcher: watcher(ofWatching: row), presentity: presentity(ofWatching: row), state: state)
        )
    }

    func hide(_ row: UInt32) {
        guard shown(row) != .none else { return }
        setShown(row, .none)
        show(row)
    }

    /// A body that shares no memory with a read buffer.
    private func detached(_ body: Body) -> Body {
        switch body {
        case .none: return .none
        case .entity(let octets): return .entity(octets.copied)
        case .parts(var parts):
            for index in parts.indices { parts[index].octets = parts[index].octets.copied }
            return .parts(parts)
        }
    }
}
