// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import Foundation
import NIOCore
import Testing

@testable import IMXWire

/// Tools/Wireshark/imx.lua, run by the real tshark.
@Suite("Wireshark", .serialized, .enabled(if: Tshark.has("tshark")))
struct Wireshark {
    @Suite struct DissectorTests {}
    @Suite struct HostileCaptureTests {}
}

/// What each sample shows: the fields that are its own, in the order of their names.
private let shown: [(name: String, fields: String)] = [
    (
        "hello-dialler",
        """
        imx.dialled=a.example imx.dialler=1 imx.flags=0x00 imx.max_record=65536 \
        imx.nonce=202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f \
        imx.server_id=000102030405060708090a0b0c0d0e0f imx.type=0x0001 imx.version_max=1 imx.version_min=1
        """
    ),
    (
        "hello-acceptor",
        """
        imx.dialler=0 imx.flags=0x00 imx.max_record=65536 \
        imx.nonce=404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f \
        imx.server_id=101112131415161718191a1b1c1d1e1f imx.type=0x0001 imx.version_max=1 imx.version_min=1
        """
    ),
    ("close-first", "imx.code=2000 imx.flags=0x00 imx.last_tag=0xffffffff imx.type=0x0002"),
    ("close-last", "imx.code=2000 imx.flags=0x00 imx.last_tag=0x00000007 imx.text=idle imx.type=0x0002"),
    (
        "redirect",
        """
        imx.domain=b.example imx.flags=0x00 imx.host=front2.b.example imx.port=5290 imx.scope=0 imx.seconds=60 \
        imx.type=0x0003
        """
    ),
    ("ping", "imx.flags=0x01 imx.opaque=cafe imx.tag=0x00000003 imx.type=0x0004"),
    ("ping-answer", "imx.code=2000 imx.flags=0x02 imx.opaque=cafe imx.tag=0x00000003 imx.type=0x0004"),
    (
        "claim",
        """
        imx.expert.secret=1 imx.flags=0x01 imx.source=b.example imx.tag=0x00000001 imx.target=a.example \
        imx.token=606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f imx.type=0x0010
        """
    ),
    (
        "verify",
        """
        imx.expert.secret=1,1 imx.flags=0x01 \
        imx.secret=808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f imx.source=b.example \
        imx.tag=0x00000001 imx.target=a.example \
        imx.token=606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f imx.type=0x0011
        """
    ),
    (
        "proof",
        """
        imx.expert.secret=1 imx.flags=0x00 \
        imx.proof=ed35ce6183fb38c69d956a4bde668ded9720d6b1dd76cd799349da2560960307 imx.source=b.example \
        imx.target=a.example imx.type=0x0012
        """
    ),
    (
        "claim-answer",
        """
        imx.code=2000 imx.confirm=490bfa47e36effab8e8183fca8ae46cfeecdcbf5e96b6b31f8c15277d1265a97 \
        imx.expert.secret=1 imx.flags=0x02 imx.tag=0x00000001 imx.type=0x0010
        """
    ),
    (
        "message",
        """
        imx.flags=0x01 imx.from=alice@a.example imx.hops=128 imx.message_id=m1 \
        imx.mime.line=From: <im:alice@a.example>,To: <im:bob@b.example>,Content-Type: text/plain,,Hello Bob \
        imx.tag=0x00000007 imx.to=bob@b.example imx.type=0x0020
        """
    ),
    (
        "message-full",
        """
        imx.attribute=1 imx.attribute.type=text/plain imx.attribute.value=416c imx.baggage=1 imx.baggage.critical=1 \
        imx.baggage.name=x imx.baggage.octets=3c782f3e imx.baggage.origin=xmpp imx.chat_state=1 imx.deadline=30000 \
        imx.expert.grease=1 \
        imx.field.unknown=000102 imx.flags=0x09 imx.from=alice@a.example imx.from_instance=phone imx.from_name=1 \
        imx.hops=127 imx.key=alias imx.lang=de imx.loss=1 imx.loss.feature=xmpp:xhtml-im imx.message_id=m2 \
        imx.message_type=normal imx.mime.line=,x imx.native_id=n1 imx.origin=000102030405060708090a0b0c0d0e0f \
        imx.read_report_wanted=1 imx.receipt_wanted=1 imx.recipient=1,1 imx.recipient.kind=1,2 \
        imx.recipient.uri=im:carol@c.example,im:dan@d.example imx.replaces=m0 imx.route=0102 imx.same_connection=1 imx.sent_at=2026-01-02T03:04:05Z \
        imx.subject=1 imx.tag=0x00000008 imx.text=Grüße,Alice,no place for it,Carol imx.thread=t1 imx.thread_parent=t0 \
        imx.to=bob@b.example imx.to_instance=desk imx.trace=00000000000000010000000000000002 \
        imx.trail=101112131415161718191a1b1c1d1e1f imx.type=0x0020
        """
    ),
    ("answer", "imx.code=2000 imx.flags=0x02 imx.tag=0x00000007 imx.type=0x0020"),
    (
        "answer-refused",
        """
        imx.code=4004 imx.expert.refused=1 imx.flags=0x02 imx.lang=en imx.retry_after=60 imx.tag=0x00000008 \
        imx.text=slow down imx.type=0x0020
        """
    ),
    (
        "report",
        """
        imx.about=m1 imx.code=2000 imx.flags=0x01 imx.from=bob@b.example imx.tag=0x0000000a imx.to=alice@a.example \
        imx.type=0x0021
        """
    ),
    (
        "report-read",
        """
        imx.about=m1 imx.code=2000 imx.flags=0x01 imx.from=bob@b.example imx.stage=2 imx.tag=0x0000000a \
        imx.to=alice@a.example imx.type=0x0021
        """
    ),
    (
        "message-state",
        """
        imx.chat_state=2 imx.flags=0x01 imx.from=alice@a.example imx.hops=128 imx.message_id=m3 imx.tag=0x00000009 \
        imx.to=bob@b.example imx.type=0x0020
        """
    ),
    (
        "subscribe",
        """
        imx.duration=1800 imx.flags=0x01 imx.from=alice@a.example imx.hops=128 imx.presentity=bob@b.example \
        imx.subscript_id=s1 imx.tag=0x0000000b imx.to=bob@b.example imx.type=0x0030 imx.watcher=alice@a.example
        """
    ),
    (
        "subscribe-full",
        """
        imx.deadline=5000 imx.duration=0 imx.flags=0x01 imx.forget=1 imx.from=alice@a.example imx.from_name=1 \
        imx.hops=127 imx.lang=en imx.presentity=bob@b.example imx.subscript_id=s1 imx.tag=0x0000000b imx.text=Alice \
        imx.to=bob@b.example imx.trace=00000000000000010000000000000002 imx.type=0x0030 imx.watcher=alice@a.example
        """
    ),
    ("subscribe-answer", "imx.code=2000 imx.flags=0x02 imx.granted=900 imx.tag=0x0000000b imx.type=0x0030"),
    (
        "notify",
        """
        imx.flags=0x01 imx.from=bob@b.example imx.presentity=bob@b.example imx.sequence=1 imx.state=1 \
        imx.subscript_id=s1 imx.tag=0x0000000c imx.to=alice@a.example imx.type=0x0031 imx.watcher=alice@a.example
        """
    ),
    (
        "notify-full",
        """
        imx.attribute=1 imx.attribute.seconds=3600 imx.attribute.value=426f62 imx.deadline=5000 imx.flags=0x01 \
        imx.from=bob@b.example imx.hops=127 imx.key=alias imx.loss=1 imx.loss.feature=xmpp:caps \
        imx.mime.line=Content-Type: application/pidf+xml,,\(Samples.documentXML) imx.presentity=bob@b.example \
        imx.sequence=2 imx.state=1 imx.subscript_id=s1 imx.tag=0x0000000c imx.text=no place for it \
        imx.to=alice@a.example imx.trace=00000000000000010000000000000002 imx.type=0x0031 imx.watcher=alice@a.example
        """
    ),
    (
        "notify-ended",
        """
        imx.code=5004 imx.flags=0x01 imx.from=bob@b.example imx.presentity=bob@b.example imx.sequence=3 imx.state=3 \
        imx.subscript_id=s1 imx.tag=0x0000000c imx.to=alice@a.example imx.type=0x0031 imx.watcher=alice@a.example
        """
    ),
    (
        "get",
        """
        imx.about_whom=b.example imx.flags=0x01 imx.from=alice@a.example imx.key=contact.abuse \
        imx.requester=alice@a.example imx.tag=0x0000000d imx.to=b.example imx.type=0x0040
        """
    ),
    (
        "get-domain",
        """
        imx.about_whom=bob@b.example imx.deadline=5000 imx.flags=0x01 imx.from=a.example imx.hops=127 \
        imx.key=alias,b.example/shoe-size imx.requester=a.example imx.tag=0x0000000d imx.to=bob@b.example \
        imx.trace=00000000000000010000000000000002 imx.type=0x0040
        """
    ),
    (
        "get-answer",
        """
        imx.attribute=1,1 imx.attribute.seconds=3600 imx.attribute.status=5003 imx.attribute.value=426f62 \
        imx.code=2000 imx.flags=0x02 imx.key=alias,b.example/shoe-size imx.tag=0x0000000d imx.type=0x0040
        """
    ),
    (
        "push-attr",
        """
        imx.about_whom=bob@b.example imx.attribute=1 imx.attribute.seconds=3600 imx.attribute.value=426f62 \
        imx.flags=0x00 imx.key=alias imx.to=bob@b.example imx.type=0x0041
        """
    ),
]

extension Wireshark.DissectorTests {
    /// Every filter name but those that all records share or that depend on their neighbours.
    private static func names(_ tshark: Tshark) throws -> [String] {
        let general: Set = [
            "imx.record", "imx.length", "imx.reserved", "imx.field", "imx.field.id", "imx.field.length",
            "imx.flags.request", "imx.flags.response", "imx.flags.retry", "imx.request_in", "imx.response_in",
            "imx.time", "imx.claim_in", "imx.verify_in", "imx.request_trace", "imx.expert.sequence", "imx.mime",
        ]
        let list = try tshark.run("tshark", ["-G", "fields", "-X", "lua_script:\(Tshark.script.path)"])
        let names = list.split(separator: "\n").compactMap { line -> String? in
            let columns = line.split(separator: "\t", omittingEmptySubsequences: false)
            guard columns.count > 3, columns[0] == "F", columns[2].hasPrefix("imx.") else { return nil }
            return String(columns[2])
        }
        return Set(names).subtracting(general).sorted()
    }

    @Test("I.1.2: Wireshark shows every field of every record under its name")
    func records() throws {
        let tshark = try Tshark()
        defer { tshark.remove() }
        let samples = try Samples.all()
        #expect(Set(samples.map(\.name)) == Set(shown.map(\.name)))
        var capture = CaptureFile()
        capture.open()
        for sample in samples { capture.add(sample.octets, fromDialler: !sample.name.contains("answer")) }
        let names = try Self.names(tshark)
        let frames = try tshark.fields(names, of: capture).dropFirst(2)
        #expect(frames.count == samples.count)
        for (sample, values) in zip(samples, frames) {
            let text = zip(names, values).filter { !$0.1.isEmpty && $0 != ("imx.tag", "0x00000000") }
                .map { "\($0)=\($1)" }.joined(separator: " ")
            #expect(text == shown.first { $0.name == sample.name }?.fields, "\(sample.name)")
        }
    }

    @Test("I.1.2: Wireshark knows exactly the fields, and I.1.5: the codes, that the code knows")
    func numbers() throws {
        let script = try String(contentsOf: Tshark.script, encoding: .utf8)
        let fields = script.matches(of: /(?m)^    \[0x([0-9A-F]{4})\] = \{ "/).compactMap { UInt16($0.1, radix: 16) }
        #expect(fields == (0...UInt16.max).filter { FieldID(rawValue: $0).isAssigned })
        let codes = script.matches(of: /\[([2-5]0[0-9]{2})\] = "/).compactMap { UInt16($0.1) }.map(OutcomeCode.init)
        #expect(codes == OutcomeCode.known)
    }

    @Test("I.1.3: Wireshark joins requests and answers, and the two legs of a dial-back")
    func matching() throws {
        let tshark = try Tshark()
        defer { tshark.remove() }
        let sample = { (name: String) in try #require(try Samples.all().first { $0.name == name }).octets }
        var capture = CaptureFile()
        capture.open(1)  // frames 1 and 2
        capture.add(try sample("hello-dialler"), stream: 1)
        capture.add(try sample("hello-acceptor"), stream: 1, fromDialler: false)
        capture.add(try sample("claim"), stream: 1)  // 5
        capture.open(2)  // 6 and 7
        capture.add(try sample("hello-dialler"), stream: 2)
        capture.add(try sample("hello-acceptor"), stream: 2, fromDialler: false)
        capture.add(try sample("verify"), stream: 2)  // 10: the tag of the claim, on another connection
        capture.add(octets("00000008 0011 02 00 00000001 0120 00000002 07D0"), stream: 2, fromDialler: false)
        capture.add(try sample("claim-answer"), stream: 1, fromDialler: false)  // 12
        var both = try sample("message")
        both.writeImmutableBuffer(try sample("message-full"))
        capture.add(both, stream: 1)  // 13: tags 7 and 8
        capture.add(octets("00000008 0020 02 00 00000008 0120 00000002 07D0"), stream: 1, fromDialler: false)
        capture.add(octets("00000008 0020 02 00 00000007 0120 00000002 07D0"), stream: 1, fromDialler: false)
        capture.add(octets("00000008 0020 02 00 00000007 0120 00000002 07D0"), stream: 1, fromDialler: false)
        let names = [
            "imx.request_in", "imx.response_in", "imx.time", "imx.request_trace", "imx.claim_in", "imx.verify_in",
            "imx.expert.sequence",
        ]
        let frames = try tshark.fields(names, of: capture, ["-2"])
        let expected: [Int: String] = [
            5: " 12    10 ", 10: " 11   5  ", 11: "10  0.001000000    ", 12: "5  0.007000000    ", 13: " 15,14     ",
            14: "13  0.001000000 00000000000000010000000000000002   ", 15: "13  0.002000000    ", 16: "      1",
        ]
        for (index, values) in frames.enumerated() {
            #expect(values.joined(separator: " ") == expected[index + 1] ?? "      ", "frame \(index + 1)")
        }
    }

    @Test(
        "I.1.1: however the octets are cut into segments, Wireshark shows the same records",
        arguments: [1, 5, 12, 97]
    )
    func segments(size: Int) throws {
        let tshark = try Tshark()
        defer { tshark.remove() }
        var whole = octets("89494D580D0A1A0A")
        for sample in try Samples.all() { whole.writeImmutableBuffer(sample.octets) }
        var capture = CaptureFile()
        capture.add(octets("89494D580D0A1A0A"), fromDialler: false)
        for piece in whole.pieces(size) { capture.add(piece) }
        let frames = try tshark.fields(["imx.type", "imx.length"], of: capture)
        let types = frames.flatMap { $0[0].split(separator: ",") }
        let lengths = frames.flatMap { $0[1].split(separator: ",") }
        let headers = whole.getSlice(at: 8, length: whole.readableBytes - 8)?.records.map(\.header) ?? []
        #expect(headers.count == shown.count)
        #expect(types.map(String.init) == headers.map { "0x" + hexadecimal($0.type.rawValue) })
        #expect(lengths.map(String.init) == headers.map { "\($0.length)" })
        #expect(frames.count == capture.frames)
    }

    private func hexadecimal(_ number: UInt16) -> String {
        String(repeating: "0", count: 4 - String(number, radix: 16).count) + String(number, radix: 16)
    }
}
