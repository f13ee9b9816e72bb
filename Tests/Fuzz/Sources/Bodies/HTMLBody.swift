// SPDX-License-Identifier: Apache-2.0
import MessageFormats
import NIOCore

/// text/html-lite: from whatever comes only the one form is made, again the same, and the same by way of XHTML-IM.
enum HTMLBody {
    static func run(_ octets: [UInt8]) throws(Violation) {
        let input = ByteBuffer(bytes: octets)
        try check(HTMLLite.sanitise(input).document, octets.count)
        if let (document, _) = HTMLLite.reading(xhtmlIM: input) { try check(document, octets.count) }
        if let document = HTMLLite(plainText: String(decoding: octets, as: UTF8.self)) {
            try check(document, HTMLLite.maximum)
        }
    }

    private static func check(_ document: HTMLLite, _ count: Int) throws(Violation) {
        try hold(document.octets.readableBytes <= min(4 * count + 1_024, HTMLLite.maximum), "too large a document")
        try form(Array(document.octets.readableBytesView))
        let (again, losses) = HTMLLite.sanitise(document.octets)
        try hold(again == document && losses.isEmpty, "a document that is sanitised again changes")
        var xhtml = ByteBuffer()
        document.writeXHTMLIM(into: &xhtml)
        guard let (back, lost) = HTMLLite.reading(xhtmlIM: xhtml) else {
            throw Violation("XHTML-IM that was written cannot be read")
        }
        try hold(back == document && lost.isEmpty, "a document changes by way of XHTML-IM")
        _ = document.plainText
    }

    /// Whether each tag is one of the list, in turn, and all else is text.
    private static func form(_ octets: [UInt8]) throws(Violation) {
        var open: [String] = []
        var index = 0
        while index < octets.count {
            guard octets[index] == UInt8(ascii: "<") else {
                try hold(octets[index] >= 0x20 && octets[index] != UInt8(ascii: ">"), "the octet \(octets[index])")
                index += 1
                continue
            }
            guard let end = octets[index...].firstIndex(of: UInt8(ascii: ">")) else {
                throw Violation("a tag without end")
            }
            let tag = String(decoding: octets[(index + 1)..<end], as: UTF8.self)
            index = end + 1
            if tag == "br/" { continue }
            if tag.hasPrefix("/") {
                try hold(open.popLast() == String(tag.dropFirst()), "<\(tag)> out of turn")
                continue
            }
            let name = tag.hasPrefix("a href=\"") ? "a" : tag
            let known = ["b", "i", "u", "s", "em", "strong", "p"].contains(tag) || name == "a"
            try hold(known && !open.contains(name), "the tag <\(tag)>")
            try hold(name != "a" || isTarget(tag.dropFirst(8)), "the link <\(tag)>")
            open.append(name)
            try hold(name != "p" || open.count == 1, "a paragraph in another element")
        }
        try hold(open.isEmpty, "\(open) without end")
    }

    private static func isTarget(_ attribute: Substring) -> Bool {
        ["http://", "https://", "mailto:", "im:", "pres:", "xmpp:", "tel:"].contains { attribute.hasPrefix($0) }
            && attribute.utf8.last == UInt8(ascii: "\"") && !attribute.utf8.dropLast().contains(UInt8(ascii: "\""))
            && attribute.utf8.allSatisfy { $0 > 0x20 }
    }
}
