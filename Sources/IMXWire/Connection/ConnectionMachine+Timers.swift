// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

import struct NIOCore.ByteBuffer

extension ConnectionMachine {
    /// The time at which ``tick(now:)`` has something to do; nil where there is none.
    package var nextWake: Instant? {
        switch phase {
        case .preface, .hello, .deciding: return started + settings.handshake
        case .closing: return closeDeadline
        case .ended: return nil
        case .open: break
        }
        var wake = min(drainDeadline, closeDeadline, idleDeadline)
        if isAuthenticated {
            wake = min(wake, pingSent.map { $0 + settings.pingTimeout } ?? lastHeard + settings.pingAfter)
        } else {
            wake = min(wake, openingDeadline)
        }
        return min(wake, recordDeadline)
    }

    /// Does what the time asks for.
    package mutating func tick(now: Instant) {
        switch phase {
        case .preface, .hello, .deciding:
            if now >= started + settings.handshake { fail(.fatal(.timedOut, "no HELLO in time")) }
        case .closing:
            if now >= closeDeadline { finish(.failed(.fatal(.timedOut, "no CLOSE in time"))) }
        case .open: tickOpen(now: now)
        case .ended: break
        }
    }

    private mutating func tickOpen(now: Instant) {
        if now >= min(drainDeadline, closeDeadline) {
            return sendLast(localStop ? closeCode : .delivered, nil, now: now)
        }
        if now >= idleDeadline { return sendLast(.delivered, "idle", now: now) }
        if now >= recordDeadline { return fail(.fatal(.timedOut, "record took too long")) }
        if isAuthenticated {
            // The peer's time runs from the question, however late our own clock was to ask.
            if let pingSent {
                if now >= pingSent + settings.pingTimeout { fail(.fatal(.timedOut, "peer is silent")) }
            } else if now >= lastHeard + settings.pingAfter {
                pingSent = now
                ping(now: now)
            }
        } else if now >= openingDeadline {
            fail(.fatal(.timedOut, "not authenticated in time"))
        }
    }

    /// When a peer that connected to here must be authenticated. One that verifies claims of ours need not be; it may
    /// be idle for a time (IMX-1 §6.6).
    private var openingDeadline: Instant {
        role == .acceptor && !isVouchedFor ? gauge.deadline : .distantFuture
    }

    /// When the record that has begun to come must be whole.
    private var recordDeadline: Instant {
        guard partial.readableBytes > 0 else { return .distantFuture }
        guard isAuthenticated else { return partialSince + settings.handshake }
        let octets = Int(partial.recordHeader?.length ?? 0)
        return partialSince + settings.record + .milliseconds(octets / 16)
    }

    /// When the connection has been without work for too long.
    private var idleDeadline: Instant {
        guard inboundOpen == 0, window.count == 0 else { return .distantFuture }
        return lastActivity + (isAuthenticated ? idleTime : settings.unauthenticatedIdle)
    }

    /// How long this end keeps an idle connection. The dialler leaves before the time that the acceptor has published,
    /// so that it never sends into a connection that is just being closed (IMX 4.4.6).
    private var idleTime: Interval {
        let own = Interval.seconds(Int(settings.idleSeconds))
        guard role == .dialler, let published = peerHello?.idleSeconds else { return own }
        return min(own, Interval(nanoseconds: Int64(published) * 900_000_000))
    }

    /// Asks the peer for a sign of life.
    mutating func ping(now: Instant) {
        let tag = window.add(.ping, cookie: nil)
        let start = outbound.beginRecord(.ping, .request, tag: tag)
        outbound.writeField(.opaque, now.nanoseconds)
        outbound.endRecord(at: start)
    }
}
