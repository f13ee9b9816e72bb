// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore
import Testing

@testable import MessageFormats

/// The canonical form of `text`.
func sanitised(_ text: String) -> String { String(buffer: HTMLLite.sanitise(octets(text)).document.octets) }

/// What `text` loses.
func lost(_ text: String) -> [String] { HTMLLite.sanitise(octets(text)).losses.map(\.feature) }

func xhtmlIM(_ body: String) -> ByteBuffer {
    octets(
        "<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>\(body)</body></html>"
    )
}

/// A generator that gives the same numbers every time: SplitMix64.
struct RichTextDraw: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// Section 2 of the specification, written once more and otherwise.
struct CanonicalForm {
    private var rest: Substring
    private var open: [String] = []
    /// What is wrong with the document.
    private(set) var fault: String?

    static let marks: Set<String> = ["b", "i", "u", "s", "em", "strong"]

    init(_ document: ByteBuffer) {
        let text = String(validating: document.readableBytesView, as: UTF8.self)
        rest = (text ?? "")[...]
        if text == nil { fault = "not UTF-8" }
        while fault == nil, !rest.isEmpty { fault = next() }
        if fault == nil, !open.isEmpty { fault = "\(open) open at the end" }
    }

    private mutating func next() -> String? {
        guard rest.first == "<" else {
            let text = rest.prefix { $0 != "<" }
            rest = rest[text.endIndex...]
            return textFault(String(text))
        }
        guard let end = rest.firstIndex(of: ">") else { return "a tag without end" }
        let tag = String(rest[rest.index(after: rest.startIndex)..<end])
        rest = rest[rest.index(after: end)...]
        if tag == "br/" { return nil }
        if tag.hasPrefix("/") {
            return open.popLast() == String(tag.dropFirst()) ? nil : "</\(tag.dropFirst())> out of turn"
        }
        if rest.hasPrefix("</") { return "<\(tag)> is empty" }
        var name = tag
        if tag.hasPrefix("a href=\"") {
            name = "a"
            if let fault = targetFault(String(tag.dropFirst(8))) { return fault }
        } else if tag == "p" {
            if !open.isEmpty { return "p in \(open)" }
        } else if !CanonicalForm.marks.contains(tag) {
            return "the tag <\(tag)>"
        }
        if open.contains(name) { return "\(name) in \(name)" }
        open.append(name)
        return open.count <= 8 ? nil : "\(open.count) deep"
    }

    private func textFault(_ text: String) -> String? {
        for scalar in text.unicodeScalars {
            if scalar.value < 0x20 || scalar == ">" || scalar.value & 0xFFFE == 0xFFFE && scalar.value < 0x10000 {
                return "the character \(scalar.value)"
            }
        }
        if text.contains("  ") { return "two spaces" }
        for piece in text.split(separator: "&", omittingEmptySubsequences: false).dropFirst()
        where !["amp;", "lt;", "gt;"].contains(where: { piece.hasPrefix($0) }) {
            return "a reference &\(piece.prefix(8))"
        }
        return nil
    }

    private func targetFault(_ attribute: String) -> String? {
        guard attribute.hasSuffix("\"") else { return "the tag <a href=\"\(attribute)>" }
        let target = attribute.dropLast()
        let schemes = ["http://", "https://", "mailto:", "im:", "pres:", "xmpp:", "tel:"]
        guard schemes.contains(where: { target.hasPrefix($0) && target.count > $0.count }) else {
            return "the target \(target)"
        }
        let forbidden = target.unicodeScalars.contains { $0.value <= 0x20 || "\"<>".unicodeScalars.contains($0) }
        return forbidden || target.utf8.count > 2_048 ? "the target \(target)" : textFault(String(target))
    }
}

/// Holds `document` against everything that is promised of one.
func expectPromises(_ document: HTMLLite, of input: ByteBuffer, _ location: SourceLocation = #_sourceLocation) {
    let shown = Comment(rawValue: String(reflecting: String(buffer: input).prefix(300)))
    #expect(CanonicalForm(document.octets).fault == nil, shown, sourceLocation: location)
    #expect(HTMLLite.sanitise(document.octets).document == document, shown, sourceLocation: location)
    #expect(HTMLLite.sanitise(document.octets).losses == [], shown, sourceLocation: location)
    var xhtml = ByteBuffer()
    document.writeXHTMLIM(into: &xhtml)
    let back = HTMLLite.reading(xhtmlIM: xhtml)
    #expect(back?.document == document, shown, sourceLocation: location)
    #expect(back?.losses == [], shown, sourceLocation: location)
    let most = min(4 * input.readableBytes + 1_024, HTMLLite.maximum)
    #expect(document.octets.readableBytes <= most, shown, sourceLocation: location)
}
