// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

import struct NIOCore.ByteBuffer

// An orderly close has two steps, as in HTTP/2 (RFC 9113 §6.8): a CLOSE that says "start nothing new", and, once
// nothing is in flight or the time for that is over, a CLOSE with the last tag taken. A PING between them makes sure
// that whatever the peer sent before it saw the first step is taken too.
extension ConnectionMachine {
    /// Begins an orderly close. Requests already under way, in both directions, may still end.
    package mutating func close(_ code: OutcomeCode = .delivered, _ text: String? = nil, now: Instant) {
        switch phase {
        case .closing, .ended: return
        case .preface, .hello, .deciding: sendLast(code, text, now: now)
        case .open:
            guard !localStop else { return }
            localStop = true
            closeCode = code
            drainDeadline = now + settings.drain
            CloseRecord(code: code, lastTag: CloseRecord.draining, text: text.map { ByteBuffer(string: $0) })
                .write(to: &outbound)
            if peerClose == nil { ping(now: now) }
            finishIfDrained(now: now)
        }
    }

    /// Closes at once for an error, telling the peer.
    package mutating func abort(_ error: IMXError) {
        fail(error)
    }

    /// Says that the transport has ended, or that the peer has shut its side of it.
    package mutating func transportClosed() {
        guard phase != .ended, end == nil else { return }
        switch peerClose {
        case nil: finish(.lost)
        case .some(let close) where close.lastTag == CloseRecord.draining: finish(.lost)
        case .some(let close): finish(ending(close))
        }
    }

    /// The peer's CLOSE, first or last step.
    mutating func handleClose(_ close: CloseRecord, now: Instant) -> Inbound? {
        remoteStop = true
        // The last step has been taken before: nothing can be added to it.
        if let peerClose, peerClose.lastTag != CloseRecord.draining { return nil }
        peerClose = close
        switch phase {
        case .open where close.lastTag == CloseRecord.draining:
            finishIfDrained(now: now)
        case .open:
            // Half of what the peer waits, so that our answers reach it before it goes.
            closeDeadline = now + Interval(nanoseconds: settings.closeTimeout.nanoseconds / 2)
            finishIfDrained(now: now)
        case .closing where close.lastTag == CloseRecord.draining:
            return nil
        default:
            finish(ending(close))
        }
        return .closing(close)
    }

    /// Takes the last step once nothing is in flight.
    mutating func finishIfDrained(now: Instant) {
        guard phase == .open, localStop || hasPeerLeft, inboundOpen == 0 else { return }
        guard window.count == 0 || hasPeerLeft else { return }
        sendLast(localStop ? closeCode : .delivered, nil, now: now)
    }

    /// Whether the peer's last CLOSE is there.
    private var hasPeerLeft: Bool {
        peerClose.map { $0.lastTag != CloseRecord.draining } ?? false
    }

    /// Sends the CLOSE after which this end sends nothing more.
    mutating func sendLast(_ code: OutcomeCode, _ text: String?, now: Instant) {
        CloseRecord(code: code, lastTag: lastTaken, text: text.map { ByteBuffer(string: $0) }).write(to: &outbound)
        closeCode = code
        phase = .closing
        closeDeadline = now + settings.closeTimeout
        if let peerClose, hasPeerLeft { finish(ending(peerClose)) }
    }

    /// Closes at once: the peer is told where it can be, and nothing is waited for.
    mutating func fail(_ error: IMXError) {
        switch phase {
        case .ended: return
        case .preface, .closing: break  // IMX-1 §2.2: a wrong preface is answered by silence.
        case .hello, .deciding, .open:
            CloseRecord(
                code: error.code,
                lastTag: lastTaken,
                text: ByteBuffer(string: error.text),
                versions: error.failedField == .versionMin && phase == .hello ? Self.versions : nil,
                failedField: error.failedField
            ).write(to: &outbound)
        }
        finish(.failed(error))
    }

    mutating func finish(_ end: ConnectionEnd) {
        guard phase != .ended else { return }
        phase = .ended
        self.end = end
        current = ByteBuffer()
        partial = ByteBuffer()
    }

    private func ending(_ close: CloseRecord) -> ConnectionEnd {
        localStop || close.code == .delivered ? .orderly : .closedByPeer(close.code)
    }
}
