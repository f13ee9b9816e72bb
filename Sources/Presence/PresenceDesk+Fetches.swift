// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel

/// Fetches: one notification, and nothing left behind (RFC 3859 §3.3).
extension PresenceDesk {
    /// A fetch is answered after the same time, whatever is found out, so that a presentity who blocks politely cannot
    /// be told from one who is not there. Whether a watcher of whom nothing is known here may see is the service's to say:
    /// its approvals last for years, and ours may be younger, or lost.
    func fetch(
        _ wish: Envelope.Subscribe,
        _ watcher: Address,
        _ presentity: Address,
        _ verdict: PresenceVerdict,
        _ row: UInt32?
    ) -> Outcome {
        // What waits for the presentity's answer is not decided by a look.
        let isPending = row.map { hasLease($0) && watched[$0].flags.contains(.pending) } ?? false
        guard verdict != .deny, verdict == .allow || !isPending else {
            return Outcome(.refused, "the presentity has not approved the watcher")
        }
        let key = FetchKey(watcher: watcher, presentity: presentity)
        guard fetchCount < 100_000, fetchesOfDomain[watcher.domain, default: 0] < 5_000 else {
            return Outcome(.shortOfResources, "too many fetches", retryAfter: 5)
        }
        if openFetches[key] == nil {
            orders.append(.probe(presentity: presentity, watcher: watcher))
        }
        openFetches[key, default: 0] += 1
        fetchesOfDomain[watcher.domain, default: 0] += 1
        fetchCount += 1
        fetches.append(
            Fetch(
                watcher: watcher,
                presentity: presentity,
                id: wish.id,
                second: now + 2,
                isPolite: verdict == .polite
            )
        )
        return Self.grant(.delivered, 0)
    }

    func answerFetches() {
        var answered = 0
        for fetch in fetches {
            guard fetch.second <= now else { break }
            answered += 1
            let (state, body) = answer(to: fetch)
            close(FetchKey(watcher: fetch.watcher, presentity: fetch.presentity))
            let number = freshSequence(after: 0)
            requests.append(
                Request(
                    token: answerToken(for: fetch.watcher.domain),
                    operation: .notify(Envelope.Notification(id: fetch.id, state: state, sequence: number)),
                    source: fetch.presentity,
                    destination: fetch.watcher,
                    body: body,
                    name: nil
                )
            )
        }
        fetches.removeFirst(answered)
    }

    /// What was allowed when it was asked for may have been taken back since.
    private func answer(to fetch: Fetch) -> (SubscriptionState, Body) {
        let key = FetchKey(watcher: fetch.watcher, presentity: fetch.presentity)
        let verdict = (verdictOnFetch ?? verdict)(fetch.watcher, fetch.presentity)
        if verdict == .deny { return (.ended(.refused), .none) }
        if verdict != .allow {
            let word = fetchWords[key] ?? (hasApproved(fetch.presentity, fetch.watcher) ? true : nil)
            // Where the service says nothing, nothing is decided.
            guard let word else { return (.ended(.unavailable), .none) }
            guard word else { return (.ended(.refused), .none) }
        }
        if fetch.isPolite || verdict == .polite { return (.active, .none) }
        let known = watchedRow(fetch.watcher, fetch.presentity).map { state(ofWatched: $0) } ?? .none
        return (.active, fetched[key] ?? known)
    }

    /// The service tells a state to a watcher who looks: it has approved the watcher, whatever is known of it here.
    func tellFetch(_ presentity: Address, _ watcher: Address, _ state: Body) {
        let key = FetchKey(watcher: watcher, presentity: presentity)
        setFetched(key, state)
        fetchWords[key] = true
        if !hasApproved(presentity, watcher), (verdictOnFetch ?? verdict)(watcher, presentity) != .allow {
            approve(presentity, watcher)
        }
    }

    private func close(_ key: FetchKey) {
        let left = openFetches[key, default: 1] - 1
        openFetches[key] = left > 0 ? left : nil
        guard left <= 0 else { return }
        setFetched(key, nil)
        fetchWords[key] = nil
    }

    private func answerToken(for domain: Domain) -> UInt64 {
        lastFetchAnswer = (lastFetchAnswer + 1) & 0xFFFF_FFFF_FFFF
        let token = Side.fetch.rawValue << 48 | lastFetchAnswer
        fetchAnswers[token] = domain
        return token
    }

    /// An answer has arrived, or never will: only now does its fetch count no longer, for answers may pile up on their
    /// way to a domain that takes them slowly.
    func fetchAnswered(_ token: UInt64) {
        guard let domain = fetchAnswers.removeValue(forKey: token) else { return }
        fetchCount -= 1
        let left = fetchesOfDomain[domain, default: 1] - 1
        fetchesOfDomain[domain] = left > 0 ? left : nil
    }

    /// Keeps what a service says for a fetch, as far as there is room; else nothing.
    func setFetched(_ key: FetchKey, _ state: Body?) {
        fetchedOctets -= fetched.removeValue(forKey: key)?.octetCount ?? 0
        guard let state, state != .none else { return }
        guard fetchedOctets + state.octetCount <= settings.maximumStateOctets / 16 else {
            counters.unkept += 1
            return
        }
        fetchedOctets += state.octetCount
        fetched[key] = state
    }
}
