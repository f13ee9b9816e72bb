// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore
import Testing

@testable import MessageFormats

@Suite struct RichTextVectorTests {
    struct Vector: CustomTestStringConvertible, Sendable {
        var written: String
        var expected: String
        var losses: [String]

        init(_ written: String, _ expected: String, _ losses: [String] = []) {
            (self.written, self.expected, self.losses) = (written, expected, losses)
        }

        var testDescription: String { String(reflecting: String(written.prefix(60))) }
    }

    static let markup = [
        Vector("", ""), Vector("hello", "hello"), Vector("<B>x</B>", "<b>x</b>"),
        Vector("<b><i>x</b></i>", "<b><i>x</i></b>"), Vector("<b>x</b><b>y</b>", "<b>xy</b>"),
        Vector("<b><b>x</b>y</b>z", "<b>xy</b>z"), Vector("<b></b><p></p><a href='im:a@b'> </a>", ""),
        Vector("<script>x</script>y", "y", ["html:script"]), Vector("<script>x", "", ["html:script"]),
        Vector("<style>b{}</style><title>t</title>y", "y", ["html:style", "html:title"]),
        Vector("<object>a<b>b</b></object><iframe>c</iframe>d", "d", ["html:object", "html:iframe"]),
        Vector("<html><head><title>t</title></head><body class=q>v", "v", ["html:head", "html:@class"]),
        Vector("<<b>", "&lt;"), Vector("<<b>x", "&lt;<b>x</b>"), Vector("a < b", "a &lt; b"),
        Vector("1<2>0", "1&lt;2&gt;0"),
        Vector("&#0;x", "x"), Vector("&#xD800;x", "x"), Vector("&#x110000;x", "x"), Vector("&#12;x", "x"),
        Vector("&nbsp;", "\u{A0}"), Vector("&bogus;", "&amp;bogus;"), Vector("&", "&amp;"),
        Vector("&amp;lt;", "&amp;lt;"),
        Vector("&apos;&quot;&gt;", "'\"&gt;"), Vector("&#x1F600;", "\u{1F600}"),
        Vector("a\u{0}b", "a\u{FFFD}b"), Vector("a\u{1}\u{FFFE}b", "a\u{FFFD}\u{FFFD}b"), Vector("a\u{C}b", "a b"),
        Vector("<p>x", "<p>x</p>"), Vector("<p>x<p>y", "<p>x</p><p>y</p>"), Vector("x<p>y</p>z", "x<p>y</p>z"),
        Vector("<b>x<p>y</b>z", "<b>x</b><p>yz</p>"), Vector("<em>x<p>y</em>z", "<em>x</em><p>y</p>z"),
        Vector("<img alt=x src=..>", "x", ["html:img"]), Vector("<img src='x'>y", "y", ["html:img"]),
        Vector("<![CDATA[x]]>y", "y"), Vector("<![CDATA[<b>x</b>]]>y", "x]]&gt;y"),
        Vector("<!--[if IE]><b>x</b><![endif]-->y", "y"), Vector("<![if IE]>x<![endif]>y", "xy"),
        Vector("<!--[if !IE]><!-->x<!--<![endif]-->y", "xy"), Vector("<!-- x", ""), Vector("<!doctype html>y", "y"),
        Vector("<?php x ?>y", "y"), Vector("<br/>x<br></br>y<BR>", "<br/>x<br/>y<br/>"),
        Vector("<pre>a\n b  c</pre>", "<p>a<br/>\u{A0}b\u{A0} c</p>", ["html:pre"]),
        Vector("<table><tr><td>a<td>b<tr><td>c</table>", "<p>a b<br/>c</p>", ["html:table", "html:tr", "html:td"]),
        Vector("a<hr>b", "a<p>b</p>", ["html:hr"]), Vector("<blink>x</blink>", "x", ["html:blink"]),
        Vector("<b onclick=y id=z>x</b>", "<b>x</b>", ["html:@onclick", "html:@id"]),
        Vector("<imx>x</imx>y", "xy"), Vector("</imx></b>x", "<p>x</p>"),
    ]

    @Test("I.3, IMX 5.2: markup comes to the one form", arguments: markup)
    func forms(_ vector: Vector) {
        #expect(sanitised(vector.written) == vector.expected)
        #expect(lost(vector.written) == vector.losses)
        expectPromises(HTMLLite.sanitise(octets(vector.written)).document, of: octets(vector.written))
    }

    static let targets: [(String, String?)] = [
        ("http://a.example/", "http://a.example/"), ("HTTPS://A.example", "https://A.example"),
        ("mailto:a@a.example", "mailto:a@a.example"), ("im:a@a.example", "im:a@a.example"), ("tel:+1", "tel:+1"),
        ("pres:a@a.example", "pres:a@a.example"), ("xmpp:a@a.example?message", "xmpp:a@a.example?message"),
        (" \thttp://a.example/b c\n", "http://a.example/b%20c"), ("ht\ntp://a.example/", "http://a.example/"),
        ("http://\u{FC}.example/\u{202E}", "http://\u{FC}.example/%E2%80%AE"),
        ("http://a/?b=1&c=\"'<>", "http://a/?b=1&amp;c=%22'%3C%3E"), ("http://a\\b", "http://a%5Cb"),
        ("http://a/<!b", "http://a/%3C!b"), ("http://a/%zz%41", "http://a/%zz%41"),
        ("javascript:x", nil), ("JaVa\tscript:x", nil), ("\u{1}javascript:x", nil), ("data:text/html,x", nil),
        ("vbscript:x", nil), ("file:///etc/passwd", nil), ("about:blank", nil), ("blob:x", nil), ("cid:x", nil),
        ("x", nil), ("", nil), ("//a.example/", nil), ("http:", nil), ("http:a", nil), ("http:///a", nil),
        ("http://", nil), ("mailto:", nil), ("http\u{0}://a.example/", nil), ("\u{FF48}ttp://a.example/", nil),
        (":http://a", nil), ("http://a/" + String(repeating: "b", count: 2_040), nil),
        ("http://a/" + String(repeating: "&", count: 408), nil),
    ]

    @Test("I.3, S45: a link leads where it may or is no link", arguments: targets)
    func links(written: String, expected: String?) {
        let escaped =
            written.utf8.count > 100
            ? written.replacing("&", with: "&amp;") : written.unicodeScalars.map { "&#\($0.value);" }.joined()
        for value in ["\"\(escaped)\"", "'\(escaped)'"] where !written.unicodeScalars.contains("\u{0}") {
            let result = sanitised("<a class=c href=\(value) onclick='x'>y</a>")
            #expect(result == (expected.map { "<a href=\"\($0)\">y</a>" } ?? "y"))
            #expect(lost("<a href=\(value)>y</a>") == (expected == nil ? ["html:a"] : []))
        }
        #expect(LinkTarget.canonical(written) == expected.map { $0.replacing("&amp;", with: "&") })
        if let expected { #expect(sanitised("<a href=\"\(expected)\">y</a>") == "<a href=\"\(expected)\">y</a>") }
    }

    @Test("I.3: nesting beyond any sense comes to one mark, and nothing takes long", .timeLimit(.minutes(1)))
    func hostile() {
        func times(_ count: Int, _ text: String) -> String { String(repeating: text, count: count) }
        #expect(sanitised(times(10_000, "<b>") + "x") == "<b>x</b>")
        #expect(sanitised(times(10_000, "<b>") + "x" + times(10_000, "</b>")) == "<b>x</b>")
        let attributes = (0..<20_000).map { " \(String($0, radix: 36))=" }.joined()
        for text in [
            times(4_000, "<q>") + times(2_000, "</i>"), times(4_000, "<q>") + times(2_000, "<body>"),
            "x<b\(attributes)>y", "x<b \(times(4_000, "'>' "))>y", times(10_000, "<"), times(5_000, "<!--"),
            times(10_000, "&"), times(5_000, "</p>"), times(5_000, "<p>"), times(2_000, "<li>x"),
            "<b><i><u><s>" + times(2_000, "<li>x"), "<a href='im:\(times(2_000, "a"))'>" + times(2_000, "<div>x"),
        ] {
            expectPromises(HTMLLite.sanitise(octets(text)).document, of: octets(text))
        }
        // What libxml2 would need seconds for is cut off.
        #expect(lost(times(20_000, "<q>") + times(10_000, "</i>")).contains("html:document"))
        #expect(lost("x<b\(attributes)>y").contains("html:document"))
        #expect(sanitised("x<b\(attributes)>y") == "x")
        #expect(lost(times(131_073, "x")) == ["html:document"])
        #expect(sanitised(times(131_072, "x")) == times(131_072, "x"))
        #expect(lost(times(2_000, "&")) == ["html:document"])
    }

    @Test("I.3: octets that are not UTF-8 are replaced, and long text is whole wherever it is cut")
    func characters() {
        let bad = ByteBuffer(bytes: [0x61, 0xFF, 0xC0, 0x80, 0xE2, 0x82])
        #expect(CanonicalForm(HTMLLite.sanitise(bad).document.octets).fault == nil)
        for shift in 0..<4 {
            let text = String(repeating: "x", count: shift) + String(repeating: "\u{1F600}\u{E9}\u{20AC}", count: 2_000)
            #expect(sanitised(text) == text)
            #expect(sanitised("<b>" + text) == "<b>\(text)</b>")
        }
    }

    @Test("I.3, IMX 5.2: a part is one under either name, in a character set that is known")
    func parts() throws {
        func part(_ type: String, _ bytes: [UInt8]) -> (String, [String])? {
            var losses: [Loss] = []
            let document = HTMLLite(part: BodyPart(mediaType: type, octets: ByteBuffer(bytes: bytes)), losses: &losses)
            return document.map { (String(buffer: $0.octets), losses.map(\.feature)) }
        }
        let latin: [UInt8] = [0x3C, 0x42, 0x3E, 0xFC, 0x3C, 0x68, 0x72, 0x3E]
        #expect(part("text/html-lite; charset=iso-8859-1", latin)?.0 == "<b>\u{FC}</b>")
        #expect(part("text/x-html-lite", Array("<i>x".utf8))?.0 == "<i>x</i>")
        #expect(part("text/html-lite", latin) == nil)
        #expect(part("text/html-lite; charset=koi8-r", latin) == nil)
        #expect(part("text/html", latin) == nil && part("text/plain", latin) == nil && part("", latin) == nil)
        let written = HTMLLite.sanitise(octets("<b>x")).document.part(language: "en")
        #expect(HTMLLite.isHTMLLite(mediaType: written.mediaType) && written.isDerived && written.language == "en")
    }
}
