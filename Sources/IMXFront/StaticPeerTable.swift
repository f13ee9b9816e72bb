// SPDX-License-Identifier: Apache-2.0
package import Discovery
package import EnvelopeModel

/// A table from the configuration, in front of another resolver or of none.
package final class StaticPeerTable: PeerResolver {
    private var table: [Domain: PeerService]
    private let next: (any PeerResolver)?

    /// Makes a resolver that knows `table` and asks `next` for the rest.
    package init(_ table: [Domain: PeerService], before next: (any PeerResolver)? = nil) {
        self.table = table
        self.next = next
    }

    /// Takes another table; look-ups under way are answered from the old one.
    package func replace(_ table: [Domain: PeerService]) { self.table = table }

    package func resolve(_ domain: Domain, _ completion: @escaping (Resolution) -> Void) {
        if let service = table[domain], !service.hosts.isEmpty { return completion(.service(service)) }
        guard let next else { return completion(.notFound("it is not among the configured peers")) }
        next.resolve(domain, completion)
    }

    package func forget(_ domain: Domain) { next?.forget(domain) }
}

extension PeerService {
    /// A service at configured endpoints, which are tried in their order.
    package init(configured endpoints: [PeerEndpoint]) {
        self.init(
            hosts: endpoints.enumerated().map { index, endpoint in
                Host(
                    name: endpoint.host,
                    port: endpoint.port,
                    usesTLS: endpoint.usesTLS,
                    preference: UInt16(clamping: index)
                )
            },
            origin: .configured
        )
    }
}
