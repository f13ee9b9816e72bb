// SPDX-License-Identifier: Apache-2.0
import AdapterKit
package import EnvelopeModel

/// The presentity's side: who watches users here.
extension PresenceDesk {
    // MARK: From watchers

    /// A watcher asks for, renews or ends a subscription to a user here, or fetches once (RFC 3859 §3.2, §3.3).
    package func subscribe(
        _ wish: Envelope.Subscribe,
        watcher: Address,
        presentity: Address,
        name: DisplayName?,
        at instant: Instant
    ) -> Outcome {
        tick(instant)
        var verdict = (wish.seconds == 0 ? verdictOnFetch ?? verdict : verdict)(watcher, presentity)
        let row = watchedRow(watcher, presentity)
        if wish.seconds == 0 {
            // What is to be forgotten is, also where the lease has lapsed before, or has another identifier because the
            // watcher's side lost its memory: the pair of domains is authenticated, and that is what counts.
            if wish.forgets { return row.map { cancel($0, wish) } ?? forget(watcher, presentity) }
            if let row, hasLease(row), watched.id(of: row) == wish.id { return cancel(row, wish) }
            return fetch(wish, watcher, presentity, verdict, row)
        }
        if verdict == .deny {  // RFC 2779 2.3.1, before anything else is looked at
            guard stands(row, wish) else {
                if let row, hasLease(row) { review(row, verdict, name) }
                return Outcome(.refused, "the presentity's rules refuse the watcher")
            }
            verdict = .polite
        }
        if let row, hasLease(row), watched.id(of: row) != wish.id {
            return Outcome(.conflict, "another subscription is live")  // RFC 3859 §3.4.1, read as C.3 has it
        }
        let seconds = granted(wish.seconds, presentity.domain)
        if let row, hasLease(row) {
            review(row, verdict, name)
            return renew(row, seconds)
        }
        return begin(wish, watcher, presentity, name, verdict, seconds)
    }

    /// Whether the wish goes on with what was granted before a rule denied it. That is shown nothing and kept, for an
    /// end would be for good: a rule may be a slip, and goes as quickly as it came.
    private func stands(_ row: UInt32?, _ wish: Envelope.Subscribe) -> Bool {
        guard let row else { return false }
        return hasLease(row) ? watched.id(of: row) == wish.id : watched[row].flags.contains(.approved)
    }

    /// IMX 4.5.1: the lease that the presentity's domain grants.
    private func granted(_ wished: UInt32, _ domain: Domain) -> UInt32 {
        let bounds = lease(domain)
        return min(max(wished, bounds.lowerBound), bounds.upperBound)
    }

    private func renew(_ row: UInt32, _ seconds: UInt32) -> Outcome {
        counters.renewals += 1
        extend(row, seconds)
        save(watchedRow: row)
        let flags = watched[row].flags
        if flags.contains(.pending) { return Self.grant(.awaitingApproval, seconds) }
        // Both sides compare: the watcher hears what we know, and we ask the service for what it knows.
        notify(row)
        if !flags.contains(.polite) { probe(row, comparing: true) }
        return Self.grant(.delivered, seconds)
    }

    private func begin(
        _ wish: Envelope.Subscribe,
        _ watcher: Address,
        _ presentity: Address,
        _ name: DisplayName?,
        _ verdict: PresenceVerdict,
        _ seconds: UInt32
    ) -> Outcome {
        guard
            let row = watchedRow(watcher, presentity) ?? addAsked(watcher, presentity, isLetIn: verdict == .allow),
            charge(row)
        else {
            return Outcome(.shortOfResources, "too many subscriptions", retryAfter: 300)
        }
        watched.set(wish.id, of: row)
        // Answers that concern an earlier lease are none for this one.
        watched[row].generation &+= 1
        watched[row].flags.remove(.inFlight)
        watched[row].sequence = freshSequence(after: watched[row].sequence)
        extend(row, seconds)
        let isApproved = verdict == .allow || watched[row].flags.contains(.approved)
        watched[row].flags.subtract([.pending, .polite, .last])
        // RFC 2779 5.1.15: who was approved sees somebody who is not there, and who was not, one who does not decide.
        if verdict == .polite { watched[row].flags.insert(.polite) }
        if !isApproved { watched[row].flags.insert(.pending) }
        defer { save(watchedRow: row) }
        if watched[row].flags.contains(.pending) {
            if verdict != .polite { ask(row, name) }
            return Self.grant(.awaitingApproval, seconds)
        }
        notify(row)
        if verdict != .polite { probe(row) }
        return Self.grant(.delivered, seconds)
    }

    static func grant(_ code: OutcomeCode, _ seconds: UInt32) -> Outcome {
        Outcome(code, details: Outcome.Details(grantedSeconds: seconds))
    }

    private func cancel(_ row: UInt32, _ wish: Envelope.Subscribe) -> Outcome {
        let presentity = presentity(ofWatched: row)
        if wish.forgets {
            watched[row].flags.subtract([.asked, .approved])
            if away[presentity.domain] == nil {
                orders.append(.forget(presentity: presentity, watcher: watcher(ofWatched: row)))
            } else {
                watched[row].flags.insert(.forgotten)
            }
        }
        end(row, .delivered)
        return .delivered
    }

    /// A watcher gives up of whom nothing is known here: the service may know more than we do, for our copy of its
    /// approvals may be younger, or lost.
    private func forget(_ watcher: Address, _ presentity: Address) -> Outcome {
        guard away[presentity.domain] != nil else {
            orders.append(.forget(presentity: presentity, watcher: watcher))
            return .delivered
        }
        guard let row = addAsked(watcher, presentity, isLetIn: false), charge(row) else { return .delivered }
        watched[row].flags.insert(.forgotten)
        save(watchedRow: row)
        return .delivered
    }

    // MARK: From the service

    func approve(_ presentity: Address, _ watcher: Address) {
        guard let row = watchedRow(watcher, presentity) ?? addApproved(watcher, presentity) else { return }
        own(row)
        watched[row].flags.insert(.approved)
        watched[row].flags.remove(.asked)
        defer { save(watchedRow: row) }
        guard watched[row].flags.contains(.pending) else { return }
        watched[row].flags.remove(.pending)
        guard hasLease(row) else { return }
        notify(row)
        if !watched[row].flags.contains(.polite), state(ofWatched: row) == .none { probe(row) }
    }

    func refuse(_ presentity: Address, _ watcher: Address) {
        // What was said for the watcher alone is not for the watcher any more.
        if isOpen(watcher, presentity) {
            let key = FetchKey(watcher: watcher, presentity: presentity)
            fetchWords[key] = false
            setFetched(key, nil)
        }
        guard let row = watchedRow(watcher, presentity) else { return }
        let before = told(row)
        states.set(nil, .forWatcher, row, of: parties.domainNumber(watched[row].presentity))
        // Where a rule lets in whom the service does not know, the service has no state for the watcher, and no say.
        if !watched[row].flags.contains(.approved), !watched[row].flags.contains(.asked),
            verdict(watcher, presentity) == .allow
        {
            if told(row) != before { changed(row) }
            return
        }
        watched[row].flags.subtract([.approved, .asked])
        // Who blocks politely has not refused, as far as anybody can see.
        if watched[row].flags.contains(.polite) { return save(watchedRow: row) }
        end(row, .refused)
    }

    func publish(_ presentity: Address, _ watcher: Address?, _ state: Body) {
        guard let party = parties.find(presentity), watched.first(of: party) != nil else {
            return publishedUnwatched(presentity, watcher, state)
        }
        guard let watcher else {
            let before = states[.forAll, party] ?? .none
            let state = setForAll(party, state)
            var row = watched.first(of: party)
            while let current = row {
                row = watched.next(after: current)
                publish(state, after: states[.forWatcher, current] ?? before, forWatched: current, isForAll: true)
            }
            return
        }
        guard let row = watchedRow(watcher, presentity) else {
            return publishedUnwatched(presentity, watcher, state)
        }
        if isOpen(watcher, presentity) { tellFetch(presentity, watcher, state) }
        publish(state, after: told(row), forWatched: row, isForAll: false)
    }

    /// Keeps what all may see of a user here, as far as there is room. What is not kept is told to nobody: the next
    /// renewal asks for it again.
    private func setForAll(_ party: UInt32, _ state: Body) -> Body {
        let domain = parties.domainNumber(party)
        let kept = states.hasRoom(for: state, .forAll, party, of: domain) ? state : .none
        if kept != state { counters.unkept += 1 }
        states.set(kept == .none ? nil : kept, .forAll, party, of: domain)
        return kept
    }

    /// Keeps what one watcher may see, as far as there is room; else nothing, and not what all may see.
    private func setForWatcher(_ row: UInt32, _ state: Body?) {
        let domain = parties.domainNumber(watched[row].presentity)
        guard let state else { return states.set(nil, .forWatcher, row, of: domain) }
        let kept = states.hasRoom(for: state, .forWatcher, row, of: domain) ? state : .none
        if kept != state { counters.unkept += 1 }
        let isNothing = kept == .none && states[.forAll, watched[row].presentity] == nil
        states.set(isNothing ? nil : kept, .forWatcher, row, of: domain)
    }

    /// The latest word counts, whether it was for one watcher or for all.
    private func publish(_ state: Body, after before: Body, forWatched row: UInt32, isForAll: Bool) {
        let wasProbed = watched[row].flags.contains(.probed)
        let wasUnsure = watched[row].flags.contains(.unsure)
        watched[row].flags.subtract([.probed, .unsure])
        setForWatcher(row, isForAll ? nil : state)
        let isOther = before != told(row)
        guard isOther || wasUnsure else { return }
        if wasProbed, isOther { counters.drifts += 1 }
        changed(row)
    }

    /// RFC 2779 5.3.2: nobody is told who has not asked. A fetch that waits takes the state with it.
    private func publishedUnwatched(_ presentity: Address, _ watcher: Address?, _ state: Body) {
        guard let watcher, isOpen(watcher, presentity) else {
            counters.undirected += 1
            return
        }
        tellFetch(presentity, watcher, state)
        guard let row = watchedRow(watcher, presentity) else { return }
        publish(state, after: told(row), forWatched: row, isForAll: false)
    }

    private func changed(_ row: UInt32) {
        let flags = watched[row].flags
        guard hasLease(row), !flags.contains(.pending), !flags.contains(.polite) else { return }
        notify(row)
    }

    /// The rules may have changed since the lease began.
    func review(_ row: UInt32, _ verdict: PresenceVerdict, _ name: DisplayName?) {
        let flags = watched[row].flags
        let isServed = flags.isDisjoint(with: [.pending, .polite])
        switch verdict {
        case .deny, .polite:
            guard !flags.contains(.polite) else { return }
            watched[row].flags.insert(.polite)
            if !flags.contains(.pending) { notify(row) }
        case .allow, .ask:
            guard !isServed || (verdict == .ask && !flags.contains(.approved)) else { return }
            watched[row].flags.subtract([.polite, .pending])
            if verdict == .allow || flags.contains(.approved) {
                notify(row)
                probe(row)
            } else {
                watched[row].flags.insert(.pending)
                ask(row, name)
                if isServed { notify(row) }
            }
        }
        save(watchedRow: row)
    }

    /// One request per pair: the presentity is not asked again and again.
    private func ask(_ row: UInt32, _ name: DisplayName?) {
        guard !watched[row].flags.contains(.asked) else { return }
        watched[row].flags.insert(.asked)
        orders.append(.ask(presentity: presentity(ofWatched: row), watcher: watcher(ofWatched: row), name: name))
    }

    // MARK: Notifications

    /// Tells the watcher the present state; where a notification is on its way, once that has its answer. What changed
    /// twice meanwhile is told once.
    func notify(_ row: UInt32) {
        guard !watched[row].flags.contains(.inFlight) else {
            watched[row].flags.insert(.dirty)
            return
        }
        if watched[row].flags.contains(.pending) { return send(row, .pending, body: .none) }
        send(row, .active, body: state(ofWatched: row))
    }

    private func send(_ row: UInt32, _ state: SubscriptionState, body: Body) {
        guard let id = watched.id(of: row) else { return }
        watched[row].flags.remove(.dirty)
        watched[row].flags.insert(.inFlight)
        watched[row].sequence &+= 1
        counters.notifications += 1
        requests.append(
            Request(
                token: token(row, .watched),
                operation: .notify(Envelope.Notification(id: id, state: state, sequence: watched[row].sequence)),
                source: presentity(ofWatched: row),
                destination: watcher(ofWatched: row),
                body: watched[row].flags.contains(.polite) ? .none : body,
                name: nil
            )
        )
    }

    /// A notification has its outcome.
    func notified(_ row: UInt32, _ outcome: Outcome) {
        watched[row].flags.remove(.inFlight)
        if watched[row].flags.contains(.last) { return removeIfIdle(row) }
        guard hasLease(row) else { return }
        switch outcome.code {
        case .noSuchSubscription, .noSuchUser, .refused, .addressInvalid:
            // The watcher's side knows nothing of it (any more): so do we from now on.
            counters.drifts += 1
            drop(row)
        case _ where outcome.disposition == .delivered && outcome.code != .uncertain:
            watched[row].failures = 0
            if watched[row].flags.contains(.dirty) { notify(row) }
        case .tooLarge where watched[row].flags.contains(.dirty): notify(row)  // another state has come since
        case .tooLarge where state(ofWatched: row) != .none: sendLess(row)
        default:
            watched[row].failures = min(watched[row].failures + 1, 20)
            watched[row].flags.insert(.dirty)
            let pause = pause(after: watched[row].failures, retryAfter: outcome.details?.retryAfter)
            watched.schedule(row, at: min(now + pause, watched[row].expires))
        }
    }

    // MARK: Ends

    /// Ends the lease, tells the watcher why with one last notification, and keeps an approval.
    func end(_ row: UInt32, _ code: OutcomeCode) {
        guard hasLease(row) else { return removeIfIdle(row) }
        watched[row].expires = 0
        watched.schedule(row, at: 0)
        // A question that nobody has answered ends with the lease; a watcher that asks again has it asked again.
        watched[row].flags.subtract([.pending, .polite, .dirty, .asked])
        // The answer to an earlier notification is none to this one, and what waits of it need not leave any more.
        watched[row].generation &+= 1
        watched[row].flags.remove(.inFlight)
        send(row, .ended(code), body: .none)
        watched[row].flags.insert(.last)
        save(watchedRow: row)
    }

    /// Ends the lease without a word.
    func drop(_ row: UInt32) {
        watched[row].expires = 0
        watched.schedule(row, at: 0)
        watched[row].flags.subtract([.pending, .polite, .dirty, .asked])
        removeIfIdle(row)
    }

    /// A row lives while it has a lease, a request at the presentity, or an approval.
    func removeIfIdle(_ row: UInt32) {
        watched[row].flags.remove(.last)
        guard !hasLease(row) else { return }
        let flags = watched[row].flags
        guard flags.isDisjoint(with: [.approved, .asked, .forgotten]) else { return save(watchedRow: row) }
        guard !flags.contains(.inFlight) else { return watched[row].flags.formUnion(.last) }
        forget(watchedRow: row)
    }
}
