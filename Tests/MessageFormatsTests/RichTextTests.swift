// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore
import Testing

@testable import MessageFormats

@Suite struct RichTextTests {
    @Test(
        "I.3: what comes in goes out in the one form",
        arguments: [
            ("hello", "hello"), ("<B>x</B>", "<b>x</b>"), ("<b><i>x</b></i>", "<b><i>x</i></b>"),
            ("<script>x</script>y", "y"), ("<<b>z", "&lt;<b>z</b>"), ("é<b>ü</b>€", "é<b>ü</b>€"),
            ("<a href=\"http://a.example/?x=1&amp;y=2\">z</a>", "<a href=\"http://a.example/?x=1&amp;y=2\">z</a>"),
            ("<p>a<p>b", "<p>a</p><p>b</p>"), ("a<br>b", "a<br/>b"), ("a < b", "a &lt; b"),
        ]
    )
    func forms(written: String, expected: String) {
        let (document, _) = HTMLLite.sanitise(octets(written))
        #expect(String(buffer: document.octets) == expected)
        #expect(HTMLLite.sanitise(document.octets).document == document)
        var xhtml = ByteBuffer()
        document.writeXHTMLIM(into: &xhtml)
        #expect(HTMLLite.reading(xhtmlIM: xhtml)?.document == document)
    }
}
