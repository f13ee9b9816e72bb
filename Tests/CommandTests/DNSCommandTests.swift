// SPDX-License-Identifier: Apache-2.0
import Discovery
import EnvelopeModel
import Foundation
import TestSupport
import Testing

@testable import imx

/// What `imx dns record` prints is served by a real name server and then checked with `imx dns check`.
@Suite(.onItsOwnThread) struct DNSCommandTests {
    /// A zone on a Knot server that signs it.
    private final class SignedZone {
        let program: Program
        let address = "127.\(Int.random(in: 64...126)).\(Int.random(in: 1...254)).\(Int.random(in: 1...254))"
        private var server: Process?

        init(_ program: Program) { self.program = program }

        deinit { stop() }

        func stop() {
            server?.terminate()
            server?.waitUntilExit()
            server = nil
        }

        func path(_ name: String) -> String { program.directory.appendingPathComponent(name).path }

        func write(_ name: String, _ text: String) throws {
            try Data(text.utf8).write(to: URL(fileURLWithPath: path(name)))
        }

        /// Serves a zone of these lines.
        func serve(_ lines: String) async throws {
            stop()
            let zone = "$ORIGIN acme.example.\n@ 60 SOA ns root 1 60 60 60 1\n@ 60 NS ns\nns 60 A \(address)\n"
            try write("acme.example.zone", zone + lines)
            try write("knot.conf", configuration)
            try FileManager.default.createDirectory(atPath: path("keys"), withIntermediateDirectories: true)
            server = try Self.start("knotd", ["-c", path("knot.conf")], path("knot.log"))
            for _ in 0..<500 {
                let query = ["+time=1", "+retry=0", "@\(address)", "-p", "5353", "acme.example", "SOA", "+dnssec"]
                if let answer = try? Self.run("kdig", query), answer.contains("RRSIG") { break }
                try await Task.sleep(for: .milliseconds(20))
            }
            try write("anchor", try Self.run("keymgr", ["-c", path("knot.conf"), "acme.example", "ds"]))
        }

        private var configuration: String {
            """
            server:
              rundir: "\(program.directory.path)"
              listen: \(address)@5353
            database:
              storage: "\(path("keys"))"
            log:
              - target: stderr
                any: warning
            policy:
              - id: plain
                single-type-signing: on
            zone:
              - domain: acme.example
                storage: "\(program.directory.path)"
                file: acme.example.zone
                zonefile-sync: -1
                journal-content: none
                zonefile-load: whole
                dnssec-signing: on
                dnssec-policy: plain
            """
        }

        static func start(_ name: String, _ arguments: [String], _ output: String) throws -> Process {
            let process = Process()
            let place = ["/usr/sbin", "/usr/bin"].first {
                FileManager.default.isExecutableFile(atPath: "\($0)/\(name)")
            }
            process.executableURL = URL(fileURLWithPath: "\(try #require(place, "\(name) is not installed"))/\(name)")
            process.arguments = arguments
            _ = FileManager.default.createFile(atPath: output, contents: nil)
            let file = FileHandle(forWritingAtPath: output)
            process.standardOutput = file
            process.standardError = file
            process.standardInput = FileHandle.nullDevice
            try process.run()
            return process
        }

        static func run(_ name: String, _ arguments: [String]) throws -> String {
            let output = FileManager.default.temporaryDirectory.appendingPathComponent("imx-\(UUID().uuidString)").path
            defer { try? FileManager.default.removeItem(atPath: output) }
            let process = try start(name, arguments, output)
            process.waitUntilExit()
            let text = try String(contentsOfFile: output, encoding: .utf8)
            guard process.terminationStatus == 0 else { throw CommandFailure("\(name): \(text)") }
            return text
        }
    }

    /// A certificate for acme.example where the configuration of ``configuration(_:allowing:)`` expects it.
    private func makeCertificate(_ zone: SignedZone) throws -> String {
        let folder = zone.path("certificates/acme.example")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        _ = try SignedZone.run(
            "openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                "-subj",
                "/CN=acme.example", "-addext", "subjectAltName=DNS:acme.example", "-keyout", "\(folder)/privkey.pem",
                "-out", "\(folder)/fullchain.pem",
            ]
        )
        return "\(folder)/fullchain.pem"
    }

    private func configuration(_ zone: SignedZone, allowing ranges: String) throws -> String {
        try zone.program.write(
            """
            name: north
            listen: [ "tls://127.9.9.9:5290" ]
            tls: { certificates: "\(zone.path("certificates"))" }
            dns:
              resolver: recursive
              zones: { acme.example: [ "\(zone.address):5353" ] }
              trust-anchor: "\(zone.path("anchor"))"
              allow-addresses: [ \(ranges) ]
            adapters: { demo: { kind: stub, users: { alice: {} } } }
            domains: { acme.example: { adapter: demo } }
            """
        )
    }

    @Test(
        "S49: the lines of dns record load in Knot and NSD, and dns check finds them right; then one thing after another is wrong"
    )
    func roundTrip() async throws {
        let zone = SignedZone(try Program())
        let certificate = try makeCertificate(zone)
        let config = try configuration(zone, allowing: "\"127.0.0.0/8\"")
        let printed = try zone.program.run([
            "dns", "record", "acme.example", "--config", config, "--address", "127.9.9.9",
        ])
        #expect(printed.code == 0 && printed.err.isEmpty, "\(printed)")
        let key = try SignedZone.run("openssl", ["x509", "-in", certificate, "-noout", "-pubkey"])
        try zone.write("key.pem", key)
        _ = try SignedZone.run(
            "openssl",
            ["pkey", "-pubin", "-in", zone.path("key.pem"), "-outform", "DER", "-out", zone.path("key.der")]
        )
        let digest = try SignedZone.run("openssl", ["dgst", "-sha256", "-r", zone.path("key.der")]).prefix(64)
        #expect(printed.out.contains("_5290._tcp.imx.acme.example. 3600 IN TLSA 3 1 1 \(digest)\n"), "\(printed.out)")

        try await zone.serve(printed.out)
        _ = try SignedZone.run("nsd-checkzone", ["acme.example", zone.path("acme.example.zone")])
        let right = try zone.program.run(["dns", "check", "acme.example", "--config", config])
        #expect(right.code == 0, "\(right)")
        for line in [
            "other aggregators find acme.example, 1 warning\n", "10 0 5290 TLS imx.acme.example.",
            "every answer on the way is signed", "imx.acme.example port 5290: 127.9.9.9", "fits the certificate",
            "port 5290 is this aggregator", "no CAA record", "add: acme.example. 3600 IN CAA",
        ] { #expect(right.out.contains(line), "\(line)\n\(right.out)") }

        // Nobody else allows the range.
        let strict = try zone.program.run([
            "dns", "check", "acme.example", "--json", "--config", try configuration(zone, allowing: ""),
        ])
        #expect(strict.code == 1)
        let report = try JSONDecoder().decode(DNSCheckReport.self, from: Data(strict.out.utf8))
        #expect(
            !report.isRight && report.findings.contains { $0.level == .wrong && $0.text.contains("loopback address") }
        )

        // Another key than the published one.
        _ = try makeCertificate(zone)
        let stale = try zone.program.run([
            "dns", "check", "acme.example", "--config", try configuration(zone, allowing: "\"127.0.0.0/8\""),
        ])
        #expect(stale.code == 1 && stale.out.contains("others will refuse it"), "\(stale)")

        // An anchor that does not fit.
        let anchor = try String(contentsOfFile: zone.path("anchor"), encoding: .utf8)
        let spoilt = anchor.split(separator: "\n").map { $0.dropLast() + ($0.hasSuffix("0") ? "1" : "0") }
        try zone.write("anchor", spoilt.joined(separator: "\n") + "\n")
        let bogus = try zone.program.run(["dns", "check", "acme.example", "--config", config])
        #expect(bogus.code == 1 && bogus.out.contains("other aggregators refuse the answers"), "\(bogus)")
        try zone.write("anchor", anchor)

        try await zone.serve("imx 60 A 127.9.9.9\n")
        let missing = try zone.program.run(["dns", "check", "acme.example", "--config", config])
        #expect(missing.code == 1 && missing.out.contains("other aggregators do not find acme.example"), "\(missing)")
        #expect(missing.out.contains("add: acme.example. 3600 IN TYPE65370 \\# 26 000A000014AA0001"), "\(missing)")
    }

    @Test("Commands: dns record needs no configuration, and refuses what is no domain, host, port or certificate")
    func record() throws {
        let program = try Program()
        let plain = try program.run(["dns", "record", "Acme.Example", "--weight", "30", "--ttl", "60"])
        #expect(plain.code == 0)
        #expect(
            plain.out == """
                ; acme.example on the IMX network. BIND, Knot DNS and NSD read these lines as they are.
                ; IMX record: 10 30 5290 - imx.acme.example.
                acme.example. 60 IN TYPE65370 \\# 26 000A001E14AA000003696D780461636D65076578616D706C6500
                ; for those who do not know the IMX record
                _imx._tcp.acme.example. 60 IN SRV 10 30 5290 imx.acme.example.
                ; the machine: put its public addresses here and take the semicolons away, unless it has these records
                ; imx.acme.example. 60 IN A 192.0.2.1
                ; imx.acme.example. 60 IN AAAA 2001:db8::1

                """
        )
        for bad in [
            ["127.0.0.1"], ["a..b"], ["acme.example", "--host", "a_b"], ["acme.example", "--port", "0"],
            ["acme.example", "--tls", "--certificate", "/nowhere"], ["acme.example", "--address", "host"],
        ] {
            let ended = try program.run(["dns", "record"] + bad)
            #expect(ended.code == 2 && ended.out.isEmpty && !ended.err.isEmpty, "\(bad) \(ended)")
        }
    }
}
