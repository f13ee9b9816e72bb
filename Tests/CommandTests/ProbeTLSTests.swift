// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@testable import imx

/// A probe of ports that speak TLS, well and badly: the openssl command line serves whatever certificate it is given.
@Suite(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/openssl")), .serialized, .onItsOwnThread)
struct ProbeTLSTests {
    private let program: Program

    init() throws {
        program = try Program()
        try shell(
            """
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.pem \
            -subj "/CN=A private authority" -days 30 -addext keyUsage=critical,keyCertSign
            """
        )
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        /// The name in the certificate.
        var name = "a.example"
        var days = 20
        /// Whether the probe believes the authority.
        var isBelieved = true
        var alpn = "-alpn imx/1"
        var isPlain = false
        /// What the configuration asks for.
        var demand = "dialback"
        var step: String
        var verdict: ProbeStep.Verdict
        var got: String
        var remedy = ""
    }

    static let cases = [
        Case(testDescription: "good", step: "tls", verdict: .right, got: "TLSv1.3, imx/1 by ALPN"),
        Case(
            testDescription: "good certificate",
            step: "certificate",
            verdict: .right,
            got: "good for a.example: a.example (SHA-256 "
        ),
        Case(
            testDescription: "good enough",
            demand: "certificate",
            step: "trust",
            verdict: .right,
            got: "\"certificate\": trust would hold"
        ),
        Case(
            testDescription: "expired",
            days: -1,
            step: "certificate",
            verdict: .wrong,
            got: "the certificate has expired on ",
            remedy: "renew it"
        ),
        Case(
            testDescription: "for another name",
            name: "b.example",
            step: "certificate",
            verdict: .wrong,
            got: "the certificate is for b.example, not for a.example",
            remedy: "a.example among its DNS names"
        ),
        Case(
            testDescription: "unknown authority",
            isBelieved: false,
            step: "certificate",
            verdict: .note,
            got: "the certificate does not lead to a trusted authority",
            remedy: "tls authorities"
        ),
        Case(
            testDescription: "unknown authority where a certificate is asked for",
            isBelieved: false,
            demand: "certificate",
            step: "trust",
            verdict: .wrong,
            got: "\"tls\": trust would not hold",
            remedy: "see the step before"
        ),
        Case(
            testDescription: "another protocol",
            alpn: "-alpn xmpp-server",
            step: "tls",
            verdict: .wrong,
            got: "(ALPN)",
            remedy: "TLS for another service"
        ),
        Case(
            testDescription: "no ALPN",
            alpn: "",
            step: "tls",
            verdict: .wrong,
            got: "(ALPN)",
            remedy: "another service"
        ),
        Case(
            testDescription: "no TLS",
            isPlain: true,
            step: "tls",
            verdict: .wrong,
            got: "no TLS is spoken there; the peer began with",
            remedy: "leave --tls out"
        ),
    ]

    @Test("S46: the probe of a TLS port names version, protocol, names and what fails", arguments: cases)
    func faces(_ it: Case) throws {
        try shell(
            """
            openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out new.csr \
            -subj "/CN=\(it.name)" && printf 'subjectAltName=DNS:\(it.name)\\nextendedKeyUsage=serverAuth\\n' >ext && \
            openssl x509 -req -in new.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days \(it.days) -extfile ext -out chain.pem
            """
        )
        let plain = try FakePeer { $0.write("220 mail.example ESMTP\r\n") }
        let server = it.isPlain ? nil : try OpenSSL(it.alpn.split(separator: " ").map(String.init), in: program)
        let port = server?.port ?? plain.port
        defer { withExtendedLifetime((server, plain)) {} }
        let authorities = it.isBelieved ? "\"\(program.directory.path)/ca.pem\"" : ""
        let path = try program.write(
            """
            name: north
            listen: []
            state-directory: state
            dns: { resolver: off }
            tls: { authorities: [ \(authorities) ], system-authorities: false }
            classes: { default: { trust: \(it.demand) } }
            peers: { a.example: [ "tls://127.0.0.1:\(port)" ] }
            adapters: { demo: { kind: stub, users: { alice: {} } } }
            domains: { c.example: { adapter: demo } }

            """
        )
        let ended = try program.run(["probe", "--json", "--wait", "2", "a.example", "--config", path])
        try #require(ended.err.isEmpty, "\(ended.err)")
        let report = try JSONDecoder().decode(ProbeReport.self, from: Data(ended.out.utf8))
        let step = try #require(report.steps.first { $0.name == it.step }, "\(report.steps)")
        #expect(step.verdict == it.verdict && step.got.contains(it.got), "\(step)")
        #expect(it.remedy.isEmpty || step.remedy?.contains(it.remedy) == true, "\(step)")
    }

    private func shell(_ line: String) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/bash")
        process.arguments = ["-c", line]
        process.currentDirectoryURL = program.directory
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "\(line)")
    }
}
