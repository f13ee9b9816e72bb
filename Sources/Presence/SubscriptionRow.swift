// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore

/// One subscription as one side of it remembers it, in seventy octets.
struct SubscriptionRow {
    static let none = UInt32.max

    var watcher: UInt32
    var presentity: UInt32
    /// The subscription's identifier where it has at most sixteen octets.
    var idHigh: UInt64 = 0
    var idLow: UInt64 = 0
    /// The sequence number of the last notification, sent or taken.
    var sequence: UInt64 = 0
    /// When the lease is over, in seconds of the desk's clock; 0 where there is none.
    var expires: UInt32 = 0
    /// When the row is to be looked at next; 0 where nothing is due.
    var due: UInt32 = 0
    /// Counts the rows that had this place, so that a late answer never meets another.
    var generation: UInt16 = 0
    var flags: Flags = []
    /// The octets of the identifier; 255 where it stands beside the table.
    var idLength: UInt8 = 0
    /// Tries that failed in a row.
    var failures: UInt8 = 0
    var next = none
    var previous = none
    var nextDue = none
    var previousDue = none

    struct Flags: OptionSet {
        let rawValue: UInt16

        /// The row is in use.
        static let live = Flags(rawValue: 1 << 0)
        /// A request of ours is on its way.
        static let inFlight = Flags(rawValue: 1 << 1)
        /// There is more to send once that has its answer.
        static let dirty = Flags(rawValue: 1 << 2)
        /// The presentity has yet to decide.
        static let pending = Flags(rawValue: 1 << 3)
        /// The presentity's side: the service was asked.
        static let asked = Flags(rawValue: 1 << 4)
        /// The watcher's side: something was heard of the watcher since sessions were looked through.
        static let heard = asked
        /// The presentity has approved; the watcher's side: and the watcher was told.
        static let approved = Flags(rawValue: 1 << 5)
        /// Granted and never served.
        static let polite = Flags(rawValue: 1 << 6)
        /// The watcher's side: a notification of this lease has said "active" to this process.
        static let known = polite
        /// The watcher's side: over, as far as the watcher is concerned; the other side has yet to be told.
        static let cancelling = Flags(rawValue: 1 << 7)
        /// The presentity's side: a watcher has asked for the row, and the presentity has not approved it.
        static let strange = cancelling
        /// The watcher's side: asked for once, not wanted any longer.
        static let fetch = Flags(rawValue: 1 << 8)
        /// The watcher's side: the watcher has a session, as far as is known.
        static let session = Flags(rawValue: 1 << 9)
        /// The presentity's side: counted against the watcher's domain, which has asked for the row.
        static let charged = session
        /// The presentity's side: the service was asked for the state, so that a change seen now had escaped us.
        static let probed = Flags(rawValue: 1 << 10)
        /// The row stands in the database.
        static let stored = Flags(rawValue: 1 << 11)
        /// The watcher's side: the service was away when it was to be told of the approval.
        static let untold = Flags(rawValue: 1 << 13)
        /// The presentity's side: from an earlier process; what the watcher was told last is not known.
        static let unsure = untold
        /// The watcher's side: over; the service was away when it was to be told. The code stands in `sequence`.
        static let over = Flags(rawValue: 1 << 14)
        /// The presentity's side: the service was away when it was to be told that the watcher has given up.
        static let forgotten = over
        /// The watcher's side: a notification has said "active" since the last request.
        static let confirmed = Flags(rawValue: 1 << 15)
        /// The presentity's side: the notification on its way is the last of the lease.
        static let last = Flags(rawValue: 1 << 12)
    }
}
