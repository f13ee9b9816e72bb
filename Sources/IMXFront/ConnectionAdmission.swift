// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import IMXWire

/// How many connections to here are taken, and from where.
package struct AdmissionLimits: Sendable, Hashable {
    /// The most at a time. A sixteenth of them is kept for addresses that are known.
    package var connections = 4096
    /// The most of them that are not authenticated. A quarter is kept for addresses that are known.
    package var unauthenticated = 2048
    /// The most from one address; an IPv6 /64 is one address.
    package var perAddress = 64
    /// The most from one network, an IPv4 /24 or an IPv6 /56.
    package var perNetwork = 256
    /// The most new ones in a minute from one address.
    package var newPerAddress = 300
    /// The most new ones in a minute from one network.
    package var newPerNetwork = 900
    /// The most on which one foreign domain may be trusted at a time.
    package var perDomain = 32

    package init() {}
}

/// Decides which connections to here are taken: a value that is told the time.
///
/// An address is known for a day after a connection from it was authenticated, and while this side has a connection
/// to it, since whoever is asked for trust has to come and ask back (IMX-1 §6.2): strangers cannot take up all the room.
struct ConnectionAdmission {
    /// Why a connection was turned away.
    enum Refusal: String, CaseIterable {
        case stopping
        case tooMany = "too-many"
        case tooManyUnauthenticated = "too-many-unauthenticated"
        case tooManyFromAddress = "too-many-from-address"
        case tooManyFromNetwork = "too-many-from-network"
        case tooFast = "too-fast"
        case tooManyFromDomain = "too-many-from-domain"
    }

    private let limits: AdmissionLimits
    private(set) var open = 0
    private(set) var unauthenticated = 0
    private var hosts: [SourceAddress.Host: Int] = [:]
    private var networks: [AddressBlock: Int] = [:]
    /// Addresses that this side has connections to.
    private var called: [SourceAddress.Host: Int] = [:]
    private var memory = RecentKeys<SourceAddress.Host>(limit: 8192, life: .seconds(86_400))
    private var hostRate = RateSketch<SourceAddress.Host>()
    private var networkRate = RateSketch<AddressBlock>()

    init(limits: AdmissionLimits) {
        self.limits = limits
    }

    /// Takes a connection from `source`, or says why not.
    mutating func admit(_ source: SourceAddress, now: Instant) -> Refusal? {
        let fromHost = hostRate.count(source.host, now: now)
        let fromNetwork = networkRate.count(source.network, now: now)
        guard fromHost <= limits.newPerAddress, fromNetwork <= limits.newPerNetwork else { return .tooFast }
        let isKnown = called[source.host] != nil || memory.contains(source.host, now: now)
        guard open < limits.connections - (isKnown ? 0 : limits.connections / 16) else { return .tooMany }
        guard hosts[source.host, default: 0] < limits.perAddress else { return .tooManyFromAddress }
        guard networks[source.network, default: 0] < limits.perNetwork else { return .tooManyFromNetwork }
        guard unauthenticated < limits.unauthenticated - (isKnown ? 0 : limits.unauthenticated / 4) else {
            return .tooManyUnauthenticated
        }
        open += 1
        unauthenticated += 1
        hosts[source.host, default: 0] += 1
        networks[source.network, default: 0] += 1
        return nil
    }

    /// A connection that was taken is authenticated.
    mutating func authenticated(_ source: SourceAddress, now: Instant) {
        unauthenticated -= 1
        memory.note(source.host, now: now)
    }

    /// A connection that was taken is gone.
    mutating func left(_ source: SourceAddress, wasAuthenticated: Bool) {
        open -= 1
        if !wasAuthenticated { unauthenticated -= 1 }
        hosts.decrement(source.host)
        networks.decrement(source.network)
    }

    /// This side makes a connection to `source`.
    mutating func call(_ source: SourceAddress) { called[source.host, default: 0] += 1 }

    /// That connection is gone.
    mutating func hangUp(_ source: SourceAddress) { called.decrement(source.host) }
}

extension Dictionary where Value == Int {
    /// Takes one from a count, and the entry out where nothing is left.
    fileprivate mutating func decrement(_ key: Key) {
        guard let count = self[key] else { return }
        self[key] = count > 1 ? count - 1 : nil
    }
}
