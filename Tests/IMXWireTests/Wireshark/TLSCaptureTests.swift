// SPDX-License-Identifier: Apache-2.0
import Foundation
import NIOCore
import Testing

@testable import IMXWire

/// Speaks TLS with itself in memory and prints what each end would write to its socket, one line for each piece:
/// `D` or `A`, and hexadecimal digits. Arguments: an ALPN protocol or `-`, then pieces to send in the same form.
private let conversation = """
    import ssl, sys
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    server.load_cert_chain("chain.pem", "key.pem")
    client.check_hostname, client.verify_mode, client.keylog_filename = False, ssl.CERT_NONE, "keys.log"
    if sys.argv[1] != "-":
        server.set_alpn_protocols([sys.argv[1]]), client.set_alpn_protocols([sys.argv[1]])
    ci, co, si, so = [ssl.MemoryBIO() for _ in range(4)]
    ends = {"D": client.wrap_bio(ci, co, server_hostname="b.example"), "A": server.wrap_bio(si, so, server_side=True)}
    def pump():
        while co.pending or so.pending:
            if co.pending: piece = co.read(); print("D", piece.hex()); si.write(piece)
            if so.pending: piece = so.read(); print("A", piece.hex()); ci.write(piece)
    def attempt(call, *arguments):
        try: call(*arguments)
        except ssl.SSLWantReadError: pass
        pump()
    for _ in range(3):
        attempt(ends["D"].do_handshake), attempt(ends["A"].do_handshake)
    for piece in sys.argv[2:]:
        attempt(ends[piece[0]].write, bytes.fromhex(piece[2:])), attempt(ends["DA".replace(piece[0], "")].read, 65536)
    """

extension Wireshark {
    @Suite(.enabled(if: Tshark.has("python3") && Tshark.has("openssl")))
    struct TLSCaptureTests {
        /// The connection's pieces, as `conversation` takes them.
        private func pieces(messageIn size: Int) throws -> [String] {
            let sample = { (name: String) in try #require(try Samples.all().first { $0.name == name }).octets }
            return [
                "D 89494D580D0A1A0A", "A 89494D580D0A1A0A", "D " + (try sample("hello-dialler")).hex,
                "A " + (try sample("hello-acceptor")).hex,
            ] + (try sample("message-full")).pieces(size).map { "D " + $0.hex }
                + ["A " + octets("00000008 0020 02 00 00000008 0120 00000002 07D0").hex]
        }

        private func capture(_ tshark: Tshark, protocol name: String, _ pieces: [String]) throws -> CaptureFile {
            try tshark.run(
                "openssl",
                [
                    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=b.example", "-keyout", "key.pem", "-out", "chain.pem",
                ]
            )
            let lines = try tshark.run("python3", ["-c", conversation, name] + pieces)
            var capture = CaptureFile()
            for line in lines.split(separator: "\n") {
                capture.add(octets(String(line.dropFirst(2))), fromDialler: line.hasPrefix("D"))
            }
            return capture
        }

        private static let fields = ["imx.type", "imx.from", "imx.trace", "imx.request_trace", "imx.expert.malformed"]
        private static let keys = ["-o", "tls.keylog_file:keys.log", "-Y", "imx"]

        @Test(
            "I.1.1: Wireshark shows IMX/1 inside TLS, by ALPN across TLS records, and by the preface alone",
            arguments: [("imx/1", 100), ("-", 100_000)]
        )
        func inside(name: String, size: Int) throws {
            let tshark = try Tshark()
            defer { tshark.remove() }
            let capture = try capture(tshark, protocol: name, try pieces(messageIn: size))
            let frames = try tshark.fields(Self.fields, of: capture, Self.keys)
            let trace = "00000000000000010000000000000002"
            #expect(
                frames.map { $0.joined(separator: " ") } == [
                    "    ", "    ", "0x0001    ", "0x0001    ", "0x0020 alice@a.example \(trace)  ",
                    "0x0020   \(trace) ",
                ]
            )
            #expect(try tshark.read(capture, ["-Y", "imx"]) == "")  // without the keys
        }

        @Test("I.1.1: without ALPN, Wireshark joins what spans TLS records too", arguments: [[], ["-2"]])
        func joined(passes: [String]) throws {
            let tshark = try Tshark()
            defer { tshark.remove() }
            let capture = try capture(tshark, protocol: "-", try pieces(messageIn: 100))
            let frames = try tshark.fields(Self.fields, of: capture, Self.keys + passes)
            let messages = frames.filter { !$0[0].isEmpty }.dropFirst(2)
            #expect(messages.map { $0[1] } == ["alice@a.example", ""] && frames.allSatisfy { $0[4].isEmpty })
        }

        @Test("I.1.1: \"decode as\" shows a capture that begins in the middle of a connection")
        func middle() throws {
            let tshark = try Tshark()
            defer { tshark.remove() }
            var capture = CaptureFile()
            let sample = try #require(try Samples.all().first { $0.name == "message-full" }).octets
            for piece in sample.pieces(100) { capture.add(piece) }
            #expect(try tshark.read(capture, ["-Y", "imx"]) == "")
            let choice = ["-d", "tcp.port==\(CaptureFile.port),imx"]
            let frames = try tshark.fields(Self.fields, of: capture, ["-Y", "imx.trace"] + choice)
            #expect(frames.map { $0[1] } == ["alice@a.example"])
        }
    }
}
