// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import IMXWire
import Logging
import TransportSecurity

/// Trust that would not be given any more: each pair ends by itself, the connections and their other pairs go on.
extension IMXFront {
    /// What is hosted here, whom the operator lets in or how much is asked of whom has changed.
    package func policyChanged() {
        burst {
            for connection in connections.values {
                for (pair, reason) in endTrust(on: connection, among: { _ in true }) {
                    host.logger.notice("peer no longer trusted", metadata: metadata(pair, reason, connection))
                }
            }
            let refusals = acceptor.policyChanged { handle, pair in
                guard let connection = connections[handle] else { return .init(targetIsHosted: false) }
                return facts(of: pair, on: connection)
            }
            for refusal in refusals { carryOut(refusal) }
            for pair in Array(pairs.values) { review(pair) }
        }
    }

    /// Notes what was proved for a peer's domain. Where that is more than before, what stands with less ends soon.
    func noteTrust(in domain: Domain, _ level: TrustLevel) {
        guard policy.noteTrust(domain, level) else { return }
        // Once for all who have risen within a moment: whoever proves many names does not make us look at all each time.
        risen.insert(domain)
    }

    /// Ends what stands with less than the peers have shown since (IMX 6.1.3, G.3-11).
    func reviewRisen() {
        guard !risen.isEmpty else { return }
        let domains = risen
        risen = []
        for connection in connections.values {
            for (pair, reason) in endTrust(on: connection, among: { domains.contains($0.source) }) {
                notice("peer no longer trusted", on: connection, metadata: metadata(pair, reason, connection))
            }
        }
        for domain in domains {
            for pair in foreignDomains[domain]?.pairs ?? [] { review(pair) }
        }
    }

    private func endTrust(
        on connection: FrontConnection,
        among isConcerned: (FrontConnection.TrustedPair) -> Bool
    ) -> [(FrontConnection.TrustedPair, String)] {
        let ended = connection.endTrust { isConcerned($0) && !mayStay($0, on: connection) }
        guard !ended.isEmpty else { return [] }
        let left = Set(ended.map(\.source)).subtracting(connection.trusted.values.map(\.source))
        for source in left { provedDomains.forget(source, on: connection.handle) }
        return ended.map { pair in
            if policy.isBlocked(pair.source) { return (pair, "blocked") }
            guard isHosted(pair.target) else { return (pair, "not hosted here") }
            count(.weak(required(of: pair, on: connection)))
            return (pair, "it has proved too little: \(demand(hosted: pair.target, peer: pair.source))")
        }
    }

    private func mayStay(_ pair: FrontConnection.TrustedPair, on connection: FrontConnection) -> Bool {
        !policy.isBlocked(pair.source) && isHosted(pair.target)
            && pair.level >= required(of: pair, on: connection)  // IMX 6.1.3
    }

    private func required(of pair: FrontConnection.TrustedPair, on connection: FrontConnection) -> TrustLevel {
        connection.role == .acceptor
            ? requiredHere(hosted: pair.target, peer: pair.source) : required(hosted: pair.target, peer: pair.source)
    }

    private func metadata(
        _ pair: FrontConnection.TrustedPair,
        _ reason: String,
        _ connection: FrontConnection
    ) -> Logger.Metadata {
        ["from": "\(pair.source)", "to": "\(pair.target)", "address": "\(connection.address)", "reason": "\(reason)"]
    }

    /// Takes a pair off its connection where that proves less than is asked for by now.
    private func review(_ pair: PairQueue) {
        guard let connection = pair.connection, pair.level < required(hosted: pair.source, peer: pair.target) else {
            return
        }
        host.logger.notice(
            "leaves a connection that proves too little",
            metadata: [
                "from": "\(pair.source)", "to": "\(pair.target)", "peer": "\(connection.peerName)",
                "reason": "\(demand(hosted: pair.source, peer: pair.target))",
            ]
        )
        leaveWeak(pair, on: connection)
    }
}
