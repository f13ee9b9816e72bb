// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

package import struct NIOCore.ByteBuffer

/// Which of the two sides of a subscription is meant.
package enum PresenceSide: UInt8, Sendable, Hashable {
    /// Users here are watched.
    case watched = 0
    /// Users here watch.
    case watching = 1
}

/// One subscription as it stands on disk, so that a restart changes nothing for anybody (RFC 3859 §3.4).
package struct PresenceRecord: Sendable, Hashable {
    package var side: PresenceSide
    package var watcher: Address
    package var presentity: Address
    package var id: ByteBuffer
    /// What the subscription is in; the bits of `SubscriptionRow.Flags` that outlive a process.
    package var flags: UInt16
    /// When the lease is over; nil where there is none.
    package var expires: WallTime?
    package var sequence: UInt64

    package init(
        side: PresenceSide,
        watcher: Address,
        presentity: Address,
        id: ByteBuffer,
        flags: UInt16,
        expires: WallTime?,
        sequence: UInt64
    ) {
        self.side = side
        self.watcher = watcher
        self.presentity = presentity
        self.id = id
        self.flags = flags
        self.expires = expires
        self.sequence = sequence
    }
}

/// Something that is to be written to disk, in order.
package enum PresenceChange: Sendable, Hashable {
    case save(PresenceRecord)
    case remove(PresenceSide, watcher: Address, presentity: Address)
}

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

    private func record(_ side: PresenceSide, _ row: SubscriptionRow, _ id: SubscriptionID?) -> PresenceRecord {
        PresenceRecord(
            side: side,
            watcher: parties.address(row.watcher),
            presentity: parties.address(row.presentity),
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
    package func restore(_ record: PresenceRecord) {
        let remaining = record.expires.map { ($0.milliseconds - origin.milliseconds) / 1_000 } ?? 0
        let expires = UInt32(clamping: max(0, remaining))
        let flags = SubscriptionRow.Flags(rawValue: record.flags).intersection(.lasting).union([.live, .stored])
        switch record.side {
        case .watched:
            guard watchedRow(record.watcher, record.presentity) == nil,
                let row = addWatched(record.watcher, record.presentity)
            else { return }
            if let id = SubscriptionID(record.id) { watched.set(id, of: row) }
            watched[row].flags = flags.subtracting(.charged).union(.unsure)
            if flags.contains(.charged), !charge(row) { return }
            watched[row].sequence = freshSequence(after: record.sequence)
            // One that ran out meanwhile ends in the next second, and its watcher is told.
            // A clock that was set back does not make leases longer than they can be.
            let longest = addSaturating(now, lease(record.presentity.domain).upperBound)
            if record.expires != nil { watched[row].expires = min(max(now, expires), longest) }
            if watched[row].expires > 0 { watched.schedule(row, at: watched[row].expires) }
        case .watching:
            guard watchingRow(record.watcher, record.presentity) == nil,
                let row = addWatching(record.watcher, record.presentity)
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
