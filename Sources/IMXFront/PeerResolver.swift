// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

/// What a look-up of a domain found.
package enum Resolution: Sendable, Hashable {
    /// The places to try, in order; never empty.
    case endpoints([PeerEndpoint])
    /// The domain is not on the network, for certain.
    case notFound
    /// It could not be found out now.
    case unavailable(String)
}

/// Finds the aggregators of foreign domains. The answer is what outgoing trust rests on (IMX 6.3).
package protocol PeerResolver: AnyObject {
    /// Looks `domain` up and calls `completion` once, now or later, on the loop.
    func resolve(_ domain: Domain, _ completion: @escaping (Resolution) -> Void)
}

/// A table from the configuration.
package final class StaticPeerTable: PeerResolver {
    private let table: [Domain: [PeerEndpoint]]

    /// Makes a resolver that knows `table` and nothing else.
    package init(_ table: [Domain: [PeerEndpoint]]) {
        self.table = table
    }

    package func resolve(_ domain: Domain, _ completion: @escaping (Resolution) -> Void) {
        guard let endpoints = table[domain], !endpoints.isEmpty else { return completion(.notFound) }
        completion(.endpoints(endpoints))
    }
}
