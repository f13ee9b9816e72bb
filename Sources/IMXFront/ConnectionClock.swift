// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import IMXWire

/// When each connection is to be looked at: a ring of half seconds, so that thousands of connections that wait cost
/// nothing until their time has come.
struct ConnectionClock {
    /// The length of a turn.
    static let grain = Interval.milliseconds(500)
    private var ring = [[ConnectionHandle]](repeating: [], count: 128)
    private var turn: UInt64

    init(now: Instant) {
        turn = now.nanoseconds / UInt64(Self.grain.nanoseconds)
    }

    /// Notes that `connection` is to be looked at at `time`, or after the length of the ring where that is sooner;
    /// gives the turn in which that will be.
    mutating func file(_ connection: ConnectionHandle, at time: Instant) -> UInt64 {
        let wanted = time.nanoseconds / UInt64(Self.grain.nanoseconds) &+ 1
        let found = min(max(wanted, turn + 1), turn + UInt64(ring.count) - 1)
        ring[Int(found % UInt64(ring.count))].append(connection)
        return found
    }

    /// Hands out the connections whose turn has come, with their turns.
    mutating func due(now: Instant, _ body: (ConnectionHandle, UInt64) -> Void) {
        let present = now.nanoseconds / UInt64(Self.grain.nanoseconds)
        // After a long sleep every place of the ring is due once.
        if present > turn + UInt64(ring.count) { turn = present - UInt64(ring.count) }
        while turn < present {
            turn += 1
            let place = Int(turn % UInt64(ring.count))
            guard !ring[place].isEmpty else { continue }
            let due = ring[place]
            ring[place] = []
            for connection in due { body(connection, turn) }
        }
    }
}
