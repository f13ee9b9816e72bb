// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

import struct NIOCore.ByteBuffer

/// Takes an object apart into its four pieces.
struct CPIMReader {
    private let octets: ByteBuffer
    private let limits: CPIMLimits
    private var offset = 0
    private var line = 0
    private var count = 0

    init(_ octets: ByteBuffer, limits: CPIMLimits) {
        self.octets = octets
        self.limits = limits
    }

    /// One line: its text without its end, and whether it ended as it must.
    private struct Line {
        var text: [UInt8]
        var octets: ByteBuffer
        var isCRLF: Bool
    }

    mutating func read(into message: inout CPIMMessage, from start: CPIMMessage.Start) throws(CPIMError) {
        if start == .objectHeaders { message.objectHeaders = try contentHeaders(&message) }
        message.messageStart = offset
        switch try messageHeaders(&message) {
        case .emptyLine, .contentHeader: message.contentHeaders = try contentHeaders(&message)
        case .end:
            message.findings.append(CPIMFinding(line: max(1, line), .noContent, "the object ends in its headers"))
        }
        message.content =
            octets.getSlice(at: octets.readerIndex + offset, length: octets.readableBytes - offset) ?? .init()
        if !message.contentHeaders.contains(where: { $0.name.lowercased() == "content-type" }) {
            message.findings.append(CPIMFinding(line: max(1, line), .contentType, "the content has no Content-Type"))
        }
    }

    private enum End {
        case emptyLine
        case contentHeader
        case end
    }

    private mutating func messageHeaders(_ message: inout CPIMMessage) throws(CPIMError) -> End {
        while true {
            let before = (offset, line)
            guard let next = try nextLine() else { return .end }
            check(next, &message)
            if next.text.isEmpty { return .emptyLine }
            // RFC 5438's own samples run the content headers straight on; readers in the field take them so.
            if isContentHeader(next.text) {
                message.findings.append(
                    CPIMFinding(line: line, .contentHeader, "a content header among the message headers")
                )
                (offset, line) = before
                return .contentHeader
            }
            if next.text.first == 0x20 || next.text.first == 0x09 {
                message.findings.append(CPIMFinding(line: line, .folding, "a line starts with white space"))
                continue
            }
            var scanner = CPIMHeaderScanner(next.text, line: line)
            if let header = scanner.header(keeping: next.octets) { message.headers.append(header) }
            message.findings += scanner.findings
        }
    }

    /// MIME headers up to the empty line. They may be folded, and names are in any case.
    private mutating func contentHeaders(_ message: inout CPIMMessage) throws(CPIMError) -> [HeaderField] {
        var fields: [HeaderField] = []
        while let next = try nextLine() {
            check(next, &message)
            if next.text.isEmpty { break }
            let isFolded = next.text.first == 0x20 || next.text.first == 0x09
            guard let text = String(validating: next.text, as: UTF8.self) else {
                message.findings.append(CPIMFinding(line: line, .text, "the line is not UTF-8"))
                continue
            }
            if isFolded, !fields.isEmpty {
                fields[fields.count - 1].value += " " + text.drop { $0 == " " || $0 == "\t" }
                continue
            }
            guard let colon = text.firstIndex(of: ":"), colon > text.startIndex else {
                message.findings.append(CPIMFinding(line: line, .contentColon, "the line has no name and colon"))
                continue
            }
            let value = text[text.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
            fields.append(HeaderField(name: String(text[..<colon]), value: String(value)))
        }
        return fields
    }

    private func check(_ next: Line, _ message: inout CPIMMessage) {
        // One finding tells it; an object with other line ends has them throughout.
        guard !next.isCRLF, !message.findings.contains(where: { $0.rule == .lineEnd }) else { return }
        message.findings.append(CPIMFinding(line: line, .lineEnd, "the line does not end with CR LF"))
    }

    private mutating func nextLine() throws(CPIMError) -> Line? {
        let start = octets.readerIndex + offset
        guard start < octets.writerIndex else { return nil }
        count += 1
        guard count <= limits.headers else { throw .beyondLimit("\(limits.headers) header lines") }
        let bound = min(octets.writerIndex, start + limits.lineOctets + 2)
        let view = octets.readableBytesView[start..<bound]
        // CR alone ends a line for nobody but those who write it; it is found here so that it can be named.
        let end = view.firstIndex { $0 == 0x0A || $0 == 0x0D } ?? bound
        guard end < bound || bound == octets.writerIndex else {
            throw .beyondLimit("\(limits.lineOctets) octets in a line")
        }
        let isCRLF = end + 1 < octets.writerIndex && octets.getInteger(at: end, as: UInt16.self) == 0x0D0A
        let next = end == octets.writerIndex ? end : end + (isCRLF ? 2 : 1)
        offset = next - octets.readerIndex
        line += 1
        let text = octets.getSlice(at: start, length: end - start) ?? ByteBuffer()
        return Line(text: Array(text.readableBytesView), octets: text, isCRLF: isCRLF)
    }

    private func isContentHeader(_ text: [UInt8]) -> Bool {
        guard let colon = text.firstIndex(of: UInt8(ascii: ":")) else { return false }
        return String(decoding: text[..<colon], as: UTF8.self).lowercased().hasPrefix("content-")
    }
}
