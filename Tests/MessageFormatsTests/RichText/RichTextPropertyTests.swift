// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Testing

@testable import MessageFormats

@Suite struct RichTextPropertyTests {
    private static let words = [
        "a", "bc", " ", "  ", "\n", "\t", "\u{A0}", "\u{E9}", "\u{1F600}", "\u{0}", "\u{C}", "<", ">", "&", "\"", "'",
        "/", "!",
        "&amp;", "&lt;", "&#0;", "&#x41;", "&nbsp;", "&bogus;", "&eacute;", "&amp", "&#", "]]>", "<!--", "-->",
        "<![CDATA[",
        "<!DOCTYPE x>", "<?x", "?>", "<!", "</", "\u{FEFF}", "=",
    ]
    private static let names =
        ["b", "i", "u", "s", "em", "strong", "a", "p", "br", "B", "P"]
        + [
            "div", "ul", "li", "span", "script", "style", "title", "img", "pre", "table", "tr", "td", "hr",
            "blockquote",
            "html", "head", "body", "imx", "object", "font", "svg", "o:p", "textarea", "h1", "x-y",
        ]
    private static let attributes = [
        " href='http://a.example/?b&c=\"<d>'", " href=im:a@b", " href=\"javascript:x\"", " href", " onclick='x'",
        " style='font-weight: bold; text-decoration: underline'", " alt='e <f> & g'", " class=c", " x='>'",
        " href='tel:1",
        "/",
    ]

    /// A document that nobody would write, from the names that matter.
    private static func document(_ draw: inout RichTextDraw) -> String {
        var text = ""
        let markup = Int.random(in: 1...9, using: &draw)
        for _ in 0..<Int.random(in: 0..<60, using: &draw) {
            guard Int.random(in: 0..<10, using: &draw) < markup else {
                text += words.randomElement(using: &draw) ?? ""
                continue
            }
            // The elements of the list as often as all others.
            let known = Bool.random(using: &draw)
            let name = (known ? names.prefix(11) : names.dropFirst(11)).randomElement(using: &draw) ?? "b"
            if Int.random(in: 0..<5, using: &draw) < 2 {
                text += "</\(name)>"
            } else {
                let count = name == "a" ? 1 : max(0, Int.random(in: -2..<3, using: &draw))
                text += "<\(name)"
                for _ in 0..<count { text += attributes.randomElement(using: &draw) ?? "" }
                text += Int.random(in: 0..<40, using: &draw) == 0 ? "" : ">"
            }
        }
        return text
    }

    @Test(
        "I.3: whatever comes in, only the form goes out, again the same, and the same by way of XHTML-IM",
        arguments: [1, 2, 3, 4] as [UInt64]
    )
    func anything(seed: UInt64) {
        var draw = RichTextDraw(state: seed)
        for _ in 0..<500 {
            let text = RichTextPropertyTests.document(&draw)
            expectPromises(HTMLLite.sanitise(octets(text)).document, of: octets(text))
        }
    }

    @Test("I.3: random octets too")
    func octetsOfAnyKind() {
        var draw = RichTextDraw(state: 9)
        for _ in 0..<1_000 {
            let count = Int.random(in: 0..<200, using: &draw)
            let alphabet: [UInt8] = Array("<>/ab &;#!-='\"p".utf8) + [0, 0x0A, 0x80, 0xC3, 0xA9, 0xFF]
            let input = ByteBuffer(bytes: (0..<count).map { _ in alphabet.randomElement(using: &draw) ?? 0 })
            expectPromises(HTMLLite.sanitise(input).document, of: input)
        }
    }

    @Test("I.3: the same holds for XHTML-IM, and nothing of its text is lost")
    func xhtml() throws {
        var draw = RichTextDraw(state: 5)
        let names = ["b", "i", "strong", "em", "span", "p", "div", "ul", "li", "blockquote", "a", "cite"]
        for _ in 0..<1_000 {
            var text = ""
            var shown = ""
            var open: [String] = []
            for index in 0..<Int.random(in: 0..<40, using: &draw) {
                switch Int.random(in: 0..<4, using: &draw) {
                case 0:
                    let name = names.randomElement(using: &draw) ?? "b"
                    let styles = ["", " style='font-weight: bold'", " style='text-decoration: underline; color: red'"]
                    text += "<\(name)\(styles.randomElement(using: &draw) ?? "")>"
                    open.append(name)
                case 1:
                    if let name = open.popLast() { text += "</\(name)>" }
                case 2: text += [" ", "<br/>", "\n"].randomElement(using: &draw) ?? ""
                default:
                    text += "w\(index)"
                    shown += "w\(index)"
                }
            }
            while let name = open.popLast() { text += "</\(name)>" }
            let (document, _) = try #require(HTMLLite.reading(xhtmlIM: xhtmlIM(text)), "\(text)")
            expectPromises(document, of: xhtmlIM(text))
            #expect(document.plainText.filter { !$0.isWhitespace } == shown)
        }
    }
}
