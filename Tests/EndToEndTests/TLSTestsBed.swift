// SPDX-License-Identifier: Apache-2.0
import Foundation

/// Certificates made with the openssl command line.
struct Papers: Sendable {
    let directory: URL
    /// The private authority's certificate.
    var authority: String { directory.appending(path: "ca.pem").path }

    static let isPossible = Place.has("openssl")

    init(in scratch: Scratch) async throws {
        directory = try scratch.directory("papers")
        try await shell(
            """
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.pem \
            -subj "/CN=A private authority" -days 30 -addext keyUsage=critical,keyCertSign
            """
        )
    }

    /// A certificate for `name` that is good for servers alone, in `folder` as certbot lays it out; nil signs it by
    /// itself.
    func issue(_ name: String, into folder: URL, serial: Int, isSelfSigned: Bool = false, days: Int = 20) async throws {
        let made = "\(folder.path)/\(name)"
        let signer = isSelfSigned ? "-key new.key" : "-CA ca.pem -CAkey ca.key"
        // The key goes first: until the chain follows, the pair is no good, and what was in use stays so.
        try await shell(
            """
            mkdir -p '\(made)' && openssl ecparam -name prime256v1 -genkey -noout -out new.key && \
            openssl req -x509 -new -key new.key \(isSelfSigned ? "" : signer) -subj "/CN=\(name)" -days \(days) \
            -set_serial \(serial) -out new.pem -addext subjectAltName=DNS:\(name) \
            -addext basicConstraints=critical,CA:FALSE -addext extendedKeyUsage=serverAuth \
            -addext keyUsage=digitalSignature && \
            mv new.key '\(made)/privkey.pem' && mv new.pem '\(made)/fullchain.pem'
            """
        )
    }

    /// The data of the TLSA record 3 1 1 that stands for a certificate.
    func pin(_ name: String, in folder: URL) async throws -> String {
        let file = "\(folder.path)/\(name)/fullchain.pem"
        let line = "openssl x509 -in '\(file)' -noout -pubkey | openssl pkey -pubin -outform der | sha256sum"
        return "3 1 1 " + (try await shell(line)).prefix(64)
    }

    /// The serial number, in hexadecimal digits, of the certificate that is shown at a port to who asks for `name`.
    func shown(_ name: String, at port: UInt16) async throws -> String {
        try await shell(
            """
            openssl s_client -connect 127.0.0.1:\(port) -servername \(name) -alpn imx/1 </dev/null 2>/dev/null | \
            openssl x509 -noout -serial
            """
        ).replacing("serial=", with: "").trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Runs a shell line to its good end, and gives what it wrote.
    @discardableResult
    func shell(_ line: String) async throws -> String {
        try await Self.run(["bash", "-c", "set -o pipefail; \(line)"], in: directory)
    }

    /// Runs a program to its good end, and gives what it wrote.
    static func run(_ arguments: [String], in directory: URL) async throws -> String {
        let process = try ChildProcess("tool-\(UInt32.random(in: 0 ... .max))", arguments, in: directory)
        let end = try await process.wait(within: .seconds(60))
        guard end == .exited(0) else { throw HarnessError("\(arguments) \(end)\n\(process.tail())") }
        return try String(contentsOf: process.output, encoding: .utf8)
    }
}

/// Asks `condition` until it holds.
func eventuallyHolds(_ what: String, within limit: Duration, _ condition: () async throws -> Bool) async throws {
    let clock = ContinuousClock()
    let end = clock.now + limit
    while try await !condition() {
        guard clock.now < end else { throw HarnessError("no \(what) within \(limit)") }
        try await Task.sleep(for: .milliseconds(200))
    }
}

/// Two aggregators, a.example and b.example, each with a plain port and one with TLS, that know of each other what the
/// zone says and nothing else.
struct TLSBed {
    /// What a domain's records lead to.
    enum Way {
        case plain
        /// With the data of a TLSA record, where there is one.
        case tls(String? = nil)
    }

    let scratch: Scratch
    let zone: ZoneServer
    let papers: Papers
    /// Hosts a.example, with ann.
    let north: AggregatorProcess
    /// Hosts b.example, with bob.
    let south: AggregatorProcess

    static let isPossible = ZoneServer.isPossible && Papers.isPossible

    /// - Parameters:
    ///   - trust: What the classes of both ask for.
    ///   - isSelfSigned: Whether the certificates vouch for themselves, and the private authority is not believed.
    init(_ name: String, trust: String, isSelfSigned: Bool = false) async throws {
        scratch = try Scratch(name)
        zone = try ZoneServer("example", in: scratch)
        papers = try await Papers(in: scratch)
        var made: [AggregatorProcess] = []
        for (index, (name, domain, user)) in [("north", "a.example", "ann"), ("south", "b.example", "bob")].enumerated()
        {
            let folder = try scratch.directory("certificates-\(name)")
            try await papers.issue(domain, into: folder, serial: 0x1000 + index, isSelfSigned: isSelfSigned)
            var plan = AggregatorPlan(name: name, listen: try Ports.free())
            plan.secureListen = try Ports.free()
            plan.hostInMemory([domain], users: [user])
            plan.dns = try zone.section()
            plan.classes["default"] = "{ deadline: 20s, trust: \(trust), budgets: { sender-burst: 0 } }"
            let authorities = isSelfSigned ? "" : papers.authority
            plan.more = """
                tls: { certificates: "\(folder.path)", authorities: [ \(authorities) ], system-authorities: false, \
                look-for-changes: 1s }
                """
            made.append(try AggregatorProcess(plan, in: scratch))
        }
        (north, south) = (made[0], made[1])
    }

    /// The certificates of an aggregator.
    func certificates(of process: AggregatorProcess) -> URL {
        scratch.url.appending(path: "certificates-\(process.plan.name)")
    }

    /// Has the zone lead to the two in these ways.
    func publish(a: Way, b: Way, isSigned: Bool = false) async throws {
        let lines = records("a", north.plan, a) + records("b", south.plan, b)
        try await zone.serve(lines.joined(separator: "\n"), isSigned: isSigned)
        try await Task.sleep(for: .seconds(4))  // older answers have run out by then
    }

    private func records(_ name: String, _ plan: AggregatorPlan, _ way: Way) -> [String] {
        switch way {
        case .plain: [Self.record(name, port: plan.listen, usesTLS: false), "h.\(name) A 127.0.0.1"]
        case .tls(let pin):
            [Self.record(name, port: plan.secureListen ?? 0, usesTLS: true), "h.\(name) A 127.0.0.1"]
                + (pin.map { ["_\(plan.secureListen ?? 0)._tcp.h.\(name) TLSA \($0)"] } ?? [])
        }
    }

    /// An IMX record of `name` that leads to the host `h` below it.
    private static func record(_ name: String, port: UInt16, usesTLS: Bool) -> String {
        var octets: [UInt8] = [0, 10, 0, 0, UInt8(port >> 8), UInt8(port & 255), 0, usesTLS ? 1 : 0]
        for label in ["h", name, "example"] { octets += [UInt8(label.utf8.count)] + Array(label.utf8) }
        octets.append(0)
        let text = octets.map { String(format: "%02X", $0) }.joined()
        return "\(name) TYPE65370 \\# \(octets.count) \(text)"
    }

    func start() async throws {
        try await north.start(within: .seconds(60))
        try await south.start(within: .seconds(60))
    }

    /// Ends both and starts them again.
    func restart() async throws {
        for process in [north, south] {
            guard try await process.terminate() == .exited(0) else { throw HarnessError("no orderly end") }
        }
        try await start()
    }

    func stop() {
        zone.stop()
        north.crash()
        south.crash()
    }

    /// Writes from one to the other, and gives what `imx send` says.
    func send(_ process: AggregatorProcess, _ text: String = "hello") async throws -> (isDelivered: Bool, out: String) {
        let isNorth = process === north
        let addresses = isNorth ? ["ann@a.example", "bob@b.example"] : ["bob@b.example", "ann@a.example"]
        let (end, out) = try await process.run(["send"] + addresses + [text])
        return (end == .exited(0), out)
    }

    /// What an aggregator remembers of others.
    func memory(_ process: AggregatorProcess) async throws -> String { try await process.run(["trust"]).out }
}
