// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import Discovery
import EnvelopeModel
import IMXWire
import Logging
import TransportSecurity

/// Which way each pair of domains takes. A way is looked for whenever a pair has something to say and no connection to
/// say it on; a connection that stands is used for as long as it stands, however old the answers that led to it.
extension IMXFront {
    func pair(from source: Domain, to target: Domain) -> PairQueue {
        if let recentPair, recentPair.source == source, recentPair.target == target { return recentPair }
        let key = PairKey(source: source, target: target)
        let pair = pairs[key] ?? makePair(source, peer(target))
        pairs[key] = pair
        recentPair = pair
        return pair
    }

    private func makePair(_ source: Domain, _ peer: PeerDomain) -> PairQueue {
        let pair = PairQueue(source: source, peer: peer)
        peer.pairs.append(pair)
        return pair
    }

    private func peer(_ domain: Domain) -> PeerDomain {
        let peer = foreignDomains[domain] ?? PeerDomain(domain)
        foreignDomains[domain] = peer
        return peer
    }

    /// Forgets a pair that has nothing to say and nothing out, and its domain with its last pair.
    func tidy(_ pair: PairQueue) {
        guard pair.isEmpty, pair.inFlight == 0, pair.connection == nil, !pair.peer.isLookedUp else { return }
        leaveLink(pair)
        pairs[PairKey(source: pair.source, target: pair.target)] = nil
        if recentPair === pair { recentPair = nil }
        pair.peer.pairs.removeAll { $0 === pair }
        guard pair.peer.pairs.isEmpty, pair.peer.currentRedirection(now: now) == nil else { return }
        pair.peer.nextLookUp?.cancel()
        foreignDomains[pair.target] = nil
    }

    private func leaveLink(_ pair: PairQueue) {
        guard let link = pair.link else { return }
        pair.link = nil
        link.pairs.removeAll { $0 === pair }
        retireIfUnused(link)
    }

    func retireIfUnused(_ link: PeerLink) {
        guard link.isUnused, links[link.key] === link else { return }
        link.timer?.cancel()
        link.timer = nil
        links[link.key] = nil
    }

    // MARK: Look-ups

    /// Finds a way for a pair that has none. Outgoing trust comes from our own look-up alone (IMX 6.3).
    func place(_ pair: PairQueue) {
        guard pair.connection == nil, pair.link == nil else { return }
        guard !isStopping else { return refuse(pair, Outcome(.unavailable, "shutting down", retryAfter: 5)) }
        let peer = pair.peer
        if pair.needsLookUp { return lookUp(peer) }
        if let redirection = peer.currentRedirection(now: now) { return place(pair, by: redirection) }
        peer.redirection = nil
        if let service = peer.currentService(now: now) { return place(pair, at: service) }
        // Another pair of the same domains' servers goes along with what stands.
        if let companion = peer.pairs.first(where: { $0.connection != nil && $0.claim == .confirmed }),
            let connection = companion.connection, let link = companion.link,
            level(of: connection, for: peer.name) >= leastLevel(pair),
            contradiction(on: connection, for: peer.name) == nil
        {
            return join(pair, link, on: connection)
        }
        lookUp(peer)
    }

    private func lookUp(_ peer: PeerDomain) {
        guard !peer.isLookedUp, peer.nextLookUp == nil else { return }
        peer.isLookedUp = true
        resolver.resolve(peer.name) { [weak self] resolution in
            guard let self, peer.isLookedUp else { return }
            peer.isLookedUp = false
            burst { self.found(resolution, for: peer) }
        }
    }

    private func found(_ resolution: Resolution, for peer: PeerDomain) {
        let stranded = peer.pairs.filter { $0.link == nil && $0.connection == nil }
        switch resolution {
        case .service(let service):
            peer.service = service
            peer.failures = 0
            peer.lastFailure = nil
            for pair in stranded { place(pair, at: service) }
        case .notFound(let reason):
            peer.service = nil
            for pair in stranded {
                refuse(pair, Outcome(.domainNotFound, "\(peer.name) is not on the network: \(reason)"))
                tidy(pair)
            }
        case .unavailable(let reason), .bogus(let reason):
            let hadService = peer.service != nil
            peer.lastFailure = reason
            guard hadService else {
                for pair in stranded {
                    refuse(pair, Outcome(.unavailable, "\(peer.name) cannot be found now: \(reason)"))
                    tidy(pair)
                }
                return
            }
            // It was there before. What waits has time until its deadline.
            peer.failures += 1
            peer.nextLookUp = host.scheduler.schedule(
                after: settings.backOff.pause(after: peer.failures, using: &generator)
            ) { [weak self] in
                guard let self else { return }
                peer.nextLookUp = nil
                burst {
                    for pair in peer.pairs where pair.link == nil && pair.connection == nil {
                        if pair.isEmpty { self.tidy(pair) } else { self.place(pair) }
                    }
                }
            }
        }
    }

    /// Asks again before the next connection to the domain: what was found has proved wrong, or may have.
    func distrustLookUp(of peer: PeerDomain) {
        resolver.forget(peer.name)
        guard let service = peer.service else { return }
        peer.service = PeerService(
            hosts: service.hosts,
            origin: service.origin,
            security: service.security,
            expiry: now
        )
    }

    // MARK: Places

    private func place(_ pair: PairQueue, by redirection: Redirection) {
        let level = max(leastLevel(pair), redirection.level)
        let endpoints = redirection.endpoints.filter { level == .dialback || $0.usesTLS }
        guard !endpoints.isEmpty else {
            pair.peer.redirection = nil
            return place(pair)
        }
        join(pair, key(endpoints, level: level, domain: pair.target))
    }

    private func place(_ pair: PairQueue, at service: PeerService) {
        guard pair.connection == nil, pair.link == nil else { return }
        pair.needsLookUp = false
        guard !pair.isEmpty else { return tidy(pair) }
        if let (endpoint, outcome) = pair.misdirection {
            pair.misdirection = nil
            guard service.host(at: endpoint) == nil else {
                refuse(pair, outcome)
                return tidy(pair)
            }
        }
        let level = leastLevel(pair)
        let endpoints = attempts(at: service, level: level).map(\.endpoint)
        guard !endpoints.isEmpty else {
            if required(hosted: pair.source, peer: pair.target) == .dialback, let floor = pair.floor {
                refuse(pair, floor.refusal)
                return tidy(pair)
            }
            count(.weak(level))
            let demand = demand(hosted: pair.source, peer: pair.target)
            refuse(pair, Outcome(.refused, "\(pair.target) publishes no TLS port, and \(demand)"))
            return tidy(pair)
        }
        let shared = key(endpoints, level: .dialback, domain: pair.target)
        if level == .certificate, let link = links[shared] {
            // A connection that others share will do if its certificate is good for this domain too.
            let fit = link.connections.first { self.level(of: $0, for: pair.target) >= level }
            if let fit { return join(pair, link, on: fit) }
        }
        join(pair, level == .certificate ? key(endpoints, level: level, domain: pair.target) : shared)
    }

    func link(for peer: PeerDomain, by redirection: Redirection) -> PeerLink? {
        let level = peer.pairs.map { required(hosted: $0.source, peer: peer.name) }.max() ?? .dialback
        return link(key(redirection.endpoints, level: max(level, redirection.level), domain: peer.name), for: peer.name)
    }

    private func key(_ endpoints: [PeerEndpoint], level: TrustLevel, domain: Domain) -> PeerLink.Key {
        PeerLink.Key(endpoints: Set(endpoints), serverName: level == .certificate ? domain : nil)
    }

    func link(_ key: PeerLink.Key, for domain: Domain) -> PeerLink? {
        if let known = links[key] { return known }
        guard let first = key.endpoints.first else { return nil }
        let link = PeerLink(key: key, dialled: domain, first: first)
        links[key] = link
        return link
    }

    private func join(_ pair: PairQueue, _ key: PeerLink.Key) {
        guard let link = link(key, for: pair.target) else { return }
        pair.link = link
        link.pairs.append(pair)
        if let connection = link.leastLoaded {
            board(pair, connection)
        } else {
            ensureUp(link)
        }
    }

    private func join(_ pair: PairQueue, _ link: PeerLink, on connection: FrontConnection) {
        pair.link = link
        link.pairs.append(pair)
        board(pair, connection)
    }

    /// Takes the pair off its connection and looks the domain up anew: it may be served elsewhere by now.
    func move(_ pair: PairQueue, from connection: FrontConnection) {
        guard pair.connection === connection, let line = connection.line else { return }
        line.pairs.removeAll { $0 === pair }
        line.turn = 0
        pair.leaveConnection()
        lookAgain(pair)
    }

    /// Takes the pair off a connection that proves less than is asked for by now. Its requests in flight end there; what
    /// waits goes where more is proved (IMX 6.1.3).
    func leaveWeak(_ pair: PairQueue, on connection: FrontConnection) {
        guard pair.isEmpty else { return move(pair, from: connection) }
        connection.line?.pairs.removeAll { $0 === pair }
        connection.line?.turn = 0
        pair.leaveConnection()
        leaveLink(pair)
        pair.needsLookUp = true  // what is remembered led to a place that does not do
        distrustLookUp(of: pair.peer)
        tidy(pair)
    }

    /// Takes the pair from its link and looks its domain up anew.
    func lookAgain(_ pair: PairQueue) {
        leaveLink(pair)
        pair.needsLookUp = true
        pair.peer.redirection = nil
        distrustLookUp(of: pair.peer)
        place(pair)
    }

    /// The peer did not believe a claim: the domain is looked up anew before the next one (IMX-1 §6.5).
    func reconsider(_ pair: PairQueue, on connection: FrontConnection) {
        guard pair.connection === connection else { return }
        if pair.isEmpty { pair.claim = .none } else { move(pair, from: connection) }
    }

    /// Looks for ways for all pairs of the link that have no connection, because time has passed or answers may have
    /// changed.
    func regroup(_ link: PeerLink) {
        let stranded = link.pairs.filter { $0.connection == nil }
        link.pairs.removeAll { $0.connection == nil }
        for pair in stranded { pair.link = nil }
        for pair in stranded {
            if pair.isEmpty { tidy(pair) } else { place(pair) }
        }
        if !link.waiters.isEmpty { ensureUp(link) }
        retireIfUnused(link)
    }
}
