// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
package import NIOCore

/// Bounds what those who connect can make us spend on handshakes. Confined to the loop.
///
/// A handshake costs half a millisecond, all of it on the loop that the messages run on. So only a few are begun at a
/// time, and the messages have their turn between. One that hangs costs memory: how many there may be at once is
/// bounded, in all and for each source; one more ends the oldest, which is the likeliest to hang.
package final class HandshakeGate {
    /// What a handshake is known by here.
    struct Ticket: Hashable {
        fileprivate let number: UInt64
    }

    /// How many handshakes are begun before the messages have their turn.
    static let perTurn = 4
    private let pause = TimeAmount.milliseconds(1)
    private let eventLoop: any EventLoop
    private let maximum: Int
    private let maximumPerSource: Int
    private var standing: [Ticket: Standing] = [:]
    private var order = CircularBuffer<Ticket>()
    private var perSource: [HandshakeSource: Int] = [:]
    private var lastNumber: UInt64 = 0
    private var begunThisTurn = 0
    private var waiting = CircularBuffer<Ticket>()
    private var isTimerSet = false

    private struct Standing {
        var source: HandshakeSource
        var giveWay: () -> Void
        var begin: (() -> Void)?
    }

    /// Makes a gate with the bounds that `settings` give.
    package init(_ settings: TLSSettings, eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        maximum = max(1, settings.maximumHandshakes)
        maximumPerSource = max(1, settings.maximumHandshakesPerSource)
    }

    /// How many handshakes are under way.
    package var count: Int { standing.count }

    /// Takes a connection in; nil where its source has too many under way. `giveWay` is called where it has to end.
    func enter(_ source: HandshakeSource, giveWay: @escaping () -> Void) -> Ticket? {
        guard perSource[source, default: 0] < maximumPerSource else { return nil }
        while standing.count >= maximum, let oldest = order.popFirst() {
            guard let loser = standing[oldest] else { continue }
            leave(oldest)
            loser.giveWay()
        }
        lastNumber += 1
        let ticket = Ticket(number: lastNumber)
        standing[ticket] = Standing(source: source, giveWay: giveWay)
        order.append(ticket)
        perSource[source, default: 0] += 1
        while let first = order.first, standing[first] == nil { order.removeFirst() }
        return ticket
    }

    /// Lets the costly part of a handshake begin, now or when it is its turn.
    func begin(_ ticket: Ticket, _ begin: @escaping () -> Void) {
        guard begunThisTurn >= HandshakeGate.perTurn || !waiting.isEmpty else {
            begunThisTurn += 1
            setTimer()
            return begin()
        }
        standing[ticket]?.begin = begin
        waiting.append(ticket)
        setTimer()
    }

    /// The handshake is over, one way or the other.
    func leave(_ ticket: Ticket) {
        guard let left = standing.removeValue(forKey: ticket) else { return }
        perSource[left.source, default: 1] -= 1
        if perSource[left.source] == 0 { perSource[left.source] = nil }
    }

    private func setTimer() {
        guard !isTimerSet else { return }
        isTimerSet = true
        eventLoop.assumeIsolated().scheduleTask(in: pause) { self.turn() }
    }

    private func turn() {
        isTimerSet = false
        begunThisTurn = 0
        while begunThisTurn < HandshakeGate.perTurn, let ticket = waiting.popFirst() {
            guard let begin = standing[ticket]?.begin else { continue }
            standing[ticket]?.begin = nil
            begunThisTurn += 1
            begin()
        }
        if begunThisTurn > 0 { setTimer() }
    }
}

// S36: the addresses of one IPv6 /64 are one source.
/// Where a connection comes from, as far as its bounds go: an IPv4 address, or an IPv6 /64.
package struct HandshakeSource: Hashable, Sendable {
    private let high: UInt64

    /// The source of a connection from `address`.
    package init(_ address: SocketAddress?) {
        high =
            address?.withSockAddr { pointer, size in
                let octets = UnsafeRawBufferPointer(start: pointer, count: size)
                switch address {
                case .v4 where size >= 8: return UInt64(octets.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
                case .v6 where size >= 24:
                    // An IPv4 address in IPv6 form counts as what it is.
                    return octets[8..<20].elementsEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255])
                        ? UInt64(octets.loadUnaligned(fromByteOffset: 20, as: UInt32.self))
                        : octets.loadUnaligned(fromByteOffset: 8, as: UInt64.self) | 1 << 63
                default: return 0
                }
            } ?? 0
    }
}
