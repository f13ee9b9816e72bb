// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import Foundation
import IMXFront
import IMXWire
import NIOCore
import NIOPosix
import Testing

@testable import TransportSecurity

/// One end: a socket transport on a loop of its own, and what it told.
final class Party: Sendable {
    /// What the transport told, and how the party answers.
    final class Recorder: TransportDelegate {
        struct Line {
            var address: String?
            var security: ConnectionSecurity?
            var received: [UInt8] = []
            var receivedCount = 0
            var closed: String?
            var closedAt: NIODeadline?
            /// When what came last came.
            var receivedAt: NIODeadline?
        }

        unowned let transport: SocketTransport
        var lines: [ConnectionHandle: Line] = [:]
        var refusals: [String] = []
        var kinds: [TLSFailure.Kind] = []
        /// What failed of the handshakes that were dialled.
        var dialledKinds: [TLSFailure.Kind] = []
        /// How many handshakes may begin.
        var room = Int.max
        /// Whether what comes goes back.
        var echoes = true
        var keeps = true
        /// What is written as soon as a dialled connection stands.
        var greeting: [UInt8] = []

        init(_ transport: SocketTransport) { self.transport = transport }

        var accepted: [Line] { lines.values.filter { $0.address != nil } }

        func accepted(_ connection: ConnectionHandle, from address: String, security: ConnectionSecurity?) {
            lines[connection] = Line(address: address, security: security)
        }

        func connected(_ connection: ConnectionHandle, security: ConnectionSecurity?) {
            lines[connection] = Line(security: security)
            if !greeting.isEmpty { transport.write(ByteBuffer(bytes: greeting), on: connection) }
        }

        func received(_ octets: inout ByteBuffer, on connection: ConnectionHandle) {
            lines[connection]?.receivedCount += octets.readableBytes
            lines[connection]?.receivedAt = .now()
            if keeps { lines[connection]?.received += octets.readableBytesView }
            if echoes, lines[connection]?.address != nil { transport.write(octets, on: connection) }
        }

        func readBurstEnded(on connection: ConnectionHandle) {}
        func writabilityChanged(_ isWritable: Bool, on connection: ConnectionHandle) {}

        func closed(_ connection: ConnectionHandle, reason: String) {
            lines[connection, default: Line()].closed = reason
            lines[connection]?.closedAt = .now()
        }

        func maySpeakTLS(_ connection: ConnectionHandle, from address: String) -> Bool {
            room -= 1
            return room >= 0
        }

        func refused(_ connection: ConnectionHandle, from address: String, for failure: TLSFailure) {
            refusals.append(failure.description)
            kinds.append(failure.kind)
        }

        func refused(_ connection: ConnectionHandle, for failure: TLSFailure) { dialledKinds.append(failure.kind) }
    }

    private struct Parts {
        let transport: SocketTransport
        let recorder: Recorder
    }

    let loop: any EventLoop
    private let parts: NIOLoopBound<Parts>
    private static let group = MultiThreadedEventLoopGroup(numberOfThreads: 6)

    init(_ settings: TLSSettings?, maximumConnections: Int = 4096) async throws {
        let loop = Party.group.next()
        self.loop = loop
        // Not on the loop, which others share.
        let inventory = settings.map { CertificateInventory(reading: $0, time: now) }
        let roots = settings.map { TrustRoots($0) }
        if let problem = inventory?.problems.first { throw TLSFailure(problem.description) }
        parts = try await loop.submit {
            var service: TLSService?
            if let settings, let inventory, let roots {
                service = TLSService(settings, inventory: inventory, roots: roots)
            }
            let transport = SocketTransport(
                eventLoop: loop,
                maximumConnections: maximumConnections,
                security: service
            )
            let recorder = Recorder(transport)
            transport.delegate = recorder
            return NIOLoopBound(Parts(transport: transport, recorder: recorder), eventLoop: loop)
        }.get()
    }

    func run<T: Sendable>(_ body: @escaping @Sendable (SocketTransport, Recorder) throws -> T) async throws -> T {
        try await loop.submit { [parts] in try body(parts.value.transport, parts.value.recorder) }.get()
    }

    /// The transport, for what is done on the loop.
    func bound() async throws -> NIOLoopBound<SocketTransport> {
        let loop = loop
        return try await run { transport, _ in NIOLoopBound(transport, eventLoop: loop) }
    }

    func listen(tls: Bool = true) async throws -> UInt16 {
        try await loop.flatSubmit { [parts] in
            parts.value.transport.listen(on: PeerEndpoint(host: "127.0.0.1", port: 0, usesTLS: tls))
        }.get()
    }

    /// Waits until `body` gives something, at most so many seconds.
    func wait<T: Sendable>(
        _ seconds: Double = 60,
        _ what: String = "",
        for body: @escaping @Sendable (SocketTransport, Recorder) -> T?
    ) async throws -> T {
        let end = Date().addingTimeInterval(seconds)
        while true {
            if let found = try await run(body) { return found }
            if Date() > end { throw TLSFailure("waited \(seconds) s for \(what)") }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    func connect(_ port: UInt16, _ name: String, tls: Bool = true, timeout: Interval = .seconds(30)) async throws
        -> ConnectionHandle
    {
        let domain = try #require(Domain(name))
        return try await run { transport, _ in
            transport.connect(
                to: PeerEndpoint(host: "127.0.0.1", port: port, usesTLS: tls),
                serverName: domain,
                timeout: timeout
            )
        }
    }

    /// Connects and waits for the end of the attempt: what TLS says, or why there is no connection.
    func attempt(_ port: UInt16, _ name: String, tls: Bool = true) async throws -> (ConnectionHandle, Ending) {
        let handle = try await connect(port, name, tls: tls)
        let ending: Ending = try await wait(40, "a connection to \(name)") { _, recorder in
            guard let line = recorder.lines[handle] else { return nil }
            return line.closed.map(Ending.closed) ?? .connected(line.security)
        }
        return (handle, ending)
    }

    enum Ending: Sendable {
        case connected(ConnectionSecurity?)
        case closed(String)

        var security: ConnectionSecurity? { if case .connected(let security) = self { security } else { nil } }
        var reason: String? { if case .closed(let reason) = self { reason } else { nil } }
    }

    /// Sends octets and waits for as many back.
    func exchange(_ octets: [UInt8], on handle: ConnectionHandle) async throws -> [UInt8] {
        try await run { transport, recorder in
            recorder.lines[handle]?.received = []
            transport.write(ByteBuffer(bytes: octets), on: handle)
        }
        return try await wait(40, "an echo") { _, recorder in
            guard let line = recorder.lines[handle] else { return nil }
            return line.received.count >= octets.count || line.closed != nil ? line.received : nil
        }
    }
}

/// A directory of its own for a test's files, removed with it.
final class Folder: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "imx-tls-\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func callAsFunction(_ name: String) -> String { "\(path)/\(name)" }

    /// Writes a certificate as certbot lays it out.
    func put(_ issued: Issued, as name: String) throws {
        try FileManager.default.createDirectory(atPath: self("live/\(name)"), withIntermediateDirectories: true)
        try issued.write(to: self("live/\(name)/fullchain.pem"), key: self("live/\(name)/privkey.pem"))
    }
}
