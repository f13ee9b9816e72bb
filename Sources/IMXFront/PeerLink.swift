// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import Discovery
package import EnvelopeModel
import IMXWire
import NIOCore

/// Our way to one peer: the places where it can be reached, the one connection that we keep to it while there is
/// something to say, and the pairs of domains that share it (IMX 4.3, 4.3.1).
final class PeerLink {
    /// Where the link stands.
    enum State {
        /// No connection, and none is wanted.
        case idle
        /// A connection is being made, up to the exchange of greetings.
        case opening(ConnectionHandle)
        /// The peer has greeted.
        case up(FrontConnection)
        /// The last try failed; the next is due later.
        case waiting(ScheduledWork)
    }

    /// Where the service is, as the look-up said.
    let service: PeerService
    /// The places to try, in turn.
    let endpoints: [PeerEndpoint]
    /// What the last look-up said of each domain that the link serves.
    var services: [Domain: PeerService] = [:]
    /// The domain that the next connection names in its greeting.
    var dialled: Domain
    var state = State.idle
    /// The endpoint to try next.
    var nextEndpoint = 0
    /// How many tries have failed in a row.
    var failures = 0
    /// The pairs, in the order in which they came up.
    var pairs: [PairQueue] = []
    /// Whether anything may be waiting to be sent; where not, nobody need look at the pairs.
    var hasBacklog = true
    /// The place of the pair that sent last.
    var turn = 0
    /// Verifications for which the peer had no room yet.
    var verifications = CircularBuffer<DialbackAcceptor.PendingID>()
    /// When the last try to connect began.
    var lastTry = Instant.start
    /// Whom to tell once the link is up or a try to bring it up has failed; for verifications.
    var waiters: [(Result<FrontConnection, LinkFailure>) -> Void] = []
    /// The process that answered last, which alone may be asked a second time.
    var lastServerID: ServerID?
    /// Why the last try failed.
    var lastFailure: String?

    /// A try to bring the link up that failed, for a reason that people may read.
    struct LinkFailure: Error {
        let reason: String
    }

    init(service: PeerService, dialled: Domain, using generator: inout some RandomNumberGenerator) {
        self.service = service
        self.dialled = dialled
        endpoints = service.attempts(using: &generator).map {
            PeerEndpoint(host: $0.address, port: $0.host.port, usesTLS: $0.host.usesTLS)
        }
    }

    /// What tells this way from others: the places that it leads to, in whatever order.
    var key: Set<PeerEndpoint> { Set(endpoints) }

    var endpoint: PeerEndpoint { endpoints[nextEndpoint % endpoints.count] }

    /// Whether anything waits to be sent.
    var hasWork: Bool { !waiters.isEmpty || hasData }

    /// Whether anything waits to be sent that is not for the claims of others.
    var hasData: Bool { pairs.contains { !$0.isEmpty } }

    /// Whether the link stands or falls with the connection `handle`.
    func isServed(by handle: ConnectionHandle) -> Bool {
        switch state {
        case .opening(let opening): opening == handle
        case .up(let connection): connection.handle == handle
        case .idle, .waiting: false
        }
    }

    /// Tells everybody who waits for the link.
    func tellWaiters(_ result: Result<FrontConnection, LinkFailure>) {
        let waiters = waiters
        self.waiters = []
        for waiter in waiters { waiter(result) }
    }
}

/// The pauses between tries to reach a peer: each twice as long as the last up to a bound, and spread by up to a half,
/// so that many links that broke together do not come back together.
package struct BackOff: Sendable, Hashable {
    /// The first pause.
    package var first: Interval
    /// The longest pause.
    package var most: Interval

    /// Makes pauses from `first` to `most`.
    package init(first: Interval = .milliseconds(200), most: Interval = .seconds(60)) {
        self.first = first
        self.most = most
    }

    func pause(after failures: Int, using generator: inout some RandomNumberGenerator) -> Interval {
        let doublings = min(max(0, failures - 1), 16)
        let (full, overflow) = first.nanoseconds.multipliedReportingOverflow(by: 1 << doublings)
        let bounded = overflow ? most.nanoseconds : min(full, most.nanoseconds)
        return Interval(nanoseconds: bounded - Int64.random(in: 0...(bounded / 2), using: &generator))
    }
}
