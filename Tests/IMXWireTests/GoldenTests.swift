// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore
import Testing

@testable import IMXWire

@Suite struct GoldenTests {
    @Test("I.1.4: HELLO of the dialler, 113 octets")
    func helloDialler() {
        let expected = octets(
            """
            00000065 0001 00 00 00000000  0001 00000002 0001  0002 00000002 0001
            0003 00000010 000102030405060708090A0B0C0D0E0F  0005 00000004 00010000
            0010 00000020 202122232425262728292A2B2C2D2E2F303132333435363738393A3B3C3D3E3F
            0011 00000009 "a.example"
            """
        )
        #expect(expected.readableBytes == 113)
        #expect(Samples.helloDialler.hex == expected.hex)
        #expect(Samples.helloAcceptor.readableBytes == 98)
    }

    @Test("I.1.4: MESSAGE with tag 7, 160 octets")
    func message() throws {
        var out = ByteBuffer()
        let mime = range(0x20, 87)
        let message = MessageRecord(
            from: try address("alice@a.example"),
            to: try address("bob@b.example"),
            messageID: text("m1"),
            mime: mime
        )
        message.write(to: &out, tag: 7)
        var expected = octets(
            """
            00000094 0020 01 00 00000007 0100 0000000F "alice@a.example" 0101 0000000D "bob@b.example"
            0102 00000002 "m1" 0103 00000001 80 0110 00000057
            """
        )
        expected.writeImmutableBuffer(mime)
        #expect(out.hex == expected.hex)
        #expect(out.readableBytes == 160)
        let read = try MessageRecord(payload: out.payload)
        #expect(read.from.localPart == text("alice"))
        #expect(read.from.domain == text("a.example"))
        #expect(read.to.address == Address("bob@b.example"))
        #expect(read.messageID == text("m1"))
        #expect(read.hops == 128)
        #expect(read.mime == mime)
        #expect(read.details == nil)
    }

    @Test("I.1.4: answer 2000 to tag 7")
    func answer() throws {
        let expected = octets("00000008 0020 02 00 00000007  0120 00000002 07D0")
        var out = ByteBuffer()
        AnswerRecord(.delivered).write(to: &out, answering: .message, tag: 7)
        #expect(out.hex == expected.hex)
        #expect(try AnswerRecord(payload: out.payload).code == .delivered)
        var lone = Lone()
        lone.machine.answer(.delivered, to: .message, tag: 7, now: lone.now)
        _ = lone.events()
        #expect(lone.sent.hex == expected.hex)
    }

    @Test("I.1.4: a GREASE record is passed over silently")
    func grease() {
        var lone = Lone()
        #expect(lone.after(octets("00000003 1A1A 00 00 00000000  000102")).isEmpty)
        #expect(lone.sent.readableBytes == 0)
        #expect(lone.machine.counters.unknownRecords == 1)
    }

    @Test("I.1.4: an unknown request is answered 5008")
    func unknownRequest() {
        var lone = Lone()
        let events = lone.after(octets("00000000 0777 01 00 00000009"))
        guard case .refused(RecordType(rawValue: 0x0777), 9, let error) = events.first else {
            Issue.record("\(events)")
            return
        }
        #expect(error.code == .notUnderstood)
        let answer = lone.sent.records.first
        #expect(answer?.header.tag == 9)
        #expect(answer?.header.type.rawValue == 0x0777)
        #expect(answer?.header.flags == .response)
        #expect(answer?.octets.payload.hex.hasPrefix("0120000000021390") == true)
    }

    @Test("dialback 3: connection identifier, proof and confirmation have their golden values")
    func dialback() throws {
        let id = ConnectionID(dialler: Samples.helloDialler, acceptor: Samples.helloAcceptor)
        #expect(id.buffer.hex == "43f6a3133c3593598e587d5f1343e2aef3b999ef6cee4ec058d4eeb426444cc5")
        #expect(try Samples.proof().hex == "ed35ce6183fb38c69d956a4bde668ded9720d6b1dd76cd799349da2560960307")
        #expect(try Samples.confirm().hex == "490bfa47e36effab8e8183fca8ae46cfeecdcbf5e96b6b31f8c15277d1265a97")
    }

    @Test("I.1.4: every record that is written reads as what was written", arguments: try Samples.all().map(\.name))
    func roundTrip(name: String) throws {
        let sample = try #require(try Samples.all().first { $0.name == name })
        #expect(try Samples.rewrite(sample.octets).hex == sample.octets.hex)
    }

    @Test("I.1.1: GREASE numbers and nothing else are GREASE")
    func greaseNumbers() {
        let numbers = (0...UInt16.max).filter(Grease.isGrease)
        #expect(numbers == [0x0A0A, 0x1A1A, 0x2A2A, 0x3A3A, 0x4A4A, 0x5A5A, 0x6A6A, 0x7A7A])
    }
}
