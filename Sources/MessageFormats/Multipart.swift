// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

import struct NIOCore.ByteBuffer

extension MIMEEntity {
    /// Where the parts of a multipart stand in its content (RFC 2046 §5.1.1). What comes before the first delimiter and
    /// after the last means nothing.
    static func ranges(
        of content: ByteBuffer,
        boundary: String,
        _ limits: MIMELimits
    ) throws(MIMEError) -> [Range<Int>] {
        let delimiter = Array("--\(boundary)".utf8)
        var ranges: [Range<Int>] = []
        var isClosed = false
        let isWithinLimit = content.withUnsafeReadableBytes { bytes in
            var position = 0
            var start: Int?
            while position < bytes.count, !isClosed {
                let line = MIMEHeader.lineEnd(bytes, position..<bytes.count)
                defer { position = line.next }
                guard let kind = delimiterKind(bytes, position..<line.text, delimiter) else { continue }
                if let start {
                    guard ranges.count < limits.parts else { return false }
                    // The line end before a delimiter belongs to the delimiter.
                    ranges.append(start..<max(start, MIMEEntity.beforeLineEnd(bytes, position)))
                }
                start = line.next
                isClosed = kind == .close
            }
            return true
        }
        guard isWithinLimit else { throw .beyondLimit("parts") }
        guard isClosed, !ranges.isEmpty else { throw .malformed("a multipart without its last delimiter") }
        return ranges
    }

    private enum DelimiterKind {
        case open
        case close
    }

    private static func delimiterKind(
        _ bytes: UnsafeRawBufferPointer,
        _ line: Range<Int>,
        _ delimiter: [UInt8]
    ) -> DelimiterKind? {
        guard line.count >= delimiter.count, bytes[line].starts(with: delimiter) else { return nil }
        var rest = bytes[(line.lowerBound + delimiter.count)..<line.upperBound]
        let isClose = rest.starts(with: [UInt8(ascii: "-"), UInt8(ascii: "-")])
        if isClose { rest = rest.dropFirst(2) }
        guard rest.allSatisfy({ $0 == 0x20 || $0 == 0x09 }) else { return nil }
        return isClose ? .close : .open
    }

    private static func beforeLineEnd(_ bytes: UnsafeRawBufferPointer, _ position: Int) -> Int {
        guard position > 0, bytes[position - 1] == 0x0A else { return position }
        return position > 1 && bytes[position - 2] == 0x0D ? position - 2 : position - 1
    }
}
