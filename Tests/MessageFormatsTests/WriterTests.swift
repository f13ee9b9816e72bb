// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore
import Testing

@testable import MessageFormats

@Suite struct WriterTests {
    @Test(
        "IMX 5.1, RFC2779 4.1.2, RFC2779 4.1.10: a text is written with From, To and its type, octet for octet as the protocol's example has it"
    )
    func plainText() throws {
        let (text, losses) = try written([.text("hi")])
        #expect(
            text == "From: alice@a.example\r\nTo: bob@b.example\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nhi"
        )
        #expect(text.utf8.count == 87)
        #expect(losses.isEmpty)
    }

    @Test("IMX 5.1, RFC2779 4.1.6: the language of a text is written and read back")
    func language() throws {
        let (text, _) = try written([.text("moin", language: "nds-DE")])
        #expect(text.hasSuffix("\r\nContent-Language: nds-DE\r\n\r\nmoin"))
        #expect(try read(text).parts == [.text("moin", language: "nds-DE")])
    }

    @Test(
        "IMX 4.2.1: a local part that is no atom stands in quotes",
        arguments: [
            ("a.b@a.example", "a.b@a.example"), ("two words@a.example", "\"two words\"@a.example"),
            ("q\"b\\@a.example", "\"q\\\"b\\\\\"@a.example"), (".a@a.example", "\".a\"@a.example"),
            ("a..b@a.example", "\"a..b\"@a.example"), ("a.@a.example", "\"a.\"@a.example"),
            ("grün@a.example", "grün@a.example"), ("a,b@a.example", "\"a,b\"@a.example"),
            ("<x>@a.example", "\"<x>\"@a.example"), ("{|}~@a.example", "{|}~@a.example"),
        ]
    )
    func localParts(from: String, expected: String) throws {
        for language in [nil, "en"] {
            let (text, _) = try written([.text("x", language: language)], from: from)
            #expect(text.hasPrefix("From: \(expected)\r\nTo: bob@b.example\r\n"))
            #expect(try read(text).from == expected)
            #expect(MIMEEntity.plainText(of: .entity(octets(text))) == octets("x"))
        }
    }

    @Test("IMX 5.3: a paragraph of 64 KiB stays one line")
    func longLine() throws {
        let long = String(repeating: "wörd ", count: 13_000)
        let (text, _) = try written([.text(long)])
        #expect(text.hasSuffix("\r\n\r\n" + long))
        #expect(MIMEEntity.plainText(of: .entity(octets(text))) == octets(long))
    }

    @Test(
        "IMX 5.1, RFC2779 4.1.5, RFC2779 4.1.7: several bodies are alternatives in their order and come back the same"
    )
    func alternatives() throws {
        let parts = [
            BodyPart.text("hello\r\n\r\n--imx-part-0\r\nno\r\n", language: "en"), .text("", language: "de"),
            BodyPart(
                mediaType: "image/png",
                disposition: "inline; filename=\"a b.png\"",
                contentID: "x@y",
                headers: [HeaderField(name: "X-Colour", value: "blue")],
                octets: ByteBuffer(bytes: [0, 13, 10, 13, 255, 10]),
                isOpaque: true
            ),
        ]
        let (text, losses) = try written(Array(parts[0...1]))
        #expect(text.contains("boundary=imx-part-1\r\n"))
        #expect(losses.isEmpty)
        var out = ByteBuffer()
        let sender = try address("alice@a.example")
        _ = MIMEEntity.write(body: .parts(parts), from: sender, to: sender, into: &out)
        let entity = try MIMEEntity(reading: out)
        #expect(entity.structure == .alternative)
        #expect(entity.parts == parts)
        #expect(MIMEEntity.plainText(of: .entity(out)) == parts[0].octets)
    }

    @Test("S31, IMX 5.1: content that is full of boundaries costs one look at it, and has none of them as its own")
    func manyBoundaries() throws {
        // As many as fit in a message: with a search for each of them this would take minutes.
        let content = (0..<60_000).map { "--imx-part-\($0)" }.joined(separator: "\n")
        let (text, losses) = try written([.text(content), .text("--imx-part-60001 --imx-part-007 --imx-part-")])
        #expect(losses.isEmpty && text.contains("boundary=imx-part-60000\r\n"))
        #expect(try read(text).parts.map { String(buffer: $0.octets) }.first == content)
        let (other, _) = try written([.text("--imx-part-12345678901"), .text("--imx-part-0")])
        #expect(other.contains("boundary=imx-part-2\r\n"), "1 stands in 12")
    }

    @Test(
        "S31, IMX 5.1: nothing that a part says of itself can add a header or end the header",
        arguments: ["x\r\nFrom: eve@e.example", "x\n\nbody", "x\r\n", "x\u{0}", "x\u{7F}", "\r"]
    )
    func injection(evil: String) throws {
        let part = BodyPart(
            mediaType: "text/plain; a=" + evil,
            language: evil,
            disposition: evil,
            contentID: evil,
            headers: [
                HeaderField(name: "X-A", value: evil), HeaderField(name: "X" + evil, value: "v"),
                HeaderField(name: "from", value: "eve@e.example"), HeaderField(name: "", value: "v"),
                HeaderField(name: "X-B", value: "fine"),
            ],
            octets: octets("body")
        )
        let (text, losses) = try written([part])
        #expect(
            text == "From: alice@a.example\r\nTo: bob@b.example\r\nContent-Type: application/octet-stream\r\n"
                + "X-B: fine\r\n\r\nbody"
        )
        #expect(losses.count == 8)
        let (plain, lost) = try written([.text("t", language: evil)])
        #expect(!plain.contains("Content-Language"))
        #expect(lost == ["mime:content-language"])
    }

    @Test("IMX 4.7.1: an entity is appended as it arrived, and no body as nothing")
    func verbatim() throws {
        var out = octets("before")
        let a = try address("a@a.example")
        #expect(MIMEEntity.write(body: .entity(octets("\u{0}junk")), from: a, to: a, into: &out).isEmpty)
        #expect(MIMEEntity.write(body: .none, from: a, to: a, into: &out).isEmpty)
        #expect(MIMEEntity.write(body: .parts([]), from: a, to: a, into: &out).isEmpty)
        #expect(String(buffer: out) == "before\u{0}junk")
    }
}
