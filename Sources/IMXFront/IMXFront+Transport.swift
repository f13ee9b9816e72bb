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
            let since = shaking[handle]?.since  // S36: the time for a handshake is not given on top
            if let refusal = admit(handle, SourceAddress(address)) {
                return turnAway(handle, refusal, address: address)
            }
            let connection = makeConnection(
                .acceptor,
                handle,
                address: address,
                link: nil,
                security: security,
                since: since
            )
            markDirty(connection)
        }
    }

    package func maySpeakTLS(_ handle: ConnectionHandle, from address: String) -> Bool {
        var isAdmitted = false
        burst {
            let source = SourceAddress(address)
            if let refusal = admit(handle, source) {
                note(refusal, address)
            } else {
                shaking[handle] = (source, now)
                isAdmitted = true
            }
        }
        return isAdmitted
    }

    /// Takes a new connection in, or says why not. One that has shaken hands was taken in before that.
    private func admit(_ handle: ConnectionHandle, _ source: SourceAddress) -> ConnectionAdmission.Refusal? {
        let wasAdmitted = shaking.removeValue(forKey: handle) != nil
        guard isStopping || draining != nil else { return wasAdmitted ? nil : admission.admit(source, now: now) }
        if wasAdmitted { admission.left(source, wasAuthenticated: false) }
        return .stopping
    }

    package func refused(_ handle: ConnectionHandle, from address: String, for failure: TLSFailure) {
        burst {
            host.count(.refusedConnection)
            count(.handshake(failure.kind, isDialled: false))
            let source = SourceAddress(address)
            if shaking.removeValue(forKey: handle) != nil { admission.left(source, wasAuthenticated: false) }
            notice(
                "connection refused",
                metadata: ["address": "\(address)", "reason": "\(failure)"],
                from: source.network
            )
        }
    }

    package func refused(_ handle: ConnectionHandle, for failure: TLSFailure) {
        count(.handshake(failure.kind, isDialled: true))
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
        restIfFlooded(connection)
        flush()
    }

    package func writabilityChanged(_ isWritable: Bool, on handle: ConnectionHandle) {
        guard let connection = connections[handle] else { return }
        connection.isWritable = isWritable
        connection.burden.writability(isWritable, now: now)
        if !isWritable { file(connection) }
        guard connection.link != nil else { return updateReading(connection) }
        if isWritable { burst { pump(connection) } }
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
        pump(connection)
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
            provedDomains.left(connection.handle)
            admission.left(connection.source, wasAuthenticated: connection.burden.isCountedAuthenticated)
        case .dialler: admission.hangUp(connection.source)
        }
        putBackAll(from: connection)
        forgetDialbacks(of: connection)
        if connection.line != nil { lineEnded(connection, reason: reason) }
        finishDrainIfEmpty()
        finishStopIfClosed()
    }

    // MARK: The end

    package func stop(by deadline: Instant, completion: @escaping () -> Void) {
        burst {
            isStopping = true
            stopCompletion = completion
            transport.stopListening()
            for connection in Array(connections.values) {
                connection.machine.close(.delivered, "shutting down", now: now)  // IMX-1 §5.8
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
