// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import IMXWire

/// On which connections to here each foreign domain has proved itself, so that one domain does not hold them all
/// (IMX 4.3.2): a value that is told the time.
struct ProvedDomains {
    private var places: [Domain: [ConnectionHandle: Instant]] = [:]
    private var domains: [ConnectionHandle: Set<Domain>] = [:]

    /// Whether `domain` may be trusted on `connection`: it is already, or is on fewer than `most` others.
    mutating func admits(_ domain: Domain, on connection: ConnectionHandle, most: Int, now: Instant) -> Bool {
        guard let known = places[domain], known.count >= most, known[connection] == nil else { return true }
        for (place, until) in known where until <= now { forget(domain, on: place) }
        return places[domain, default: [:]].count < most
    }

    /// Notes that `domain` is trusted on `connection` until `until`. Where there are more than `most` domains on the
    /// connection, those whose trust is over are forgotten first.
    mutating func note(
        _ domain: Domain,
        on connection: ConnectionHandle,
        until: Instant,
        most: Int,
        now: Instant
    ) {
        if domains[connection, default: []].count >= most { tidy(connection, now: now) }
        places[domain, default: [:]][connection] = until
        domains[connection, default: []].insert(domain)
    }

    /// `domain` is not trusted on `connection` any more.
    mutating func forget(_ domain: Domain, on connection: ConnectionHandle) {
        places[domain]?[connection] = nil
        if places[domain]?.isEmpty == true { places[domain] = nil }
        domains[connection]?.remove(domain)
        if domains[connection]?.isEmpty == true { domains[connection] = nil }
    }

    private mutating func tidy(_ connection: ConnectionHandle, now: Instant) {
        for domain in domains[connection] ?? [] where places[domain]?[connection].map({ $0 <= now }) ?? true {
            forget(domain, on: connection)
        }
    }

    /// The connection is gone.
    mutating func left(_ connection: ConnectionHandle) {
        for domain in domains[connection] ?? [] { forget(domain, on: connection) }
    }

    /// The number of domains that are known, for tests.
    var count: Int { places.count }
}
