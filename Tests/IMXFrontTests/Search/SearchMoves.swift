import EnvelopeModel
import NIOCore
// SPDX-License-Identifier: Apache-2.0
import TestSupport

@testable import IMXWire

/// One thing that can happen next.
struct Move {
    let label: () -> String
    let apply: (inout World) -> Void

    init(_ label: @autoclosure @escaping () -> String, _ apply: @escaping (inout World) -> Void) {
        self.label = label
        self.apply = apply
    }
}

extension World {
    /// Everything that can happen next.
    var moves: [Move] {
        let early = earlyNames
        return deliveries + honestClaims(early) + helloAnswers + hostileClaims(early) + hostileVerifies + hostileProofs
            + hostileOpenings(early)
    }

    // MARK: Honest parties

    /// Octets reach an honest party, or M, which sees them at once.
    mutating func send(_ message: Message, on index: Int, to party: Party) {
        guard party == .m else {
            let flight = Flight(connection: index, to: party, message: message)
            if !flights.contains(flight) { flights.append(flight) }
            return
        }
        switch message {
        case .claim(let record): known.insert(record.token)
        case .verify(let record, _): known.formUnion([record.token, record.secret])
        case .proof(let record): known.insert(record.proof)
        case .confirmed(_, let confirm): known.insert(confirm)
        case .verifyRefused, .refused, .toClaim: break
        }
    }

    /// `opener` makes a connection; each honest end draws a nonce for it.
    mutating func open(_ opener: Party, _ acceptor: Party, naming domain: String) -> Int {
        let index = connections.count
        connections.append(
            Connection(
                opener: opener,
                acceptor: acceptor,
                dialled: domain,
                openerHello: opener == .m ? nil : Hello(party: opener, connection: index),
                acceptorHello: acceptor == .m ? nil : Hello(party: acceptor, connection: index)
            )
        )
        return index
    }

    /// An honest party claims a pair on a connection that it made.
    mutating func claim(_ source: String, _ target: String, on index: Int) {
        let party = connections[index].opener
        let pair = DomainPair(source: ByteBuffer(string: source), target: ByteBuffer(string: target))
        var generator = SeededGenerator(seed: 0x7000 + UInt64(tokens.count))
        let identifier = identifier(index)
        let record = claimants[party]?.shipped.claim(
            pair,
            on: ConnectionHandle(rawValue: UInt64(index)),
            id: identifier,
            now: Self.now,
            using: &generator
        )
        guard let record else { return }
        tokens.append(record.token)
        claimed.append((index, source, target))
        if variant.tokensAreKnown { known.insert(record.token) }
        countClaim(for: target, on: index, at: party)
        send(.claim(record), on: index, to: connections[index].acceptor)
    }

    /// An honest party takes a CLAIM, and asks the server that a look-up of the source leads to.
    mutating func take(_ claim: ClaimRecord, on index: Int, by party: Party, asking asked: Party) {
        let source = String(buffer: claim.source)
        var generator = SeededGenerator(seed: 0x5000 + UInt64(secrets.count))
        let identifier = identifier(index)
        let facts = DialbackAcceptor.Facts(
            targetIsHosted: hosts(party).contains(String(buffer: claim.target)),
            sourceIsHosted: hosts(party).contains(source)
        )
        let action = acceptors[party]?.shipped.claim(
            claim,
            tag: 1,
            on: ConnectionHandle(rawValue: UInt64(index)),
            id: identifier,
            from: AddressBlock(ipv4: 0),
            facts: facts,
            now: Self.now,
            using: &generator
        )
        guard case .dialAndVerify(let id) = action, let verify = acceptors[party]?.shipped.verify(id) else { return }
        secrets.append(verify.secret)
        countClaim(for: String(buffer: claim.target), on: index, at: party)
        let leg = open(party, asked, naming: source)
        send(.verify(verify, id), on: leg, to: asked)
    }

    /// An honest party takes a VERIFY. Whether it gave a proof, or with which code it refused.
    mutating func take(_ verify: VerifyRecord, on leg: Int, by party: Party) -> OutcomeCode {
        let key = claimants[party]?.shipped.byToken[verify.token]
        let isServed = hosts(party).contains(String(buffer: verify.source))
        let action = claimants[party]?.verify(verify, on: ConnectionHandle(rawValue: UInt64(leg)), isServed: isServed)
        switch action {
        case .prove(let connection, let proof, _):
            let index = Int(connection.rawValue)
            if variant.leg == .token, let key { noteLeg(party, key.pair, on: leg) }
            send(.proof(proof), on: index, to: connections[index].acceptor)
            return .delivered
        case .refuse(let answer): return answer.code
        case .ask, nil: return .notVerified
        }
    }

    /// An honest party takes a PROOF.
    mutating func take(_ proof: ProofRecord, on index: Int, by party: Party) {
        let results = acceptors[party]?.proof(proof, on: ConnectionHandle(rawValue: UInt64(index))) ?? []
        let pair = DomainPair(source: proof.source, target: proof.target)
        for (connection, answer) in results {
            let at = Int(connection.rawValue)
            trust(party, String(buffer: proof.source), String(buffer: proof.target), on: at)
            guard let confirm = answer.details?.confirm else { continue }
            send(.confirmed(pair, confirm), on: at, to: connections[at].opener)
        }
    }

    /// An honest party learns that its claim was granted.
    mutating func take(_ confirm: ByteBuffer, _ pair: DomainPair, on index: Int, by party: Party) {
        var generator = SeededGenerator(seed: 1)
        var details = AnswerRecord.Details()
        details.confirm = confirm
        let outcome = claimants[party]?.shipped.answered(
            AnswerRecord(.delivered, details: details),
            pair: pair,
            on: ConnectionHandle(rawValue: UInt64(index)),
            now: Self.now,
            using: &generator
        )
        guard case .trusted(let pair, _, let leg?) = outcome, variant.leg == .confirmed else { return }
        noteLeg(party, pair, on: Int(leg.rawValue))
    }

    private var deliveries: [Move] {
        flights.flatMap { flight -> [Move] in
            let (index, party) = (flight.connection, flight.to)
            func move(_ what: @autoclosure @escaping () -> String, _ body: @escaping (inout World) -> Void) -> Move {
                Move("\(party.rawValue) gets \(what()) on \(index)") { world in
                    world.flights.removeAll { $0 == flight }
                    body(&world)
                }
            }
            switch flight.message {
            case .claim(let claim):
                let source = String(buffer: claim.source)
                return resolutions(source).filter { $0 != party }.map { asked in
                    move("CLAIM \(source) -> \(String(buffer: claim.target)) and dials \(asked.rawValue)") {
                        $0.take(claim, on: index, by: party, asking: asked)
                    }
                }
            case .verify(let verify, let id):
                return [
                    move("VERIFY \(String(buffer: verify.source)) -> \(String(buffer: verify.target))") {
                        if $0.take(verify, on: index, by: party) != .delivered {
                            $0.send(.verifyRefused(id), on: index, to: $0.connections[index].opener)
                        }
                    }
                ]
            case .verifyRefused(let id):
                return [
                    move("a refused VERIFY's answer") {
                        let action = $0.acceptors[party]?.shipped.verifyAnswered(id, .notVerified, now: Self.now)
                        guard case .refuse(let connection, let pair, _, _, _) = action else { return }
                        let at = Int(connection.rawValue)
                        $0.send(.refused(pair), on: at, to: $0.connections[at].opener)
                    }
                ]
            case .proof(let proof):
                return [
                    move("PROOF \(String(buffer: proof.source)) -> \(String(buffer: proof.target))") {
                        $0.take(proof, on: index, by: party)
                    }
                ]
            case .confirmed(let pair, let confirm):
                return [
                    move("the confirmation of \(String(buffer: pair.source))") {
                        $0.take(confirm, pair, on: index, by: party)
                    }
                ]
            case .refused(let pair):
                return [
                    move("the refusal of \(String(buffer: pair.source))") {
                        var generator = SeededGenerator(seed: 1)
                        _ = $0.claimants[party]?.shipped.answered(
                            AnswerRecord(.notVerified),
                            pair: pair,
                            on: ConnectionHandle(rawValue: UInt64(index)),
                            now: Self.now,
                            using: &generator
                        )
                    }
                ]
            case .toClaim: return []
            }
        }
    }

    /// Names that do not enter yet: those of one party enter in order, and A moves first. The rest is the same by
    /// symmetry.
    private var earlyNames: Set<String> {
        let used = usedNames
        return Set(["a", "b"].filter { !used.contains("\($0)1.example") }.map { "\($0)2.example" })
    }

    private var usedNames: Set<String> {
        var names = Set(connections.map(\.dialled))
        for fact in claimed + trusted { names.formUnion([fact.source, fact.target]) }
        for acceptor in acceptors.values {
            for claims in acceptor.shipped.connections.values {
                for pair in claims.pending.keys {
                    names.formUnion([String(buffer: pair.source), String(buffer: pair.target)])
                }
            }
        }
        for flight in flights {
            switch flight.message {
            case .claim(let record): names.formUnion([String(buffer: record.source), String(buffer: record.target)])
            case .verify(let record, _):
                names.formUnion([String(buffer: record.source), String(buffer: record.target)])
            case .toClaim(let source, let target): names.formUnion([source, target])
            case .proof, .confirmed, .refused, .verifyRefused: break
            }
        }
        return names
    }

    var movers: [Party] { connections.isEmpty && !variant.hasTenant ? [.a] : [.a, .b] }

    /// An honest party claims a pair: on a new connection, or on one that it has made for the target's domain.
    private func honestClaims(_ early: Set<String>) -> [Move] {
        guard bounds.claims > 0 else { return [] }
        var moves: [Move] = []
        for party in movers {
            for source in Self.domains where Party.owner(of: source) == party && !early.contains(source) {
                for target in Self.domains where !hosts(party).contains(target) && !early.contains(target) {
                    for far in resolutions(target) where far != party && (far == .m || hosts(far).contains(target)) {
                        moves.append(
                            Move(
                                "\(party.rawValue) opens \(connections.count) to \(far.rawValue) for \(source) -> \(target)"
                            ) {
                                $0.bounds.claims -= 1
                                let index = $0.open(party, far, naming: target)
                                if far == .m {
                                    $0.flights.append(
                                        Flight(connection: index, to: .m, message: .toClaim(source, target))
                                    )
                                } else {
                                    $0.claim(source, target, on: index)
                                }
                            }
                        )
                    }
                    for (index, connection) in connections.enumerated()
                    where connection.opener == party && connection.acceptor == Party.owner(of: target)
                        && connection.acceptorHello != nil
                        && !claimed.contains(where: {
                            $0.connection == index && $0.source == source && $0.target == target
                        })
                    {
                        moves.append(
                            Move("\(party.rawValue) adds \(source) -> \(target) on \(index)") {
                                $0.bounds.claims -= 1
                                $0.claim(source, target, on: index)
                            }
                        )
                    }
                }
            }
        }
        return moves
    }
}
