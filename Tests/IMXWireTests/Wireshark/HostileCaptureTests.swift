// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import Foundation
import NIOCore
import TestSupport
import Testing

@testable import IMXWire

/// Octets that break a rule or that nobody knows, and the one thing that Wireshark is to say about them.
private let verdicts: [(octets: String, says: String)] = [
    ("00000003 1A1A 00 00 00000000 000102", "Without a meaning, for ever"),
    ("00000000 0777 01 00 00000009", "Record not known: answered 5008"),
    ("00000000 0777 00 00 00000009", "Record not known: passed over"),
    ("00000000 0004 F1 00 00000009", "Flags not known: ignored"),
    ("00000000 0004 00 00 00000009", "A request without REQ: ignored"),
    ("00000000 0004 01 00 00000000", "This tag is reserved"),
    ("00000000 0004 01 00 FFFFFFFF", "This tag is reserved"),
    ("00000000 0004 03 00 00000009", "Both REQ and RSP: passed over"),
    ("00000004 0004 01 00 00000009 000E0000", "Field ends in its header"),
    ("00000008 0004 01 00 00000009 000E 00000003 CAFE", "Field overruns its parent"),
    ("00000008 0004 01 00 00000009 000E FFFFFFFF CAFE", "Field overruns its parent"),
    ("00000006 0004 01 00 00000009 000E 00000000", "Opaque: empty"),
    ("0000000E 0004 01 00 00000009 000E 00000001 00 000E 00000001 00", "Field appears twice"),
    ("00000007 0004 01 00 00000009 4001 00000001 00", "Field not known: ignored, and carried onward"),
    ("00000007 0004 01 00 00000009 C001 00000001 00", "Critical and not known: refused with 5008"),
    ("00000007 0004 01 00 00000009 1A1A 00000001 00", "Without a meaning, for ever"),
    ("00000008 0004 01 00 00000009 0120 00000002 07D0", "Field has no meaning here, and is ignored"),
    ("00000000 0020 02 00 00000009", "Field code (0120) is missing"),
    ("00000007 0020 02 00 00000009 0120 00000001 07", "Code: 1 octets, not 2"),
    ("00000008 0020 02 00 00000009 0120 00000002 1388", "5000 no, by its class"),
    ("0000000F 0020 02 00 00000009 0120 00000002 07D0 0121 00000001 FF", "Text: not UTF-8"),
    ("00000010 0020 02 00 00000009 0120 00000002 07D0 0123 00000002 \"@b\"", "New address: not an address"),
    (
        "0000001A 0012 00 00 00000000 0020 00000001 \"A\" 0021 00000001 \"b\" 0024 00000006 000000000000",
        "Source domain: not a canonical domain,Proof: 6 octets, not 32"
    ),
    (
        "0000001C 0041 00 00 00000000 0101 00000003 \"b.c\" 0111 0000000D 0112 00000001 6B 0116 00000000",
        "Status: 0 octets, not 2"
    ),
    ("0000000F 0041 00 00 00000000 0101 00000003 \"b.c\" 0111 00000000", "Field key (0112) is missing"),
    ("FFFFFFFF 0020 01 00 00000009", "Longer than any record may be"),
    ("01000001 0020 01 00 00000009", "Longer than any record may be"),
]

extension Wireshark.HostileCaptureTests {
    /// The frames in which Lua failed, or Wireshark caught what the dissector let through.
    private static let faults = [
        "-Y",
        "_ws.lua.error || _ws.malformed.expert || _ws.malformed.dissector_bug || _ws.malformed.reassembly",
    ]

    /// A connection on which both HELLOs have crossed.
    private func opened(_ capture: inout CaptureFile, _ stream: UInt16) {
        capture.open(stream)
        capture.add(Samples.helloDialler, stream: stream)
        capture.add(Samples.helloAcceptor, stream: stream, fromDialler: false)
    }

    @Test("I.1.1: Wireshark says what is wrong with octets that break the rules, and shows what is unknown as such")
    func verdictTable() throws {
        let tshark = try Tshark()
        defer { tshark.remove() }
        var capture = CaptureFile()
        for (index, verdict) in verdicts.enumerated() {
            opened(&capture, UInt16(index))
            if verdict.octets.contains(" 02 00 ") {
                // The request whose answer it is.
                capture.add(octets("00000000 0020 01 00 00000009"), stream: UInt16(index))
                capture.add(octets(verdict.octets), stream: UInt16(index), fromDialler: false)
            } else {
                capture.add(octets(""), stream: UInt16(index))
                capture.add(octets(verdict.octets), stream: UInt16(index))
            }
        }
        let frames = try tshark.fields(["_ws.expert.message"], of: capture)
        #expect(frames.count == verdicts.count * 6)
        for (index, verdict) in verdicts.enumerated() {
            #expect(frames[index * 6 + 5].first == verdict.says, "\(verdict.octets)")
        }
    }

    @Test("I.1.1: Wireshark tells an end that does not speak IMX/1, a preface that was changed, and a wrong beginning")
    func beginnings() throws {
        let tshark = try Tshark()
        defer { tshark.remove() }
        var capture = CaptureFile()
        capture.add(octets("89494D580D0A1A0A"), stream: 1)
        capture.add(text("220 mail.example ESMTP\r\n"), stream: 1, fromDialler: false)
        capture.open(2)
        capture.add(octets("00000000 0004 01 00 00000009"), stream: 2)
        opened(&capture, 3)
        capture.add(Samples.helloDialler, stream: 3)
        capture.open(3)  // The same ports once more: a new connection, whose first HELLO this is.
        capture.add(Samples.helloDialler, stream: 3)
        let frames = try tshark.fields(["_ws.expert.message", "_ws.col.Info"], of: capture)
        #expect(frames[1] == ["This end does not speak IMX/1", "not IMX/1: 220 mail.example ESMTP??"])
        #expect(frames[4].first == "The first record is neither HELLO nor CLOSE")
        #expect(frames[9].first == "Second HELLO")
        #expect(frames[12] == ["", "HELLO to a.example"])
        var changed = CaptureFile()
        changed.open()
        changed.add(octets("89494D580A1A0A0A"))
        #expect(try tshark.fields(["_ws.expert.message"], of: changed)[2].first?.hasPrefix("Preface changed") == true)
    }

    @Test("I.1.1: two thousand connections of spoilt octets give no error of the dissector")
    func mutations() throws {
        let tshark = try Tshark()
        defer { tshark.remove() }
        let samples = try Samples.all().map(\.octets)
        var random = SeededGenerator(seed: 20_261_121)
        var capture = CaptureFile()
        for stream in 1...2000 as ClosedRange<UInt16> {
            capture.open(stream)
            for fromDialler in [true, false] {
                let spoilt = Mutation.spoil(samples, using: &random)
                let size = Int.random(in: 0..<3, using: &random) == 0 ? Int.random(in: 1...40, using: &random) : .max
                for piece in spoilt.pieces(size) { capture.add(piece, stream: stream, fromDialler: fromDialler) }
            }
        }
        #expect(try tshark.read(capture, Self.faults) == "")
        #expect(try tshark.read(capture, Self.faults + ["-2"]) == "")
        // With the tree, as a person sees it, and with every packet cut short after 90 octets.
        let tree = try tshark.read(capture, ["-V", "-O", "imx"])
        #expect(!tree.contains("Lua Error") && !tree.contains("Malformed Packet") && tree.contains("IMX/1, HELLO"))
        try tshark.run("editcap", ["-s", "90", "capture.pcap", "cut.pcap"])
        let cut = try tshark.run(
            "tshark",
            ["-X", "lua_script:\(Tshark.script.path)", "-r", "cut.pcap", "-Y", "_ws.lua.error || imx.expert.cut"]
        )
        #expect(!cut.contains("Lua") && cut.contains("IMX"))
    }

    @Test("I.1.1: records of many fields, of great length and of great depth give no error of the dissector")
    func sizes() throws {
        let tshark = try Tshark()
        defer { tshark.remove() }
        func record(_ payload: ByteBuffer) -> ByteBuffer {
            var out = ByteBuffer()
            let start = out.beginRecord(.message, .request, tag: 1)
            out.writeImmutableBuffer(payload)
            out.endRecord(at: start)
            return out
        }
        var many = ByteBuffer()
        for _ in 0..<20_000 { many.writeImmutableBuffer(octets("0108 00000000")) }
        var deep = octets("0112 00000001 6B")
        for _ in 0..<2_000 {
            var outer = ByteBuffer()
            outer.writeMultipleIntegers(UInt16(0x0111), UInt32(deep.readableBytes))
            outer.writeImmutableBuffer(deep)
            deep = outer
        }
        var long = ByteBuffer()
        long.writeMultipleIntegers(UInt16(0x0110), UInt32(1 << 20))
        long.writeRepeatingByte(0x0A, count: 1 << 20)
        var capture = CaptureFile()
        for (stream, payload) in [many, deep, long].enumerated() {
            opened(&capture, UInt16(stream))
            for piece in record(payload).pieces(60_000) { capture.add(piece, stream: UInt16(stream)) }
        }
        #expect(try tshark.read(capture, Self.faults) == "")
        let records = try tshark.fields(["imx.length"], of: capture).compactMap { $0.first.flatMap(Int.init) }
        #expect(records.filter { $0 > 200 } == [120_000, 12_007, (1 << 20) + 6])
        let tree = try tshark.read(capture, ["-V", "-O", "imx"])
        #expect(!tree.contains("Lua Error") && tree.contains("Too many fields; the rest is not shown"))
    }
}

/// Ways to spoil a sequence of records.
private enum Mutation {
    static func spoil(_ samples: [ByteBuffer], using random: inout SeededGenerator) -> ByteBuffer {
        var bytes: [UInt8] = []
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            bytes += samples.randomElement(using: &random).map { Array($0.readableBytesView) } ?? []
        }
        for _ in 0..<Int.random(in: 1...6, using: &random) where !bytes.isEmpty {
            let at = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 2: bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 1...9, using: &random)))
            case 3:
                let new = (0..<Int.random(in: 1...20, using: &random)).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                }
                bytes.insert(contentsOf: new, at: at)
            default:
                let values: [UInt32] = [0, 1, 5, 6, 12, 0x0111_0000, 0x7FFF_FFFF, 0x0100_0000, 65_535, .max]
                let value = values.randomElement(using: &random) ?? 0
                for (offset, shift) in [24, 16, 8, 0].enumerated() where at + offset < bytes.count {
                    bytes[at + offset] = UInt8(truncatingIfNeeded: value >> UInt32(shift))
                }
            }
        }
        return ByteBuffer(bytes: bytes)
    }
}
