// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore
import Testing

@testable import MessageFormats

@Suite struct PlainTextTests {
    private let head = "From: a@a.example\r\nTo: b@b.example\r\n"

    @Test("the quick way and the full way find the same text")
    func sameText() throws {
        for text in ["hi", "", "\r\n\r\n", "Content-Language: x\r\n\r\ny", "ünï\u{1F600}", " leading"] {
            for language in [nil, "en"] {
                let (entity, _) = try written([.text(text, language: language)])
                #expect(MIMEEntity.quickText(of: octets(entity)) == octets(text))
                #expect(try read(entity).parts[0].octets == octets(text))
            }
        }
    }

    @Test(
        "other shapes are left to the full way",
        arguments: [
            "X: y\r\n\r\nhi", "Content-Type: text/plain\r\n\r\nhi", "Content-Type: text/plain; charset=utf-8\n\nhi",
            "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\naGk=",
            "Content-Type: text/plain; charset=utf-8\r\n ; x=y\r\n\r\nhi",
            "Content-Type: text/plain; charset=utf-8\r\nContent-Language: en,\r\n de\r\n\r\nhi",
        ]
    )
    func otherShapes(rest: String) throws {
        #expect(MIMEEntity.quickText(of: octets(head + rest)) == nil)
        #expect(MIMEEntity.plainText(of: .entity(octets(head + rest))) == octets("hi"))
    }

    @Test("IMX 5.1: what stands behind From and To is the same for every recipient, where our writer wrote them")
    func restBehindAddresses() {
        let rest = "Content-Type: application/pidf+xml\r\n\r\n<presence/>"
        #expect(MIMEEntity.rest(behindAddressesOf: octets(head + rest)) == octets(rest))
        #expect(
            MIMEEntity.rest(behindAddressesOf: octets("From: a@a.example\r\nTo: \"c \"@c.example\r\n" + rest))
                == octets(rest)
        )
        var slice = octets("junk" + head + rest)
        slice.moveReaderIndex(forwardBy: 4)
        #expect(MIMEEntity.rest(behindAddressesOf: slice) == octets(rest))
    }

    @Test(
        "IMX 5.1: a header that begins in another way has no such rest",
        arguments: [
            "To: b@b.example\r\nFrom: a@a.example\r\n", "From: a@a.example\r\nTo: b@b.example\r\n ,c@c.example\r\n",
            "From: a@a.example\r\n\tb\r\nTo: b@b.example\r\n", "From: a@a.example\nTo: b@b.example\n",
            "From: a@a.example\r\nX: y\r\nTo: b@b.example\r\n", "From: a\0\r\nTo: b@b.example\r\n", "",
            "From: a@a.example\r\nTo: " + String(repeating: "b", count: 5_000) + "\r\n",
        ]
    )
    func noRest(head: String) {
        #expect(MIMEEntity.rest(behindAddressesOf: octets(head + "Content-Type: text/plain\r\n\r\nhi")) == nil)
        #expect(MIMEEntity.rest(behindAddressesOf: octets(head)) == nil)
    }

    @Test("a slice out of a larger buffer gives the same text")
    func slices() throws {
        var buffer = octets("junk" + head + "Content-Type: text/plain; charset=utf-8\r\n\r\nhi")
        buffer.moveReaderIndex(forwardBy: 4)
        #expect(MIMEEntity.plainText(of: .entity(buffer)) == octets("hi"))
        buffer = octets("junkContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\nhi\r\n--b--")
        buffer.moveReaderIndex(forwardBy: 4)
        #expect(MIMEEntity.plainText(of: .entity(buffer)) == octets("hi"))
    }

    @Test("IMX 4.4.10: text that is not UTF-8 is not given out as text")
    func illFormed() throws {
        for bad: [UInt8] in [
            [0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0x61, 0xE2, 0x82],
        ] {
            let content = ByteBuffer(bytes: Array("12345678 12345678".utf8) + bad)
            var entity = octets(head + "Content-Type: text/plain; charset=utf-8\r\n\r\n")
            entity.writeImmutableBuffer(content)
            #expect(MIMEEntity.plainText(of: .entity(entity)) == nil)
            #expect(MIMEEntity.plainText(of: .parts([BodyPart(mediaType: BodyPart.plainText, octets: content)])) == nil)
        }
    }

    @Test("RFC2779 4.1.5: a known character set is converted, an unknown one is not guessed")
    func charsets() throws {
        func text(_ charset: String, _ bytes: [UInt8]) -> String? {
            let part = BodyPart(mediaType: "text/plain; charset=\(charset)", octets: ByteBuffer(bytes: bytes))
            return MIMEEntity.plainText(of: .parts([part])).map { String(buffer: $0) }
        }
        #expect(text("ISO-8859-1", [0x67, 0xFC]) == "gü")
        #expect(text("US-ASCII", [0x67]) == "g")
        #expect(text("koi8-r", [0x67]) == nil)
        #expect(MIMEEntity.plainText(of: .none) == nil)
        #expect(MIMEEntity.plainText(of: .parts([BodyPart(mediaType: "text/html", octets: octets("x"))])) == nil)
    }

    @Test(
        "IMX 5.1: media types with their parameters",
        arguments: [
            ("text/plain", "text/plain", 0), ("Text/HTML-Lite ; A=\"b\\\"c;\" ; d=e;", "text/html-lite", 2),
            ("text", nil, 0), ("text/", nil, 0), ("/plain", nil, 0), ("text/plain; a", nil, 0),
            ("text/plain; a=", nil, 0),
            ("text/plain; a=\"b", nil, 0), ("text/plain; a=b c", nil, 0), ("text/plain; a=1; A=2", nil, 0),
            ("", nil, 0),
        ] as [(String, String?, Int)]
    )
    func mediaTypes(text: String, essence: String?, count: Int) {
        let type = MediaType(text)
        #expect(type?.essence == essence)
        #expect((type?.parameters.count ?? 0) == count)
        if count == 2 { #expect(type?.parameter("a") == "b\"c;") }
    }
}
