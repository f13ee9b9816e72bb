// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Testing

@testable import MessageFormats

@Suite struct RichTextPlainTests {
    @Test(
        "I.3, IMX 5.2: a document degrades to text",
        arguments: [
            ("", ""), ("a<b>b</b>", "ab"), ("a<br>b", "a\nb"), ("<p>a</p><p>b</p>", "a\n\nb"),
            ("a<p>b</p>c", "a\n\nb\n\nc"),
            ("&lt;a&gt; &amp;amp; &quot;", "<a> &amp; \""), ("a&nbsp;b", "a\u{A0}b"),
            ("<a href='http://a.example/b'>c</a>.", "c <http://a.example/b>."),
            ("<a href='http://a.example/'>a.example</a>", "a.example"),
            ("<a href='http://a.example'>http://a.example/</a>", "http://a.example/ <http://a.example>"),
            ("<a href='mailto:a@a.example'>a@a.example</a>", "a@a.example"),
            ("<a href='http://a/?b&amp;c'>http://a/?b&amp;c</a>", "http://a/?b&c"),
            ("<a href='http://b.example/'>a.example</a>", "a.example <http://b.example/>"),
            ("<a href='im:a@b'><b>c</b>d</a>", "cd <im:a@b>"), ("<p>a<br></p>b", "a\n\n\nb"),
        ]
    )
    func toPlain(document: String, expected: String) {
        #expect(HTMLLite.sanitise(octets(document)).document.plainText == expected)
    }

    @Test(
        "I.3: text becomes a document that shows it as it is",
        arguments: [
            ("", ""), ("a", "a"), ("<b>&</b>", "&lt;b&gt;&amp;&lt;/b&gt;"), ("a\nb\r\nc\rd", "a<br/>b<br/>c<br/>d"),
            ("a\n\nb\n", "a<br/><br/>b<br/>"), ("a  b   c", "a\u{A0} b\u{A0}\u{A0} c"), ("  a ", "\u{A0}\u{A0}a"),
            ("\ta", "\u{A0}\u{A0}\u{A0}\u{A0}a"), ("a\u{0}\u{FFFF}", "a\u{FFFD}\u{FFFD}"),
            ("<!-- a -->", "&lt;!-- a --&gt;"),
            ("<!x", "&lt;!x"), ("\r\r\n\n", "<br/><br/><br/>"),
        ]
    )
    func fromPlain(text: String, expected: String) throws {
        let document = try #require(HTMLLite(plainText: text))
        #expect(String(buffer: document.octets) == expected)
        expectPromises(document, of: octets(text))
    }

    @Test("I.3: random text comes back as it was, but for the spaces that are lost at the end of lines")
    func roundTrip() throws {
        var draw = RichTextDraw(state: 3)
        let pieces = [
            "a", "b", " ", " ", "\t", "\n", "\r", "\r\n", "<", ">", "&", "&amp;", "\u{E9}", "\u{1F600}", "\"", "<br/>",
        ]
        for _ in 0..<1_000 {
            let text = (0..<Int.random(in: 0..<30, using: &draw)).compactMap { _ in pieces.randomElement(using: &draw) }
                .joined()
            let document = try #require(HTMLLite(plainText: text))
            expectPromises(document, of: octets(text))
            #expect(document.plainText.replacing("\u{A0}", with: " ") == RichTextPlainTests.shown(text))
        }
    }

    @Test("I.3: a text that is too long is no document")
    func tooLong() {
        #expect(HTMLLite(plainText: String(repeating: "x", count: HTMLLite.maximum)) != nil)
        #expect(HTMLLite(plainText: String(repeating: "x", count: HTMLLite.maximum + 1)) == nil)
        #expect(HTMLLite(plainText: String(repeating: "\n", count: HTMLLite.maximum)) == nil)
    }

    private static func shown(_ text: String) -> String {
        var lines: [[Unicode.Scalar]] = [[]]
        var previous: Unicode.Scalar = "x"
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n" where previous == "\r": break
            case "\n", "\r": lines.append([])
            case "\t": lines[lines.count - 1] += Array(repeating: " ", count: 4)
            default: lines[lines.count - 1].append(scalar)
            }
            previous = scalar
        }
        return lines.map { line in
            var line = line
            while line.last == " " { line.removeLast() }
            return String(String.UnicodeScalarView(line))
        }
        .joined(separator: "\n")
    }
}
