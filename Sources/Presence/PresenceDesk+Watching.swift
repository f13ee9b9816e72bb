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
        watching[row].flags.insert(.session)
        names[row] = name
        save(watchingRow: row)
        request(row)
    }

    /// Asked for anew before the other side has heard of the end: the same subscription again, behind its end.
    private func askAgain(_ row: UInt32, _ name: DisplayName?) {
        watching[row].flags.remove(.cancelling)
        watching[row].flags.insert(.session)
        watching[row].failures = 0
        watching[row].expires = 0
        watching[row].generation &+= 1  // an answer on its way is none to this
        watching[row].flags.remove(.inFlight)
        names[row] = name
        save(watchingRow: row)
        request(row)
    }

    private func noteSession(_ row: UInt32) {
        guard !watching[row].flags.contains(.session) else { return }
        watching[row].flags.insert(.session)
        save(watchingRow: row)
    }

    /// RFC 2779 5.1.7: for the watcher it is over at once; the other side hears of it until it has.
    func giveUp(_ watcher: Address, _ presentity: Address) {
        defer { orders.append(.ended(watcher: watcher, presentity: presentity, .delivered)) }
        guard let row = watchingRow(watcher, presentity), isWanted(row) else { return }
        watching[row].flags.subtract([.approved, .pending, .session, .untold])
        watching[row].flags.insert(.cancelling)
        shown[row] = nil
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
        watching[row].flags.formUnion([.fetch, .session])
        request(row)
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
        case .delivered where flags.contains(.fetch): watching.schedule(row, at: now + 10)
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
        let isOfTheWay = [.domainNotFound, .notServedHere, .notAuthenticated, .notVerified, .internalError, .conflict]
            .contains(outcome.code)
        let isPermanent = outcome.code.classCode == 5000 && !(hasHeld && isOfTheWay) && outcome.code != .conflict
        if flags.contains(.fetch) {
            return isPermanent && outcome.code == .refused ? end(watchingRow: row, outcome) : forget(watchingRow: row)
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
        shown[row] = nil
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
            return .delivered
        }
        if notification.sequence > watching[row].sequence + 1, watching[row].sequence & 0xF_FFFF != 0,
            notification.sequence >> 20 == watching[row].sequence >> 20
        {
            counters.drifts += 1  // one in between was lost
        }
        watching[row].sequence = notification.sequence
        take(notification.state, body, row)
        return .delivered
    }

    private func take(_ state: SubscriptionState, _ body: Body, _ row: UInt32) {
        switch state {
        case .active:
            let isFetch = watching[row].flags.contains(.fetch)
            watching[row].flags.insert(.confirmed)
            if !isFetch { approved(row) }
            if isFetch || (shown[row] ?? .none) != body || body == .none {
                shown[row] = body == .none ? nil : detached(body)
                show(row)
            }
            if isFetch { forget(watchingRow: row) }
        case .pending: nowPending(row)
        case .ended(let code): ended(row, code)
        }
    }

    /// The presentity has yet to decide, or has to decide again: what was shown is no longer for the watcher's eyes.
    private func nowPending(_ row: UInt32) {
        watching[row].flags.insert(.pending)
        guard watching[row].flags.contains(.approved) else { return }
        watching[row].flags.subtract([.approved, .untold])
        shown[row] = nil
        show(row)
    }

    private func ended(_ row: UInt32, _ code: OutcomeCode) {
        guard !watching[row].flags.contains(.fetch) else { return forget(watchingRow: row) }
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
    func show(_ row: UInt32) {
        guard !isAway(row) else { return watching[row].flags.formUnion(.dirty) }
        watching[row].flags.remove(.dirty)
        orders.append(
            .show(
                watcher: watcher(ofWatching: row),
                presentity: presentity(ofWatching: row),
                state: shown[row] ?? .none
            )
        )
    }

    func hide(_ row: UInt32) {
        guard shown[row] != nil else { return }
        shown[row] = nil
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
