// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

/// What the other end may use of this one before it is authenticated: octets, records and time. IMX-1 §4.4.
///
/// Octets and records count when their header is read, before anything is held for them. The time runs from the
/// start of the connection, whatever trickles in; it stands still only while this end owes an answer, since the wait for
/// that is not the other's doing, and even then there is a last end to it.
struct OpeningGauge: Sendable {
    private(set) var octetsLeft: Int
    private(set) var recordsLeft: Int
    /// What is left of the other end's own time.
    private var timeLeft: Interval
    /// Since when its time runs; nil while an answer is owed to it.
    private var runningSince: Instant?
    /// The last end of all waiting.
    private let lastEnd: Instant
    private var lastCharge = 0

    init(_ settings: ConnectionSettings, now: Instant) {
        octetsLeft = settings.unauthenticatedOctets
        recordsLeft = settings.unauthenticatedRecords
        timeLeft = settings.handshake
        runningSince = now
        lastEnd = now + settings.unauthenticatedTime
    }

    /// The largest payload that still fits.
    var room: UInt32 { UInt32(clamping: max(0, octetsLeft - RecordHeader.size)) }

    /// Takes octets that are no record.
    mutating func take(octets: Int) {
        octetsLeft -= octets
    }

    /// Takes a whole record of so many octets; false where there were too many records.
    mutating func take(record octets: Int) -> Bool {
        octetsLeft -= octets
        recordsLeft -= 1
        lastCharge = octets
        return recordsLeft >= 0
    }

    /// Gives back what the last record cost, because it was wanted. More than `most` octets of it stay taken.
    mutating func refund(atMost most: Int = .max) {
        octetsLeft += min(lastCharge, most)
        recordsLeft += 1
        lastCharge = 0
    }

    /// This end begins to owe an answer.
    mutating func pause(now: Instant) {
        guard let since = runningSince else { return }
        timeLeft = Interval(nanoseconds: timeLeft.nanoseconds - (now - since).nanoseconds)
        runningSince = nil
    }

    /// This end owes nothing any more.
    mutating func resume(now: Instant) {
        if runningSince == nil { runningSince = now }
    }

    /// When the other end's time is over.
    var deadline: Instant {
        runningSince.map { min($0 + timeLeft, lastEnd) } ?? lastEnd
    }
}
