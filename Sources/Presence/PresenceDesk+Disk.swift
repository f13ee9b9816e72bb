// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

import struct NIOCore.ByteBuffer

extension SubscriptionRow.Flags {
    /// What outlives a process.
    static let lasting: SubscriptionRow.Flags = [
        .pending, .asked, .approved, .polite, .cancelling, .session, .untold, .over,  // and .strange, .heard
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
            restoreWatched(record, flags, expires)
        case .watching:
            guard watchingRow(key.watcher, key.presentity) == nil,
                let row = addWatching(key.watcher, key.presentity)
            else { return }
            if let id = SubscriptionID(record.id) { watching.set(id, of: row) }
            // The number that was reached counts for now; what is shown is not known.
            watching[row].flags = flags.union(.confirmed).subtracting(.known)
            watching[row].sequence = record.sequence
            // Where it ran out meanwhile, what an earlier process has shown is taken back when its turn comes.
            let longest = addSaturating(now, settings.wishedSeconds)
            if record.expires != nil { watching[row].expires = min(max(now, expires), longest) }
        }
        hasRestored = true
    }

    private func restoreWatched(_ record: SubscriptionRecord, _ flags: SubscriptionRow.Flags, _ expires: UInt32) {
        let key = record.key
        let isApproved = flags.contains(.approved)
        guard watchedRow(key.watcher, key.presentity) == nil,
            let row = isApproved
                ? addApproved(key.watcher, key.presentity) : addAsked(key.watcher, key.presentity, isLetIn: true)
        else { return }
        if let id = SubscriptionID(record.id) { watched.set(id, of: row) }
        let strange: SubscriptionRow.Flags = isApproved ? [] : .strange
        watched[row].flags = flags.subtracting([.charged, .strange]).union(.unsure).union(strange)
        if flags.contains(.charged), !charge(row) { return }
        watched[row].sequence = freshSequence(after: record.sequence)
        if record.expires == nil {
            // The word that it is over was on its way when the process ended.
            if flags.isDisjoint(with: [.approved, .asked, .forgotten]) { forget(watchedRow: row) }
            return
        }
        // A clock that was set back does not make leases longer than they can be.
        watched[row].expires = min(max(now, expires), addSaturating(now, lease(key.presentity.domain).upperBound))
        if watched[row].expires > now { watched.schedule(row, at: watched[row].expires) }
    }

    /// Gives what was taken up from an earlier process its times: so many a second, now that it is known how many there
    /// are, and none later than its lease.
    func spreadRestored() {
        hasRestored = false
        noteHosting()
        let lapsed = watched.rows.indices.filter { hasLease(UInt32($0)) && watched.rows[$0].due == 0 }
        // Those that ran out meanwhile end one after another, and their watchers are told.
        for index in lapsed where watched.rows[index].flags.contains(.live) {
            watched[UInt32(index)].expires = now + random(1...spread(lapsed.count))
            watched.schedule(UInt32(index), at: watched.rows[index].expires)
        }
        let waiting = watching.rows.indices.filter { index in
            let row = watching.rows[index]
            return row.due == 0 && row.flags.contains(.live) && row.flags.isDisjoint(with: [.over, .inFlight])
        }
        for index in waiting {
            let expires = watching.rows[index].expires
            let latest = expires > now ? min(spread(waiting.count), expires - now) : spread(waiting.count)
            watching.schedule(UInt32(index), at: now + random(1...latest))
        }
    }

    /// Domains may have gone from here while no process ran.
    private func noteHosting() {
        var seen: Set<UInt32> = []
        func note(_ party: UInt32) {
            guard seen.insert(parties.domainNumber(party)).inserted else { return }
            let domain = parties.domain(party)
            if gone[domain] == nil, !isHosted(domain) { gone[domain] = now }
        }
        for row in watched.rows where row.flags.contains(.live) { note(row.presentity) }
        for row in watching.rows where row.flags.contains(.live) { note(row.watcher) }
    }

    /// The seconds over which so many are spread.
    private func spread(_ count: Int) -> UInt32 { UInt32(clamping: count) / max(1, settings.pace) + 5 }
}
