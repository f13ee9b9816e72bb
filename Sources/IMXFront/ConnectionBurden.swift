// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import IMXWire

/// What a connection costs us beyond its work, and what is done to keep that within bounds.
struct ConnectionBurden {
    /// The turn of the clock in which the connection is looked at next.
    var turn: UInt64 = 0
    /// Whether the connection no longer counts among those that are not authenticated.
    var isCountedAuthenticated = false
    /// Records that were refused for what they ask, beside those that the machine counts.
    var refusals = 0
    private var gauge = IdleRecordGauge(perSecond: 500, burst: 5000)
    /// Until when nothing is read because too much came that moves nothing forward.
    private(set) var restsUntil: Instant?
    /// Since when the peer has not read what we write; nil while it reads.
    private(set) var unreadSince: Instant?
    /// What was written since then.
    private(set) var unreadOctets = 0

    var isResting: Bool { restsUntil != nil }

    /// Looks at the records that moved nothing forward; true where reading must rest from now on.
    @inline(__always)
    mutating func mustRest(_ machine: borrowing ConnectionMachine, now: Instant) -> Bool {
        let total = machine.counters.idleRecords &+ refusals
        guard !gauge.isUpToDate(total), let rest = gauge.rest(total: total, now: now) else { return false }
        restsUntil = now + rest
        return true
    }

    /// Whether reading may go on after a rest.
    mutating func isRested(now: Instant) -> Bool {
        guard let until = restsUntil, now >= until else { return false }
        restsUntil = nil
        return true
    }

    mutating func writability(_ isWritable: Bool, now: Instant) {
        unreadSince = isWritable ? nil : unreadSince ?? now
        unreadOctets = 0
    }

    /// Notes what is written to a peer that does not read.
    mutating func wrote(_ octets: Int) {
        unreadOctets &+= octets
    }

    /// Whether the peer has left too much unread, or for too long.
    func isUnread(most: Int, for patience: Interval, now: Instant) -> Bool {
        guard let unreadSince else { return false }
        return unreadOctets > most || now - unreadSince >= patience
    }
}
