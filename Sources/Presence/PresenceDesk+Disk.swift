// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

import struct NIOCore.ByteBuffer

extension SubscriptionRow.Flags {
    /// What outlives a process.
    static let lasting: SubscriptionRow.Flags = [
        .pending, .asked, .approved, .polite, .cancelling, .session, .untold, .over,
    ]
}

extension PresenceDesk {
    func save(watchedRow row: UInt32) {
        watched[row].flags.insert(.stored)
        changes.append(.save(record(.watched, watched[row], watched.id(of: row))))
    }

    func save(watchingRow row: UInt32) {
        guard !watching[row].flags.contains(.fetch) else { return }
        watching[row].flags.insert(.stored)
        changes.append(.save(record(.watching, watching[row], watching.id(of: row))))
    }

    private func record(_ side: SubscriptionRecord.Side, _ row: SubscriptionRow, _ id: SubscriptionID?)
        -> SubscriptionRecord
    {
        SubscriptionRecord(
            key: .init(side, watcher: parties.address(row.watcher), presentity: parties.address(row.presentity)),
            id: id?.octets ?? ByteBuffer(),
            flags: row.flags.intersection(.lasting).rawValue,
            expires: row.expires == 0 ? nil : wallTime(row.expires),
            sequence: row.sequence
        )
    }

    private func wallTime(_ second: UInt32) -> WallTime {
        WallTime(milliseconds: origin.milliseconds + Int64(second) * 1_000)
    }

    /// Takes up a subscription where an earlier process left it. To be called for all of them before anything else.
    ///
    /// What users here watch is renewed soon, spread out, for the states of others are not on disk. What users here are
    /// watched by waits for its watchers' renewals; the services are asked for states when their links come up.
    package func restore(_ record: SubscriptionRecord) {
        let key = record.key
        let remaining = record.expires.map { ($0.milliseconds - origin.milliseconds) / 1_000 } ?? 0
        let expires = UInt32(clamping: max(0, remaining))
        let flags = SubscriptionRow.Flags(rawValue: record.flags).intersection(.lasting).union([.live, .stored])
        switch key.side {
        case .watched:
            guard watchedRow(key.watcher, key.presentity) == nil,
                let row = addWatched(key.watcher, key.presentity)
            else { return }
            if let id = SubscriptionID(record.id) { watched.set(id, of: row) }
            watched[row].flags = flags.subtracting(.charged).union(.unsure)
            if flags.contains(.charged), !charge(row) { return }
            watched[row].sequence = freshSequence(after: record.sequence)
            // One that ran out meanwhile ends in the next second, and its watcher is told.
            // A clock that was set back does not make leases longer than they can be.
            let longest = addSaturating(now, lease(key.presentity.domain).upperBound)
            if record.expires != nil { watched[row].expires = min(max(now, expires), longest) }
            if watched[row].expires > 0 { watched.schedule(row, at: watched[row].expires) }
        case .watching:
            guard watchingRow(key.watcher, key.presentity) == nil,
                let row = addWatching(key.watcher, key.presentity)
            else { return }
            if let id = SubscriptionID(record.id) { watching.set(id, of: row) }
            watching[row].flags = flags
            watching[row].sequence = record.sequence
            watching[row].expires = expires > now ? expires : 0
            guard !flags.contains(.over) else { return }
            // Storms are spread out: so many a second, and never later than the lease.
            let spread = max(1, UInt32(clamping: watching.count) / max(1, settings.pace) + 5)
            watching.schedule(row, at: now + random(1...spread))
        }
    }
}
