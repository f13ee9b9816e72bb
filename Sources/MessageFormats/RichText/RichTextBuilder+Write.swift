// SPDX-License-Identifier: Apache-2.0
import struct NIOCore.ByteBuffer

extension RichTextBuilder {
    /// Text as it is meant, in UTF-8, cut between any two characters.
    mutating func text(_ octets: UnsafeBufferPointer<UInt8>) {
        guard !isDropping else { return }
        var start = 0
        for (index, octet) in octets.enumerated() {
            switch octet {
            case 0x20, 0x09, 0x0A, 0x0C, 0x0D:
                write(octets[start..<index])
                start = index + 1
                if isPreformatted { preformattedSpace(octet) } else { space() }
            case UInt8(ascii: "&"), UInt8(ascii: "<"), UInt8(ascii: ">"):
                write(octets[start..<index])
                start = index + 1
                write(escaped: octet)
            default: break
            }
        }
        write(octets[start...])
    }

    /// Text as it is meant.
    mutating func text(_ text: String) {
        var text = text
        text.withUTF8 { self.text($0) }
    }

    /// A whole document of plain text, in which white space counts.
    mutating func plain(_ text: String) {
        isPlain = true
        HTMLInput.clean(text).withUnsafeBufferPointer { self.text($0) }
    }

    /// White space, which counts once, and not at the ends of a line.
    mutating func space() {
        guard !isDropping, !isAtLineStart || isPreformatted, spaces == 0, !needsLine else { return }
        spaces = 1
        spaceMarks = marksInCommon
    }

    /// A line break that is asked for.
    mutating func lineBreak() {
        guard !isDropping, begin(isText: false) else { return }
        out.writeStaticString("<br/>")
        isAtLineStart = true
        spaces = 0
    }

    /// Where white space counts, a space is no-break where HTML would not show it.
    private mutating func preformattedSpace(_ octet: UInt8) {
        let wasAfterCarriageReturn = isAfterCarriageReturn
        isAfterCarriageReturn = octet == 0x0D
        switch octet {
        case 0x0A where wasAfterCarriageReturn: break
        case 0x0A, 0x0D: lineBreak()
        default:
            if spaces == 0 { spaceMarks = marksInCommon }
            spaces += octet == 0x09 ? 4 : 1
        }
    }

    private mutating func write(_ run: Slice<UnsafeBufferPointer<UInt8>>) {
        guard !run.isEmpty, begin(isText: true) else { return }
        out.writeBytes(run)
    }

    private mutating func write(escaped octet: UInt8) {
        guard begin(isText: true) else { return }
        switch octet {
        case UInt8(ascii: "&"): out.writeStaticString("&amp;")
        case UInt8(ascii: "<"): out.writeStaticString("&lt;")
        default: out.writeStaticString("&gt;")
        }
    }

    /// How many of the open marks the next text is to bear too.
    private var marksInCommon: Int {
        var count = 0
        while count < open.count, count < wanted.count, open[count] == wanted[count],
            open[count] != .link || openTarget == target
        {
            count += 1
        }
        return count
    }

    /// Readies the document for text or for a line break; false where it has become too large.
    private mutating func begin(isText: Bool) -> Bool {
        guard out.readableBytes <= limit else { return false }
        isAfterCarriageReturn = isAfterCarriageReturn && !isText
        beginLine()
        if isText {
            writeSpaces()
            isAtLineStart = false
            if wanted.isEmpty && open.isEmpty { return true }
        }
        close(downTo: marksInCommon)
        if isText { openMarks() }
        return true
    }

    private mutating func beginLine() {
        if !isInParagraph && (isBlock || isAfterBoundary && isAfterBareText) {
            out.writeStaticString("<p>")
            isInParagraph = true
        } else if needsLine && !isAtLineStart {
            close(downTo: marksInCommon)
            out.writeStaticString("<br/>")
            isAtLineStart = true
        }
        needsLine = false
        isAfterBoundary = false
        isAfterBareText = !isInParagraph
    }

    private mutating func writeSpaces() {
        guard spaces > 0 else { return }
        close(downTo: min(spaceMarks, open.count))
        for _ in 0..<(isAtLineStart ? spaces : spaces - 1) { out.writeStaticString("\u{A0}") }
        if !isAtLineStart { out.writeStaticString(" ") }
        spaces = 0
    }

    /// Closes the tags of all open marks but the outermost `count`.
    mutating func close(downTo count: Int) {
        while open.count > count, let format = open.popLast() {
            if format == .link { openTarget = nil }
            for single in RichTextFormats.single where single.format == format { out.writeStaticString(single.close) }
        }
    }

    private mutating func openMarks() {
        guard open.count < wanted.count else { return }
        guard out.readableBytes <= markLimit else {
            isWithoutMarks = true
            return
        }
        for format in wanted[open.count...] {
            if format == .link {
                openTarget = target
                out.writeStaticString("<a href=\"")
                for octet in (target ?? "").utf8 {
                    if octet == UInt8(ascii: "&") { out.writeStaticString("&amp;") } else { out.writeInteger(octet) }
                }
                out.writeStaticString("\">")
            } else {
                for single in RichTextFormats.single where single.format == format {
                    out.writeStaticString(single.open)
                }
            }
            open.append(format)
        }
    }
}
