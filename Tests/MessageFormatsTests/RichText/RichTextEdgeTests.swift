// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore
import Testing

@testable import MessageFormats

/// What is told of losses, and the bounds of what is read.
@Suite struct RichTextEdgeTests {
    @Test("I.3: what a part loses is told")
    func partLosses() throws {
        var losses: [Loss] = []
        let part = BodyPart(mediaType: HTMLLite.mediaType, octets: octets("a<hr>b"))
        #expect(HTMLLite(part: part, losses: &losses) != nil)
        #expect(losses.map(\.feature) == ["html:hr"])
    }

    @Test("I.3, S45: what a page keeps for its scripts is dropped with what it holds")
    func templates() {
        #expect(sanitised("<template>a<b>b</b></template>c") == "c")
        #expect(lost("<template>a<b>b</b></template>c") == ["html:template"])
    }

    @Test("I.3, S45: a control character in a target is written as a code of two digits")
    func controls() {
        #expect(LinkTarget.canonical("http://a/\u{1}b\u{1F}c") == "http://a/%01b%1Fc")
        #expect(LinkTarget.canonical("http://a/\u{7F}b") == "http://a/%7Fb")
    }

    @Test("I.3: losses are listed up to sixteen kinds, under short names, and that there are more is told")
    func manyLosses() {
        let many = (0..<30).map { "<x\($0)>a" }.joined()
        #expect(lost(many) == (0..<16).map { "html:x\($0)" } + ["html"])
        #expect(lost("<" + String(repeating: "y", count: 100) + ">a") == ["html:" + String(repeating: "y", count: 40)])
    }

    @Test("I.3: styles that say what text has anyway lose nothing, and how much they insist is no style")
    func plainStyles() throws {
        let plain = xhtmlIM("<span style='font-weight: normal; text-decoration: none; font-style: normal'>a</span>")
        let firm = xhtmlIM("<span style='font-weight: bold !important'>a</span>")
        for (content, expected) in [(plain, "a"), (firm, "<b>a</b>")] {
            let (document, losses) = try #require(HTMLLite.reading(xhtmlIM: content))
            #expect(String(buffer: document.octets) == expected && losses.isEmpty)
        }
    }

    @Test("I.3: XHTML-IM of more than a megabyte is not read, whatever it comes to", .timeLimit(.minutes(1)))
    func largeXHTML() {
        let comments = String(repeating: "<!---->", count: 8 * HTMLLite.maximum / 7)
        #expect(HTMLLite.reading(xhtmlIM: xhtmlIM(comments + "a")) == nil)
        #expect(HTMLLite.reading(xhtmlIM: xhtmlIM(String(comments.prefix(70_000)) + "a")) != nil)
    }

    @Test("I.3: a body in the depth is as much work as an end, and cut off alike", .timeLimit(.minutes(1)))
    func deepBodies() {
        let text = String(repeating: "<q>", count: 20_000) + String(repeating: "<body>", count: 10_000)
        #expect(lost(text).contains("html:document"))
    }
}
