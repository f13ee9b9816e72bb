// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import NIOCore

/// The stanzas that the server has been given and has not confirmed, in order, with the barriers between them.
///
/// A component link has no acknowledgements (XEP-0114). A server takes stanzas in order, so its answer to a ping proves
/// that it took everything before the ping (XEP-0199): that it sits in the server's memory, on its way to the clients'
/// sockets. Servers write to all their sockets in one go, in any order, so a server that is killed may have sent us the
/// answer and not yet the messages. Therefore a stanza counts as delivered only with the answer to a ping that was sent
/// after the first answer had come: the server has been through its loop since.
struct DeliveryLedger {
    struct Entry {
        /// Nil once it has been settled by itself.
        var ticket: Ticket?
        var fingerprint: Int
    }

    private struct Barrier {
        var number: UInt64
        /// How many stanzas had been written before it, since the link came up.
        var position: Int
        /// How many of them the server was known to have taken when it was sent.
        var taken: Int
    }

    private var entries = CircularBuffer<Entry>(initialCapacity: 1_024)
    private var barriers = CircularBuffer<Barrier>(initialCapacity: 8)
    private var written = 0
    private var guarded = 0
    private var taken = 0
    private var provable = 0
    private var nextNumber: UInt64 = 1

    /// The stanzas confirmed lately, whose errors may still come.
    private var confirmed: [Int] = []
    private var nextConfirmed = 0
    private static let remembered = 4_096

    /// How many stanzas are unconfirmed.
    var count: Int { entries.count }

    /// How many pings are unanswered.
    var barrierCount: Int { barriers.count }

    /// Whether another ping would tell something new.
    var needsBarrier: Bool { guarded < written || provable < taken }

    mutating func append(_ ticket: Ticket, fingerprint: Int) {
        entries.append(Entry(ticket: ticket, fingerprint: fingerprint))
        written += 1
    }

    /// Opens a barrier after everything written so far and returns its number.
    mutating func openBarrier() -> UInt64 {
        let number = nextNumber
        nextNumber += 1
        barriers.append(Barrier(number: number, position: written, taken: taken))
        guarded = written
        provable = taken
        return number
    }

    /// Takes the answer to the ping `number`: calls `confirm` for every stanza that is delivered; false for no ping of
    /// ours.
    mutating func closeBarrier(_ number: UInt64, confirm: (Ticket) -> Void) -> Bool {
        guard let place = barriers.firstIndex(where: { $0.number == number }) else { return false }
        let barrier = barriers[place]
        taken = max(taken, barrier.position)
        barriers.removeFirst(barriers.distance(from: barriers.startIndex, to: place) + 1)
        while written - entries.count < barrier.taken, let entry = entries.popFirst() {
            remember(entry.fingerprint)
            if let ticket = entry.ticket { confirm(ticket) }
        }
        return true
    }

    /// What an error stanza with this fingerprint is about.
    enum Match {
        /// A stanza still unconfirmed; it is settled with the error now.
        case pending(Ticket)
        /// A stanza that has been settled as delivered.
        case confirmed
        /// Nothing of ours.
        case none
    }

    /// Finds the stanza with `fingerprint`, the oldest first, and forgets it.
    mutating func take(_ fingerprint: Int) -> Match {
        guard fingerprint != 0 else { return .none }
        if let place = entries.firstIndex(where: { $0.fingerprint == fingerprint && $0.ticket != nil }),
            let ticket = entries[place].ticket
        {
            entries[place].ticket = nil
            return .pending(ticket)
        }
        guard let place = confirmed.firstIndex(of: fingerprint) else { return .none }
        confirmed[place] = 0
        return .confirmed
    }

    /// Forgets a ticket that has become void; its stanza stays where it is in the order.
    mutating func void(_ ticket: Ticket) {
        if let place = entries.firstIndex(where: { $0.ticket == ticket }) { entries[place].ticket = nil }
    }

    /// The link is gone: hands every unsettled ticket to `lose`, and starts anew.
    mutating func reset(lose: (Ticket) -> Void) {
        let lost = entries
        entries.removeAll(keepingCapacity: true)
        barriers.removeAll(keepingCapacity: true)
        written = 0
        guarded = 0
        taken = 0
        provable = 0
        for entry in lost { entry.ticket.map(lose) }
    }

    private mutating func remember(_ fingerprint: Int) {
        // What no error can be about takes nobody's place.
        guard fingerprint != 0 else { return }
        if confirmed.count < DeliveryLedger.remembered {
            confirmed.append(fingerprint)
        } else {
            confirmed[nextConfirmed] = fingerprint
            nextConfirmed = (nextConfirmed + 1) % DeliveryLedger.remembered
        }
    }
}
