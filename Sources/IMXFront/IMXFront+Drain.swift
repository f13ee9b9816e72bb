// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import IMXWire
import Logging

import struct NIOCore.ByteBuffer

/// Taking this node out of service without a lost message (IMX 4.4.3, 4.4.4, P6).
extension IMXFront {
    /// How far it has come.
    struct Draining {
        var completions: [() -> Void]
        var timer: ScheduledWork?
    }

    /// Takes no more connections, sends peers to another host where one is given, and closes every connection in order:
    /// what is in flight is answered, and what peers begin after that goes elsewhere. Without another host they look
    /// the domain up and find one.
    ///
    /// What waits here for peers still goes out. `completion` is called once no connection is left.
    ///
    /// - Parameters:
    ///   - endpoint: Where the hosted domains are served from now on.
    ///   - seconds: How long peers shall go there before they look the domain up again.
    package func drain(to endpoint: PeerEndpoint?, seconds: UInt32 = 300, completion: @escaping () -> Void = {}) {
        burst {
            draining?.timer?.cancel()
            draining = Draining(completions: (draining?.completions ?? []) + [completion])
            transport.stopListening()
            for connection in sorted(connections.values) where connection.role == .acceptor {
                if let endpoint { sendAway(connection, to: endpoint, seconds) }
                connection.machine.close(.delivered, "out of service", now: now)  // IMX-1 §5.8
                if connection.peer == nil { connection.mustClose = true }  // nobody there to say goodbye to
                work(on: connection)
            }
            stepDrain()
        }
    }

    private func sorted(_ connections: some Sequence<FrontConnection>) -> [FrontConnection] {
        connections.sorted { $0.handle.rawValue < $1.handle.rawValue }
    }

    /// Names the other host for every domain that the peer reaches here on the connection.
    private func sendAway(_ connection: FrontConnection, to endpoint: PeerEndpoint, _ seconds: UInt32) {
        for target in connection.trustedTargets(now: now) {
            let record = RedirectRecord(
                domain: target.octets,
                host: ByteBuffer(string: endpoint.host),
                port: endpoint.port,
                seconds: seconds,
                scope: .all
            )
            connection.machine.send(redirect: record, now: now)
        }
    }

    /// Closes what we dialled as soon as nothing waits for it.
    private func stepDrain() {
        guard draining != nil, !isStopping else { return }
        for connection in sorted(connections.values) {
            guard let link = connection.link, !link.hasWork, connection.machine.isOpen else { continue }
            connection.machine.close(now: now)
            replace(connection)
            work(on: connection)
        }
        draining?.timer?.cancel()
        draining?.timer = host.scheduler.schedule(after: .milliseconds(250)) { [weak self] in
            guard let self else { return }
            burst { self.stepDrain() }
        }
        finishDrainIfEmpty()
    }

    func finishDrainIfEmpty() {
        guard let ended = draining, !ended.completions.isEmpty, connections.isEmpty,
            links.values.allSatisfy({ !$0.hasWork })
        else { return }
        ended.timer?.cancel()
        draining = Draining(completions: [])
        for completion in ended.completions { completion() }
    }
}
