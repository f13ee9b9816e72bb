// SPDX-License-Identifier: Apache-2.0
package import AdapterKit
package import EnvelopeModel

/// Time, links, and what adapters say.
extension PresenceDesk {
    /// Takes what an adapter says about presence. Whether it may speak for the parties was checked before.
    package func take(_ event: PresenceEvent, at instant: Instant) {
        tick(instant)
        switch event {
        case .asks(let watcher, let presentity, let name): ask(watcher, presentity, name)
        case .givesUp(let watcher, let presentity): giveUp(watcher, presentity)
        case .wants(let watcher, let presentity): want(watcher, presentity)
        case .leaves(let watcher): leave(watcher)
        case .approves(let presentity, let watcher): approve(presentity, watcher)
        case .refuses(let presentity, let watcher): refuse(presentity, watcher)
        case .publishes(let presentity, let watcher, let state): publish(presentity, watcher, state)
        }
    }

    /// Whether anything is left to be done as time goes on.
    package var isIdle: Bool {
        watched.count == 0 && watching.count == 0 && fetches.isEmpty && away.isEmpty && gone.isEmpty && sweeps.isEmpty
    }

    /// Does what is due; to be called about once a second.
    package func advance(to instant: Instant) {
        tick(instant)
        if hasRestored { spreadRestored() }
        for row in watched.takeDue(by: now) { watchedDue(row) }
        for row in watching.takeDue(by: now) { watchingDue(row) }
        answerFetches()
        for (domain, since) in away where since > 0 && now >= addSaturating(since, settings.graceSeconds) {
            away[domain] = 0
            add(Sweep(domains: [domain], purpose: .gone))
        }
        if now >= nextAging {
            nextAging = addSaturating(now, max(1, settings.sessionSeconds))
            add(Sweep(domains: nil, purpose: .aging, watchedRow: UInt32(watched.rows.count)))
        }
        for (domain, since) in gone where now >= addSaturating(since, settings.keepsGoneSeconds) {
            gone[domain] = nil
            add(Sweep(domains: [domain], purpose: .removed))
        }
        sweep()
    }

    private func watchedDue(_ row: UInt32) {
        guard hasLease(row) else { return }
        if watched[row].expires <= now {
            counters.lapsed += 1
            return end(row, .timedOut)  // IMX 3: a subscription that is not renewed ends by itself
        }
        watched.schedule(row, at: watched[row].expires)
        if watched[row].flags.contains(.dirty) { notify(row) }
    }

    private func watchingDue(_ row: UInt32) {
        let flags = watching[row].flags
        if flags.contains(.fetch) { return look(row) }
        guard !flags.contains(.cancelling) else { return request(row) }
        if watching[row].expires > 0, watching[row].expires <= now {
            watching[row].expires = 0
            // Numbers that an earlier lease has reached do not bind the next one, whatever clocks have done meanwhile.
            watching[row].sequence = 0
            watching[row].flags.remove(.known)
            // F.5: the approval is kept. An earlier process may have shown what this one does not know.
            setShown(row, .none)
            if flags.contains(.approved) { show(row) }
        } else if !flags.contains(.confirmed), watching[row].failures == 0 {
            // Granted, and no notification since that counted: the other side may have begun again from a lower number.
            watching[row].sequence = 0
        }
        // RFC 8048 §4.3: renewed while the watcher has a session, or while an answer is waited for.
        if !flags.isDisjoint(with: [.session, .pending]) || !flags.contains(.approved) {
            request(row)
        } else if watching[row].expires > 0 {
            watching.schedule(row, at: watching[row].expires)
        }
    }

    // MARK: Links

    /// The link to the service of these domains has come up or gone.
    package func linkChanged(of domains: [Domain], isUp: Bool, at instant: Instant) {
        tick(instant)
        if isUp {
            for domain in domains { away[domain] = nil }
            // Who is back is not gone any more.
            for index in sweeps.indices where sweeps[index].purpose == .gone {
                sweeps[index].domains?.subtract(domains)
            }
            add(Sweep(domains: Set(domains), purpose: .back))
            sweep()
        } else {
            for domain in domains where away[domain] == nil { away[domain] = now }
        }
    }

    /// Domains are hosted here no longer, or again. Their subscriptions are forgotten after a day: a line that was lost
    /// from a file by mistake does no harm until then, and whoever has the name next finds nobody's approvals.
    package func hostingChanged(gone: [Domain], back: [Domain], at instant: Instant) {
        tick(instant)
        for domain in back { self.gone[domain] = nil }
        for index in sweeps.indices where sweeps[index].purpose == .removed { sweeps[index].domains?.subtract(back) }
        for domain in gone where self.gone[domain] == nil { self.gone[domain] = now }
    }

    /// The rules are others: every live subscription to users here is looked at again.
    package func rulesChanged(at instant: Instant) {
        tick(instant)
        sweeps.removeAll { $0.purpose == .rules }
        sweeps.insert(Sweep(domains: nil, purpose: .rules), at: 0)
        sweep()
    }

    /// A walk for the same reason that waits takes the domains along; a link that comes and goes makes no second one.
    private func add(_ sweep: Sweep) {
        let waiting = sweeps.firstIndex {
            $0.purpose == sweep.purpose && $0.watchedRow == 0 && $0.watchingRow == 0 && $0.domains != nil
        }
        guard let waiting, let domains = sweep.domains else { return sweeps.append(sweep) }
        sweeps[waiting].domains?.formUnion(domains)
    }

    /// A walk over all rows, so many at a time, so that no burst comes of it.
    struct Sweep {
        enum Purpose {
            /// The service is back: it is told, and asked, what still holds.
            case back
            /// The service has been away for too long: its users are shown as not there (RFC 2779 3.2.4).
            case gone
            case rules
            /// The domains are not hosted here any more: nothing of them stays.
            case removed
            /// Watchers of whom nothing was heard for long have no session any more.
            case aging
        }

        /// Whether what users here watch is walked over too.
        var isForWatchers: Bool { purpose == .back || purpose == .removed || purpose == .aging }

        var domains: Set<Domain>?
        let purpose: Purpose
        var watchedRow: UInt32 = 0
        var watchingRow: UInt32 = 0
    }

    private func sweep() {
        var left = Int(settings.pace)
        while left > 0, !sweeps.isEmpty {
            var sweep = sweeps[0]
            let isDone = go(on: &sweep, &left)
            if isDone { sweeps.removeFirst() } else { sweeps[0] = sweep }
        }
    }

    /// Goes on with a walk; true at its end.
    private func go(on sweep: inout Sweep, _ left: inout Int) -> Bool {
        var seen = 0
        while Int(sweep.watchedRow) < watched.rows.count {
            guard left > 0, seen < 100_000 else { return endRound(&left) }
            seen += 1
            let row = sweep.watchedRow
            sweep.watchedRow += 1
            if watched[row].flags.contains(.live), concerns(sweep, watched[row].presentity) {
                if visit(watchedRow: row, sweep.purpose) { left -= 1 }
            }
        }
        guard sweep.isForWatchers else { return true }
        while Int(sweep.watchingRow) < watching.rows.count {
            guard left > 0, seen < 100_000 else { return endRound(&left) }
            seen += 1
            let row = sweep.watchingRow
            sweep.watchingRow += 1
            if watching[row].flags.contains(.live), concerns(sweep, watching[row].watcher) {
                if sweep.purpose != .aging { left -= 1 }
                act(onWatching: row, sweep.purpose)
            }
        }
        return true
    }

    private func act(onWatching row: UInt32, _ purpose: Sweep.Purpose) {
        switch purpose {
        case .removed: forget(watchingRow: row)
        case .aging: age(row)
        case .back, .gone, .rules: tellAgain(row)
        }
    }

    /// A service need not say when the last session of a watcher ends whom nobody elsewhere watches; so silence counts
    /// as an end after long.
    private func age(_ row: UInt32) {
        guard watching[row].flags.contains(.session) else { return }
        if watching[row].flags.contains(.heard) { return watching[row].flags.formSymmetricDifference(.heard) }
        watching[row].flags.remove(.session)
        save(watchingRow: row)
    }

    /// The watcher's service is back: what it missed, and what it may have forgotten.
    private func tellAgain(_ row: UInt32) {
        let flags = watching[row].flags
        if flags.contains(.over) {
            let code = OutcomeCode(rawValue: UInt16(truncatingIfNeeded: watching[row].sequence))
            return end(watchingRow: row, Outcome(code))
        }
        if flags.contains(.untold) {
            watching[row].flags.remove(.untold)
            save(watchingRow: row)
            orders.append(.approved(watcher: watcher(ofWatching: row), presentity: presentity(ofWatching: row)))
        }
        if flags.contains(.dirty) || shown(row) != .none { show(row) }
        guard flags.isDisjoint(with: [.cancelling, .fetch]) else { return }
        // Who came while the link was down could not say so, and is not to stay blind until the next time.
        noteSession(row)
        if flags.contains(.approved), watching[row].expires == 0 { request(row) }
    }

    private func endRound(_ left: inout Int) -> Bool {
        left = 0
        return false
    }

    private func concerns(_ sweep: Sweep, _ party: UInt32) -> Bool {
        sweep.domains?.contains(parties.domain(party)) ?? true
    }

    /// Does what the walk is for; false where there was nothing to do.
    private func visit(watchedRow row: UInt32, _ purpose: Sweep.Purpose) -> Bool {
        let before = orders.count + requests.count
        act(onWatched: row, purpose)
        return orders.count + requests.count > before
    }

    private func act(onWatched row: UInt32, _ purpose: Sweep.Purpose) {
        let flags = watched[row].flags
        switch purpose {
        case .back:
            if flags.contains(.forgotten) {
                orders.append(.forget(presentity: presentity(ofWatched: row), watcher: watcher(ofWatched: row)))
                watched[row].flags.remove(.forgotten)
                guard hasLease(row) else { return removeIfIdle(row) }
                save(watchedRow: row)
            }
            // The watcher may have asked anew since it gave up.
            if flags.isSuperset(of: [.asked, .pending]) {
                let (presentity, watcher) = (presentity(ofWatched: row), watcher(ofWatched: row))
                orders.append(.ask(presentity: presentity, watcher: watcher, name: nil))
            } else if hasLease(row), !flags.contains(.polite) {
                probe(row)
            } else if hasLease(row), flags.contains(.unsure) {
                // After a restart everybody who is served hears once; who is blocked politely hears the same.
                watched[row].flags.remove(.unsure)
                if !flags.contains(.pending) { notify(row) }
            }
        case .gone:
            let domain = parties.domainNumber(watched[row].presentity)
            states.set(nil, .forWatcher, row, of: domain)
            states.set(nil, .forAll, watched[row].presentity, of: domain)
            // Those who are blocked politely hear of it like all others.
            if hasLease(row), !flags.contains(.pending) { notify(row) }
        case .rules:
            guard hasLease(row) else { return }
            review(row, verdict(watcher(ofWatched: row), presentity(ofWatched: row)), nil)
        case .removed: forget(watchedRow: row)
        case .aging: break
        }
    }
}
