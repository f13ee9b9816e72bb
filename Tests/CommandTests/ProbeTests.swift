// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@testable import imx

/// Services that are not as they should be, and what the probe is to say: the first step that goes wrong, whose fault it
/// is, and words of what came and of the remedy.
private let services: [Service] = [
    Service("silent", "preface", .theirs, "nothing", "--tls", patience: 5) { $0.drain() },
    Service("closing", "preface", .theirs, "closed before the preface", "turns this address away") { _ in },
    Service("XMPP", "preface", .theirs, "XMPP: <?xml version='1.0'?>", "not the port of an IMX service") {
        $0.write("<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams'>")
        $0.drain()
    },
    Service("mail", "preface", .theirs, "mail or FTP: 220 mail.example ESMTP", "not the port") {
        $0.write("220 mail.example ESMTP\r\n")
        $0.drain()
    },
    Service("TLS", "preface", .theirs, "a TLS alert", "--tls") { $0.write([0x15, 3, 3, 0, 2, 2, 10]) },
    Service("stripped", "preface", .theirs, "09 49 4D 58 0D 0A 1A 0A", "rewrites what passes") {
        $0.write([0x09] + FakePeer.preface.dropFirst())
        $0.drain()
    },
    greeting("newer", "hello", .ours, "it speaks versions 2 to 3", "speaks version 1 only; update it") {
        $0.write(
            FakePeer.record(
                2,
                [(0x0120, [0x13, 0x90]), (9, [0, 0, 0, 0]), (1, [0, 2]), (2, [0, 3]), (0x0121, Array("old".utf8))]
            )
        )
    },
    greeting("full", "hello", .theirs, "CLOSE 4004 too much at once", "no room for this address now") {
        $0.write(FakePeer.record(2, [(0x0120, [0x0F, 0xA4]), (9, [0, 0, 0, 0])]))
    },
    greeting("mirror", "hello", .ours, "CLOSE 5007 loop", "leads back to this machine") {
        $0.write(FakePeer.record(2, [(0x0120, [0x13, 0x8F]), (9, [0, 0, 0, 0])]))
    },
    greeting("short nonce", "hello", .theirs, "cannot be read: field 0010 wrong length", "breaks IMX-1") {
        $0.write(FakePeer.record(1, [(1, [0, 1]), (2, [0, 1]), (0x0010, [1, 2, 3])]))
        $0.drain()
    },
    greeting("no nonce", "hello", .theirs, "cannot be read: field 0010 missing", "breaks IMX-1") {
        $0.write(FakePeer.record(1, [(1, [0, 1]), (2, [0, 1]), (3, Array(repeating: 1, count: 16))]))
        $0.drain()
    },
    greeting("huge", "hello", .theirs, "says it has 4294967295 octets", "breaks IMX-1") {
        $0.write(FakePeer.octets("FFFFFFFF 0001 00 00 00000000"))
        $0.drain()
    },
    greeting("small", "hello", .theirs, "HELLO with max-record 100", "breaks IMX-1") {
        $0.write(
            FakePeer.record(
                1,
                [
                    (1, [0, 1]), (2, [0, 1]), (3, Array(repeating: 1, count: 16)), (5, [0, 0, 0, 100]),
                    (0x0010, Array(repeating: 9, count: 32)),
                ]
            )
        )
        $0.drain()
    },
    greeting("rude", "ping", .theirs, "ended without a word", "look at the service's log") { $0.write(FakePeer.hello) },
    greeting("deaf", "ping", .theirs, "nothing in 5 s", "answers no more", patience: 5) {
        $0.write(FakePeer.hello)
        $0.drain()
    },
]

private struct Service: CustomTestStringConvertible, Sendable {
    var testDescription: String
    var step: String
    var side: ProbeStep.Side
    var got: String
    var remedy: String
    /// Seconds that the probe waits for each word: where none will come, a little; else more than any machine takes.
    var patience: Int
    var serve: @Sendable (FakePeer.Connection) -> Void

    init(
        _ name: String,
        _ step: String,
        _ side: ProbeStep.Side,
        _ got: String,
        _ remedy: String,
        patience: Int = 30,
        serve: @escaping @Sendable (FakePeer.Connection) -> Void
    ) {
        (testDescription, self.step, self.side, self.got, self.remedy) = (name, step, side, got, remedy)
        self.patience = patience
        self.serve = serve
    }
}

/// A service that exchanges prefaces and takes a HELLO before it does its own.
private func greeting(
    _ name: String,
    _ step: String,
    _ side: ProbeStep.Side,
    _ got: String,
    _ remedy: String,
    patience: Int = 30,
    then serve: @escaping @Sendable (FakePeer.Connection) -> Void
) -> Service {
    Service(name, step, side, got, remedy, patience: patience) { connection in
        connection.write(FakePeer.preface)
        guard connection.read(8) == FakePeer.preface, connection.record()?.type == 1 else { return }
        serve(connection)
    }
}

@Suite(.onItsOwnThread) struct ProbeTests {
    private let program: Program

    init() throws { program = try Program() }

    private func probe(_ arguments: String...) throws -> (code: Int32, report: ProbeReport) {
        let ended = try program.run(["probe", "--json"] + arguments)
        try #require(ended.err.isEmpty, "\(ended.err)")
        return (ended.code, try JSONDecoder().decode(ProbeReport.self, from: Data(ended.out.utf8)))
    }

    private func configuration(_ port: UInt16, peer: String) -> String {
        """
        name: north
        listen: [ "127.0.0.1:\(port)" ]
        state-directory: state
        stop-within: 2s
        log: { level: error }
        dns: { resolver: off }
        peers: { \(peer): [ "127.0.0.1:\(port)" ] }
        adapters: { demo: { kind: stub, users: { alice: {} } } }
        domains:
          a.example: { adapter: demo }

        """
    }

    /// Runs a real aggregator for a.example on a free port of loopback while `body` runs.
    private func withAggregator(_ body: (UInt16) throws -> Void) throws {
        // A port that was free a moment ago.
        let port = try FakePeer { _ in }.port
        // What the aggregator runs with must not name its own domain as a peer's.
        let served = try program.write(configuration(port, peer: "c.example"))
        let process = try program.start(["serve", "--config", served])
        defer {
            process.terminate()
            process.waitUntilExit()
        }
        for _ in 0..<200 {
            if try program.run(["status", "--config", served]).code == 0 { return try body(port) }
            usleep(50_000)
        }
        Issue.record("the aggregator does not answer")
    }

    @Test("I.1.3: a stranger's probe of a real aggregator finds nothing wrong, and says what it did step by step")
    func good() throws {
        try withAggregator { port in
            let (code, report) = try probe("127.0.0.1:\(port)", "--domain", "a.example")
            #expect(code == 0 && report.faults.isEmpty, "\(report.faults)")
            #expect(
                report.steps.map(\.name) == [
                    "connect", "preface", "hello", "ping", "grease", "critical", "unknown", "dial-back", "close",
                    "version", "size", "relay", "silence",
                ]
            )
            #expect(report.steps.allSatisfy { $0.verdict == .right && $0.side == nil })
            #expect(report.steps[2].got.hasPrefix("imx/\(Version.number), versions 1 to 1, server-id "))
            #expect(report.steps[7].got.hasPrefix("4005 "))
            #expect(report.place == "127.0.0.1:\(port)" && report.domain == "a.example")
            // The same by its domain, with the place from the peers list.
            let path = try program.write(
                configuration(port, peer: "a.example").replacing("a.example: {", with: "b.example: {")
            )
            let listed = try program.run(["probe", "a.example", "--config", path])
            #expect(listed.code == 0 && listed.err.isEmpty)
            #expect(listed.out.hasPrefix("probe of a.example\n  ok "), "\(listed.out)")
            #expect(listed.out.hasSuffix("\neverything is right\n"))
        }
    }

    @Test("IMX 4.3.3: the probe says that a domain is not served there, and whose fault that is")
    func notServed() throws {
        try withAggregator { port in
            let unnamed = try probe("127.0.0.1:\(port)")
            #expect(unnamed.code == 1 && unnamed.report.faults.map(\.side) == [.ours])
            #expect(unnamed.report.faults.first?.remedy?.contains("--domain DOMAIN") == true)
            let other = try probe("127.0.0.1:\(port)", "--domain", "d.example")
            #expect(other.code == 1 && other.report.faults.map(\.side) == [.theirs])
            #expect(other.report.faults.first?.got.hasPrefix("CLOSE 5006 ") == true)
            // A claim to speak for a domain that is hosted there is a lie that policy refuses.
            let liar = try probe("127.0.0.1:\(port)", "--domain", "a.example", "--as", "a.example")
            #expect(liar.code == 0)
            #expect(liar.report.steps.first { $0.name == "dial-back" }?.verdict == .note)
            #expect(liar.report.steps.first { $0.name == "dial-back" }?.got.hasPrefix("5004 ") == true)
        }
    }

    @Test("Commands: the probe names the step that fails, the side at fault and the remedy", arguments: services)
    private func faults(service: Service) throws {
        let peer = try FakePeer(service.serve)
        let patience = "\(service.patience)"
        let (code, report) = try probe("127.0.0.1:\(peer.port)", "--domain", "a.example", "--wait", patience)
        let fault = try #require(report.faults.first)
        #expect(code == 1)
        #expect(fault.name == service.step && fault.side == service.side, "\(fault)")
        #expect(fault.got.contains(service.got) && fault.remedy?.contains(service.remedy) == true, "\(fault)")
        // A step waits for three words at most, and a busy machine takes its own time besides.
        let bound = Double(3 * service.patience + 30) * 1000
        #expect(report.steps.allSatisfy { $0.milliseconds < bound }, "\(report.steps)")
    }

    @Test("Commands: where nobody listens the probe says so in words")
    func closed() throws {
        let port = try FakePeer { _ in }.port
        let ended = try program.run(["probe", "127.0.0.1:\(port)"])
        #expect(ended.code == 1 && ended.err.isEmpty)
        #expect(ended.out.contains("WRONG  connect  Connection refused"), "\(ended.out)")
        #expect(ended.out.contains("fault: theirs") && ended.out.contains("is the aggregator running"))
        #expect(ended.out.hasSuffix("1 of 1 steps went wrong; the first: connect, theirs\n"))
    }

    @Test("Commands: a peer that says yes to everything is found out, the unverified claim before all")
    func yes() throws {
        let peer = try FakePeer { connection in
            connection.write(FakePeer.preface)
            guard connection.read(8) == FakePeer.preface, connection.record() != nil else { return }
            connection.write(FakePeer.hello)
            while let record = connection.record() {
                guard record.flags & 1 != 0 else { continue }
                connection.write(FakePeer.record(record.type, flags: 2, tag: record.tag, [(0x0120, [0x07, 0xD0])]))
            }
        }
        let (code, report) = try probe("127.0.0.1:\(peer.port)", "--domain", "a.example", "--wait", "5")
        #expect(code == 1)
        #expect(
            report.faults.map(\.name) == [
                "ping", "grease", "critical", "unknown", "dial-back", "close", "version", "size", "relay",
            ]
        )
        #expect(report.faults.first { $0.name == "dial-back" }?.remedy?.hasPrefix("DANGER") == true)
    }

    @Test("Commands: a probe's command line that is wrong ends with exit code 2")
    func usage() throws {
        for arguments in [
            ["probe"], ["probe", "not a domain"], ["probe", "a.example", "--as", "-"],
            ["probe", "a.example", "--wait", "0"],
        ] {
            let ended = try program.run(arguments)
            #expect(ended.code == 2 && ended.out.isEmpty && ended.err.contains("Usage: imx probe"), "\(ended)")
        }
    }
}
