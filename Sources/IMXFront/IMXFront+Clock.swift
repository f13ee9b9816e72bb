// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import IMXWire
import Logging

/// Time: what becomes of connections on which nothing happens, or too much of what moves nothing forward.
extension IMXFront {
    /// Keeps telling the time for as long as there is a connection.
    func watchClock() {
        guard clockTimer == nil, !connections.isEmpty || crowd.isWatching(0) else { return }
        clockTimer = host.scheduler.schedule(after: ConnectionClock.grain) { [weak self] in
            guard let self else { return }
            clockTimer = nil
            burst {
                self.reviewRisen()
                self.lookAtConnections()
                self.expireDialbacks()
                self.tellLeftOut()
            }
            if crowd.hasGone(connections.count, now: now) {
                connections = connections.filter { _ in true }  // the table is as large as the crowd was
                onCrowdGone?()
            }
            watchClock()
        }
    }

    private func lookAtConnections() {
        var due: [FrontConnection] = []
        connectionClock.due(now: now) { handle, turn in
            // A connection that was filed again has its place later in the ring, or was handed out a moment ago.
            guard let connection = connections[handle], connection.burden.turn <= turn else { return }
            connection.burden.turn = .max
            due.append(connection)
        }
        for connection in due {
            look(at: connection)
            if connections[connection.handle] != nil { file(connection) }
        }
    }

    /// Notes when the connection is to be looked at. A stranger that waits for nothing is left alone until its time is
    /// over, since there may be thousands of them.
    func file(_ connection: FrontConnection) {
        let soon = now + ConnectionClock.grain
        let isLeftAlone =
            connection.role == .acceptor && !connection.machine.isAuthenticated && connection.machine.requestsOwed == 0
            && connection.isWritable && !connection.burden.isResting
        let wake = isLeftAlone ? connection.machine.nextWake ?? soon : soon
        connection.burden.turn = connectionClock.file(connection.handle, at: wake)
    }

    private func look(at connection: FrontConnection) {
        connection.machine.tick(now: now)
        if connection.isSilent(for: settings.answerPatience, now: now) {
            // It answers pings perhaps, but nothing that was asked; its window would be full for ever.
            connection.machine.abort(IMXError(.timedOut, "no request was answered", scope: .connection))
        }
        let isUnread = connection.burden.isUnread(most: settings.unreadOctets, for: settings.readPatience, now: now)
        if isUnread, !connection.mustClose {
            count(.unread)
            notice("connection given up: the peer does not read", on: connection)
            connection.machine.abort(IMXError(.timedOut, "our octets are not read", scope: .connection))
        }
        if connection.burden.isRested(now: now) { updateReading(connection) }
        connection.detachOldRequests()
        work(on: connection)
    }

    /// Reading rests where too much comes that moves nothing forward.
    ///
    /// S41: it also rests while a peer that connected to us does not read our answers, or they would pile up here. Only
    /// at the end that was dialled: the other end always reads, so the two never wait for each other.
    func updateReading(_ connection: FrontConnection) {
        let isHeld = connection.burden.isResting || (connection.link == nil && !connection.isWritable)
        transport.setReading(!isHeld, on: connection.handle)
    }

    /// Called after each read burst: a flood is left in the sender's own buffers.
    @inline(__always)
    func restIfFlooded(_ connection: FrontConnection) {
        guard connection.burden.mustRest(connection.machine, now: now) else { return }
        rest(connection)
    }

    @inline(never)
    private func rest(_ connection: FrontConnection) {
        count(.flood)
        updateReading(connection)
        file(connection)
        notice("peer made to wait: too many records that move nothing forward", on: connection)
    }
}
