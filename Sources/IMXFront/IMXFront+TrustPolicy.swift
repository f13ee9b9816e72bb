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
    func required(hosted: Domain, peer: Domain) -> TrustLevel { policy.requiredTrust(hosted, peer) }

    /// The least level at which the pair's connection will do, with what a redirection adds (IMX-1 §5.9).
    func neededLevel(_ pair: PairQueue) -> TrustLevel {
        max(
            required(hosted: pair.source, peer: pair.target),
            pair.peer.currentRedirection(now: now)?.level ?? .dialback
        )
    }

    /// Notes what was proved for `domain` on `connection`, now that a pair with it is trusted there.
    func noteTrust(in domain: Domain, on connection: FrontConnection) {
        policy.noteTrust(domain, level(of: connection, for: domain))
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

extension PeerService {
    /// The host that has `endpoint` among its places.
    func host(at endpoint: PeerEndpoint) -> Host? {
        hosts.first { host in
            host.port == endpoint.port && host.usesTLS == endpoint.usesTLS
                && (host.addresses.contains(endpoint.host) || host.addresses.isEmpty && host.name == endpoint.host)
        }
    }
}
