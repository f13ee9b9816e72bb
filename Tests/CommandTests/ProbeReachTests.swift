// SPDX-License-Identifier: Apache-2.0
import Discovery
import Foundation
import TestSupport
import Testing

@testable import imx

/// How the probe finds a service by its domain, and what it says of TLS.
@Suite(.serialized, .onItsOwnThread) struct ProbeReachTests {
    private let program: Program

    init() throws { program = try Program() }

    private func probe(_ arguments: [String]) throws -> (code: Int32, report: ProbeReport) {
        let ended = try program.run(["probe", "--json", "--wait", "5"] + arguments)
        try #require(ended.err.isEmpty, "\(ended.err)")
        return (ended.code, try JSONDecoder().decode(ProbeReport.self, from: Data(ended.out.utf8)))
    }

    private func configuration(_ dns: FakeDNS, allow: String = "127.0.0.0/8", authorities: String = "") throws -> String
    {
        try program.write(
            """
            name: north
            dns:
              zones: { b.example: [ "127.0.0.1:\(dns.port)" ] }
              allow-addresses: [ \(allow) ]
            tls: { authorities: [ \(authorities) ], system-authorities: false }
            adapters: {}
            domains: {}

            """
        )
    }

    private func record(_ text: String) throws -> [UInt8] { try IMXRecord(text: text).rdata }

    @Test("IMX 4.2.3: the probe finds a service by its IMX record, and a host that is down does not stop it")
    func record() throws {
        let peer = try FakePeer { connection in
            connection.write("220 not IMX\r\n")
            connection.drain()
        }
        let closed = try FakePeer { _ in }.port
        let dns = try FakeDNS([
            .init(name: "b.example", type: IMXRecord.type): [
                try record("10 0 \(closed) 0 one.b.example."), try record("20 0 \(peer.port) 0 two.b.example."),
            ],
            .init(name: "one.b.example", type: 1): [[127, 0, 0, 1]],
            .init(name: "two.b.example", type: 1): [[127, 0, 0, 1]],
        ])
        let (code, report) = try probe(["b.example", "--config", try configuration(dns)])
        #expect(code == 1)
        #expect(report.steps.map(\.name) == ["dns", "connect", "connect", "preface"])
        #expect(report.steps.map(\.verdict) == [.right, .wrong, .right, .wrong])
        #expect(
            report.steps[0].got == """
                IMX record, not signed: one.b.example port \(closed) (127.0.0.1); two.b.example port \(peer.port) (127.0.0.1)
                """
        )
        #expect(report.place == "127.0.0.1:\(peer.port)")
    }

    @Test("IMX 4.2.3: the probe says that a domain has no records, and that they lead to a special address")
    func noRecord() throws {
        let dns = try FakeDNS([
            .init(name: "in.b.example", type: IMXRecord.type): [try record("10 0 5290 0 host.b.example.")],
            .init(name: "host.b.example", type: 1): [[10, 1, 2, 3]],
        ])
        let path = try configuration(dns)
        let absent = try probe(["b.example", "--config", path])
        #expect(absent.code == 1 && absent.report.steps.map(\.name) == ["dns"])
        #expect(absent.report.faults.first?.side == .dns)
        #expect(absent.report.faults.first?.got == "b.example has neither an IMX nor an SRV record, nor an address")
        #expect(absent.report.faults.first?.remedy?.contains("imx dns record b.example") == true)
        let inside = try probe(["in.b.example", "--config", path])
        #expect(inside.code == 1 && inside.report.steps.map(\.name) == ["dns", "address"])
        #expect(inside.report.faults.map(\.side) == [.dns])
        #expect(inside.report.faults.first?.got.hasPrefix("10.1.2.3 is a private") == true, "\(inside.report.faults)")
    }

    @Test("IMX 6.1.6: the probe tells TLS, the protocol agreed on and what the certificate is worth")
    func tls() throws {
        let authority = try certificate("b.example")
        let server = try OpenSSL(["-alpn", "imx/1"], in: program)
        let dns = try FakeDNS([
            .init(name: "b.example", type: IMXRecord.type): [try record("10 0 \(server.port) 1 host.b.example.")],
            .init(name: "host.b.example", type: 1): [[127, 0, 0, 1]],
        ])
        let path = try configuration(dns, authorities: "\"\(authority)\"")
        let good = try probe(["b.example", "--config", path])
        #expect(good.report.steps.map(\.name) == ["dns", "connect", "tls", "certificate", "preface"])
        #expect(good.report.steps[0].got.contains("port \(server.port) with TLS (127.0.0.1)"))
        #expect(good.report.steps[2].verdict == .right)
        #expect(good.report.steps[2].got == "TLSv1.3, imx/1 by ALPN")
        #expect(good.report.steps[3].verdict == .right)
        #expect(good.report.steps[3].got.hasPrefix("good for b.example: b.example (SHA-256 "))
        let place = ["127.0.0.1:\(server.port)", "--tls", "--domain"]
        let other = try probe(place + ["c.example", "--config", path])
        #expect(other.report.steps[2].verdict == .wrong)
        #expect(other.report.steps[2].got.contains("the certificate is for b.example, not for c.example"))
        let stranger = try probe(place + ["b.example"])
        #expect(stranger.report.steps[2].verdict == .note)
        #expect(stranger.report.steps[2].got.hasPrefix("of no worth for b.example: the certificate is self-signed"))
        #expect(stranger.report.steps[2].remedy?.contains("\"tls\" hold all the same") == true)
    }

    @Test("IMX 6.1.6: the probe tells a port without TLS, and TLS for another protocol")
    func noTLS() throws {
        _ = try certificate("b.example")
        let server = try OpenSSL(["-alpn", "h2"], in: program)
        let foreign = try probe(["127.0.0.1:\(server.port)", "--tls", "--domain", "b.example"])
        #expect(foreign.code == 1 && foreign.report.steps.map(\.name) == ["connect", "tls"])
        #expect(foreign.report.faults.first?.side == .theirs)
        #expect(foreign.report.faults.first?.got.contains("ALPN") == true, "\(foreign.report.faults)")
        let plain = try FakePeer {
            $0.write(FakePeer.preface)
            $0.drain()
        }
        let none = try probe(["127.0.0.1:\(plain.port)", "--tls", "--domain", "b.example"])
        #expect(none.code == 1 && none.report.steps.map(\.name) == ["connect", "tls"])
        #expect(none.report.faults.first?.got.hasPrefix("no TLS is spoken there") == true)
        #expect(none.report.faults.first?.remedy?.contains("leave --tls out") == true)
        // And the other way round.
        let hidden = try probe(["127.0.0.1:\(server.port)", "--domain", "b.example"])
        #expect(hidden.code == 1 && hidden.report.faults.map(\.name) == ["preface"])
        #expect(hidden.report.faults.first?.got.contains("closed before the preface") == true)
        #expect(hidden.report.faults.first?.remedy?.contains("TLS (try --tls)") == true)
    }

    /// Makes a certificate that is its own authority, and gives its path.
    private func certificate(_ name: String) throws -> String {
        let directory = program.directory.path
        let made = try OpenSSL.run([
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj",
            "/CN=\(name)", "-addext", "subjectAltName=DNS:\(name)", "-keyout", "\(directory)/key.pem", "-out",
            "\(directory)/chain.pem",
        ])
        try #require(made == 0)
        return "\(directory)/chain.pem"
    }
}

/// openssl s_server with the certificate in the program's directory.
final class OpenSSL {
    let port: UInt16
    private let process: Process

    init(_ arguments: [String], in program: Program) throws {
        port = try FakePeer { _ in }.port
        let directory = program.directory.path
        process = try Self.start(
            [
                "s_server", "-accept", "127.0.0.1:\(port)", "-cert", "\(directory)/chain.pem", "-key",
                "\(directory)/key.pem", "-quiet",
            ] + arguments
        )
        for _ in 0..<100 {
            if try Self.run(["s_client", "-connect", "127.0.0.1:\(port)"]) == 0 { return }
            usleep(20_000)
        }
    }

    deinit {
        // Foundation hands blocked signals down, so a gentler one would not be heard.
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    static func run(_ arguments: [String]) throws -> Int32 {
        let process = try start(arguments)
        process.waitUntilExit()
        return process.terminationStatus
    }

    private static func start(_ arguments: [String]) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["openssl"] + arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        return process
    }
}
