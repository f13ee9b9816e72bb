// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import IMXWire
import NIOCore
import TransportSecurity

/// What waits to go from one domain here to one foreign domain, and whether the peer lets it.
final class PairQueue {
    /// Where the pair stands with the peer on the present connection.
    enum Claim {
        /// Not asked for yet.
        case none
        /// Asked for; the answer is due.
        case asked
        /// The peer takes what we send for the pair.
        case confirmed
        /// To be asked for again at a later time.
        case later
    }

    let source: Domain
    let target: Domain
    let peer: PeerDomain
    /// The way that the pair takes; nil where it has none yet or nothing to send.
    var link: PeerLink?
    /// The connection of the link that takes the pair's new requests; nil while there is none.
    var connection: FrontConnection?
    /// How well the peer has proved itself on ``connection``.
    var level = TrustLevel.dialback
    /// The connection that has the pair's requests in flight; where it is not ``connection``, the rest waits for their
    /// end, so that nothing is overtaken (IMX-1 §5.5).
    var carrier: FrontConnection?
    /// The pair's requests in flight.
    var inFlight = 0
    /// The pair in the wire's spelling.
    let domains: DomainPair
    var claim = Claim.none
    /// The least that is tried for the pair, since the peer has refused it on a connection that proves less; and its word.
    var floor: (level: TrustLevel, refusal: Outcome)?
    /// How often in a row the claim was not granted.
    var refusals = 0
    /// Why it was not.
    var refusal: Outcome?
    /// When the peer last said that it trusts us for the pair.
    var confirmedAt = Instant.start
    /// The timer after which trust is asked for again, before it runs out.
    var renewal: ScheduledWork?
    var waiting = CircularBuffer<Delivery>()
    /// What the peer sent back untaken because its trust had run out; older than all of ``waiting``.
    var returned = CircularBuffer<Delivery>()
    /// What a lost connection left unanswered and the same peer process may be asked again.
    var toRepeat = CircularBuffer<Delivery>()
    /// The process that may be asked again.
    var repeatsAt: (server: ServerID, endpoint: PeerEndpoint)?
    /// Whether the domain is to be looked up anew before the pair has a place again.
    var needsLookUp = false
    /// The place that said it does not serve the target, and its word.
    var misdirection: (endpoint: PeerEndpoint, outcome: Outcome)?
    /// Tickets that were withdrawn while they waited.
    var withdrawn: Set<Ticket> = []

    init(source: Domain, peer: PeerDomain) {
        self.source = source
        self.peer = peer
        target = peer.name
        domains = DomainPair(source: source.octets, target: target.octets)
    }

    var isEmpty: Bool { waiting.isEmpty && toRepeat.isEmpty && returned.isEmpty }

    /// Whether the pair may send on `connection` without overtaking itself.
    func isFree(for connection: FrontConnection) -> Bool { inFlight == 0 || carrier === connection }

    /// Notes that a request of the pair is in flight on `connection`.
    func sent(on connection: FrontConnection) {
        inFlight += 1
        if carrier !== connection { carrier = connection }
    }

    /// Notes that a request of the pair is no longer in flight.
    func landed() {
        inFlight -= 1
        if inFlight == 0 { carrier = nil }
    }

    /// Takes the pair off its connection; what is in flight there may still end.
    func leaveConnection() {
        connection = nil
        claim = .none
        renewal?.cancel()
        renewal = nil
    }

    /// The next delivery to send and whether it is a repeat; nil where none waits.
    func next() -> (delivery: Delivery, isRepeat: Bool)? {
        while let delivery = toRepeat.popFirst() {
            if withdrawn.isEmpty || withdrawn.remove(delivery.ticket) == nil { return (delivery, true) }
        }
        while let delivery = returned.popFirst() ?? waiting.popFirst() {
            if withdrawn.isEmpty || withdrawn.remove(delivery.ticket) == nil { return (delivery, false) }
        }
        return nil
    }

    /// Drops a delivery that waits. Those that are withdrawn are mostly the oldest, so the queue does not keep them.
    func withdraw(_ ticket: Ticket) {
        withdrawn.insert(ticket)
        while let first = returned.first, withdrawn.remove(first.ticket) != nil { returned.removeFirst() }
        while let first = waiting.first, withdrawn.remove(first.ticket) != nil { waiting.removeFirst() }
    }

    /// Puts a delivery back to where it was taken from.
    func putBack(_ delivery: Delivery, isRepeat: Bool) {
        if isRepeat {
            toRepeat.prepend(delivery)
        } else if returned.isEmpty {
            waiting.prepend(delivery)
        } else {
            returned.prepend(delivery)
        }
    }

    /// Everything that waits, in order; nothing waits afterwards.
    func takeAll() -> [(delivery: Delivery, isRepeat: Bool)] {
        var all: [(delivery: Delivery, isRepeat: Bool)] = []
        while let next = next() { all.append(next) }
        withdrawn.removeAll()
        return all
    }
}
