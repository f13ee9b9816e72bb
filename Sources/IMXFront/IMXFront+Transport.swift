// SPDX-License-Identifier: Apache-2.0
import AdapterKit
package import EnvelopeModel
package import IMXWire
import Logging
package import TransportSecurity

package import struct NIOCore.ByteBuffer

/// What happens to connections.
extension IMXFront {
    package func accepted(_ handle: ConnectionHandle, from address: String, security: ConnectionSecurity?) {
        burst {
            let refusal = isStopping ? .stopping : admission.admit(SourceAddress(address), now: now)
            if let refusal { return turnAway(handle, refusal, address: address) }
            let connection = makeConnection(.acceptor, handle, address: address, link: nil)
            connection.security = security
            markDirty(connection)
        }
    }

    package func refused(from address: String, reason: String) {
        host.count(.refusedConnection)
        burst { notice("connection refused", metadata: ["address": "\(address)", "reason": "\(reason)"]) }
    }

    package func connected(_ handle: ConnectionHandle, security: ConnectionSecurity?) {
        guard let connection = connections[handle] else { return }
        connection.security = security
        burst { markDirty(connection) }
    }

    package func received(_ octets: inout ByteBuffer, on handle: ConnectionHandle) {
        guard let connection = connections[handle] else { return }
        if !connection.isInBurst {
            connection.isInBurst = true
            burstDepth += 1
            now = host.scheduler.now
        }
        connection.machine.receive(&octets, now: now)
        burst { work(on: connection) }
    }

    package func readBurstEnded(on handle: ConnectionHandle) {
        guard let connection = connections[handle], connection.isInBurst else { return }
        connection.isInBurst = false
        burstDepth -= 1
        restIfFlooded(connection)
        flush()
    }

    package func writabilityChanged(_ isWritable: Bool, on handle: ConnectionHandle) {
        guard let connection = connections[handle] else { return }
        connection.isWritable = isWritable
        connection.burden.writability(isWritable, now: now)
        if !isWritable { file(connection) }
        guard let link = connection.link else { return updateReading(connection) }
        if isWritable { burst { pump(link) } }
    }

    package func closed(_ handle: ConnectionHandle, reason: String) {
        guard let connection = connections[handle] else { return }
        burst {
            connection.machine.transportClosed()
            work(on: connection)
            end(connection, reason: reason)
        }
    }

    /// Takes everything that the connection's machine has to say.
    func work(on connection: FrontConnection) {
        while let event = connection.machine.next(now: now) {
            handle(event, on: connection)
        }
        markDirty(connection)
        if connection.machine.isAuthenticated, !connection.burden.isCountedAuthenticated { authenticated(connection) }
        if let link = connection.link { pump(link) }
    }

    private func authenticated(_ connection: FrontConnection) {
        connection.burden.isCountedAuthenticated = true
        if connection.role == .acceptor { admission.authenticated(connection.source, now: now) }
    }

    /// The connection is gone; what was asked on it finds its end.
    private func end(_ connection: FrontConnection, reason: String) {
        guard connections.removeValue(forKey: connection.handle) != nil else { return }
        if connection.isInBurst {
            connection.isInBurst = false
            burstDepth -= 1
        }
        switch connection.role {
        case .acceptor:
            admission.left(connection.source, wasAuthenticated: connection.burden.isCountedAuthenticated)
        case .dialler: admission.hangUp(connection.source)
        }
        putBack(connection.machine.takeUnhandled().compactMap { connection.take($0) }, asRepeats: false)
        putBack(connection.machine.takeRemaining().compactMap { connection.take($0) }, asRepeats: true)
        forgetDialbacks(of: connection)
        if let link = connection.link, link.isServed(by: connection.handle) {
            linkIsDown(
                link,
                wasUp: connection.peer != nil,
                hasServed: connection.hasServed,
                reason: connection.endReason ?? reason
            )
        }
        finishStopIfClosed()
    }

    /// Puts what has no answer back in line, before everything that waits there, in the order in which it was sent.
    private func putBack(_ requests: [FrontConnection.Request], asRepeats: Bool) {
        for request in requests.reversed() {
            switch request {
            case .delivery(let delivery, let pair, let isRepeat):
                // A repeat that the peer did not take stays one: an earlier connection may have brought it there.
                if asRepeats || isRepeat {
                    pair.toRepeat.prepend(delivery)
                } else {
                    pair.waiting.prepend(delivery)
                    waiting[delivery.ticket] = pair
                }
            case .claim(let pair): if pair.claim == .asked { pair.claim = .none }
            case .verification(let id): verificationFailed(id)
            }
        }
    }

    // MARK: The end

    package func stop(by deadline: Instant, completion: @escaping () -> Void) {
        burst {
            isStopping = true
            stopCompletion = completion
            transport.stopListening()
            for connection in Array(connections.values) {
                connection.machine.close(.unavailable, "shutting down", now: now)
                if connection.peer == nil { connection.mustClose = true }  // nobody there to say goodbye
                work(on: connection)
            }
        }
        host.scheduler.schedule(after: deadline - host.scheduler.now) { [weak self] in
            guard let self else { return }
            for handle in connections.keys { transport.close(handle) }
            completeStop()
        }
        finishStopIfClosed()
    }

    func finishStopIfClosed() {
        if isStopping, connections.isEmpty { completeStop() }
    }

    private func completeStop() {
        clockTimer?.cancel()
        stopCompletion?()
        stopCompletion = nil
    }
}
