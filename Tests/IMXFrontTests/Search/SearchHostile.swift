// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore

@testable import IMXWire

/// What M can do: anything that it can build from what it has seen.
///
/// A proof or a confirmation is a MAC under a secret. M can send a right one where it has seen just that, or where it
/// knows the secret: everything else that goes in is known to it, since it is an end of the connection. Wrong ones only
/// end attempts, and are left out.
extension World {
    private func canBuild(_ value: ByteBuffer, _ secret: ByteBuffer) -> Bool {
        known.contains(value) || known.contains(secret)
    }

    private var knownTokens: [ByteBuffer] { tokens.filter { known.contains($0) } + [Self.madeUpToken] }
    private var knownSecrets: [ByteBuffer] { secrets.filter { known.contains($0) } + [Self.madeUpSecret] }

    /// The HELLO records whose identifier and nonce M can show to `party`. A party's own are refused by it.
    private func hellos(for party: Party) -> [Hello] {
        let seen = connections.filter { $0.opener == .m || $0.acceptor == .m }.flatMap { connection in
            [connection.openerHello, connection.acceptorHello].compactMap { $0 }
        }
        var choices = [Hello(party: .m, connection: 0)]
        for hello in seen where hello.party != party && !choices.contains(hello) { choices.append(hello) }
        return choices
    }

    /// M answers the HELLO of an honest party, which claims then.
    var helloAnswers: [Move] {
        flights.flatMap { flight -> [Move] in
            guard case .toClaim(let source, let target) = flight.message else { return [] }
            let index = flight.connection
            return hellos(for: connections[index].opener).map { hello in
                Move("M answers HELLO on \(index) as \(hello.party.rawValue)\(hello.connection)") {
                    $0.flights.removeAll { $0 == flight }
                    $0.connections[index].acceptorHello = hello
                    $0.claim(source, target, on: index)
                }
            }
        }
    }

    func hostileClaims(_ early: Set<String>) -> [Move] {
        guard bounds.hostileClaims > 0 else { return [] }
        var moves: [Move] = []
        for (index, connection) in connections.enumerated() where connection.opener == .m {
            let party = connection.acceptor
            let hellos = connection.openerHello.map { [$0] } ?? hellos(for: party)
            for source in Self.domains where !hosts(party).contains(source) {
                for target in hosts(party) where !early.contains(source) && !early.contains(target) {
                    for (number, token) in knownTokens.enumerated() {
                        for hello in hellos {
                            for asked in resolutions(source) where asked != party {
                                moves.append(
                                    Move(
                                        """
                                        M claims \(source) -> \(target) on \(index) with token \
                                        \(token == Self.madeUpToken ? "made up" : "\(number)"), greeting as \
                                        \(hello.party.rawValue)\(hello.connection); \(party.rawValue) dials \
                                        \(asked.rawValue)
                                        """
                                    ) {
                                        $0.bounds.hostileClaims -= 1
                                        $0.connections[index].openerHello = hello
                                        let claim = ClaimRecord(
                                            source: ByteBuffer(string: source),
                                            target: ByteBuffer(string: target),
                                            token: token
                                        )
                                        $0.take(claim, on: index, by: party, asking: asked)
                                    }
                                )
                            }
                        }
                    }
                }
            }
        }
        return moves
    }

    var hostileVerifies: [Move] {
        guard bounds.hostileVerifies > 0 else { return [] }
        var moves: [Move] = []
        for (index, connection) in connections.enumerated() where connection.opener == .m {
            let party = connection.acceptor
            for source in Self.domains where Party.owner(of: source) == party {
                for target in Self.domains where Party.owner(of: target) != party {
                    for (number, token) in knownTokens.enumerated() {
                        for secret in knownSecrets {
                            moves.append(
                                Move("M sends VERIFY \(source) -> \(target), token \(number), on \(index)") {
                                    $0.bounds.hostileVerifies -= 1
                                    let verify = VerifyRecord(
                                        source: ByteBuffer(string: source),
                                        target: ByteBuffer(string: target),
                                        token: token,
                                        secret: secret
                                    )
                                    let code = $0.take(verify, on: index, by: party)
                                    if ![.delivered, .notVerified].contains(code) {
                                        $0.broken = "a refusal tells a wrong target from an unknown token"
                                    }
                                }
                            )
                        }
                    }
                }
            }
        }
        return moves
    }

    /// M proves its claims, and confirms those of others, wherever it can.
    var hostileProofs: [Move] {
        var moves: [Move] = []
        for (index, connection) in connections.enumerated() {
            let handle = ConnectionHandle(rawValue: UInt64(index))
            if connection.opener == .m, let acceptor = acceptors[connection.acceptor] {
                let pending = acceptor.shipped.connections[handle]?.pending ?? [:]
                for (pair, claim) in pending.sorted(by: { $0.value.serial < $1.value.serial }) {
                    let wanted = acceptor.wanted(pair, claim)
                    guard canBuild(wanted, claim.secret.buffer) else { continue }
                    let party = connection.acceptor
                    moves.append(
                        Move(
                            "M proves \(String(buffer: pair.source)) -> \(String(buffer: pair.target)) on \(index)"
                        ) {
                            let proof = ProofRecord(source: pair.source, target: pair.target, proof: wanted)
                            $0.take(proof, on: index, by: party)
                        }
                    )
                }
            }
            if connection.acceptor == .m, let claimant = claimants[connection.opener] {
                for (pair, claim) in claimant.shipped.claims[handle] ?? [:] {
                    guard case .proving(let secret, _) = claim.state else { continue }
                    let confirm = ClaimBinding(
                        source: pair.source,
                        target: pair.target,
                        token: claim.token,
                        connection: claim.connectionID
                    )
                    .confirm(secret).buffer
                    guard canBuild(confirm, secret.buffer) else { continue }
                    let party = connection.opener
                    moves.append(
                        Move("M confirms \(String(buffer: pair.source)) on \(index)") {
                            $0.take(confirm, pair, on: index, by: party)
                        }
                    )
                }
            }
        }
        return moves
    }

    func hostileOpenings(_ early: Set<String>) -> [Move] {
        guard bounds.connections > 0 else { return [] }
        var moves: [Move] = []
        for party in movers {
            for domain in hosts(party) where !early.contains(domain) {
                moves.append(
                    Move("M opens \(connections.count) to \(party.rawValue), naming \(domain)") {
                        $0.bounds.connections -= 1
                        _ = $0.open(.m, party, naming: domain)
                    }
                )
            }
        }
        return moves
    }
}
