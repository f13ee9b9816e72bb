// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import Discovery
import EnvelopeModel
import IMXWire
import Logging
import NIOCore
import TransportSecurity

/// Being sent to another host (IMX-1 §5.9, IMX 4.4.4).
///
/// A REDIRECT counts only on a connection that we dialled to the domain and on which it trusts us: then it comes from
/// where our own look-up led. It moves that domain alone, and only as long as the domain's records hold. The new host
/// proves itself afresh; one that the records do not name has to show a certificate for the domain (S15).
extension IMXFront {
    /// The most hosts that may send us on in a row.
    private static var longestChain: Int { 3 }
    /// The least time between two redirections of a domain.
    private static var leastInterval: Interval { .seconds(60) }

    private enum Refusal: String {
        case notDialled = "it came on a connection that the peer made"
        case notTrusted = "the domain is not trusted on the connection"
        case tooSoon = "the last one is less than a minute ago"
        case tooMany = "three in a row were followed"
        case loop = "it leads back to where it came from"
        case address = "its address is not one to connect to"
        case notFound = "its host was not found"
    }

    func take(_ record: RedirectRecord, on connection: FrontConnection) {
        guard let line = connection.line else { return refuse(record, .notDialled, on: connection) }
        guard let domain = Domain(canonical: record.domain), let peer = foreignDomains[domain],
            line.pairs.contains(where: { $0.peer === peer && $0.claim == .confirmed })
        else { return refuse(record, .notTrusted, on: connection) }
        if let last = peer.lastRedirection, now - last < Self.leastInterval {
            return refuse(record, .tooSoon, on: connection)
        }
        guard line.chain.count < Self.longestChain else { return refuse(record, .tooMany, on: connection) }
        peer.lastRedirection = now
        // What the domain publishes now tells whether the new host is one of its own.
        resolver.resolve(domain) { [weak self] resolution in
            guard let self else { return }
            burst {
                guard case .service(let service) = resolution else {
                    return self.refuse(record, .notFound, on: connection)
                }
                peer.service = service
                self.redirect(peer, record, at: service, on: connection)
            }
        }
    }

    private func redirect(
        _ peer: PeerDomain,
        _ record: RedirectRecord,
        at service: PeerService,
        on connection: FrontConnection
    ) {
        let name = String(buffer: record.host).lowercased()
        let host = service.hosts.first { host in
            host.port == record.port && (host.name == name || host.addresses.contains(name))
        }
        if let host {
            let isNamed = !host.addresses.contains(name)
            let addresses = isNamed && !host.addresses.isEmpty ? host.addresses : [name]
            let endpoints = addresses.map { PeerEndpoint(host: $0, port: host.port, usesTLS: host.usesTLS) }
            let isConfigured = service.origin == .configured
            return follow(record, peer, endpoints, level: .dialback, isConfigured: isConfigured, connection)
        }
        if NumericAddress(name) != nil { return followOutside(record, peer, [name], connection) }
        guard let hostDomain = Domain(name) else { return refuse(record, .notFound, on: connection) }
        resolver.resolve(hostDomain) { [weak self] resolution in
            guard let self else { return }
            burst {
                guard case .service(let found) = resolution, found.origin == .address else {
                    return self.refuse(record, .notFound, on: connection)
                }
                self.followOutside(record, peer, found.hosts.flatMap(\.addresses), connection)
            }
        }
    }

    /// Goes to a host that the domain's records do not name: only with a certificate for the domain (S15).
    private func followOutside(
        _ record: RedirectRecord,
        _ peer: PeerDomain,
        _ addresses: [String],
        _ connection: FrontConnection
    ) {
        let endpoints = addresses.map { PeerEndpoint(host: $0, port: record.port, usesTLS: true) }
        follow(record, peer, endpoints, level: .certificate, isConfigured: false, connection)
    }

    private func follow(
        _ record: RedirectRecord,
        _ peer: PeerDomain,
        _ endpoints: [PeerEndpoint],
        level: TrustLevel,
        isConfigured: Bool,
        _ connection: FrontConnection
    ) {
        guard let line = connection.line else { return }
        let chain = line.chain + [line.endpoint]
        let onward = endpoints.filter { endpoint in
            !chain.contains { $0.host == endpoint.host && $0.port == endpoint.port }
        }
        guard !onward.isEmpty else { return refuse(record, .loop, on: connection) }
        let allowed = onward.filter { isConfigured || policy.addressRefusal($0.host, $0.port) == nil }
        guard !allowed.isEmpty else { return refuse(record, .address, on: connection) }
        let end = now + .seconds(Int(min(record.seconds, 86_400)))
        peer.redirection = Redirection(
            endpoints: allowed,
            level: level,
            isConfigured: isConfigured,
            chain: chain,
            until: min(end, peer.service?.expiry ?? end)
        )
        host.logger.notice(
            "peer sends a domain to another host",
            metadata: [
                "domain": "\(peer.name)", "peer": "\(line.endpoint)", "host": "\(String(buffer: record.host))",
                "port": "\(record.port)",
            ]
        )
        takeAway(peer, from: connection)
        host.scheduler.schedule(after: end - now) { [weak self] in
            guard let self, peer.pairs.isEmpty, foreignDomains[peer.name] === peer else { return }
            foreignDomains[peer.name] = nil
        }
    }

    /// Moves the domain's pairs to the new host, each once its requests in flight have their end here.
    private func takeAway(_ peer: PeerDomain, from connection: FrontConnection) {
        guard let old = connection.link else { return }
        let moving = peer.pairs.filter { $0.link === old }
        for pair in moving {
            if let own = pair.connection?.line {  // which may be another connection of the same link
                own.pairs.removeAll { $0 === pair }
                own.turn = 0
            }
            old.pairs.removeAll { $0 === pair }
            pair.leaveConnection()
            pair.link = nil
        }
        // All who are sent away at once do not arrive at once.
        if let redirection = peer.currentRedirection(now: now), let link = link(for: peer, by: redirection) {
            let isQuiet = link.connections.isEmpty && link.opening == nil && link.timer == nil
            if isQuiet { pause(link, for: randomPause(upTo: settings.spread)) }
        }
        for pair in moving {
            if pair.isEmpty { tidy(pair) } else { place(pair) }
        }
        retireIfUnused(old)
    }

    private func refuse(_ record: RedirectRecord, _ reason: Refusal, on connection: FrontConnection) {
        host.count(.refusedRedirect)
        notice(
            "redirection refused",
            metadata: [
                "peer": "\(connection.peerName)", "domain": "\(String(buffer: record.domain))",
                "host": "\(String(buffer: record.host))", "reason": "\(reason.rawValue)",
            ],
            from: connection.source.network
        )
    }
}
