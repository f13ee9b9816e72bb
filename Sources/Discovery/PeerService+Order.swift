// SPDX-License-Identifier: Apache-2.0

extension PeerService {
    /// One place to connect to.
    package struct Attempt: Sendable, Hashable {
        /// The host that the place belongs to.
        package let host: Host
        /// A numeric address of it, or its name where the system is to resolve that.
        package let address: String
    }

    /// The places to try, in the order for one connection: by preference, by weighted chance among equals, and every
    /// address of each host.
    package func attempts(using generator: inout some RandomNumberGenerator) -> [Attempt] {
        hosts.sorted { $0.preference < $1.preference }.flatMap { host in
            (host.addresses.isEmpty ? [host.name] : host.addresses).map { Attempt(host: host, address: $0) }
        }
    }
}
