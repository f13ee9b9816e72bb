// SPDX-License-Identifier: Apache-2.0
import Foundation
import NIOCore
import Testing

@testable import MessageFormats

/// The specification: its text, and its examples.
struct HTMLLiteSpecification {
    struct Example: Hashable, Sendable, CustomTestStringConvertible {
        var kind: String
        var name: String
        var written: String
        var result: String

        var testDescription: String { "\(kind) \(name)" }
    }

    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
    static let kinds = ["sanitise", "to-xhtml-im", "from-xhtml-im", "to-plain", "from-plain"]

    static func text() throws -> String {
        try String(contentsOf: root.appending(path: "Documentation/text-html-lite.md"), encoding: .utf8)
    }

    static func examples() throws -> [Example] {
        try text().split(separator: "\n```", omittingEmptySubsequences: false).dropFirst().compactMap { block in
            let lines = block.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
            let words = lines[0].split(separator: " ")
            guard words.count == 2, kinds.contains(String(words[0])), lines.count == 2 else { return nil }
            let halves = lines[1].split(separator: "\n---\n", omittingEmptySubsequences: false).map(String.init)
            guard halves.count == 2 else { return nil }
            return Example(kind: String(words[0]), name: String(words[1]), written: halves[0], result: halves[1])
        }
    }
}

@Suite struct RichTextDocumentTests {
    @Test(
        "I.3: every example of the specification is what the code makes of it",
        arguments: try HTMLLiteSpecification.examples()
    )
    func example(_ example: HTMLLiteSpecification.Example) throws {
        let document = HTMLLite.sanitise(octets(example.written)).document
        switch example.kind {
        case "sanitise":
            #expect(String(buffer: document.octets) == example.result)
            expectPromises(document, of: octets(example.written))
        case "to-xhtml-im":
            #expect(document.octets == octets(example.written))
            var out = ByteBuffer()
            document.writeXHTMLIM(into: &out)
            #expect(String(buffer: out) == example.result)
        case "from-xhtml-im":
            let read = try #require(HTMLLite.reading(xhtmlIM: octets(example.written)))
            #expect(String(buffer: read.document.octets) == example.result)
        case "to-plain":
            #expect(document.octets == octets(example.written))
            #expect(document.plainText == example.result)
        default:
            let made = try #require(HTMLLite(plainText: example.written))
            #expect(String(buffer: made.octets) == example.result)
        }
    }

    @Test("I.3: the specification has examples of every kind, each read by the test")
    func complete() throws {
        let examples = try HTMLLiteSpecification.examples()
        #expect(Set(examples.map(\.kind)) == Set(HTMLLiteSpecification.kinds))
        #expect(Set(examples.map(\.testDescription)).count == examples.count)
        let blocks = try HTMLLiteSpecification.text().split(separator: "\n").filter {
            $0.hasPrefix("```") && $0.count > 3
        }
        #expect(blocks.count == examples.count + 1)  // and the grammar
    }

    @Test("I.3: the specification lists exactly the elements and schemes that the code knows")
    func lists() throws {
        let text = try HTMLLiteSpecification.text()
        let rows: [(String, (RichTextElement) -> Bool)] = [
            ("mark", { if case .format = $0 { true } else { false } }), ("link", { $0 == .link }),
            ("line break", { $0 == .lineBreak }), ("paragraph", { $0 == .paragraph }),
            ("dropped with all that it holds", { $0 == .dropped }), ("without a meaning", { $0 == .transparent }),
            ("replaced by its attribute `alt`", { $0 == .image }), ("block", { $0 == .block }),
            ("block, white space kept", { $0 == .preformatted }), ("block, empty", { $0 == .rule }),
            ("line", { $0 == .line }), ("space", { $0 == .cell }),
        ]
        for (title, holds) in rows {
            let row = try #require(text.split(separator: "\n").first { $0.hasPrefix("| \(title) | `") }, "\(title)")
            let listed = Set(
                row.dropFirst(title.count + 5).split(separator: "`").map(String.init).filter {
                    $0.first?.isLetter == true
                }
            )
            let known = RichTextElement.known.filter { holds($0.value) && $0.key != HTMLReader.wrapper }.keys
            #expect(listed == Set(known), "\(title)")
        }
        let schemes = try #require(text.split(separator: "It is one of `").last?.prefix { $0 != "." })
        #expect(Set(schemes.split(separator: "`").map(String.init).filter { $0 != " " }) == LinkTarget.schemes)
        #expect(text.contains("131,072") && HTMLLite.maximum == 131_072 && XHTMLReader.maximum == 1_048_576)
        #expect(text.contains("4,096 octets") && DocumentSource.tokenLimit == 4_096)
        #expect(text.contains("at most 2,048 octets") && LinkTarget.maximum == 2_048)
    }
}
