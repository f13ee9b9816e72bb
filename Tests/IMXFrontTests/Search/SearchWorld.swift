// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore
import TestSupport
import Testing

@testable import IMXWire

/// Who takes part. A and B are honest and both claim and accept; M is hostile.
enum Party: String, CaseIterable {
    case a = "A"
    case b = "B"
    case m = "M"

    static func owner(of domain: String) -> Party { domain.hasPrefix("a") ? .a : domain.hasPrefix("b") ? .b : .m }
}

/// Everything that is, at one point of one course of events: a value that is copied at every fork.
///
/// Connections are private and intact. M sends whatever it can build from what it has seen. What honest parties send to
/// each other is delayed and reordered at will. DNS points where it should, save that of m.example, which points
/// wherever M likes. All secrets, tokens and nonces are real octets, drawn from generators that are seeded with the
/// number of the thing, so that states that are alike have the same octets.
struct World {
    static let now = Instant(nanoseconds: 1_000_000_000_000)
    static let domains = ["a1.example", "a2.example", "b1.example", "b2.example", "m.example"]

    /// One connection.
    struct Connection: Hashable {
        let opener: Party
        let acceptor: Party
        /// What the opener named in its HELLO.
        let dialled: String
        /// The HELLO records, as number and end of the connection that they were made for: M makes its own, or copies
        /// the server identifier and nonce of one that it has seen. Nil while M has not chosen.
        var openerHello: Hello?
        var acceptorHello: Hello?
    }

    /// Whose identifier and nonce a HELLO carries: those of an honest end of a connection, or M's.
    struct Hello: Hashable {
        let party: Party
        let connection: Int
    }

    /// What is on its way between honest parties.
    enum Message: Hashable {
        case claim(ClaimRecord)
        case verify(VerifyRecord, DialbackAcceptor.PendingID)
        case verifyRefused(DialbackAcceptor.PendingID)
        case proof(ProofRecord)
        case confirmed(DomainPair, ByteBuffer)
        case refused(DomainPair)
        /// An honest opener waits for M's HELLO, to claim then.
        case toClaim(String, String)
    }

    struct Flight: Hashable {
        let connection: Int
        let to: Party
        let message: Message
    }

    /// How much may still happen: honest claims, connections of M, claims of M, VERIFY records of M.
    struct Bounds: Hashable {
        var claims: Int
        var connections: Int
        var hostileClaims: Int
        var hostileVerifies: Int
    }

    let variant: Variant
    var bounds: Bounds
    var connections: [Connection] = []
    var claimants: [Party: Claimant] = [:]
    var acceptors: [Party: Acceptor] = [:]
    var flights: [Flight] = []
    /// Every token and secret that was ever made, in order.
    var tokens: [ByteBuffer] = []
    var secrets: [ByteBuffer] = []
    /// What each honest party has claimed, and where.
    var claimed: [(connection: Int, source: String, target: String)] = []
    /// The pairs that honest acceptors trust, and where.
    var trusted: [(connection: Int, source: String, target: String)] = []
    /// The octets that M has seen, and those that it made up.
    var known: Set<ByteBuffer>
    /// Set where the property is broken.
    var broken: String?
    /// How often something else than the machines was otherwise than as shipped. Not part of the state.
    private var otherDepartures = 0

    static let madeUpToken = ByteBuffer(repeating: 0x4D, count: 56)
    static let madeUpSecret = ByteBuffer(repeating: 0x4D, count: 32)

    init(_ variant: Variant, _ bounds: Bounds) {
        self.variant = variant
        self.bounds = bounds
        known = [Self.madeUpToken, Self.madeUpSecret]
        // Numbers and rates are for other tests; here they would only hide attacks.
        var limits = DialbackLimits()
        limits.pendingPerConnection = 1000
        limits.pendingPerSource = 1000
        limits.dialBurst = 100_000
        limits.dialBurstPerBlock = 100_000
        limits.failedAttempts = 1000
        limits.failuresInARow = 1000
        for (party, seed) in [(Party.a, 0xA0 as UInt64), (.b, 0xB0)] {
            var generator = SeededGenerator(seed: seed)
            let tokens = ClaimTokens(key: Octets32(using: &generator))
            claimants[party] = Claimant(shipped: DialbackClaimant(tokens: tokens, limits: limits), variant: variant)
            acceptors[party] = Acceptor(shipped: DialbackAcceptor(limits: limits), variant: variant)
        }
    }

    func hosts(_ party: Party) -> [String] {
        switch party {
        case .a: ["a1.example", "a2.example"] + (variant.hasTenant ? ["m.example"] : [])
        case .b: ["b1.example", "b2.example"]
        case .m: ["m.example"]
        }
    }

    /// Where a look-up of a domain may lead.
    func resolutions(_ domain: String) -> [Party] {
        domain == "m.example" ? [.m, .a, .b] : [Party.owner(of: domain)]
    }

    // MARK: Identifiers

    /// The HELLO record of one end, as sent.
    private func octets(_ hello: Hello, dialled: String?) -> ByteBuffer {
        var generator = SeededGenerator(
            seed: hello.party == .m ? 0x33 : UInt64(hello.connection) << 8 | UInt64(hello.party == .a ? 1 : 2)
        )
        var out = ByteBuffer()
        HelloRecord(
            serverID: ServerID(high: 7, low: hello.party == .a ? 1 : hello.party == .b ? 2 : 3),
            nonce: ConnectionNonce(random: &generator),
            dialled: dialled.map { ByteBuffer(string: $0) }
        )
        .write(to: &out)
        return out
    }

    /// The identifier of a connection, the same at both ends.
    func identifier(_ index: Int) -> ConnectionID {
        let connection = connections[index]
        guard let opener = connection.openerHello, let acceptor = connection.acceptorHello else {
            return ConnectionID(dialler: ByteBuffer(), acceptor: ByteBuffer())
        }
        switch variant.identifier {
        case .hello:
            return ConnectionID(
                dialler: octets(opener, dialled: connection.dialled),
                acceptor: octets(acceptor, dialled: nil)
            )
        case .exporter:
            return ConnectionID(
                dialler: octets(opener, dialled: connection.dialled),
                acceptor: octets(acceptor, dialled: nil),
                binding: ByteBuffer(integer: index)
            )
        case .nonces:
            return ConnectionID(dialler: octets(opener, dialled: nil), acceptor: octets(acceptor, dialled: nil))
        case .none: return ConnectionID(dialler: ByteBuffer(), acceptor: ByteBuffer())
        }
    }

    // MARK: The property

    /// An honest party takes data from `source` to `target` on a connection from now on. That is right where whoever
    /// opened it serves the source and, if it is honest, has claimed exactly this there.
    mutating func note(_ party: Party, accepts source: String, to target: String, on index: Int, isClaimed: Bool) {
        let opener = connections[index].opener
        if target == "m.example", !variant.countsOwnRelay { return }
        if !hosts(opener).contains(source) {
            broken = "\(party.rawValue) accepts \(source) -> \(target) on \(index), which \(opener.rawValue) opened"
        } else if isClaimed, opener != .m,
            !claimed.contains(where: { $0.connection == index && $0.source == source && $0.target == target })
        {
            broken = "\(party.rawValue) accepts \(source) -> \(target) on \(index), where it was not claimed"
        }
    }

    /// A proof was right: the connection may speak for whatever the rule of the front says.
    mutating func trust(_ party: Party, _ source: String, _ target: String, on index: Int) {
        trusted.append((index, source, target))
        let here = trusted.filter { $0.connection == index }.map { ($0.source, $0.target) }
        for from in Self.domains {
            for to in hosts(party) {
                let isRight = accepted(from, to, after: here)
                let isTaken = variant.trustsSource ? here.contains { $0.0 == from } : isRight
                if isTaken != isRight { otherDepartures += 1 }
                if isTaken { note(party, accepts: from, to: to, on: index, isClaimed: true) }
            }
        }
    }

    /// How often this course of events took another way than the machines as shipped would have taken: a weak variant
    /// of which that is never true shows nothing.
    var departures: Int {
        otherDepartures + claimants.values.reduce(0) { $0 + $1.departures }
            + acceptors.values.reduce(0) { $0 + $1.departures }
    }

    /// `party` takes data on the connection that a VERIFY came on, which is shipped nowhere.
    mutating func noteLeg(_ party: Party, _ pair: DomainPair, on leg: Int) {
        otherDepartures += 1
        note(party, accepts: String(buffer: pair.target), to: String(buffer: pair.source), on: leg, isClaimed: false)
    }

    /// Counts a claim that is made or taken where identifiers, tokens or tenants are other than as shipped.
    mutating func countClaim(for target: String, on index: Int, at party: Party) {
        if variant.identifier != .hello || variant.tokensAreKnown
            || (variant.hasTenant && target == "m.example" && party == .a)
        {
            otherDepartures += 1
        }
    }
}

extension World {
    /// What tells this state from others. What has no influence on what can follow is not part of it.
    var fingerprint: UInt64 {
        var hasher = Hasher()
        hasher.combine(connections)
        hasher.combine(bounds)
        hasher.combine(known)
        hasher.combine(Set(flights))
        hasher.combine(tokens.count)
        hasher.combine(secrets.count)
        for party in [Party.a, .b] {
            hasher.combine(claimants[party].map(Self.digest))
            hasher.combine(acceptors[party].map(Self.digest))
        }
        var facts = 0
        for (index, entry) in [claimed, trusted].enumerated() {
            for fact in entry {
                facts ^= [index, fact.connection, fact.source.hashValue, fact.target.hashValue].hashValue
            }
        }
        hasher.combine(facts)
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }

    private static func digest(_ claimant: Claimant) -> Int {
        var all = 0
        for (connection, claims) in claimant.shipped.claims {
            for (pair, claim) in claims {
                var hasher = Hasher()
                hasher.combine(connection)
                hasher.combine(pair)
                hasher.combine(claim.token)
                hasher.combine(claim.connectionID.buffer)
                if case .proving(let secret, let leg) = claim.state {
                    hasher.combine(secret.buffer)
                    hasher.combine(leg)
                }
                all ^= hasher.finalize()
            }
        }
        return all
    }

    private static func digest(_ acceptor: Acceptor) -> Int {
        var all = 0
        for (connection, claims) in acceptor.shipped.connections {
            for (pair, claim) in claims.pending {
                var hasher = Hasher()
                hasher.combine(connection)
                hasher.combine(pair)
                hasher.combine(claim.token)
                hasher.combine(claim.secret.buffer)
                hasher.combine(claim.connectionID.buffer)
                all ^= hasher.finalize()
            }
        }
        return all
    }
}
