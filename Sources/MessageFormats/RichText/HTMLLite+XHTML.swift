// SPDX-License-Identifier: Apache-2.0
public import EnvelopeModel

public import struct NIOCore.ByteBuffer

extension HTMLLite {
    /// The document for an element `html` of XEP-0071, and what of it could not be kept; nil where `octets` are no such
    /// element, or not well-formed, or more than anybody writes by hand.
    ///
    /// The octets are complete in themselves: every prefix and the default namespace are declared in them.
    public static func reading(xhtmlIM octets: ByteBuffer) -> (document: HTMLLite, losses: [Loss])? {
        guard let (octets, losses) = XHTMLReader.read(octets) else { return nil }
        return (HTMLLite(canonical: octets), losses)
    }

    /// Writes the document as an element `html` of XEP-0071, from which ``reading(xhtmlIM:)`` makes the same document.
    public func writeXHTMLIM(into out: inout ByteBuffer) {
        out.writeStaticString("<html xmlns='http://jabber.org/protocol/xhtml-im'>")
        out.writeStaticString("<body xmlns='http://www.w3.org/1999/xhtml'>")
        for token in HTMLLiteTokens(octets) {
            guard token.isTag, let written = HTMLLite.tag(token.octets) else {
                out.writeImmutableBuffer(token.octets)
                continue
            }
            out.writeStaticString(written)
        }
        out.writeStaticString("</body></html>")
    }

    /// What XEP-0071 §7 has for a tag; nil where it has the very tag.
    private static func tag(_ tag: ByteBuffer) -> StaticString? {
        switch String(buffer: tag) {
        case "<b>": "<strong style='font-weight: bold'>"
        case "<i>": "<em style='font-style: italic'>"
        case "<u>": "<span style='text-decoration: underline'>"
        case "<s>": "<span style='text-decoration: line-through'>"
        case "</b>": "</strong>"
        case "</i>": "</em>"
        case "</u>", "</s>": "</span>"
        default: nil
        }
    }
}

/// The tags of a document, and the text between them.
struct HTMLLiteTokens: Sequence, IteratorProtocol {
    struct Token {
        var isTag: Bool
        var octets: ByteBuffer
    }

    private var rest: ByteBuffer

    init(_ document: ByteBuffer) {
        rest = document
    }

    mutating func next() -> Token? {
        let view = rest.readableBytesView
        guard let first = view.first else { return nil }
        // No attribute's value holds one of the two octets that begin and end a tag.
        let isTag = first == UInt8(ascii: "<")
        let end = view.firstIndex(of: isTag ? UInt8(ascii: ">") : UInt8(ascii: "<")) ?? view.endIndex
        let count = end - view.startIndex + (isTag && end < view.endIndex ? 1 : 0)
        return rest.readSlice(length: count).map { Token(isTag: isTag, octets: $0) }
    }
}
