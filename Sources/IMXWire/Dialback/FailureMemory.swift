// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

import struct NIOCore.ByteBuffer

/// What has failed several times in a row just now, and is not tried again for a few seconds.
///
/// What a failure is remembered under decides who can be hurt by it, so that nobody can have another's true claim
/// refused by making false ones:
///
/// - A server that could not be reached is remembered for the network that claimed its domain, not for the domain. It
///   costs a true claimant in the same network nothing, since nobody could have been asked about its claim either.
/// - A claim that its own server did not know is remembered for the pair **on its connection**: only whoever opened
///   that connection can have made it. Neither the address of the claimant nor the claimed domain would do, because an
///   attacker may share the one and chooses the other.
///
/// It spares dials and is no defence by itself: where it is full it remembers no more, and ``NetworkBudget`` holds.
struct FailureMemory: Sendable {
    enum Subject: Hashable, Sendable {
        case unreachable(source: ByteBuffer, from: AddressBlock)
        case disowned(ConnectionHandle, DomainPair)
    }

    private struct Entry: Sendable {
        var count: Int
        var until: Instant
    }

    private let inARow: Int
    private let life: Interval
    private var entries: [Subject: Entry] = [:]

    /// The most failures that are remembered.
    private static let limit = 4096

    init(_ limits: DialbackLimits) {
        inARow = limits.failuresInARow
        life = limits.failureMemory
    }

    /// Whether the same has failed so often that it is not worth another try at `now`.
    func holds(_ subject: Subject, now: Instant) -> Bool {
        guard let entry = entries[subject] else { return false }
        return entry.count >= inARow && now < entry.until
    }

    /// Notes a failure.
    mutating func note(_ subject: Subject, now: Instant) {
        if let entry = entries[subject], now < entry.until {
            entries[subject] = Entry(count: entry.count + 1, until: now + life)
        } else if entries[subject] != nil || entries.count < Self.limit {
            entries[subject] = Entry(count: 1, until: now + life)
        }
    }

    /// Forgets a failure, because it was followed by a success.
    mutating func clear(_ subject: Subject) {
        entries[subject] = nil
    }

    /// Forgets what is over.
    mutating func forget(now: Instant) {
        entries = entries.filter { now < $0.value.until }
    }
}
