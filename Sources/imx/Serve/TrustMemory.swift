// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import IMXFront
import Store
import TransportSecurity

/// What foreign domains have shown of themselves: once strong, never weaker (IMX 6.1.3).
///
/// Confined to the event loop; the disk is written behind it.
final class TrustMemory {
    private let database: StateDatabase
    private let limit: Int
    private var records: [Domain: StateDatabase.TrustRecord]
    /// How often a newcomer was not remembered for want of room.
    private(set) var lost: UInt64 = 0
    private var lastSweep = WallTime(milliseconds: 0)

    /// Reads what is on the disk.
    init(_ database: StateDatabase, limit: Int = StateDatabase.trustLimit) throws {
        self.database = database
        self.limit = limit
        records = Dictionary(try database.trust().map { ($0.domain, $0) }) { first, _ in first }
    }

    /// What `domain` has shown; less is not taken from it.
    func shown(by domain: Domain) -> ShownTrust? {
        guard let record = records[domain], let level = TrustLevel(rawValue: record.level) else { return nil }
        return ShownTrust(level: level, since: record.since)
    }

    /// Remembers that `domain` has shown `level`. The disk hears of it when the level rises, and once a day.
    ///
    /// - Returns: Whether the domain is stronger than it was known to be.
    @discardableResult
    func note(_ domain: Domain, _ level: TrustLevel, at time: WallTime) -> Bool {
        guard level > .dialback else { return false }
        if var known = records[domain], known.level >= level.rawValue {
            guard known.level == level.rawValue, time.milliseconds - known.seen.milliseconds >= 86_400_000 else {
                return false
            }
            known.seen = time
            keep(known)
            return false
        }
        if records[domain] == nil, records.count >= limit, !makeRoom(at: time) {
            lost += 1
            return false
        }
        keep(StateDatabase.TrustRecord(domain: domain, level: level.rawValue, since: time, seen: time))
        return true
    }

    /// Forgets what `domain` has shown; false where nothing was known.
    func forget(_ domain: Domain) -> Bool {
        guard var record = records.removeValue(forKey: domain) else { return false }
        record.level = TrustLevel.dialback.rawValue
        database.remember(record)
        return true
    }

    /// Everything that is remembered, by domain.
    var all: [StateDatabase.TrustRecord] { records.values.sorted { $0.domain < $1.domain } }

    private func keep(_ record: StateDatabase.TrustRecord) {
        records[record.domain] = record
        database.remember(record)
    }

    /// Forgets whom nobody has seen for a year; false where there is nobody like that. Newcomers, of which a stranger
    /// can make up any number, never push out those who are known.
    private func makeRoom(at time: WallTime) -> Bool {
        guard time.milliseconds - lastSweep.milliseconds >= 3_600_000 else { return false }
        lastSweep = time
        let old = records.values.filter { time.milliseconds - $0.seen.milliseconds >= 365 * 86_400_000 }
        for record in old { _ = forget(record.domain) }
        return !old.isEmpty
    }
}
