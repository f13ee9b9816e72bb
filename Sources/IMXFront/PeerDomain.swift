// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import Discovery
import EnvelopeModel
import TransportSecurity

/// A foreign domain that we have something to say to: where it is, and the pairs that it belongs to.
final class PeerDomain {
    let name: Domain
    /// What the last look-up found; nil before the first, and where it has proved wrong.
    var service: PeerService?
    /// Whether a look-up is out.
    var isLookedUp = false
    /// How many look-ups in a row found nothing out.
    var failures = 0
    /// Why the last look-up found nothing out.
    var lastFailure: String?
    /// The timer after which the domain is looked up again.
    var nextLookUp: ScheduledWork?
    /// Where the domain's own host has sent us.
    var redirection: Redirection?
    /// When it last did.
    var lastRedirection: Instant?
    /// The pairs that have something to say, or have a place on a connection.
    var pairs: [PairQueue] = []

    init(_ name: Domain) {
        self.name = name
    }

    /// Where to go for new connections, as long as the answers hold.
    func currentService(now: Instant) -> PeerService? {
        guard let service, service.expiry > now else { return nil }
        return service
    }

    /// Where we were sent, as long as that holds.
    func currentRedirection(now: Instant) -> Redirection? {
        guard let redirection, redirection.until > now else { return nil }
        return redirection
    }
}

/// Another host than the look-up gives, named by a host that was trusted for the domain (IMX-1 §5.9).
struct Redirection {
    /// The places to try.
    let endpoints: [PeerEndpoint]
    /// The least level that the new host must reach: a host that the domain's records do not name has to show a
    /// certificate for the domain.
    let level: TrustLevel
    /// Whether the addresses came from our own configuration.
    let isConfigured: Bool
    /// The places that led here, the first of which the look-up gave.
    let chain: [PeerEndpoint]
    /// When the look-up rules again.
    let until: Instant
}
