// SPDX-License-Identifier: Apache-2.0
import Foundation
import Synchronization

/// A real authoritative name server (Knot) with one unsigned zone, which a test changes while it runs.
final class ZoneServer: Sendable {
    static let program = ["/usr/sbin/knotd", "/usr/local/sbin/knotd"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    let zone: String
    let address: String
    let port: UInt16
    private let directory: URL
    private let state = Mutex<(serial: Int, process: ChildProcess?)>((0, nil))

    init(_ zone: String, in scratch: Scratch) throws {
        self.zone = zone
        address = "127.\(Int.random(in: 64...126)).\(Int.random(in: 1...254)).\(Int.random(in: 1...254))"
        port = try Ports.free()
        directory = try scratch.directory("knot")
    }

    /// Serves `records`, whose time to live is one second.
    func serve(_ records: String) async throws {
        guard let program = Self.program else { throw HarnessError("knotd is not installed") }
        let serial = state.withLock {
            $0.serial += 1
            $0.process = nil
            return $0.serial
        }
        let text = """
            $ORIGIN \(zone).
            $TTL 1
            @ 1 SOA ns root \(serial) 3600 600 86400 1
            @ NS ns
            ns A \(address)
            \(records)

            """
        try text.write(to: directory.appending(path: "zone"), atomically: true, encoding: .utf8)
        try configuration.write(to: directory.appending(path: "knot.conf"), atomically: true, encoding: .utf8)
        let path = directory.appending(path: "knot.conf").path
        let process = try ChildProcess("knotd-\(serial)", [program, "-c", path], in: directory)
        state.withLock { $0.process = process }
        try await eventually("answer of knotd", within: .seconds(60), detail: { process.tail(20) }) {
            if let end = process.ended { throw HarnessError("knotd \(end)\n\(process.tail(20))") }
            return process.tail(40).contains("server started")
        }
    }

    func stop() { state.withLock { $0.process = nil } }

    private var configuration: String {
        """
        server:
          rundir: "\(directory.path)"
          listen: \(address)@\(port)
          udp-workers: 1
          tcp-workers: 1
          background-workers: 1
        database:
          storage: "\(directory.path)/db"
        log:
          - target: stderr
            any: info
        zone:
          - domain: \(zone)
            storage: "\(directory.path)"
            file: zone
            zonefile-sync: -1
            journal-content: none

        """
    }
}
