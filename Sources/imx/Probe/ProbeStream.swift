// SPDX-License-Identifier: Apache-2.0
import Dispatch
import EnvelopeModel
import IMXFront
import IMXWire
import NIOCore
import NIOPosix
import Synchronization
import Telemetry
import TransportSecurity

/// One connection of a probe. Its calls block, because a command has nothing else to do; none longer than it is told.
final class ProbeStream {
    /// Why there is nothing to read.
    enum Failure: Error, Equatable {
        /// Nothing, or not enough, came in time.
        case silence
        /// The connection ended, for a reason that people may read.
        case ended(String)
    }

    /// How much is kept of what a peer sends unasked.
    private static let limit = 1 << 20

    private let mailbox = Mailbox()
    private let eventLoop: any EventLoop
    private var wire: NIOLoopBound<ProbeWire>?

    init() { eventLoop = MultiThreadedEventLoopGroup.singleton.any() }

    deinit { close() }

    /// Connects, and where the endpoint speaks TLS shakes hands.
    func connect(
        to endpoint: PeerEndpoint,
        serverName: Domain,
        security: TLSSettings,
        timeout: Interval
    ) throws(Failure) -> ConnectionSecurity? {
        let (eventLoop, mailbox) = (eventLoop, mailbox)
        wire = try? eventLoop.submit {
            let wire = ProbeWire(mailbox, eventLoop: eventLoop, endpoint.usesTLS ? security : nil)
            wire.connect(to: endpoint, serverName: serverName, timeout: timeout)
            return NIOLoopBound(wire, eventLoop: eventLoop)
        }.wait()
        guard wire != nil else { throw .ended("no connection could be begun") }
        // The transport keeps the time; this is for the case that it does not.
        let security = try mailbox.wait(for: timeout + .seconds(2)) { state in
            state.isConnected ? .some(state.security) : nil
        }
        return security
    }

    /// Writes octets.
    func write(_ octets: ByteBuffer) {
        guard let wire else { return }
        eventLoop.execute { wire.value.write(octets) }
    }

    /// Reads exactly `count` octets.
    func read(_ count: Int, within time: Interval) throws(Failure) -> ByteBuffer {
        try mailbox.wait(for: time) { $0.octets.readSlice(length: count) }
    }

    /// What has come and not been read, for a look at it.
    func peek() -> ByteBuffer { mailbox.octets }

    /// Waits until the other end has closed; false where it does not.
    func waitForEnd(within time: Interval) -> Bool {
        do {
            return try mailbox.wait(for: time) { $0.ending != nil ? true : nil }
        } catch { return error != .silence }
    }

    /// Closes.
    func close() {
        guard let wire else { return }
        eventLoop.execute { wire.value.close() }
        self.wire = nil
    }

    /// What the event loop and the command share.
    fileprivate final class Mailbox: Sendable {
        struct State: Sendable {
            var isConnected = false
            var security: ConnectionSecurity?
            var octets = ByteBuffer()
            var ending: String?
        }

        private let state = Mutex(State())
        private let changed = DispatchSemaphore(value: 0)

        var octets: ByteBuffer { state.withLock { $0.octets } }

        func change(_ body: (inout State) -> Void) {
            state.withLock { body(&$0) }
            changed.signal()
        }

        func wait<Value: Sendable>(
            for time: Interval,
            _ take: (inout State) -> Value?
        ) throws(Failure) -> Value {
            let deadline = DispatchTime.now() + .nanoseconds(Int(time.nanoseconds))
            while true {
                let (value, ending) = state.withLock { (take(&$0), $0.ending) }
                if let value { return value }
                if let ending { throw .ended(ending) }
                if changed.wait(timeout: deadline) == .timedOut { throw .silence }
            }
        }

        func received(_ octets: inout ByteBuffer) -> Bool {
            let isWithinBounds = state.withLock { state in
                state.octets.writeBuffer(&octets)
                return state.octets.readableBytes <= ProbeStream.limit
            }
            changed.signal()
            return isWithinBounds
        }
    }
}

/// The transport's end of a probe's connection. Confined to the event loop.
private final class ProbeWire: TransportDelegate {
    private let mailbox: ProbeStream.Mailbox
    private let transport: SocketTransport
    private var handle: ConnectionHandle?

    /// Reads the authorities from the disk, where TLS is spoken: nothing else waits for this loop.
    init(_ mailbox: ProbeStream.Mailbox, eventLoop: any EventLoop, _ security: TLSSettings?) {
        self.mailbox = mailbox
        transport = SocketTransport(
            eventLoop: eventLoop,
            maximumConnections: 1,
            security: security.map { TLSService(reading: $0, time: WallTime.now.milliseconds / 1000) }
        )
        transport.delegate = self
    }

    func connect(to endpoint: PeerEndpoint, serverName: Domain, timeout: Interval) {
        handle = transport.connect(to: endpoint, serverName: serverName, timeout: timeout)
    }

    func write(_ octets: ByteBuffer) {
        if let handle { transport.write(octets, on: handle) }
    }

    func close() {
        if let handle { transport.close(handle) }
    }

    func accepted(_ connection: ConnectionHandle, from address: String, security: ConnectionSecurity?) {}

    func connected(_ connection: ConnectionHandle, security: ConnectionSecurity?) {
        mailbox.change { state in
            state.isConnected = true
            state.security = security
        }
    }

    func received(_ octets: inout ByteBuffer, on connection: ConnectionHandle) {
        if !mailbox.received(&octets) { transport.close(connection) }
    }

    func readBurstEnded(on connection: ConnectionHandle) {}

    func writabilityChanged(_ isWritable: Bool, on connection: ConnectionHandle) {}

    func closed(_ connection: ConnectionHandle, reason: String) {
        mailbox.change { $0.ending = reason }
    }
}
