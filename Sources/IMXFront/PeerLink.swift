// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import Discovery
import EnvelopeModel
import IMXWire
import NIOCore
import TransportSecurity

/// Our way to one peer service: the few connections that we keep to it while there is something to say, and the pairs
/// of domains that share them (IMX 4.3, 4.3.1).
final class PeerLink {
    /// What tells one way from another.
    struct Key: Hashable {
        /// The places that it leads to, in whatever order.
        let endpoints: Set<PeerEndpoint>
        /// The one domain that it is for, where that needs a certificate of its own; nil where domains share.
        let serverName: Domain?
    }

    /// Somebody who waits for a connection to `domain`, for a verification.
    struct Waiter {
        let domain: Domain
        let service: PeerService
        let level: TrustLevel
        let completion: (Result<FrontConnection, LinkFailure>) -> Void
    }

    /// A connection for a verification, and what the domain has proved there.
    struct Reached {
        let connection: FrontConnection
        let level: TrustLevel
    }

    /// A try to bring a connection up that failed, for a reason that people may read.
    struct LinkFailure: Error {
        let reason: String
    }

    let key: Key
    /// The domain that the next connection names in its greeting.
    var dialled: Domain
    /// What the look-up of that domain gave.
    var service: PeerService?
    /// The connections on which the peer has greeted and which take new requests, in the order of their making.
    var connections: [FrontConnection] = []
    /// The connection that is being made.
    var opening: FrontConnection?
    /// The places of the present round that are still to be tried.
    var attempts: ArraySlice<Attempt> = []
    /// Places to try last for a while, because they have not served us.
    var avoided: [PeerEndpoint: Instant] = [:]
    /// The timer after which a connection is tried again.
    var timer: ScheduledWork?
    /// How many rounds of tries have failed in a row.
    var failures = 0
    /// Whether a place of the present round failed for another reason than for want of trust.
    var hasUnreached = false
    /// When a further connection beside those that stand is worth a try again.
    var growsAgain = Instant.start
    /// When the last try to connect began.
    var lastTry = Instant.start
    /// Why the last try failed.
    var lastFailure: String?
    /// The place that was tried last, for logs.
    var endpoint: PeerEndpoint
    /// The pairs, in the order in which they came up.
    var pairs: [PairQueue] = []
    var waiters: [Waiter] = []

    /// A place to try, and whether our configuration gave it.
    struct Attempt {
        let endpoint: PeerEndpoint
        let isConfigured: Bool
        /// The places that redirections led through before it.
        var chain: [PeerEndpoint] = []
    }

    init(key: Key, dialled: Domain, first: PeerEndpoint) {
        self.key = key
        self.dialled = dialled
        endpoint = first
    }

    /// Whether anything waits to be sent.
    var hasWork: Bool { !waiters.isEmpty || hasData }

    /// Whether anything waits to be sent that is not for the claims of others.
    var hasData: Bool { pairs.contains { !$0.isEmpty } }

    /// Whether pairs wait for a connection.
    var hasStranded: Bool { pairs.contains { $0.connection == nil && !$0.isEmpty } }

    /// Whether nobody needs the link.
    var isUnused: Bool { pairs.isEmpty && connections.isEmpty && opening == nil && waiters.isEmpty }

    /// The connection with the least to carry.
    var leastLoaded: FrontConnection? {
        connections.min { a, b in
            let (a, b) = (a.line?.pairs.count ?? 0, b.line?.pairs.count ?? 0)
            return a < b
        }
    }

    /// Tells everybody who waits for a connection.
    func tellWaiters(_ result: Result<FrontConnection, LinkFailure>) {
        let waiters = waiters
        self.waiters = []
        for waiter in waiters { waiter.completion(result) }
    }
}

/// What a connection that we dialled carries for its link.
final class PeerLine {
    let endpoint: PeerEndpoint
    /// The domain that the greeting named.
    let dialled: Domain
    /// What the look-up gave that led here.
    let service: PeerService?
    /// The places that redirections led through before this one.
    let chain: [PeerEndpoint]
    let openedAt: Instant
    /// The pairs that send on the connection.
    var pairs: [PairQueue] = []
    /// The place of the pair that sent last.
    var turn = 0
    /// Whether anything may be waiting to be sent; where not, nobody need look at the pairs.
    var hasBacklog = true
    /// Verifications for which the peer had no room yet.
    var verifications = CircularBuffer<DialbackAcceptor.PendingID>()
    /// How many verifications were asked for here.
    var verified = 0
    /// What the peer said when it closed, other than that it is idle.
    var closeReason: String?
    /// The code with which it closed.
    var closeCode: OutcomeCode?

    init(endpoint: PeerEndpoint, dialled: Domain, service: PeerService?, chain: [PeerEndpoint], now: Instant) {
        self.service = service
        self.endpoint = endpoint
        self.dialled = dialled
        self.chain = chain
        openedAt = now
    }
}
