// SPDX-License-Identifier: Apache-2.0
import Discovery
import EnvelopeModel
import TransportSecurity

/// How much a connection proves, and how much is asked for.
extension IMXFront {
    /// How well the peer on `connection` has proved, by the transport alone, that it speaks for `domain`.
    ///
    /// On a connection that we dialled the certificate is judged with what our own look-up of `domain` says of the host
    /// that was dialled; on one that we accepted, a client certificate is judged by its names and its authority alone.
    func level(of connection: FrontConnection, for domain: Domain) -> TrustLevel {
        level(of: connection, for: domain, at: foreignDomains[domain]?.service)
    }

    /// The same, where the look-up of `domain` has just given `service`.
    func level(of connection: FrontConnection, for domain: Domain, at service: PeerService?) -> TrustLevel {
        guard let security = connection.security else { return .dialback }
        return certificateRefusal(on: connection, security, for: domain, at: service) == nil ? .certificate : .tls
    }

    /// The least level at which data between `hosted` and `peer` may flow: what the hosted domain's class asks for, or
    /// what the peer has once shown, whichever is more (G.3-11: once strong, never weaker).
    func required(hosted: Domain, peer: Domain) -> TrustLevel {
        max(policy.requiredTrust(hosted, peer), policy.shownTrust(peer)?.level ?? .dialback)  // IMX 6.1.3
    }

    /// The least that `peer` must prove where it comes to us, for data to `hosted`. It cannot come by TLS where nobody can,
    /// and would be locked out by its own strength; its server, which is asked about its claims, shows what it ever has.
    func requiredHere(hosted: Domain, peer: Domain) -> TrustLevel {
        settings.takesTLS ? required(hosted: hosted, peer: peer) : policy.requiredTrust(hosted, peer)
    }

    /// Why so much is asked for, for our own log and our own users. No peer is ever told.
    func demand(hosted: Domain, peer: Domain) -> String {
        let asked = policy.requiredTrust(hosted, peer)
        if asked == .dialback, policy.shownTrust(peer) == nil { return "signed DNS records say what \(peer) shows" }
        guard let shown = policy.shownTrust(peer), shown.level > asked else {
            return "\(hosted) asks for \(asked.thing)"
        }
        let day = shown.since.description.prefix(10)
        return "\(peer) has shown \(shown.level.thing) on \(day); `imx trust forget \(peer)` lets go"
    }

    /// The least level at which the pair's connection will do, with what a redirection adds (IMX-1 §5.9).
    func neededLevel(_ pair: PairQueue) -> TrustLevel {
        max(leastLevel(pair), pair.peer.currentRedirection(now: now)?.level ?? .dialback)
    }

    /// The same without a redirection.
    func leastLevel(_ pair: PairQueue) -> TrustLevel {
        max(required(hosted: pair.source, peer: pair.target), pair.floor?.level ?? .dialback)
    }

    /// Why the peer's certificate is not good for `domain`, which our look-up finds at `service`; nil where it is.
    func certificateRefusal(
        on connection: FrontConnection,
        _ security: ConnectionSecurity,
        for domain: Domain,
        at service: PeerService?
    ) -> String? {
        guard let certificate = security.peer else { return "no certificate was shown" }
        let host = connection.line.flatMap { service?.host(at: $0.endpoint) }
        return certificate.refusal(
            for: domain,
            host: host,
            security: host == nil ? .insecure : service?.security ?? .insecure,
            time: policy.wallTime().milliseconds / 1000
        )
    }
}

// MARK: Pins

extension IMXFront {
    /// Why the connection is not used for `domain` at all, however little is asked for: signed records say which
    /// certificate its host shows, and it shows another (RFC 7673 §4, RFC 7672 §2.2). Nil where nothing speaks against
    /// it.
    func contradiction(on connection: FrontConnection, for domain: Domain, at service: PeerService?) -> String? {
        guard let security = connection.security, let service, service.security == .secure,
            let endpoint = connection.line?.endpoint, let host = service.host(at: endpoint),
            host.tlsa.contains(where: \.isUsable)
        else { return nil }
        return certificateRefusal(on: connection, security, for: domain, at: service)
    }

    /// The same, where what is known of the domain tells where it is.
    func contradiction(on connection: FrontConnection, for domain: Domain) -> String? {
        contradiction(on: connection, for: domain, at: foreignDomains[domain]?.service)
    }
}

extension TrustLevel {
    /// What it takes, in words.
    fileprivate var thing: String {
        switch self {
        case .dialback: "dial-back"
        case .tls: "encryption"
        case .certificate: "a certificate"
        }
    }
}

extension PeerService {
    /// The host that has `endpoint` among its places.
    func host(at endpoint: PeerEndpoint) -> Host? {
        hosts.first { host in
            host.port == endpoint.port && host.usesTLS == endpoint.usesTLS
                && (host.addresses.contains(endpoint.host) || host.addresses.isEmpty && host.name == endpoint.host)
        }
    }
}
