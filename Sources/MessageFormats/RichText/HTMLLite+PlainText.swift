// SPDX-License-Identifier: Apache-2.0
import struct NIOCore.ByteBuffer

extension HTMLLite {
    /// The document for a plain text, lines and spaces as they are; nil where it is too long.
    public init?(plainText text: String) {
        var builder = RichTextBuilder(reading: HTMLLite.maximum)
        builder.plain(text)
        guard let octets = builder.finish() else { return nil }
        self.init(canonical: octets)
    }

    /// What the document says to somebody whose program knows plain text only.
    public var plainText: String {
        var writer = PlainTextWriter()
        for token in HTMLLiteTokens(octets) {
            if token.isTag { writer.tag(String(buffer: token.octets)) } else { writer.text(token.octets) }
        }
        return String(decoding: writer.text, as: UTF8.self)
    }
}

private struct PlainTextWriter {
    private(set) var text: [UInt8] = []
    private var needsBlankLine = false
    /// The target of the open link, and where its text begins.
    private var link: (target: String, start: Int)?

    mutating func tag(_ tag: String) {
        switch tag {
        case "<p>", "</p>": needsBlankLine = !text.isEmpty
        case "<br/>":
            begin()
            text.append(0x0A)
        case "</a>": endLink()
        default:
            guard tag.hasPrefix("<a href=\"") else { return }
            begin()
            let target = PlainTextWriter.decode(Array(tag.utf8.dropFirst(9).dropLast(2)))
            link = (String(decoding: target, as: UTF8.self), text.count)
        }
    }

    mutating func text(_ octets: ByteBuffer) {
        begin()
        text += PlainTextWriter.decode(Array(octets.readableBytesView))
    }

    private mutating func begin() {
        guard needsBlankLine else { return }
        text += [0x0A, 0x0A]
        needsBlankLine = false
    }

    private mutating func endLink() {
        guard let (target, start) = link else { return }
        link = nil
        let shown = String(decoding: text[start...], as: UTF8.self)
        // `a.example` says all that `http://a.example/` does.
        let bare = target.drop { $0 != ":" }.dropFirst().drop { $0 == "/" }
        guard shown != target, shown != bare, shown + "/" != target, shown + "/" != bare else { return }
        text += Array(" <\(target)>".utf8)
    }

    /// The three references that a document may hold.
    private static func decode(_ octets: [UInt8]) -> [UInt8] {
        guard octets.contains(UInt8(ascii: "&")) else { return octets }
        var decoded: [UInt8] = []
        decoded.reserveCapacity(octets.count)
        var index = 0
        while index < octets.count {
            let (octet, length): (UInt8, Int) =
                if octets[index] != UInt8(ascii: "&") || index + 1 == octets.count {
                    (octets[index], 1)
                } else {
                    switch octets[index + 1] {
                    case UInt8(ascii: "a"): (UInt8(ascii: "&"), 5)
                    case UInt8(ascii: "l"): (UInt8(ascii: "<"), 4)
                    default: (UInt8(ascii: ">"), 4)
                    }
                }
            decoded.append(octet)
            index += length
        }
        return decoded
    }
}
