// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore
import Testing

@testable import MessageFormats

@Suite struct ReaderTests {
    @Test("IMX 5.1: headers are found in any case, folded or not, and unknown ones survive")
    func headers() throws {
        let entity = try read(
            "fROM:  alice@a.example \r\nTO: bob@b.example\r\nX-Mood: very\r\n\t good\r\nSubject: s\r\n"
                + "content-TYPE: TEXT/Plain;\r\n charset=\"UTF-8\"\r\nContent-Language: en\r\nContent-ID: <1@x>\r\n\r\nbody"
        )
        #expect(entity.from == "alice@a.example")
        #expect(entity.to == "bob@b.example")
        let part = entity.parts[0]
        #expect(part.mediaType == "TEXT/Plain; charset=\"UTF-8\"")
        #expect(part.language == "en")
        #expect(part.contentID == "1@x")
        #expect(part.headers.map(\.name) == ["X-Mood", "Subject"])
        #expect(part.headers[0].value == "very\t good")
        #expect(!part.isOpaque)
        #expect(MIMEEntity.plainText(of: .parts(entity.parts)) == octets("body"))
    }

    @Test(
        "IMX 5.1: an entity without From or To, or without any header, is read and shows the lack",
        arguments: [("\r\nbody", "body"), ("To: b@b.example\n\nbody", "body"), ("To: b@b.example", ""), ("", "")]
    )
    func lacking(text: String, body: String) throws {
        let entity = try read(text)
        #expect(entity.from == nil)
        #expect(entity.parts[0].octets == octets(body))
        #expect(MIMEEntity.plainText(of: .entity(octets(text))) == octets(body))
    }

    @Test(
        "IMX 5.1, RFC2779 4.1.5: transfer encodings are undone, and unknown ones leave the part opaque",
        arguments: [
            ("7bit", "a=b", "a=b", false), ("BINARY", "a\r\n", "a\r\n", false),
            ("quoted-printable", "a=3Db =\r\nc=c3=A9  \r\n\r\nd", "a=b cé\r\n\r\nd", false),
            ("quoted-printable", "soft=", "soft", false), ("quoted-printable", "soft= \t\r\nx", "softx", false),
            ("base64", "aGVs\r\nbG8=", "hello", false), ("base64", "aGVsbG8", "hello", false),
            ("Base64", "aGk=\r\n", "hi", false), ("base64", "", "", false),
            ("x-own", "zzz", "zzz", true),
        ]
    )
    func transferEncodings(name: String, content: String, expected: String, isOpaque: Bool) throws {
        let part = try read("Content-Transfer-Encoding: \(name)\r\n\r\n\(content)").parts[0]
        #expect(String(buffer: part.octets) == expected)
        #expect(part.isOpaque == isOpaque)
        #expect(part.headers.isEmpty != isOpaque)
    }

    @Test("IMX 5.1: a multipart is split at its delimiters, and what stands around them is dropped")
    func multipart() throws {
        let entity = try read(
            "From: a@a.example\r\nTo: b@b.example\r\nX-Top: 1\r\nContent-Type: multipart/mixed; boundary=\"a b\"\r\n\r\n"
                + "preamble\r\n--a b \r\n\r\none\r\n--a bc\r\n\r\n--a b\r\nContent-Type: text/html-lite\r\n\r\n<b>x</b>"
                + "\r\n--a b\nContent-Language: de\n\ndrei\n--a b--\r\nepilogue\r\n--a b\r\n"
        )
        #expect(entity.structure == .mixed)
        #expect(entity.headers == [HeaderField(name: "X-Top", value: "1")])
        #expect(entity.parts.map { String(buffer: $0.octets) } == ["one\r\n--a bc\r\n", "<b>x</b>", "drei"])
        #expect(entity.parts.map(\.language) == [nil, nil, "de"])
        #expect(entity.parts[1].mediaType == "text/html-lite")
    }

    @Test(
        "IMX 2.9c: signed, encrypted and nested content stays one opaque part, octet for octet",
        arguments: [
            "multipart/signed; boundary=b; protocol=x", "multipart/encrypted; boundary=b", "application/pkcs7-mime",
            "x",
        ]
    )
    func opaque(type: String) throws {
        let content = "--b\r\n\r\nx\r\n\r\n--b--\r\n \u{0}"
        let entity = try read("Content-Type: \(type)\r\n\r\n\(content)")
        #expect(entity.structure == .single)
        #expect(entity.parts.count == 1)
        #expect(entity.parts[0].isOpaque)
        #expect(entity.parts[0].octets == octets(content))
        #expect(MIMEEntity.plainText(of: .entity(octets("Content-Type: \(type)\r\n\r\n\(content)"))) == nil)
        let nested = try read(
            "Content-Type: multipart/alternative; boundary=o\r\n\r\n--o\r\nContent-Type: \(type)\r\n\r\n\(content)\r\n--o--"
        )
        #expect(nested.parts.count == 1 && nested.parts[0].isOpaque && nested.parts[0].octets == octets(content))
    }

    @Test(
        "IMX 4.4.9: what breaks the grammar is refused, never guessed at",
        arguments: [
            "no colon here\r\n\r\n", " folded: first\r\n\r\n", "A: b\u{0}c\r\n\r\n", "A: b\rc\r\n\r\n", ": v\r\n\r\n",
            "A B: v\r\n\r\n", "Ä: v\r\n\r\n", "Content-Type: text/plain\r\ncontent-type: text/html\r\n\r\n",
            "Content-Transfer-Encoding: base64\r\nContent-Transfer-Encoding: 7bit\r\n\r\n",
            "From: a\r\nFrom: b\r\n\r\n",
            "Content-Transfer-Encoding: base64\r\n\r\nA", "Content-Transfer-Encoding: base64\r\n\r\nAA==AA",
            "Content-Transfer-Encoding: quoted-printable\r\n\r\n=3",
            "Content-Transfer-Encoding: quoted-printable\r\n\r\n=xy",
            "Content-Type: multipart/mixed\r\n\r\n", "Content-Type: multipart/mixed; boundary=\"\"\r\n\r\n",
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx",
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b--",
            "Content-Type: multipart/mixed; boundary=b\r\n\r\nnothing",
            "Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: base64\r\n\r\n--b\r\n\r\nx\r\n--b--",
        ]
    )
    func malformed(text: String) throws {
        guard case .failure(let error) = MIMEEntity.parts(of: octets(text)) else {
            Issue.record("read \(text.debugDescription)")
            return
        }
        #expect(error.outcomeCode == .malformed)
        #expect(MIMEEntity.plainText(of: .entity(octets(text))) == nil)
    }

    @Test("IMX 4.4.9: header fields, header octets and parts are bounded")
    func limits() throws {
        let fields = String(repeating: "A: b\r\n", count: 64)
        #expect(try read(fields + "\r\n").parts[0].headers.count == 64)
        #expect(throws: MIMEError.beyondLimit("header fields")) { try read(fields + "A: b\r\n\r\n") }
        #expect(throws: MIMEError.beyondLimit("header octets")) {
            try read("A: " + String(repeating: "b", count: 16 << 10))
        }
        let folded = "A: b\r\n" + String(repeating: " \r\n", count: 6000)
        #expect(throws: MIMEError.beyondLimit("header octets")) { try read(folded) }
        let parts =
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + String(repeating: "--b\r\n\r\nx\r\n", count: 33)
            + "--b--"
        #expect(throws: MIMEError.beyondLimit("parts")) { try read(parts) }
    }

    @Test("IMX 4.4.9: no prefix of an entity and no changed octet traps")
    func everyPrefix() throws {
        var whole = ByteBuffer()
        let a = try address("a@a.example")
        _ = MIMEEntity.write(body: .parts([.text("one"), .text("two", language: "de")]), from: a, to: a, into: &whole)
        whole.writeString("\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na=20=\r\n")
        let bytes = Array(whole.readableBytesView)
        for length in 0...bytes.count {
            _ = MIMEEntity.parts(of: ByteBuffer(bytes: bytes[..<length]))
            _ = MIMEEntity.plainText(of: .entity(ByteBuffer(bytes: bytes[..<length])))
        }
        for index in bytes.indices {
            for octet: UInt8 in [0, 10, 13, 32, 45, 58, 61, 200] {
                var changed = bytes
                changed[index] = octet
                _ = MIMEEntity.parts(of: ByteBuffer(bytes: changed))
                _ = MIMEEntity.plainText(of: .entity(ByteBuffer(bytes: changed)))
            }
        }
    }
}
