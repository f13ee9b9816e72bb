// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore

@testable import IMXFront
@testable import IMXWire

/// What is weaker than what is shipped. The weak parts are doubles that stand in this folder and nowhere else: they are
/// made around the shipped machines, and the shipped machines know nothing of them.
struct Variant {
    /// How a connection is identified in proofs.
    enum Identifier {
        /// As shipped: a hash over both HELLO records.
        case hello
        /// Both nonces, without the rest of the HELLO records.
        case nonces
        /// Nothing at all.
        case none
        /// As shipped where both ends bind to TLS (`cb`).
        case exporter
    }

    /// What makes a service take data on the connection that a VERIFY came on, for the reversed pair.
    enum Leg {
        /// As shipped: nothing.
        case never
        /// A confirmation that was right, as the capability `mutual` has it.
        case confirmed
        /// The token alone.
        case token
    }

    var identifier = Identifier.hello
    var leg = Leg.never
    /// The claimant proves for any token of its own that is alive, whatever source and target VERIFY names (R1 dropped).
    var ignoresTarget = false
    /// The claimant takes source and target from VERIFY and not from its own claim.
    var copiesNames = false
    /// The secret itself travels back, as in draft-aol-imx-00.
    var sendsSecret = false
    /// The acceptor looks for a claim under the pair and not under the connection and the pair.
    var forgetsConnection = false
    /// What is trusted is a source, for every target.
    var trustsSource = false
    /// The claimant says why it gives no proof.
    var tellsWhy = false
    /// M knows every token as soon as it is made.
    var tokensAreKnown = false
    /// m.example is hosted at A, and its DNS is still its own.
    var hasTenant = false
    /// Whether it counts as a break that the owner of a target domain passes its own traffic on.
    var countsOwnRelay = false
}

/// The claimant of a variant: what is shipped, or a careless double of it.
struct Claimant {
    var shipped: DialbackClaimant
    let variant: Variant
    /// How often it has answered otherwise than what is shipped would have.
    var departures = 0

    mutating func verify(_ record: VerifyRecord, on leg: ConnectionHandle, isServed: Bool)
        -> DialbackClaimant.VerifyAction
    {
        var other = shipped
        let right = other.verify(record, on: leg, from: nil, sourceIsServed: isServed, now: World.now)
        guard variant.ignoresTarget || variant.sendsSecret || variant.tellsWhy else {
            shipped = other
            return right
        }
        let answer = weakly(record, on: leg)
        switch (answer, right) {
        case (.prove(_, let given, _), .prove(_, let wanted, _)): departures += given.proof == wanted.proof ? 0 : 1
        case (.refuse(let given), .refuse(let wanted)): departures += given.code == wanted.code ? 0 : 1
        default: departures += 1
        }
        return answer
    }

    private mutating func weakly(_ record: VerifyRecord, on leg: ConnectionHandle) -> DialbackClaimant.VerifyAction {
        guard let key = shipped.byToken[record.token], var claim = shipped.claims[key.connection]?[key.pair],
            let secret = Octets32(record.secret)
        else { return .refuse(DialbackClaimant.refusal) }
        let asked = DomainPair(source: record.source, target: record.target)
        if !variant.ignoresTarget {
            guard key.pair == asked else {
                let refusal = DialbackClaimant.refusal
                return .refuse(variant.tellsWhy ? AnswerRecord(.refused, text: "another target") : refusal)
            }
            shipped.byToken[record.token] = nil
        }
        claim.state = .proving(secret, verifiedOn: leg)
        shipped.claims[key.connection]?[key.pair] = claim
        let names = variant.copiesNames ? asked : key.pair
        let binding = ClaimBinding(
            source: names.source,
            target: names.target,
            token: claim.token,
            connection: claim.connectionID
        )
        let proof = variant.sendsSecret ? secret.buffer : binding.proof(secret).buffer
        let record = ProofRecord(source: names.source, target: names.target, proof: proof)
        return .prove(on: key.connection, record, AnswerRecord(.delivered))
    }
}

/// The acceptor of a variant: what is shipped, or a careless double of it.
struct Acceptor {
    var shipped: DialbackAcceptor
    let variant: Variant
    /// How often it has trusted otherwise than what is shipped would have.
    var departures = 0

    /// What a right proof for a claim is.
    func wanted(_ pair: DomainPair, _ claim: DialbackAcceptor.Pending) -> ByteBuffer {
        guard !variant.sendsSecret else { return claim.secret.buffer }
        return ClaimBinding(
            source: pair.source,
            target: pair.target,
            token: claim.token,
            connection: claim.connectionID
        )
        .proof(claim.secret).buffer
    }

    /// The claims that are trusted after `record`, and what is said to the claimant of the first.
    mutating func proof(_ record: ProofRecord, on connection: ConnectionHandle) -> [(ConnectionHandle, AnswerRecord)] {
        var other = shipped
        var right: [(ConnectionHandle, AnswerRecord)] = []
        if case .trust(let trusted, _, _, _, let answer) = other.proof(record, on: connection, now: World.now) {
            right = [(trusted, answer)]
        }
        guard variant.sendsSecret || variant.forgetsConnection else {
            shipped = other
            return right
        }
        let given = weakly(record, on: connection)
        departures += given.map(\.0) == right.map(\.0) ? 0 : 1
        return given
    }

    private mutating func weakly(_ record: ProofRecord, on connection: ConnectionHandle)
        -> [(ConnectionHandle, AnswerRecord)]
    {
        let pair = DomainPair(source: record.source, target: record.target)
        let candidates = shipped.connections.filter { handle, claims in
            claims.pending[pair] != nil && (handle == connection || variant.forgetsConnection)
        }
        guard candidates.contains(where: { $0.value.pending[pair].map { wanted(pair, $0) } == record.proof }) else {
            return []
        }
        for handle in candidates.keys { shipped.connections[handle]?.pending[pair] = nil }
        return candidates.keys.sorted { $0.rawValue < $1.rawValue }.map { ($0, AnswerRecord(.delivered)) }
    }
}

/// Whom a connection may speak for, by the rule that is shipped (``FrontConnection``) or a double of it.
func accepted(_ source: String, _ target: String, after trusted: [(String, String)]) -> Bool {
    let hello = HelloRecord(serverID: ServerID(high: 1, low: 2), nonce: ConnectionNonce(1, 2, 3, 4))
    let connection = FrontConnection(
        handle: ConnectionHandle(rawValue: 1),
        role: .acceptor,
        address: "192.0.2.1",
        link: nil,
        machine: ConnectionMachine(.acceptor, hello: hello, now: World.now)
    )
    for (source, target) in trusted {
        guard let source = Domain(source), let target = Domain(target) else { return false }
        connection.trust(source, target, until: .distantFuture)
    }
    return connection.trustedPair(ByteBuffer(string: source), ByteBuffer(string: target), now: World.now) != nil
}
