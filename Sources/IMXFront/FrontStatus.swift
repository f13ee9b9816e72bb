// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel
import IMXWire

/// What an operator can see of one connection to or from a peer.
package struct PeerStatus: Sendable {
    /// Whether we dialled.
    package let isOutgoing: Bool
    /// The peer's address; an endpoint where we dialled.
    package let address: String
    /// Where the connection is in its life.
    package let state: String
    /// The pairs of domains that data may flow for from here, and from there.
    package let pairs: [(source: Domain, target: Domain)]
    /// Our requests that have no answer.
    package let inFlight: Int
}

extension IMXFront {
    /// The connections, and the links that wait for their next try.
    package var peers: [PeerStatus] {
        let open = connections.values.sorted { $0.handle.rawValue < $1.handle.rawValue }.map { connection in
            let confirmed =
                connection.line?.pairs.filter { $0.claim == .confirmed }.map { ($0.source, $0.target) } ?? []
            return PeerStatus(
                isOutgoing: connection.role == .dialler,
                address: connection.peerName,
                state: connection.peer == nil ? "greeting" : connection.isLeaving ? "closing" : "open",
                pairs: connection.role == .dialler
                    ? confirmed : connection.trusted.values.map { ($0.source, $0.target) },
                inFlight: connection.machine.requestsInFlight
            )
        }
        let waiting = links.values.compactMap { link -> PeerStatus? in
            guard link.timer != nil else { return nil }
            return PeerStatus(
                isOutgoing: true,
                address: link.endpoint.description,
                state: "not reached: \(link.lastFailure ?? "the connection was lost"), trying again",
                pairs: [],
                inFlight: 0
            )
        }
        return open + waiting
    }
}
