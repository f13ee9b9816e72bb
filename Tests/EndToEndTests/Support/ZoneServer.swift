// SPDX-License-Identifier: Apache-2.0
import Foundation
import Synchronization

/// A real authoritative name server (Knot) with one zone, signed where that is asked for, which a test changes while it
/// runs.
final class ZoneServer: Sendable {
    /// Whether what it takes is installed.
    static let isPossible = ["knotd", "kzonesign", "keymgr"].allSatisfy { path(of: $0) != nil }

    let zone: String
    let address: String
    let port: UInt16
    private let directory: URL
    private let state = Mutex<(serial: Int, process: ChildProcess?)>((0, nil))

    init(_ zone: String, in scratch: Scratch) throws {
        self.zone = zone
        address = "127.\(Int.random(in: 64...126)).\(Int.random(in: 1...254)).\(Int.random(in: 1...254))"
        port = try Ports.free()
        directory = try scratch.directory("zone")
        for name in ["zone/plain", "zone/served", "zone/keys"] { _ = try scratch.directory(name) }
        try configuration(folder: "plain", signs: true)
            .write(to: directory.appending(path: "sign.conf"), atomically: true, encoding: .utf8)
        try configuration(folder: "served", signs: false)
            .write(to: directory.appending(path: "serve.conf"), atomically: true, encoding: .utf8)
        // Of a zone that nobody has: then nothing is signed.
        try "elsewhere.test. IN DS 4711 13 2 \(String(repeating: "5A", count: 32))\n"
            .write(to: anchor, atomically: true, encoding: .utf8)
    }

    /// The file that DNSSEC is checked from.
    private var anchor: URL { directory.appending(path: "anchor") }

    /// The section `dns` of an aggregator that knows this zone and no other.
    func section() throws -> String {
        "{ servers: [ \"127.0.0.1:\(try Ports.free())\" ], zones: { \(zone): [ \"\(address):\(port)\" ] }, "
            + "trust-anchor: \(anchor.path), allow-addresses: [ 127.0.0.0/8 ] }"
    }

    /// Serves `records`, whose time to live is one second.
    func serve(_ records: String, isSigned: Bool = false) async throws {
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
        let folder = isSigned ? "plain" : "served"
        try text.write(to: directory.appending(path: "\(folder)/served.zone"), atomically: true, encoding: .utf8)
        if isSigned { try await sign() }
        guard let program = Self.path(of: "knotd") else { throw HarnessError("knotd is not installed") }
        let path = directory.appending(path: "serve.conf").path
        let process = try ChildProcess("knotd-\(serial)", [program, "-c", path], in: directory)
        state.withLock { $0.process = process }
        try await eventually("answer of knotd", within: .seconds(60), detail: { process.tail(20) }) {
            if let end = process.ended { throw HarnessError("knotd \(end)\n\(process.tail(20))") }
            return process.tail(40).contains("server started")
        }
    }

    private func sign() async throws {
        let path = directory.appending(path: "sign.conf").path
        try await run("kzonesign", ["-c", path, "-o", directory.appending(path: "served").path, zone])
        let lines = try await run("keymgr", ["-c", path, zone, "ds"])
        // Algorithm 13 with SHA-256.
        guard let line = lines.split(separator: "\n").first(where: { $0.contains(" 13 2 ") }) else {
            throw HarnessError("keymgr gave no DS: \(lines)")
        }
        try "\(line)\n".write(to: anchor, atomically: true, encoding: .utf8)
    }

    @discardableResult
    private func run(_ program: String, _ arguments: [String]) async throws -> String {
        guard let path = Self.path(of: program) else { throw HarnessError("\(program) is not installed") }
        return try await Papers.run([path] + arguments, in: directory)
    }

    func stop() { state.withLock { $0.process = nil } }

    private static func path(of program: String) -> String? {
        ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"].map { "\($0)/\(program)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    private func configuration(folder: String, signs: Bool) -> String {
        """
        server:
          rundir: "\(directory.path)"
          listen: \(address)@\(port)
          udp-workers: 1
          tcp-workers: 1
          background-workers: 1
        database:
          storage: "\(directory.path)/keys"
        log:
          - target: stderr
            any: info
        policy:
          - id: plain
            algorithm: ecdsap256sha256
            single-type-signing: on
        zone:
          - domain: \(zone)
            storage: "\(directory.path)/\(folder)"
            file: served.zone
            zonefile-load: whole
            zonefile-sync: -1
            journal-content: none
            semantic-checks: soft
        \(signs ? "    dnssec-signing: on\n    dnssec-policy: plain" : "")

        """
    }
}
