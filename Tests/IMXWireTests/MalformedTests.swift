// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore
import Testing

@testable import IMXWire

/// What a MESSAGE answers to: the outcome and the field at fault; nil where it is taken.
private func verdict(_ fields: String) -> String? {
    do throws(IMXError) {
        _ = try MessageRecord(payload: octets(fields))
        return nil
    } catch {
        let field = error.failedField.map { String($0.rawValue, radix: 16) } ?? "-"
        return "\(error.code) \(field)"
    }
}

private let good = """
    0100 0000000F "alice@a.example" 0101 0000000D "bob@b.example" 0102 00000002 "m1" 0103 00000001 80
    """

@Suite struct MalformedTests {
    @Test(
        "I.1.4: a field that breaks a rule refuses its record and is named",
        arguments: [
            ("", "5001 100"),
            (good, nil),
            // Framing.
            (good + "01", "5001 -"), (good + "0110 000000", "5001 -"), (good + "0110 00000002 41", "5001 110"),
            (good + "0110 FFFFFFFF 41", "5001 110"), (good + "7FFF 80000000", "5001 7fff"),
            // Twice, empty, wrong length.
            (good + "0103 00000001 80", "5001 103"), (good + "0100 00000003 \"a@b\"", "5001 100"),
            (good + "0110 00000000", "5001 110"), (good + "0105 00000000", "5001 105"),
            (good + "0105 00000003 000001", "5001 105"), (good + "0105 00000005 0000000001", "5001 105"),
            (good + "0106 00000001 02", "5001 106"),
            (good + "0180 0000000F 000102030405060708090A0B0C0D0E", "5001 180"),
            (good + "0108 00000001 00", "5001 108"), (good + "0106 00000001 00  0106 00000001 00", "5001 106"),
            (good + "0104 00000001 41 0104 00000001 41", "5001 104"),
            // Nested fields.
            (good + "0181 00000006 0121 00000001", "5001 181"), (good + "0181 00000005 0121 000000", "5001 181"),
            (good + "0181 00000007 0122 00000001 65", "5001 121"), (good + "0181 00000006 0121 00000000", "5001 121"),
            (good + "0181 0000000E 0121 00000001 41 0121 00000001 41", "5001 121"),
            (good + "0181 0000000E 0121 00000001 41 8001 00000001 41", "5008 8001"),
            (good + "0181 0000000E 0121 00000001 41 7001 00000001 41", nil),
            (good + "0111 00000007 0114 00000001 41", "5001 112"),
            (good + "018B 00000007 018C 00000001 41", "5001 18d"),
            // Unknown fields.
            (good + "1A1A 00000000", nil), (good + "7FFF 00000001 41", nil), (good + "9A1A 00000000", "5008 9a1a"),
            (good + "FFFF 00000001 41", "5008 ffff"),
            // Text.
            (good + "0182 00000002 C3A9", nil), (good + "0182 00000002 C0AF", "5001 182"),
            (good + "0182 00000003 EDA080", "5001 182"), (good + "0182 00000004 F4908080", "5001 182"),
            (good + "0182 00000002 E282", "5001 182"), (good + "0182 00000001 FF", "5001 182"),
            (good + "0182 0000000A 4141414141414141 C341", "5001 182"),
        ] as [(String, String?)]
    )
    func fields(fields: String, expected: String?) {
        #expect(verdict(fields) == expected)
    }

    @Test(
        "IMX 4.2.2: an address on the wire has a canonical domain",
        arguments: [
            ("a@b", true), ("@b", false), ("a@", false), ("a", false), ("a@B.example", false), ("a@b.example.", false),
            ("a@b..c", false), ("a@-b", false), ("a@b-", false), ("a@b@c", false), ("a\u{1}@b", false),
            ("a\u{7F}@b", false), ("é@b", true), ("a@é", false), ("a b@c", true),
            (String(repeating: "a", count: 1024) + "@b", true), (String(repeating: "a", count: 1025) + "@b", false),
            ("a@" + String(repeating: "b", count: 64), false),
        ]
    )
    func addresses(string: String, isGood: Bool) {
        #expect((AddressField(text(string)) != nil) == isGood)
    }

    @Test("IMX 4.4.10: the UTF-8 check agrees with the standard library on every short sequence of odd octets")
    func utf8() {
        let odd: [UInt8] = [
            0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE,
            0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF,
        ]
        var wrong = 0
        for a in odd {
            for b in odd {
                for c in odd {
                    for d in odd {
                        let bytes = [a, b, c, d]
                        let expected = String(validating: bytes, as: UTF8.self) != nil
                        if ByteBuffer(bytes: bytes).isWellFormedUTF8 != expected { wrong += 1 }
                    }
                }
            }
        }
        #expect(wrong == 0)
    }

    @Test(
        "I.1.2: the limits of fields hold at their edges",
        arguments: [
            (FieldID.messageID, 255), (.thread, 1024), (.fromInstance, 1023), (.toInstance, 1023), (.nativeID, 1024),
            (.messageType, 64), (.sentAt, 64), (.replaces, 255), (.route, 64),
        ]
    )
    func limits(id: FieldID, limit: Int) throws {
        for (count, expected) in [(limit, nil), (limit + 1, id)] as [(Int, FieldID?)] {
            var fields = octets(id == .messageID ? good.replacingMessageID : good)
            fields.writeField(id, String(repeating: "a", count: count))
            var failed: FieldID?
            do throws(IMXError) { _ = try MessageRecord(payload: fields) } catch { failed = error.failedField }
            #expect(failed == expected)
        }
    }

    @Test("I.1.1: an unknown field that is not critical is carried onward")
    func carried() throws {
        let record = try MessageRecord(payload: octets(good + "1A1A 00000003 000102 7001 00000000"))
        #expect(record.details?.extra.map(\.id.rawValue) == [0x1A1A, 0x7001])
        var out = ByteBuffer()
        record.write(to: &out, tag: 1)
        let again = try MessageRecord(payload: out.payload)
        #expect(again.details?.extra == record.details?.extra)
    }

    @Test(
        "I.1.2: a record without a field that it must have is refused",
        arguments: try Samples.all().map(\.name)
    )
    func missing(name: String) throws {
        let sample = try #require(try Samples.all().first { $0.name == name }).octets
        let mandatory = mandatoryFields[name] ?? []
        for field in mandatory {
            let cut = without(field, sample)
            do throws(IMXError) {
                _ = try rewriteOrThrow(cut)
                Issue.record("\(name) without \(field)")
            } catch {
                #expect(error.failedField == field)
            }
        }
    }

    @Test("I.1.2: HELLO with an inverted range of versions is refused")
    func versions() {
        let hello = HelloRecord(versionMin: 2, versionMax: 1, serverID: Samples.server, nonce: Samples.nonce(0))
        var out = ByteBuffer()
        hello.write(to: &out)
        #expect(throws: IMXError.self) { try HelloRecord(payload: out.payload) }
    }

    @Test("I.1.2: dial-back records have tokens of 16 to 128 octets and secrets of 32", arguments: [15, 16, 128, 129])
    func tokens(count: Int) {
        var out = ByteBuffer()
        ClaimRecord(source: text("b"), target: text("a"), token: range(0, count)).write(to: &out, tag: 1)
        let isGood = (16...128).contains(count)
        #expect(((try? ClaimRecord(payload: out.payload)) != nil) == isGood)
        for size in [31, 32, 33] {
            var verify = ByteBuffer()
            VerifyRecord(source: text("b"), target: text("a"), token: range(0, 16), secret: range(0, size))
                .write(to: &verify, tag: 1)
            #expect(((try? VerifyRecord(payload: verify.payload)) != nil) == (size == 32))
        }
    }
}

private let mandatoryFields: [String: [FieldID]] = [
    "hello-dialler": [.versionMin, .versionMax, .serverID, .nonce], "close-last": [.code, .lastTag],
    "redirect": [.sourceDomain, .host, .port, .seconds], "claim": [.sourceDomain, .targetDomain, .token],
    "verify": [.sourceDomain, .targetDomain, .token, .secret], "proof": [.sourceDomain, .targetDomain, .proof],
    "message": [.from, .to, .messageID, .hops], "answer-refused": [.code], "report": [.from, .to, .about, .code],
    "subscribe": [.from, .to, .duration, .subscriptID, .hops],
    "notify": [.from, .to, .subscriptID, .state, .sequence], "get": [.from, .to], "push-attr": [.to],
]

private func rewriteOrThrow(_ record: ByteBuffer) throws(IMXError) -> ByteBuffer {
    do {
        return try Samples.rewrite(record)
    } catch let error as IMXError {
        throw error
    } catch {
        return record
    }
}

/// The record without the field.
private func without(_ id: FieldID, _ record: ByteBuffer) -> ByteBuffer {
    guard let header = record.recordHeader else { return record }
    var out = ByteBuffer()
    let start = out.beginRecord(header.type, header.flags, tag: header.tag)
    var rest = record.payload
    while let (number, length) = rest.readMultipleIntegers(as: (UInt16, UInt32).self),
        let value = rest.readSlice(length: Int(length))
    {
        if number != id.rawValue { out.writeField(FieldID(rawValue: number), value) }
    }
    out.endRecord(at: start)
    return out
}

extension String {
    fileprivate var replacingMessageID: String {
        split(separator: "0102 00000002 \"m1\"").joined()
    }
}
