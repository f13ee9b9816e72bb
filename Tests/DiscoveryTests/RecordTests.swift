// SPDX-License-Identifier: Apache-2.0
import Discovery
import Testing

@Suite struct RecordTests {
    static let golden = "000A000014AA00000666726F6E74310162076578616D706C6500"

    @Test("I.2: the golden record reads and writes")
    func goldenRecord() throws {
        let rdata = try #require(Hexadecimal.octets(Self.golden))
        let record = try IMXRecord(rdata: rdata)
        let target = try #require(DNSName("front1.b.example."))
        #expect(record == IMXRecord(preference: 10, weight: 0, port: 5290, usesTLS: false, target: target))
        #expect(record.rdata == rdata)
        #expect(record.description == "10 0 5290 - front1.b.example.")
        #expect(record.genericText == "\\# 26 " + Self.golden)
        #expect(try IMXRecord(text: record.description) == record)
        #expect(try IMXRecord(text: record.genericText) == record)
        #expect(try IMXRecord(text: "\\# 26 000A0000 14AA0000 0666726F6E7431 0162076578616D706C6500") == record)
    }

    @Test("I.2: flags and extra data read, write and are told")
    func extras() throws {
        var record = IMXRecord(preference: 1, weight: 65535, port: 1, usesTLS: true, target: .root)
        #expect(record.description == "1 65535 1 TLS .")
        record.extras = [
            try #require(IMXRecord.Extra(kind: 7, value: [1, 2])),
            try #require(IMXRecord.Extra(kind: 65535, value: [])),
        ]
        record.flags = 0x8001
        #expect(record.usesTLS)
        #expect(record.description == "1 65535 1 32769 . 7=0102 65535=")
        #expect(try IMXRecord(rdata: record.rdata) == record)
        #expect(try IMXRecord(text: record.description) == record)
    }

    @Test(
        "I.2: data that is short, compressed or overlong is refused with a reason",
        arguments: [
            ("", "it ends before its preference"),
            ("000A00", "it ends before its weight"),
            ("000A000014AA00", "it ends before its flags"),
            ("000A000014AA0000", "it ends before its target"),
            ("000A000014AA0000066672", "its target is cut off"),
            ("000A000014AA00000666726F6E7431", "it ends before its target"),
            ("000A000014AA0000C00C", "its target is compressed or has a label over 63 octets"),
            (
                "000A000014AA000040" + String(repeating: "61", count: 64) + "00",
                "its target is compressed or has a label over 63 octets"
            ),
            (
                "000A000014AA0000" + String(repeating: "3F" + String(repeating: "61", count: 63), count: 4) + "00",
                "its target has over 255 octets"
            ),
            ("000A000014AA0000000001", "it ends before its extra data's length"),
            ("000A000014AA000000000100", "it ends before its extra data's length"),
            ("000A000014AA00000000010003AABB", "its extra data is cut off"),
        ]
    )
    func hostile(hex: String, reason: String) throws {
        let rdata = try #require(Hexadecimal.octets(hex))
        #expect(throws: RDataError.self) { try IMXRecord(rdata: rdata) }
        do { _ = try IMXRecord(rdata: rdata) } catch { #expect(error.description == reason) }
    }

    @Test("I.2: no cut and no changed octet of a record traps, and what reads back is written the same")
    func total() throws {
        var record = IMXRecord(preference: 10, weight: 1, port: 5290, usesTLS: true, target: .root)
        record.target = try #require(DNSName("front1.b.example"))
        record.extras = [try #require(IMXRecord.Extra(kind: 9, value: [1, 2, 3]))]
        let rdata = record.rdata
        var read = 0
        for end in 0...rdata.count {
            if let cut = try? IMXRecord(rdata: Array(rdata[..<end])) {
                #expect(cut.rdata == Array(rdata[..<end]))
                read += 1
            }
        }
        // Whole, and cut behind the target.
        #expect(read == 2)
        for index in rdata.indices {
            for octet in UInt8.min...UInt8.max {
                var changed = rdata
                changed[index] = octet
                if let other = try? IMXRecord(rdata: changed) { #expect(other.rdata == changed) }
                _ = try? SRVRecord(rdata: changed)
                _ = try? TLSARecord(rdata: changed)
            }
        }
    }

    @Test(
        "I.2: text that is no record is refused",
        arguments: [
            "", "10 0 5290 -", "65536 0 1 - a.", "1 -1 1 - a.", "1 1 65536 - a.", "1 1 1 SSL a.", "1 1 1 - a..b",
            "1 1 1 - a. 7", "1 1 1 - a. 7=1", "1 1 1 - a. 7=zz", "\\# 26 00", "\\# x 00", "\\#", "\\# 1 0g",
            "\\# 70000 00",
        ]
    )
    func badText(text: String) {
        #expect(throws: RDataError.self) { try IMXRecord(text: text) }
    }

    @Test(
        "RFC 1035 §5.1: names read and write with their escapes",
        arguments: [
            ("a.b.", "a.b.", [[0x61], [0x62]]), ("a\\.b", "a\\.b.", [[0x61, 0x2E, 0x62]]),
            ("\\000\\255.x.", "\\000\\255.x.", [[0, 255], [0x78]]), (".", ".", []),
        ] as [(String, String, [[UInt8]])]
    )
    func names(text: String, written: String, labels: [[UInt8]]) throws {
        let name = try #require(DNSName(text))
        #expect(name.labels == labels)
        #expect(name.description == written)
    }

    @Test(
        "RFC 1035 §2.3.4: what is no name is refused",
        arguments: [
            "", "..", ".a", "a..b", "\\25", "\\256.", "\\", String(repeating: "a", count: 64),
            String(repeating: "a.", count: 128),
        ]
    )
    func badNames(text: String) { #expect(DNSName(text) == nil) }

    @Test(
        "IMX 4.2.2: a target is a host only where it is a name of letters, digits and hyphens",
        arguments: [
            ("Front1.B.Example.", "front1.b.example"), ("a\\.b.example", nil), ("_x.example", nil), (".", nil),
            ("127.0.0.1.", nil), ("a.1", nil), ("1.a", "1.a"), ("\\200.example", nil),
        ] as [(String, String?)]
    )
    func hosts(text: String, host: String?) throws { #expect(try #require(DNSName(text)).hostName == host) }

    @Test("RFC 2782: an SRV record reads, and trailing octets are refused")
    func srv() throws {
        let rdata: [UInt8] = [0, 1, 0, 2, 0x14, 0xAA, 1, 0x61, 0]
        let record = try SRVRecord(rdata: rdata)
        #expect((record.priority, record.weight, record.port) == (1, 2, 5290))
        #expect(record.target.description == "a.")
        #expect(throws: RDataError.self) { try SRVRecord(rdata: rdata + [0]) }
        #expect(throws: RDataError.self) { try SRVRecord(rdata: Array(rdata.dropLast())) }
    }

    @Test("RFC 6698 §2.1: a TLSA record reads; a digest of another length is refused")
    func tlsa() throws {
        let digest = [UInt8](repeating: 7, count: 32)
        let record = try TLSARecord(rdata: [3, 1, 1] + digest)
        #expect(record == TLSARecord(usage: 3, selector: 1, matching: 1, association: digest))
        #expect(record.rdata == [3, 1, 1] + digest)
        for bad: [UInt8] in [
            [], [3], [3, 1], [3, 1, 1], [3, 1, 0], [3, 1, 1] + digest.dropLast(), [3, 1, 2] + digest,
        ] {
            #expect(throws: RDataError.self) { try TLSARecord(rdata: bad) }
        }
    }
}
