// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore
import Testing

@testable import MessageFormats

@Suite struct RichTextXHTMLTests {
    static let contents: [(String, String, [String])] = [
        ("hi", "hi", []), ("<p>a</p><p>b<br/>c</p>", "<p>a</p><p>b<br/>c</p>", []),
        ("<strong>a</strong><em>b</em>", "<strong>a</strong><em>b</em>", []),
        ("<b>a</b><i>b</i>", "<b>a</b><i>b</i>", []),
        ("<span style='font-weight:bold'>a</span>", "<b>a</b>", []),
        ("<span style=' FONT-STYLE : Italic ; '>a</span>", "<i>a</i>", []),
        ("<span style='text-decoration: underline line-through'>a</span>", "<u><s>a</s></u>", []),
        ("<strong style='font-weight: bold'>a</strong>", "<b>a</b>", []),
        ("<strong style='color: red'>a</strong>", "<strong>a</strong>", ["xhtml-im:color"]),
        ("<em style='font-weight: 700'>a</em>", "<b><em>a</em></b>", []),
        ("<p style='font-weight: bold'>a</p><p>b</p>", "<p><b>a</b></p><p>b</p>", []),
        ("<strong><p>a</p><p>b</p></strong>", "<p><strong>a</strong></p><p><strong>b</strong></p>", []),
        ("<span style='color:red;font-size:large'>a</span>", "a", ["xhtml-im:color", "xhtml-im:font-size"]),
        ("<ul><li>a</li><li>b</li></ul>c", "<p>a<br/>b</p>c", ["xhtml-im:ul", "xhtml-im:li"]),
        ("<img src='http://a/b.png' alt='c &amp; d'/>", "c &amp; d", ["xhtml-im:img"]),
        ("<blockquote><p>a</p></blockquote>", "<p>a</p>", ["xhtml-im:blockquote"]),
        ("<a href='http://a/?b=1&amp;c=2'>d</a>", "<a href=\"http://a/?b=1&amp;c=2\">d</a>", []),
        ("<a href='javascript:x'>d</a>", "d", ["xhtml-im:a"]),
        ("<a href='im:a@b'><a href='im:c@d'>e</a>f</a>", "<a href=\"im:c@d\">e</a><a href=\"im:a@b\">f</a>", []),
        ("<script>x</script><style>y</style>z", "z", ["xhtml-im:script", "xhtml-im:style"]),
        ("<b xmlns='urn:x'>a</b>", "a", ["xhtml-im:b"]),
        ("<x:b xmlns:x='http://www.w3.org/1999/xhtml'>a</x:b>", "<b>a</b>", []),
        ("<b class='c' xml:lang='en'>a</b>", "<b>a</b>", ["xhtml-im:@class", "xhtml-im:@xml:lang"]),
        ("<![CDATA[a<b>]]><!-- c --><?d e?>", "a&lt;b&gt;", []), ("a]]&gt;&#9;&#xA0;", "a]]&gt; \u{A0}", []),
        ("<B>a</B>", "a", ["xhtml-im:B"]), ("", "", []),
    ]

    @Test("I.3: XHTML-IM comes to text/html-lite, and what is lost is listed", arguments: contents)
    func reading(content: String, expected: String, losses: [String]) throws {
        let (document, lost) = try #require(HTMLLite.reading(xhtmlIM: xhtmlIM(content)))
        #expect(String(buffer: document.octets) == expected)
        #expect(lost.map(\.feature) == losses)
        expectPromises(document, of: xhtmlIM(content))
    }

    @Test(
        "I.3: what is no XHTML-IM is not read",
        arguments: [
            "", "x", "<html/>", "<html xmlns='http://jabber.org/protocol/xhtml-im'/>",
            "<html xmlns='http://www.w3.org/1999/xhtml'><body>x</body></html>",
            "<html xmlns='http://jabber.org/protocol/xhtml-im'><body>x</body></html>",
            "<body xmlns='http://www.w3.org/1999/xhtml'>x</body>", String(buffer: xhtmlIM("<b>x")),
            String(buffer: xhtmlIM("&nbsp;")), String(buffer: xhtmlIM("<b a=1>x</b>")),
            "<!DOCTYPE html [<!ENTITY a 'b'>]>" + String(buffer: xhtmlIM("x")),
            "<!DOCTYPE html [<!ENTITY a 'b'>]>" + String(buffer: xhtmlIM("&a;")),
            "<!DOCTYPE html SYSTEM 'file:///etc/passwd'>" + String(buffer: xhtmlIM("x")),
            String(buffer: xhtmlIM("x")) + "y", String(buffer: xhtmlIM(String(repeating: "<b>", count: 5_000))),
        ]
    )
    func refused(text: String) {
        #expect(HTMLLite.reading(xhtmlIM: octets(text)) == nil)
    }

    @Test("I.3: of several bodies one is read, and nothing beside them")
    func bodies() throws {
        let body = "<body xmlns='http://www.w3.org/1999/xhtml'>"
        let text = "<html xmlns='http://jabber.org/protocol/xhtml-im'>x<y>z</y>\(body)a</body>\(body)b</body></html>"
        let (document, losses) = try #require(HTMLLite.reading(xhtmlIM: octets(text)))
        #expect(String(buffer: document.octets) == "a")
        #expect(losses.map(\.feature) == ["xhtml-im:body"])
    }

    @Test("I.3: marks that many paragraphs share do not make much out of little", .timeLimit(.minutes(1)))
    func growth() throws {
        let target = "http://a/" + String(repeating: "b", count: 2_000)
        let many = String(repeating: "<p>x</p>", count: 2_000)
        let input = xhtmlIM("<a href='\(target)'><strong><em>\(many)</em></strong></a>")
        let (document, losses) = try #require(HTMLLite.reading(xhtmlIM: input))
        expectPromises(document, of: input)
        #expect(losses.map(\.feature) == ["xhtml-im:marks"])
        #expect(document.plainText.filter { $0 == "x" }.count == 2_000)
        let deep = xhtmlIM(String(repeating: "<b>", count: 200) + "x" + String(repeating: "</b>", count: 200))
        #expect(HTMLLite.reading(xhtmlIM: deep).map { String(buffer: $0.document.octets) } == "<b>x</b>")
    }
}
