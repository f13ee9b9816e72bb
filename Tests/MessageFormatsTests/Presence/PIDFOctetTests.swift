// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import Foundation
import MessageFormats
import NIOCore
import Testing

@Suite("PIDF vectors: octets and other content") struct PIDFOctetTests {
    private let text = tuple("<note>Grüße</note>")

    private func read(_ octets: [UInt8], _ type: String = "application/pidf+xml") -> Result<PIDFReading, PIDFRefusal> {
        PIDFReader(mode: .strict).read(ByteBuffer(bytes: octets), as: type)
    }

    private func cause(_ octets: [UInt8], _ type: String = "application/pidf+xml") -> PIDFFinding.Rule? {
        guard case .failure(let refusal) = read(octets, type) else { return nil }
        return refusal.cause.rule
    }

    private func utf16(_ text: String, bigEndian: Bool) -> [UInt8] {
        text.utf16.flatMap { bigEndian ? [UInt8($0 >> 8), UInt8($0 & 255)] : [UInt8($0 & 255), UInt8($0 >> 8)] }
    }

    @Test("E25: UTF-8, UTF-16 and ISO-8859-1 are read, and the media type's charset beats what the document says")
    func characterSets() throws {
        let wide = text.replacing("UTF-8", with: "UTF-16")
        let latin = Array(try #require(text.replacing("UTF-8", with: "ISO-8859-1").data(using: .isoLatin1)))
        let bare = text.replacing(declaration, with: "")
        let readable: [([UInt8], String, [PIDFFinding.Rule])] = [
            (Array(text.utf8), "application/pidf+xml; charset=UTF-8", []),
            ([0xEF, 0xBB, 0xBF] + Array(text.utf8), "application/pidf+xml", []),
            ([0xFE, 0xFF] + utf16(wide, bigEndian: true), "application/pidf+xml", []),
            ([0xFF, 0xFE] + utf16(wide, bigEndian: false), "application/pidf+xml;charset=utf-16", []),
            (utf16(wide, bigEndian: false), "application/pidf+xml;charset=\"utf-16le\"", []),
            (latin, "application/pidf+xml", []),
            (latin, "Application/PIDF+XML; charset=iso-8859-1", []),
            (Array(text.data(using: .isoLatin1) ?? Data()), "application/pidf+xml; charset=iso-8859-1", [.charset]),
            (Array(text.replacing("UTF-8", with: "UTF-16").utf8), "application/pidf+xml; charset=utf-8", [.charset]),
            (Array(bare.utf8), "application/pidf+xml", [.declaration]),
        ]
        for (octets, type, found) in readable {
            let reading = try read(octets, type).get()
            #expect(reading.document.tuples[0].notes.map(\.text) == ["Grüße"] && reading.findings.map(\.rule) == found)
            // What we write ourselves is UTF-8 and says so.
            let written = PIDFWriter.octets(of: reading.document)
            #expect(String(buffer: written).hasPrefix(declaration) && String(buffer: written).contains("Grüße"))
        }
        for (octets, type) in [
            (latin, "application/pidf+xml; charset=utf-8"),
            (Array(text.utf8), "application/pidf+xml; charset=us-ascii"),
            (Array(text.utf8), "application/pidf+xml; charset=utf-7"),
            (Array(text.replacing("UTF-8", with: "EBCDIC-US").utf8), "application/pidf+xml"),
            (utf16(wide, bigEndian: true) + [0], "application/pidf+xml"),
            ([0xFE, 0xFF, 0xD8, 0x00, 0x00, 0x3C], "application/pidf+xml"),
            (Array(text.utf8) + [0xC0, 0xAF], "application/pidf+xml"),
        ] {
            #expect(cause(octets, type) == .encoding, "\(type)")
        }
    }

    @Test(
        "E26: a document type declaration is refused, with nothing expanded and nothing fetched",
        arguments: [
            "<!DOCTYPE presence>",
            "<!DOCTYPE presence SYSTEM \"http://127.0.0.1:9/x.dtd\">",
            """
            <!DOCTYPE presence [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">\
            <!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;">\
            <!ENTITY e "&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;"><!ENTITY f "&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;">\
            <!ENTITY g "&f;&f;&f;&f;&f;&f;&f;&f;&f;&f;"><!ENTITY h "&g;&g;&g;&g;&g;&g;&g;&g;&g;&g;">]>
            """,
            "<!DOCTYPE presence [<!ENTITY h SYSTEM \"file:///etc/hostname\">]>",
            "<!DOCTYPE presence [<!ENTITY % p SYSTEM \"file:///etc/hostname\"> %p;]>",
            "<!DOCTYPE presence [<!ATTLIST tuple id CDATA \"x\"><!ENTITY h \"x\">]>",
        ]
    )
    func documentTypes(_ type: String) throws {
        let text = tuple("<note a=\"&h;\">&h;</note>").replacing(declaration, with: declaration + type)
        for mode in [PIDFReader.Mode.strict, .tolerant] {
            let cause = try #require(refusal(text, mode))
            #expect(cause.rule == .documentType && cause.line == 1)
        }
        #expect(refusal(tuple("<note>&h;</note>"), .tolerant)?.rule == .wellFormed)
    }

    @Test("E27: comments, processing instructions and CDATA are read, and are in no copy of an extension")
    func comments() throws {
        let document = try reading(
            """
            \(declaration)<!-- a --><?b c?><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="pres:a@a.example">\
            <!-- d --><tuple id="t"><status><basic>o<!-- e -->p<![CDATA[en]]></basic></status>\
            <x xmlns="urn:x"><!-- f --><?g h?><![CDATA[<i>&]]>&#x6A;&lt;</x><note><![CDATA[<k> & ]]>l</note></tuple>\
            </presence><!-- m -->
            """
        ).document
        #expect(document.tuples[0].basic == .open && document.tuples[0].notes.map(\.text) == ["<k> & l"])
        let escaped = presence("").replacing("alice@", with: "&amp;&#38;&lt;amp;&amp;#38;@")
        #expect(try reading(escaped).document.entity == "pres:&&<amp;&#38;@a.example")
        let copy = "<x xmlns=\"urn:x\">&lt;i&gt;&amp;j&lt;</x>"
        #expect(document.tuples[0].extensions == [ByteBuffer(string: copy)])
    }

    @Test("E28: what is too deep, too long or too many is refused")
    func limits() throws {
        let deep = String(repeating: "<x>", count: 10_000) + String(repeating: "</x>", count: 10_000)
        let tuples = (0..<10_000).map { "<tuple id=\"t\($0)\"><status/></tuple>" }.joined()
        let attributes = (0..<4_000).map { " a\($0)=\"\"" }.joined()
        let loose = (0..<4_000).map { " a\($0) = ''" }.joined()
        for text in [
            tuple(deep), tuple("<note>\(deep)</note>"), presence(tuples), tuple("<x\(attributes)/>"),
            tuple("<x\(loose)>"), tuple("<note>" + String(repeating: "x", count: 10 << 20) + "</note>"),
        ] {
            for mode in [PIDFReader.Mode.strict, .tolerant] { #expect(refusal(text, mode)?.rule == .limit) }
        }
        // What grows only while it is read: a long declaration that many extensions use, a tuple that becomes many.
        let name = String(repeating: "n", count: 60_000)
        let used = tuple(String(repeating: "<q:x/>", count: 100)).replacing(
            "xmlns:p",
            with: "xmlns:q=\"\(name)\" xmlns:p"
        )
        let many = String(repeating: "<contact>x</contact>", count: 100) + "<note>\(name)</note>"
        #expect(refusal(used)?.rule == .limit && refusal(tuple(many), .tolerant)?.rule == .limit)
        #expect(refusal(tuple(String(repeating: "<x/>", count: 5000)))?.rule == .limit)
        let language = presence("<note>a</note>").replacing("<note", with: "<note xml:lang=\"\(name)\"")
        #expect(try reading(language).document.notes == [LocalizedText("a")])
        let contacts = String(repeating: "<contact>im:a@a.example</contact>", count: 1000)
        #expect(refusal(tuple(contacts), .tolerant)?.rule == .limit)
        let notes = String(repeating: "<note xmlns:a=\"urn:a\" a:b=\"c\">d</note>", count: 1000)
        #expect(try reading(tuple(notes)).document.tuples[0].notes.count == 1000)
        let findings = String(repeating: "<basic>open</basic>", count: 1000)
        #expect(try reading(status(findings), .tolerant).findings.count == PIDFLimits().findings)
    }

    @Test("E29: the samples of RFC 3923 that are not well-formed are refused where they are not")
    func illFormed() throws {
        let unended = PresenceSamples.unended
        let declared = unended.replacing("<?xml", with: "<xml").replacing("\"hr0zny\"", with: "\"hr0zny\">")
        let escaped = unended.replacing("<status>", with: "<status&gt;").replacing("\"hr0zny\"", with: "\"hr0zny\">")
        for mode in [PIDFReader.Mode.strict, .tolerant] {
            for (text, line) in [(unended, 6), (declared, 1), (escaped, 6)] {
                let cause = try #require(refusal(text, mode))
                #expect(cause.rule == .wellFormed && cause.line == line && cause.column > 0, "\(cause)")
            }
        }
        let mended = unended.replacing("\"hr0zny\"", with: "\"hr0zny\">")
        let reading = try reading(mended)
        #expect(rules(reading) == [.timestamp] && reading.document.tuples[0].show == .away)
        #expect(reading.document.tuples[0].notes == [LocalizedText("retired to the chamber", language: "en")])
    }

    @Test("E29: nothing that is cut short or wrong in its tags is taken for a document")
    func cut() {
        let whole = Array(PresenceSamples.statuses.utf8)
        let reader = PIDFReader(mode: .tolerant)
        for count in 0..<whole.count {
            let result = reader.read(ByteBuffer(bytes: whole[..<count]))
            #expect((try? result.get()) == nil)
        }
        for text in [
            presence("<tuple id=\"t\"><status></tuple></status>"), presence("<note>a</noté>"), presence("") + "x",
            presence("<tuple id=\"t\" id=\"u\"><status/></tuple>"), " " + presence(""), presence("<a:b:c/>"),
            presence("<note>\u{1}</note>"), presence("<note>a]]>b</note>"),
        ] {
            #expect(refusal(text, .tolerant)?.rule == .wellFormed, "\(text)")
        }
    }

    @Test("E30: the sample of RFC 8048, with show as XMPP has it")
    func shown() throws {
        let reading = try reading(PresenceSamples.shown)
        let tuple = try #require(reading.document.tuples.first)
        #expect(reading.findings.isEmpty && tuple.show == .away && tuple.statusExtensions.isEmpty)
        #expect(PIDFTupleID.decode(tuple.id) == "dr4hcr0st3lup4c")
    }

    @Test("E32, RFC2779 3.1.4: unknown attributes on every element change nothing, and stay on what is copied")
    func attributes() throws {
        let plain = try reading(PresenceSamples.others).document
        let more = PresenceSamples.others.replacing("<impp:", with: "<impp:").replacing(
            /<((?:impp|myex):[a-z]+)/,
            with: { "<\($0.output.1) a=\"b\" myex:c=\"d\"" }
        )
        var document = try reading(more).document
        let copy = """
            <myex:mytag xmlns:myex="http://id.example.com/presence/" a="b" myex:c="d">\
            My extended presentity information</myex:mytag>
            """
        #expect(document.extensions == [ByteBuffer(string: copy)])
        document.extensions = plain.extensions
        document.tuples[0].extensions = plain.tuples[0].extensions
        #expect(document == plain)
    }

    @Test(
        "E33, E34: signed, encrypted and other content is no presence document",
        arguments: [
            "multipart/signed; boundary=next", "application/pkcs7-mime", "application/pidf-diff+xml", "text/xml", "",
        ]
    )
    func otherTypes(_ type: String) {
        let octets = ByteBuffer(string: PresenceSamples.prefixed)
        guard case .failure(let refusal) = PIDFReader(mode: .tolerant).read(octets, as: type) else {
            Issue.record("read as \(type)")
            return
        }
        #expect(refusal.cause.rule == .mediaType)
    }

    @Test("E34: of a body, the part that is a presence document is read")
    func bodies() throws {
        let reader = PIDFReader(mode: .strict)
        let octets = ByteBuffer(string: PresenceSamples.prefixed)
        let part = BodyPart(mediaType: "application/pidf+xml;charset=utf-8", octets: octets, isOpaque: true)
        #expect(try reader.read(.parts([.text("x"), part])).get().document.tuples.count == 1)
        var entity = ByteBuffer(string: "Content-Type: application/pidf+xml\r\n\r\n")
        entity.writeImmutableBuffer(octets)
        #expect(try reader.read(.entity(entity)).get().document.tuples.count == 1)
        for body in [Body.none, .parts([.text("x")]), .parts([])] {
            guard case .failure(let refusal) = reader.read(body) else {
                Issue.record("read \(body)")
                continue
            }
            #expect(refusal.cause.rule == .mediaType)
        }
    }

    @Test("a reader forgets one document before the next, whatever became of it")
    func again() throws {
        let reader = PIDFReader(mode: .tolerant)
        let expected = try PIDFReader(mode: .tolerant).read(ByteBuffer(string: PresenceSamples.statuses)).get()
        for round in 0..<200 {
            let junk = (0..<20).map { "<n\(round)x\($0)/>" }.joined()
            for text in [
                PresenceSamples.listing, PresenceSamples.unended, tuple(junk), "", "<", presence("<!DOCTYPE x>"),
            ] {
                _ = reader.read(ByteBuffer(string: text))
                #expect(try reader.read(ByteBuffer(string: PresenceSamples.statuses)).get() == expected)
            }
        }
    }
}
