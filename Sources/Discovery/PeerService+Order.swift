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
        var attempts: [Attempt] = []
        for host in PeerService.ordered(hosts, using: &generator) {
            if host.addresses.isEmpty { attempts.append(Attempt(host: host, address: host.name)) }
            for address in PeerService.interleaved(host.addresses, using: &generator) {
                attempts.append(Attempt(host: host, address: address))
            }
        }
        return attempts
    }

    /// The hosts by preference, and by weighted chance among equals (IMX 4.2.3, RFC 2782).
    static func ordered(_ hosts: [Host], using generator: inout some RandomNumberGenerator) -> [Host] {
        var ordered: [Host] = []
        for (_, equals) in Dictionary(grouping: hosts, by: \.preference).sorted(by: { $0.key < $1.key }) {
            // Shuffled first, so that hosts whose weights are all 0 have equal shares.
            let shuffled = equals.shuffled(using: &generator)
            // RFC 2782: those of weight 0 stand first, which leaves them a small chance.
            var left = shuffled.filter { $0.weight == 0 } + shuffled.filter { $0.weight != 0 }
            var sum = left.reduce(0) { $0 + Int($1.weight) }
            while !left.isEmpty {
                // RFC 2782 draws from 0 on, for the sake of those of weight 0; without one among them that would
                // favour the first.
                let least = left.first?.weight == 0 ? 0 : 1
                var mark = Int.random(in: min(least, sum)...sum, using: &generator)
                let index = left.firstIndex { host in
                    mark -= Int(host.weight)
                    return mark <= 0
                }
                let chosen = left.remove(at: index ?? 0)
                sum -= Int(chosen.weight)
                ordered.append(chosen)
            }
        }
        return ordered
    }

    /// The addresses in random order, IPv6 and IPv4 by turns, so that a family that does not work here costs one try
    /// before the other has its turn (RFC 8305 §4).
    static func interleaved(_ addresses: [String], using generator: inout some RandomNumberGenerator) -> [String] {
        let shuffled = addresses.shuffled(using: &generator)
        var sixth = shuffled.filter { $0.contains(":") }[...]
        var fourth = shuffled.filter { !$0.contains(":") }[...]
        var ordered: [String] = []
        while ordered.count < addresses.count {
            if let address = sixth.popFirst() { ordered.append(address) }
            if let address = fourth.popFirst() { ordered.append(address) }
        }
        return ordered
    }
}
