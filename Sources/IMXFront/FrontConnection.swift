// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import IMXWire
import TransportSecurity

import struct NIOCore.ByteBuffer

/// One connection of the front: its machine, what we asked on it, and whom the peer may speak for on it.
final class FrontConnection {
    /// A request of ours that the peer has not answered.
    enum Request {
        case delivery(Delivery, PairQueue, isRepeat: Bool)
        case claim(PairQueue)
        case verification(DialbackAcceptor.PendingID)
    }

    let handle: ConnectionHandle
    let role: ConnectionRole
    /// The peer's numeric address, where it connected to us.
    let address: String
    /// The same as far as bounds go; where we dialled, of the endpoint, if that is an address.
    let source: SourceAddress
    /// The link that the connection serves, where we dialled.
    let link: PeerLink?
    /// What the connection carries for its link.
    var line: PeerLine?
    var machine: ConnectionMachine
    /// What TLS says about the connection; nil where it is plain.
    var security: ConnectionSecurity?
    /// The process at the other end, once it has greeted.
    var peer: ServerID?
    var isWritable = true
    /// What keeps the connection within bounds.
    var burden = ConnectionBurden()
    /// Whether octets wait to be flushed.
    var isDirty = false
    /// Whether octets of the present read burst have come on it.
    var isInBurst = false
    /// Whether the peer's process has been here before.
    var isReturning = false
    /// Whether the transport is to be closed once everything is written.
    var mustClose = false
    /// Why the connection's machine ended it.
    var endReason: String?
    /// Whether the connection is on its way out: nothing new is sent on it.
    var isLeaving = false
    /// Whether the peer has done anything of what we asked of it here.
    var hasServed = false
    /// The pairs of domains that records on this connection may speak for, each with the wire's spelling.
    private(set) var trusted: [DomainPair: TrustedPair] = [:]
    /// For each domain that the peer may speak for, one of its pairs.
    private var trustedSources: [ByteBuffer: TrustedPair] = [:]
    /// The pair that the last record was for: records come in runs.
    private var recentPair: TrustedPair?
    /// What the servers that are asked about claims made here have shown, until the claims end.
    var legLevels: [DomainPair: TrustLevel] = [:]
    /// How often something came that was not allowed yet, for one log line instead of many.
    var violations = 0
    /// The domain that the peer last claimed to be, proved or not, for the log.
    var claimed: ByteBuffer?
    /// When the peer last answered a request, or was asked the first of those that are out.
    private(set) var lastAnswer = Instant.start
    private var requests: [Request?] = []
    private var freeRequests: [Int] = []
    /// For each place in ``requests``: at how many looks the request there was out; at the second it is detached.
    private var looks: [UInt8] = []

    /// A pair of domains that the peer may send for. A class, because every record that comes is matched with one.
    final class TrustedPair {
        let source: Domain
        let target: Domain
        let sourceOctets: ByteBuffer
        let targetOctets: ByteBuffer
        let until: Instant
        /// How well the peer had proved itself when it was trusted.
        let level: TrustLevel

        init(source: Domain, target: Domain, until: Instant, level: TrustLevel) {
            self.level = level
            self.source = source
            self.target = target
            self.until = until
            sourceOctets = source.octets
            targetOctets = target.octets
        }
    }

    init(
        handle: ConnectionHandle,
        role: ConnectionRole,
        address: String,
        link: PeerLink?,
        machine: ConnectionMachine
    ) {
        self.handle = handle
        self.role = role
        self.address = address
        self.link = link
        self.machine = machine
        source = SourceAddress(address)
    }

    /// What logs call the peer: the place that we dialled, or the address that it came from.
    var peerName: String { line?.endpoint.description ?? address }

    /// Remembers a request and returns the cookie to send it with.
    func remember(_ request: Request, now: Instant) -> UInt64 {
        if requests.count == freeRequests.count { lastAnswer = now }
        if let place = freeRequests.popLast() {
            requests[place] = request
            looks[place] = 0
            return UInt64(place)
        }
        requests.append(request)
        looks.append(0)
        return UInt64(requests.count - 1)
    }

    /// Takes the request with `cookie` back, because it is answered or was not sent after all.
    func take(_ cookie: UInt64, answeredAt now: Instant? = nil) -> Request? {
        if let now { lastAnswer = now }
        let place = Int(truncatingIfNeeded: cookie)
        guard requests.indices.contains(place), let request = requests[place] else { return nil }
        requests[place] = nil
        freeRequests.append(place)
        return request
    }

    /// Whether requests are out and none was answered for `patience`: such a peer is not worth a window.
    func isSilent(for patience: Interval, now: Instant) -> Bool {
        requests.count > freeRequests.count && now - lastAnswer > patience
    }

    /// The trusted pair that a record from `source` to `target` belongs to; nil where there is none at `now`.
    func trustedPair(_ source: ByteBuffer, _ target: ByteBuffer, now: Instant) -> TrustedPair? {
        if let recent = recentPair, recent.until > now, recent.sourceOctets == source, recent.targetOctets == target {
            return recent
        }
        guard let pair = trusted[DomainPair(source: source, target: target)], pair.until > now else { return nil }
        recentPair = pair
        return pair
    }

    /// One of the trusted pairs of `source`, for a record that is for nobody in particular; nil where there is none.
    func trustedPair(from source: ByteBuffer, now: Instant) -> TrustedPair? {
        guard let known = trustedSources[source] else { return nil }
        if known.until > now { return known }
        // Looked for once: a source without pairs is forgotten.
        trustedSources[source] = trusted.values.first { $0.sourceOctets == source && $0.until > now }
        return trustedSources[source]
    }

    /// Whether one more pair may be trusted here, or is already. Pairs whose time is over make room.
    func hasRoom(for domains: DomainPair, limit: Int, now: Instant) -> Bool {
        if trusted.count < limit || trusted[domains] != nil { return true }
        trusted = trusted.filter { $0.value.until > now }
        return trusted.count < limit
    }

    /// Notes that the peer may speak for `source` to `target` until `until`, having proved itself so well.
    func trust(_ source: Domain, _ target: Domain, until: Instant, level: TrustLevel = .dialback) {
        let pair = TrustedPair(source: source, target: target, until: until, level: level)
        trusted[DomainPair(source: pair.sourceOctets, target: pair.targetOctets)] = pair
        trustedSources[pair.sourceOctets] = pair
        recentPair = nil
    }

    /// Whether so many requests are out that each is kept as a copy from the beginning: what they share memory with may
    /// be much larger than they are.
    var keepsCopies: Bool { requests.count - freeRequests.count > 512 }

    /// Keeps what has been out since the last look as a copy, so that the buffers in which it came can go. Most requests
    /// are answered before, and cost nothing.
    func detachOldRequests() {
        for place in requests.indices {
            guard looks[place] < 2, case .delivery(let delivery, let pair, let isRepeat)? = requests[place] else {
                continue
            }
            looks[place] += 1
            guard looks[place] == 2 else { continue }
            requests[place] = .delivery(delivery.detached(), pair, isRepeat: isRepeat)
        }
    }

    /// Whether the peer takes one more verification: before anything is authenticated there are bounds to them.
    var hasVerificationRoom: Bool { machine.isAuthenticated || (line?.verified ?? 0) < 48 }

    /// The domains here that the peer is trusted to send to.
    func trustedTargets(now: Instant) -> [Domain] {
        let targets = trusted.values.filter { $0.until > now }.map(\.target)
        return Set(targets).sorted { $0.name < $1.name }
    }

    /// Ends the trust of the pairs for which `isOver` holds, and returns them.
    func endTrust(where isOver: (TrustedPair) -> Bool) -> [TrustedPair] {
        let ended = trusted.filter { isOver($0.value) }
        for pair in ended.keys { trusted[pair] = nil }
        for pair in ended.values where trustedSources[pair.sourceOctets] === pair {
            trustedSources[pair.sourceOctets] = nil
        }
        for pair in trusted.values where trustedSources[pair.sourceOctets] == nil {
            trustedSources[pair.sourceOctets] = pair
        }
        recentPair = nil
        return Array(ended.values)
    }
}
