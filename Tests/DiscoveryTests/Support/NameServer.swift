// SPDX-License-Identifier: Apache-2.0
import Discovery
import Foundation

/// The kinds of authoritative server that tests run against.
enum NameServerKind: String, CaseIterable, Sendable, CustomStringConvertible {
    case knot, nsd

    var description: String { rawValue }
}

/// A zone line with an IMX record.
func imxLine(_ owner: String, _ text: String) -> String {
    guard let record = try? IMXRecord(text: text) else { return "the test's record \(text) is none" }
    return "\(owner) TYPE65370 \(record.genericText)\n"
}

/// A zone as a test writes it.
struct TestZone: Sendable {
    let name: String
    /// Records without SOA and NS.
    var records: String
    var isSigned = true
    /// Whether the parent's DS is another key's.
    var hasWrongDS = false
    /// Seconds that the absence of something is remembered.
    var negativeSeconds = 60

    /// The zone's file; every change takes another serial.
    func text(serial: Int) -> String {
        """
        $ORIGIN \(name).
        $TTL 60
        @ 60 SOA ns.\(name). root.\(name). \(serial) 3600 600 86400 \(negativeSeconds)
        @ NS ns
        ns A 127.0.0.53
        \(records)

        """
    }
}

/// A real authoritative name server on a loopback address of its own, with zones that are signed by Knot's tools.
final class NameServer {
    let kind: NameServerKind
    let address: String
    let port: UInt16
    let folder: Folder
    /// The DS line of each signed zone, by its name.
    private(set) var anchors: [String: String] = [:]
    private var zones: [TestZone]
    private var process: ServerProcess?
    private var serial = 1

    /// Signs the zones, children before the parents that carry their DS, and starts the server.
    init(_ kind: NameServerKind, _ zones: [TestZone]) async throws {
        self.kind = kind
        self.zones = zones.sorted { $0.name.utf8.count > $1.name.utf8.count }
        folder = try Folder()
        (address, port) = try NameServer.freePlace()
        try folder.write("knot.conf", knotConfiguration(signs: false))
        try folder.write("sign.conf", knotConfiguration(signs: true))
        try folder.write("nsd.conf", nsdConfiguration())
        try sign()
        try await start()
    }

    /// Its place for the resolver.
    var server: DNSSettings.Server { DNSSettings.Server(address: address, port: port) }

    /// Changes a zone's records and serves them.
    func change(_ name: String, _ records: String) async throws {
        for index in zones.indices where zones[index].name == name { zones[index].records = records }
        serial += 1
        try sign()
        stop()
        try await start()
    }

    func stop() { process = nil }

    func start() async throws {
        let log = folder.path("log")
        switch kind {
        case .knot: process = try ServerProcess("knotd", ["-c", folder.path("knot.conf")], log: log)
        case .nsd: process = try ServerProcess("nsd", ["-d", "-c", folder.path("nsd.conf")], log: log)
        }
        let zone = zones.last?.name ?? "."
        do {
            try await eventually("answer from \(kind)") {
                let answer = try? Programs.run(
                    "kdig",
                    ["+time=1", "+retry=0", "+noall", "+header", "@\(address)", "-p", "\(port)", zone, "SOA"]
                )
                return answer?.contains("NOERROR") == true
            }
        } catch {
            throw BedError("\(error)\n\((try? folder.read("log")) ?? "")")
        }
    }

    private func sign() throws {
        for name in ["out", "keys"] {
            try FileManager.default.createDirectory(
                at: folder.url.appending(path: name),
                withIntermediateDirectories: true
            )
        }
        for index in zones.indices {
            let zone = zones[index]
            let delegations = zones[..<index].filter { $0.name.hasSuffix("." + zone.name) }.map { child in
                let glue = "\(child.name). NS ns.\(child.name).\nns.\(child.name). A 127.0.0.53\n"
                guard let anchor = anchors[child.name] else { return glue }
                return glue + (child.hasWrongDS ? NameServer.spoilt(anchor) : anchor) + "\n"
            }
            let text = zone.text(serial: serial) + delegations.joined()
            guard zone.isSigned else {
                try folder.write("out/\(zone.name).zone", text)
                continue
            }
            try folder.write("\(zone.name).zone", text)
            try Programs.run("kzonesign", ["-c", folder.path("sign.conf"), "-o", folder.path("out"), zone.name])
            let lines = try Programs.run("keymgr", ["-c", folder.path("sign.conf"), zone.name, "ds"])
            // Algorithm 13 with SHA-256.
            guard let line = lines.split(separator: "\n").first(where: { $0.contains(" 13 2 ") }) else {
                throw BedError("keymgr gave no DS: \(lines)")
            }
            anchors[zone.name] = String(line)
        }
    }

    /// The same record of another key.
    static func spoilt(_ anchor: String) -> String {
        String(anchor.dropLast()) + (anchor.hasSuffix("0") ? "1" : "0")
    }

    private func knotConfiguration(signs: Bool) -> String {
        """
        server:
          rundir: "\(folder.url.path)"
          listen: \(address)@\(port)
          udp-workers: 1
          tcp-workers: 1
          background-workers: 1
        database:
          storage: "\(folder.path("keys"))"
        log:
          - target: stderr
            any: warning
        policy:
          - id: plain
            algorithm: ecdsap256sha256
            single-type-signing: on
        template:
          - id: default
            storage: "\(signs ? folder.url.path : folder.path("out"))"
            zonefile-load: whole
            zonefile-sync: -1
            journal-content: none
            semantic-checks: soft
        zone:
        \(zones.map { "  - domain: \($0.name)\n    file: \($0.name).zone\n" + signing($0, signs) }.joined())
        """
    }

    private func signing(_ zone: TestZone, _ signs: Bool) -> String {
        signs && zone.isSigned ? "    dnssec-signing: on\n    dnssec-policy: plain\n" : ""
    }

    private func nsdConfiguration() -> String {
        """
        server:
          ip-address: \(address)@\(port)
          username: ""
          chroot: ""
          zonesdir: "\(folder.path("out"))"
          pidfile: "\(folder.path("nsd.pid"))"
          xfrdfile: "\(folder.path("xfrd.state"))"
          zonelistfile: "\(folder.path("zone.list"))"
          xfrdir: "\(folder.url.path)"
          database: ""
          server-count: 1
        remote-control:
          control-enable: no
        \(zones.map { "zone:\n  name: \"\($0.name)\"\n  zonefile: \"\($0.name).zone\"\n" }.joined())
        """
    }

    /// A loopback address and a port on it that nothing uses.
    static func freePlace() throws -> (String, UInt16) {
        let address = "127.\(Int.random(in: 64...126)).\(Int.random(in: 1...254)).\(Int.random(in: 1...254))"
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        defer { close(descriptor) }
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        inet_pton(AF_INET, address, &place.sin_addr)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &place) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard isBound else { throw BedError("no free port: errno \(errno)") }
        return (address, UInt16(bigEndian: place.sin_port))
    }
}
