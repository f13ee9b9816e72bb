// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import Store

/// Where an unsettled envelope is.
enum Whereabouts: UInt8 {
    /// In its lane.
    case waiting
    /// With the adapter at its destination.
    case handedOver
    /// Settled while still in its lane; the lane drops it when it comes up.
    case dropped
}

/// The envelopes that have no outcome yet, in a table that allocates nothing for an envelope.
struct TicketTable {
    struct Entry {
        var envelope: Envelope?
        var token: UInt64 = 0
        var slot: RepeatWindow.Slot?
        var generation: UInt32 = 0
        /// The next entry in the same lane, or in the list of free entries.
        var next: UInt32 = TicketTable.none
        var lane: UInt32 = 0
        var octets: Int = 0
        var origin: UInt16 = 0
        var whereabouts: Whereabouts = .waiting
    }

    static let none = UInt32.max

    private(set) var entries: ContiguousArray<Entry> = []
    private var firstFree = TicketTable.none
    /// How many envelopes have no outcome.
    private(set) var unsettled = 0

    subscript(index: UInt32) -> Entry {
        _read { yield entries[Int(index)] }
        _modify { yield &entries[Int(index)] }
    }

    mutating func insert(_ envelope: consuming Envelope, token: UInt64, origin: UInt16, lane: UInt32, octets: Int)
        -> UInt32
    {
        let index: UInt32
        if firstFree == TicketTable.none {
            index = UInt32(entries.count)
            entries.append(Entry())
        } else {
            index = firstFree
            firstFree = entries[Int(index)].next
        }
        unsettled += 1
        let place = Int(index)
        entries[place].envelope = consume envelope
        entries[place].token = token
        entries[place].origin = origin
        entries[place].lane = lane
        entries[place].octets = octets
        entries[place].next = TicketTable.none
        entries[place].whereabouts = .waiting
        return index
    }

    /// Takes the envelope out because it has an outcome. The entry itself is freed by ``free(_:)``.
    mutating func settle(_ index: UInt32) -> Envelope? {
        unsettled -= 1
        entries[Int(index)].generation &+= 1
        entries[Int(index)].slot = nil
        return entries[Int(index)].envelope.take()
    }

    mutating func free(_ index: UInt32) {
        entries[Int(index)].next = firstFree
        firstFree = index
    }

    func ticket(_ index: UInt32) -> Ticket {
        Ticket(index: index, generation: entries[Int(index)].generation)
    }

    /// The entry that `ticket` is good for; nil where it is void.
    func index(of ticket: Ticket) -> UInt32? {
        guard ticket.index < entries.count, entries[Int(ticket.index)].generation == ticket.generation,
            entries[Int(ticket.index)].envelope != nil
        else { return nil }
        return ticket.index
    }

    /// The tickets of all envelopes without an outcome.
    var unsettledTickets: [Ticket] {
        entries.indices.filter { entries[$0].envelope != nil }.map { ticket(UInt32($0)) }
    }
}
