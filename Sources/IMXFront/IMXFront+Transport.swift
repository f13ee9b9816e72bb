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
            guard !isStopping, connectionsByAddress[address, default: 0] < settings.connectionsPerAddress else {
                notice("connection refused: too many from there", metadata: ["address": "\(address)"])
                return transport.close(handle)
            }
            connectionsByAddress[address, default: 0] += 1
            let connection = makeConnection(.acceptor, handle, address: address, link: nil, security: security)
            markDirty(connection)
        }
    }

    package func refused(from address: String, reason: String) {
        burst { notice("connection refused", metadata: ["address": "\(address)", "reason": "\(reason)"]) }
    }

    package func connected(_ handle: ConnectionHandle, security: ConnectionSecurity?) {
        guard let connection = connections[handle] else { return }
        connection.security = security
        if security?.exporter != nil { connection.machine.offer(.channelBinding) }
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
        flush()
    }

    package func writabilityChanged(_ isWritable: Bool, on handle: ConnectionHandle) {
        guard let connection = connections[handle] else { return }
        connection.isWritable = isWritable
        guard let link = connection.link else {
            // Who asks and does not read our answers is not listened to, or the answers would pile up here. Only at the
            // end that was dialled: the other end always reads, so the two never wait for each other.
            return transport.setReading(isWritable, on: handle)
        }
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
        if let link = connection.link { pump(link) }
    }

    /// The connection is gone; what was asked on it finds its end.
    private func end(_ connection: FrontConnection, reason: String) {
        guard connections.removeValue(forKey: connection.handle) != nil else { return }
        if connection.isInBurst {
            connection.isInBurst = false
            burstDepth -= 1
        }
        if connection.role == .acceptor {
            connectionsByAddress[connection.address, default: 1] -= 1
            if connectionsByAddress[connection.address] == 0 { connectionsByAddress[connection.address] = nil }
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
