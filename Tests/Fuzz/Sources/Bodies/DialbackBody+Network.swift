// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import IMXWire
import NIOCore

/// What is on its way, and the clock.
extension DialbackBody {
    mutating func deliver(_ index: Int, _ input: inout FuzzInput) throws(Violation) {
        guard network.indices.contains(index) else { return }
        switch network.remove(at: index) {
        case .claim(let claim, let connection): try take(claim, on: connection)
        case .reach(let id): try reach(id, &input)
        case .verify(let id): try ask(id)
        case .silence(let id): try act(acceptor.unreachable(id, now: now))
        case .verifyAnswer(let id, let answer): try act(acceptor.verifyAnswered(id, answer.code, now: now))
        case .proof(let proof, let connection):
            try act(acceptor.proof(proof, on: connection, now: now), isProof: true)
        case .answer(let answer, let pair, let connection): try hear(answer, pair, on: connection)
        }
    }

    mutating func drop(_ index: Int) {
        if network.indices.contains(index) { network.remove(at: index) }
    }

    /// Something comes twice, as from a peer that sends it twice.
    mutating func repeatMessage(_ input: inout FuzzInput) {
        guard network.count < 64, let message = input.pick(network) else { return }
        switch message {
        case .claim, .proof, .answer: network.append(message)
        case .reach, .verify, .silence, .verifyAnswer: break
        }
    }

    /// Closes a connection and makes another in its place. The attacker's mirror goes with what it mirrors.
    mutating func close(_ number: UInt64) throws(Violation) {
        var numbers = [number]
        if Self.mirrored.contains(number) { numbers.append(number - 10) }
        if Self.mirrored.contains(number + 10) { numbers.append(number + 10) }
        for number in numbers {
            let connection = handle(number)
            acceptor.closed(connection)
            for node in nodes.indices { _ = nodes[node].closed(connection) }
            _ = attacker.closed(connection)
            open = open.filter { $0.key.connection != connection }
            trusted = trusted.filter { $0.key.connection != connection }
            network.removeAll { message in
                switch message {
                case .claim(_, let on), .proof(_, let on), .answer(_, _, let on): on == connection
                case .reach, .verify, .silence, .verifyAnswer: false
                }
            }
            generations[number, default: 0] += 1
        }
    }

    mutating func pass(_ time: Interval) throws(Violation) {
        let until = now + time
        repeat {
            now = min(until, now + .seconds(5))
            for action in acceptor.expire(now: now) { try act(action) }
            for node in nodes.indices {
                for (_, outcome) in nodes[node].expire(now: now, using: &draw) { try check(outcome) }
            }
            for purpose in bus.expire(now: now) { settle(purpose, false) }
            trusted = trusted.filter { $0.value > now }
        } while now < until
        _ = attacker.expire(now: now, using: &draw)
    }
}
