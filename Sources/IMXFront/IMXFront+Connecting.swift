// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import Discovery
import EnvelopeModel
import IMXWire
import Logging
import TransportSecurity

/// How a link gets a connection: place by place, and after a pause from the beginning.
extension IMXFront {
    /// Sees to it that a connection is being made, unless one stands or the next try is due later.
    func ensureUp(_ link: PeerLink) {
        guard link.connections.isEmpty, link.opening == nil, link.timer == nil, !isStopping else { return }
        open(link)
    }

    /// Makes a connection at once, even where the next try is due later: somebody who may be there has just spoken to
    /// us.
    func openNow(_ link: PeerLink) {
        guard link.timer != nil, link.opening == nil else { return ensureUp(link) }
        // Not at any rate: whoever speaks to us may be making us dial somebody else.
        pause(link, for: max(.zero, link.lastTry + .seconds(1) - now))
    }

    /// Begins a round of tries.
    func open(_ link: PeerLink) {
        guard startRound(link) else { return retireIfUnused(link) }
        link.hasUnreached = false
        tryNext(link)
    }

    /// Dials the next place of the round (IMX 4.2.3: on no answer try the others).
    private func tryNext(_ link: PeerLink) {
        while let attempt = link.attempts.popFirst() {
            link.endpoint = attempt.endpoint
            // S06, S50: the very address that is dialled is judged, at this moment.
            if !attempt.isConfigured,
                let reason = policy.addressRefusal(attempt.endpoint.host, attempt.endpoint.port)
            {
                host.count(.refusedAddress)
                noteFailure(link, reason)
                continue
            }
            return dial(link, attempt)
        }
        roundFailed(link)
    }

    private func dial(_ link: PeerLink, _ attempt: PeerLink.Attempt) {
        link.lastTry = now
        let handle = transport.connect(
            to: attempt.endpoint,
            serverName: link.dialled,
            timeout: settings.connectTimeout
        )
        let connection = makeConnection(.dialler, handle, address: attempt.endpoint.host, link: link)
        connection.line = PeerLine(
            endpoint: attempt.endpoint,
            dialled: link.dialled,
            service: link.service,
            chain: attempt.chain,
            now: now
        )
        link.opening = connection
    }

    /// Chooses for whom the next connection is made, and in which order the places are tried.
    private func startRound(_ link: PeerLink) -> Bool {
        link.attempts = []
        if let pair = link.pairs.first(where: { $0.connection == nil && !$0.isEmpty }) ?? busiest(link) {
            link.dialled = pair.target
            link.service = pair.peer.service
            link.attempts = attempts(for: pair)[...]
        }
        if link.attempts.isEmpty, let waiter = link.waiters.first {
            link.dialled = waiter.domain
            link.service = waiter.service
            link.attempts = attempts(at: waiter.service, level: waiter.level)[...]
        }
        link.avoided = link.avoided.filter { $0.value > now }
        if !link.avoided.isEmpty {
            let isAvoided = { (attempt: PeerLink.Attempt) in link.avoided[attempt.endpoint] != nil }
            link.attempts = link.attempts.filter { !isAvoided($0) } + link.attempts.filter(isAvoided)
        }
        return !link.attempts.isEmpty
    }

    /// A pair that a further connection would help.
    private func busiest(_ link: PeerLink) -> PairQueue? {
        link.connections.isEmpty ? nil : link.pairs.first { !$0.isEmpty }
    }

    private func attempts(for pair: PairQueue) -> [PeerLink.Attempt] {
        if let redirection = pair.peer.currentRedirection(now: now) {
            return redirection.endpoints.map {
                PeerLink.Attempt(
                    endpoint: $0,
                    isConfigured: redirection.isConfigured,
                    chain: redirection.chain
                )
            }
        }
        guard let service = pair.peer.service else { return [] }
        var attempts = attempts(at: service, level: leastLevel(pair))
        if let place = pair.repeatsAt?.endpoint, let index = attempts.firstIndex(where: { $0.endpoint == place }) {
            attempts.insert(attempts.remove(at: index), at: 0)  // only the process that was asked may be asked again
        }
        return attempts
    }

    func attempts(at service: PeerService, level: TrustLevel) -> [PeerLink.Attempt] {
        // G.3-11: a host that is too weak is never dialled, whatever happens to the others.
        service.attempts(using: &generator).filter { level == .dialback || $0.host.usesTLS }.map {
            PeerLink.Attempt(
                endpoint: PeerEndpoint(host: $0.address, port: $0.host.port, usesTLS: $0.host.usesTLS),
                isConfigured: service.origin == .configured
            )
        }
    }

    // MARK: Failure

    private func noteFailure(_ link: PeerLink, _ reason: String) {
        link.lastFailure = reason
        link.hasUnreached = true
        notice(
            "peer not reached",
            metadata: ["peer": "\(link.endpoint)", "reason": "\(reason)"],
            from: SourceAddress(link.endpoint.host).network
        )
    }

    private func tryFailed(_ link: PeerLink, _ reason: String) {
        noteFailure(link, reason)
        // For a verification one address is enough (IMX-1 §6.4).
        link.tellWaiters(.failure(PeerLink.LinkFailure(reason: reason)))
    }

    /// A connection ended before the peer had greeted.
    func openingFailed(_ link: PeerLink, _ line: PeerLine, reason: String) {
        link.opening = nil
        let hadUnreached = link.hasUnreached
        tryFailed(link, reason)
        if line.closeCode == .notServedHere {
            link.hasUnreached = hadUnreached
            for pair in link.pairs where pair.connection == nil && pair.target == line.dialled {
                pair.misdirection = (line.endpoint, Outcome(.notServedHere, "\(line.endpoint) does not serve it"))
            }
        }
        if !link.connections.isEmpty { return stopGrowing(link) }
        guard link.hasStranded, !isStopping else {
            link.attempts = []
            return regroup(link)
        }
        tryNext(link)
    }

    /// The peer greeted, and its certificate is not good for the domain that it was dialled for.
    private func notTrusted(_ link: PeerLink, _ connection: FrontConnection, _ reason: String) {
        count(.weak(.certificate))
        link.lastFailure = reason
        connection.isLeaving = true
        connection.machine.close(.refused, "certificate not accepted", now: now)
        markDirty(connection)
        notice("peer not trusted", on: connection, metadata: ["domain": "\(link.dialled)", "reason": "\(reason)"])
        link.tellWaiters(.failure(PeerLink.LinkFailure(reason: reason)))
        if link.hasStranded { tryNext(link) } else { regroup(link) }
    }

    /// Every place of the round has failed.
    private func roundFailed(_ link: PeerLink) {
        link.attempts = []
        link.tellWaiters(.failure(PeerLink.LinkFailure(reason: link.lastFailure ?? "there is no place to dial")))
        if !link.connections.isEmpty { return stopGrowing(link) }
        let isRedirected = link.pairs.contains { $0.peer.redirection != nil }
        if !isRedirected, !link.hasUnreached, let domain = link.key.serverName, let reason = link.lastFailure {
            for pair in link.pairs where pair.connection == nil {
                let demand = demand(hosted: pair.source, peer: pair.target)
                refuse(pair, Outcome(.refused, "\(domain) has not proved enough (\(demand)): \(reason)"))
            }
            return regroup(link)
        }
        if !link.hasUnreached { leaveWrongHosts(link) }
        link.failures += 1
        for pair in link.pairs where pair.connection == nil {
            pair.misdirection = nil
            distrustLookUp(of: pair.peer)
            pair.peer.redirection = nil  // the look-up rules again
        }
        pause(link, for: settings.backOff.pause(after: link.failures, using: &generator))
    }

    /// All places of the round have said that they do not serve the domain. It may have moved: a fresh look-up tells.
    private func leaveWrongHosts(_ link: PeerLink) {
        for pair in link.pairs where pair.connection == nil && pair.misdirection != nil { lookAgain(pair) }
    }

    private func stopGrowing(_ link: PeerLink) {
        link.attempts = []
        link.growsAgain = now + .seconds(60)
    }

    /// Lets the link rest. What waits for it looks for its way afterwards.
    func pause(_ link: PeerLink, for interval: Interval) {
        link.timer?.cancel()
        link.timer = host.scheduler.schedule(after: interval) { [weak self] in
            guard let self else { return }
            link.timer = nil
            burst { self.regroup(link) }
        }
    }

    // MARK: Success

    /// The peer has greeted on a connection that we dialled.
    func linkIsUp(_ link: PeerLink, _ connection: FrontConnection) {
        guard link.opening === connection else { return }
        link.opening = nil
        if let reason = shortfall(of: connection, on: link) { return notTrusted(link, connection, reason) }
        link.attempts = []
        link.lastFailure = nil
        link.connections.append(connection)
        host.logger.info("peer connected", metadata: ["peer": "\(link.endpoint)"])
        link.tellWaiters(.success(connection))
        for pair in link.pairs where pair.connection == nil { board(pair, connection) }
        if link.connections.count > 1 { share(link, with: connection) }
        pump(connection)
    }

    /// Why a connection does not do: for the domain that it was made for, or where it is for one alone, for that. Nil
    /// where it does.
    private func shortfall(of connection: FrontConnection, on link: PeerLink) -> String? {
        // The look-up that led to this very dial says which host it is, whoever asked for it.
        let line = connection.line
        guard let domain = link.key.serverName else {
            guard let line else { return nil }
            // Where others wait for it too, each is judged where it boards or is told: none suffers for another's records.
            let isShared =
                link.pairs.contains { $0.connection == nil && $0.target != line.dialled }
                || link.waiters.contains { $0.domain != line.dialled }
            return isShared ? nil : contradiction(on: connection, for: line.dialled, at: line.service)
        }
        guard let security = connection.security else { return "the connection is not encrypted" }
        let service = line?.dialled == domain ? line?.service : foreignDomains[domain]?.service
        return certificateRefusal(on: connection, security, for: domain, at: service)
    }

    // MARK: Verifications

    /// Makes a connection to `domain` on which it has proved at least `level`, or takes one that stands. At most one
    /// address is dialled for it (IMX-1 §6.4); for verifications.
    ///
    /// - Parameter mayGoOn: Asked once the domain is looked up, with whether a dial is needed for it; where it says no,
    ///   nothing is dialled or sent.
    func reach(
        _ domain: Domain,
        atLeast level: TrustLevel,
        mayGoOn: @escaping (_ needsDial: Bool) -> Bool = { _ in true },
        _ completion: @escaping (Result<PeerLink.Reached, PeerLink.LinkFailure>) -> Void
    ) {
        resolver.resolve(domain) { [weak self] resolution in
            guard let self else { return }
            burst {
                guard case .service(let service) = resolution else {
                    return completion(.failure(.init(reason: "\(domain) was not found")))
                }
                self.reach(domain, at: service, atLeast: level, mayGoOn, completion)
            }
        }
    }

    private func reach(
        _ domain: Domain,
        at service: PeerService,
        atLeast level: TrustLevel,
        _ mayGoOn: (_ needsDial: Bool) -> Bool,
        _ completion: @escaping (Result<PeerLink.Reached, PeerLink.LinkFailure>) -> Void
    ) {
        let endpoints = Set(attempts(at: service, level: level).map(\.endpoint))
        let names: [Domain?] = level == .certificate ? [nil, domain] : [nil]
        for name in names {
            retireWornOut(links[PeerLink.Key(endpoints: endpoints, serverName: name)])
            let connections = links[PeerLink.Key(endpoints: endpoints, serverName: name)]?.connections ?? []
            let fit = connections.first {
                $0.hasVerificationRoom && self.level(of: $0, for: domain, at: service) >= level
                    && self.contradiction(on: $0, for: domain, at: service) == nil
            }
            guard let fit else { continue }
            _ = mayGoOn(false)
            let reached = self.level(of: fit, for: domain, at: service)
            return completion(.success(PeerLink.Reached(connection: fit, level: reached)))
        }
        let key = PeerLink.Key(endpoints: endpoints, serverName: level == .certificate ? domain : nil)
        guard let link = link(key, for: domain) else {
            return completion(.failure(.init(reason: "\(domain) publishes no place that proves enough")))
        }
        guard mayGoOn(link.opening == nil) else {
            retireIfUnused(link)
            return completion(.failure(.init(reason: "no dial is made for this claim")))
        }
        link.waiters.append(
            PeerLink.Waiter(domain: domain, service: service, level: level) { [weak self] result in
                guard let self else { return }
                completion(
                    result.flatMap { connection in
                        let reached = self.level(of: connection, for: domain, at: service)
                        guard reached >= level, self.contradiction(on: connection, for: domain, at: service) == nil
                        else {
                            return .failure(.init(reason: "\(domain) has not proved enough"))
                        }
                        return .success(PeerLink.Reached(connection: connection, level: reached))
                    }
                )
            }
        )
        openForWaiters(link)
    }

    /// IMX-1 §4.4: a connection on which nothing is authenticated takes only so many records.
    private func retireWornOut(_ link: PeerLink?) {
        for connection in link?.connections ?? [] where !connection.hasVerificationRoom {
            connection.machine.close(now: now)
            replace(connection)
            work(on: connection)
        }
    }

    private func openForWaiters(_ link: PeerLink) {
        if link.connections.isEmpty { return openNow(link) }
        if link.opening == nil, link.timer == nil, !isStopping { open(link) }
    }
}
