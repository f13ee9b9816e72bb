// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import Discovery
import EnvelopeModel
import IMXWire
import Logging
import TransportSecurity

/// Ways to peers: looked up, opened when there is something to say, and opened again after a failure.
extension IMXFront {
    func route(from source: Domain, to target: Domain) -> Route {
        if let recentRoute, recentRoute.key.source == source, recentRoute.key.target == target {
            return recentRoute.route
        }
        let key = PairKey(source: source, target: target)
        let route = routes[key] ?? Route(pair: PairQueue(source: source, target: target))
        routes[key] = route
        recentRoute = (key, route)
        return route
    }

    /// Finds the link for a route that has none. Outgoing trust comes from this look-up alone (IMX 6.3).
    func lookUp(_ route: Route) {
        guard route.link == nil, !route.isLookedUp else { return }
        route.isLookedUp = true
        resolver.resolve(route.pair.target) { [weak self] resolution in
            guard let self, route.isLookedUp else { return }
            route.isLookedUp = false
            burst {
                switch resolution {
                case .service(let service):
                    let link = self.link(to: service, for: route.pair.target)
                    route.link = link
                    link.pairs.append(route.pair)
                    link.hasBacklog = true
                    self.ensureUp(link)
                    self.pump(route.pair, link)
                case .notFound(let reason):
                    self.refuse(
                        route.pair,
                        Outcome(.domainNotFound, "\(route.pair.target) is not on the network: \(reason)")
                    )
                    self.forget(route.pair)
                case .unavailable(let reason), .bogus(let reason):
                    self.refuse(
                        route.pair,
                        Outcome(.unavailable, "\(route.pair.target) cannot be found now: \(reason)")
                    )
                    self.forget(route.pair)
                }
            }
        }
    }

    private func forget(_ pair: PairQueue) {
        routes[PairKey(source: pair.source, target: pair.target)] = nil
        recentRoute = nil
    }

    func link(to service: PeerService, for domain: Domain) -> PeerLink {
        let fresh = PeerLink(service: service, dialled: domain, using: &generator)
        let link = links[fresh.key] ?? fresh
        links[link.key] = link
        link.services[domain] = service
        return link
    }

    func ensureUp(_ link: PeerLink) {
        guard case .idle = link.state, !isStopping else { return }
        open(link)
    }

    /// Opens the link at once, even where the next try is due later: somebody who may be there has just spoken to us.
    func openNow(_ link: PeerLink) {
        if case .waiting(let timer) = link.state {
            timer.cancel()
            // Not at any rate: whoever speaks to us may be making us dial somebody else.
            let rest = link.lastTry + .seconds(1) - now
            guard rest <= .zero else { return retry(link, after: rest) }
            link.state = .idle
        }
        ensureUp(link)
    }

    private func open(_ link: PeerLink) {
        link.lastTry = now
        let handle = transport.connect(to: link.endpoint, serverName: link.dialled, timeout: settings.connectTimeout)
        link.state = .opening(handle)
        _ = makeConnection(.dialler, handle, address: link.endpoint.host, link: link)
    }

    /// The peer has greeted on a connection that we dialled.
    func linkIsUp(_ link: PeerLink, _ connection: FrontConnection) {
        link.state = .up(connection)
        link.lastFailure = nil
        host.logger.info("peer connected", metadata: ["peer": "\(link.endpoint)"])
        if link.lastServerID != connection.peer {
            // IMX-1, at most once: only the process that was asked may be asked again.
            for pair in link.pairs {
                while let delivery = pair.toRepeat.popFirst() {
                    host.settle(delivery.ticket, Self.unanswered)
                }
            }
        }
        link.lastServerID = connection.peer
        link.tellWaiters(.success(connection))
        pump(link)
    }

    /// A connection of the link is gone, or a try to make one has failed.
    func linkIsDown(_ link: PeerLink, wasUp: Bool, hasServed: Bool, reason: String) {
        link.hasBacklog = true
        while let id = link.verifications.popFirst() { verificationFailed(id) }
        for pair in link.pairs {
            pair.claim = .none
            pair.renewal?.cancel()
            pair.renewal = nil
        }
        if !wasUp {
            host.logger.notice("peer not reached", metadata: ["peer": "\(link.endpoint)", "reason": "\(reason)"])
            link.failures += 1
            link.nextEndpoint += 1  // IMX 4.2.3: on no answer try the others
            link.lastFailure = reason
            link.tellWaiters(.failure(PeerLink.LinkFailure(reason: reason)))
        } else {
            // A peer that greets and does nothing else is no better reached than one that does not answer.
            if hasServed { link.failures = 0 } else { link.failures += 1 }
            host.logger.info("peer disconnected", metadata: ["peer": "\(link.endpoint)", "reason": "\(reason)"])
        }
        guard link.hasWork, !isStopping else { return retire(link) }
        let pause =
            link.failures == 0
            ? Interval.milliseconds(Int.random(in: 1...20, using: &generator))
            : settings.backOff.pause(after: link.failures, using: &generator)
        retry(link, after: pause)
    }

    private func retry(_ link: PeerLink, after pause: Interval) {
        let timer = host.scheduler.schedule(after: pause) { [weak self] in
            guard let self else { return }
            burst {
                link.state = .idle
                if link.hasWork { self.ensureUp(link) } else { self.retire(link) }
            }
        }
        link.state = .waiting(timer)
    }

    /// Forgets a link that has nothing to do, with its pairs.
    private func retire(_ link: PeerLink) {
        link.state = .idle
        links[link.key] = nil
        for pair in link.pairs { forget(pair) }
    }

    /// Makes a connection to `domain` on which it has proved at least `level`, or takes one that stands. At most one
    /// address is dialled for it (IMX-1 §6.4); for verifications. `shares` is called where no dial is made for it because
    /// a connection stands or is being made.
    func reach(
        _ domain: Domain,
        atLeast level: TrustLevel,
        shares: @escaping () -> Void = {},
        _ completion: @escaping (Result<FrontConnection, PeerLink.LinkFailure>) -> Void
    ) {
        let judged: (Result<FrontConnection, PeerLink.LinkFailure>) -> Void = { [weak self] result in
            guard let self, case .success(let connection) = result else { return completion(result) }
            guard self.level(of: connection, for: domain) >= level else {
                let reason = "\(domain) has not proved enough: \(level.word) is asked for"
                return completion(.failure(.init(reason: reason)))
            }
            completion(result)
        }
        resolver.resolve(domain) { [weak self] resolution in
            guard let self else { return }
            burst {
                guard case .service(let service) = resolution else {
                    return judged(.failure(.init(reason: "\(domain) was not found")))
                }
                let link = self.link(to: service, for: domain)
                switch link.state {
                case .up(let connection) where !connection.isLeaving:
                    shares()
                    return judged(.success(connection))
                case .opening: shares()
                case .idle, .waiting, .up: break
                }
                link.waiters.append(judged)
                self.openNow(link)
            }
        }
    }
}
