// SPDX-License-Identifier: Apache-2.0
import Configuration
import Discovery
import EnvelopeModel

extension DNSSettings {
    /// How names are looked up, as the configuration says; where it says `off`, as without one.
    init(_ dns: AggregatorConfiguration.DNS) {
        self.init()
        switch (dns.resolver, dns.servers.isEmpty) {
        case ("recursive", _): upstream = .recursive
        case (_, false): upstream = .servers(dns.servers.map(Server.init))
        default: upstream = .system
        }
        zones = dns.zones.sorted { $0.key < $1.key }.map { domain, servers in
            Zone(name: domain.name, servers: servers.map(Server.init))
        }
        trustAnchorFile = dns.trustAnchor
        defaultPort = dns.defaultPort
        // Strangers' delegations must not lead to this machine; a server that is configured may be here.
        asksLoopbackServers = dns.resolver != "recursive" || !dns.zones.isEmpty
    }
}

extension DNSSettings.Server {
    /// The server at a configured place.
    init(_ endpoint: Endpoint) { self.init(address: endpoint.host, port: endpoint.port) }
}
