// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel
import IMXWire
import Telemetry

/// What an operator can see of one connection to or from a peer.
package struct PeerStatus: Sendable {
    /// The connection's number, which no other has in this process; nil where there is none now.
    package let id: UInt64?
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

/// What an operator can see of all connections together.
package struct FrontStatus: Sendable {
    /// Connections that peers made.
    package let incoming: Int
    /// Those of them that are not authenticated.
    package let unauthenticated: Int
    /// Connections that we made or are making.
    package let outgoing: Int
    /// What was refused to peers since the start, by reason.
    package let refusals: [(reason: String, count: UInt64)]
    /// Log lines about peers that were left out since the start.
    package let linesLeftOut: UInt64
}

extension IMXFront {
    /// All connections in numbers.
    package var status: FrontStatus {
        FrontStatus(
            incoming: admission.open,
            unauthenticated: admission.unauthenticated,
            outgoing: connections.count + shaking.count - admission.open,
            refusals: refusals.map { ($0.key.description, $0.value) }.sorted { $0.0 < $1.0 },
            linesLeftOut: logBudget.leftOutInAll
        )
    }

    /// The most connections, and the most pairs of each, that are shown one by one.
    private static let shown = 1000
    private static let shownPairs = 100

    /// The connections, those with trusted pairs first, and the links that wait for their next try: as many as are of
    /// use to anybody who looks.
    package var peers: [PeerStatus] {
        let all = connections.values.sorted {
            ($0.machine.isAuthenticated ? 0 : 1, $0.handle.rawValue) < (
                $1.machine.isAuthenticated ? 0 : 1, $1.handle.rawValue
            )
        }
        let open = all.prefix(Self.shown).map { connection in
            let confirmed =
                connection.line?.pairs.filter { $0.claim == .confirmed }.map { ($0.source, $0.target) } ?? []
            return PeerStatus(
                id: connection.handle.rawValue,
                isOutgoing: connection.role == .dialler,
                address: connection.peerName,
                state: connection.peer == nil ? "greeting" : connection.isLeaving ? "closing" : "open",
                pairs: Array(
                    (connection.role == .dialler
                        ? confirmed : connection.trusted.values.map { ($0.source, $0.target) }).prefix(Self.shownPairs)
                ),
                inFlight: connection.machine.requestsInFlight
            )
        }
        let waiting = links.values.lazy.filter { $0.timer != nil }.prefix(Self.shown).map { link in
            PeerStatus(
                id: nil,
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
