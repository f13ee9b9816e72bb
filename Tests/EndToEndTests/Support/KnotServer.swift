// SPDX-License-Identifier: Apache-2.0
import Foundation

/// A real authoritative name server, Knot DNS, with one zone that a test writes, signed or not.
final class KnotServer {
    let zone: String
    let port: UInt16
    private let folder: URL
    private let process: ChildProcess
    private let isSigned: Bool

    /// Serves `records` as the zone `zone`.
    init(_ zone: String, _ records: String, isSigned: Bool = false, in scratch: Scratch) async throws {
        self.zone = zone
        self.isSigned = isSigned
        port = try Ports.free()
        folder = try scratch.directory("knot-\(zone)")
        try """
        $ORIGIN \(zone).
        $TTL 60
        @ SOA ns root 1 3600 600 86400 5
        @ NS ns
        ns A 127.0.0.1
        \(records)

        """.write(to: folder.appending(path: "zone"), atomically: true, encoding: .utf8)
        try """
        server:
          rundir: "\(folder.path)"
          listen: 127.0.0.1@\(port)
          udp-workers: 1
          tcp-workers: 1
          background-workers: 1
        database:
          storage: "\(folder.path)"
        log:
          - target: stderr
            any: info
        policy:
          - id: plain
            algorithm: ecdsap256sha256
            single-type-signing: on
        template:
          - id: default
            zonefile-load: whole
            zonefile-sync: -1
            journal-content: none
            semantic-checks: soft
        zone:
          - domain: \(zone)
            file: "\(folder.path)/zone"
        \(isSigned ? "    dnssec-signing: on\n    dnssec-policy: plain" : "")
        """.write(to: folder.appending(path: "conf"), atomically: true, encoding: .utf8)
        let started = try ChildProcess("knotd", ["knotd", "-c", folder.appending(path: "conf").path], in: folder)
        process = started
        try await eventually("the name server", within: .seconds(60), detail: { started.tail() }) {
            if let end = started.ended { throw HarnessError("knotd \(end)\n\(started.tail())") }
            // Its port is open before its zones are read.
            let said = started.tail(100)
            return said.contains("loaded, serial") && (!isSigned || said.contains("successfully signed"))
                && Ports.answers(port)
        }
        if isSigned { try await writeAnchor() }
    }

    func stop() { process.stop() }

    /// What its signatures are checked from.
    private func writeAnchor() async throws {
        let keys = try ChildProcess(
            "keymgr",
            ["keymgr", "-c", folder.appending(path: "conf").path, zone, "ds"],
            in: folder
        )
        _ = try await keys.wait(within: .seconds(60))
        let lines = try String(contentsOf: keys.output, encoding: .utf8).split(separator: "\n")
        guard let line = lines.first(where: { $0.contains(" 13 2 ") }) else { throw HarnessError(keys.tail()) }
        try "\(line)\n".write(to: folder.appending(path: "anchor"), atomically: true, encoding: .utf8)
    }

    /// The section `dns` of an aggregator that knows this zone and no other, and that checks signatures of another.
    func configuration(allowing ranges: String, in scratch: Scratch) throws -> String {
        let digest = String(repeating: "5A", count: 32)
        var anchor = try scratch.write("elsewhere.example. IN DS 4711 13 2 \(digest)\n", to: "anchor")
        if isSigned { anchor = folder.appending(path: "anchor").path }
        return "{ servers: [ \"127.0.0.1:\(try Ports.free())\" ], zones: { \(zone): [ \"127.0.0.1:\(port)\" ] }, "
            + "trust-anchor: \(anchor), allow-addresses: \(ranges) }"
    }
}
