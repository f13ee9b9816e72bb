// SPDX-License-Identifier: Apache-2.0
import IMXWire
import NIOCore

/// A reading of a stream that knows nothing but the preface and the headers, to hold against the machine's.
struct ArrivingRecords {
    private var rest = ByteBuffer()
    private var sawPreface = false
    private var toSkip = 0

    var isBetweenRecords: Bool { rest.readableBytes == 0 }

    /// The headers of the records that `octets` complete or begin, and what they say in a field last-tag. A record counts
    /// as soon as its header is there.
    mutating func take(_ octets: ByteBuffer) -> [(header: RecordHeader, lastTag: UInt32?)] {
        rest.writeImmutableBuffer(octets)
        var found: [(RecordHeader, UInt32?)] = []
        if !sawPreface {
            guard rest.readableBytes >= Preface.size else { return [] }
            rest.moveReaderIndex(forwardBy: Preface.size)
            sawPreface = true
        }
        while true {
            let skipped = min(toSkip, rest.readableBytes)
            rest.moveReaderIndex(forwardBy: skipped)
            toSkip -= skipped
            guard toSkip == 0, let header = rest.readHeader() else { break }
            toSkip = Int(header.length)
            found.append((header, rest.lastTag))
        }
        rest.discardReadBytes()
        return found
    }
}

extension ByteBuffer {
    fileprivate mutating func readHeader() -> RecordHeader? {
        guard readableBytes >= RecordHeader.size,
            let (length, type, flags, _, tag) = readMultipleIntegers(
                as: (UInt32, UInt16, UInt8, UInt8, UInt32).self
            )
        else { return nil }
        return RecordHeader(
            length: length,
            type: RecordType(rawValue: type),
            flags: RecordFlags(rawValue: flags),
            tag: tag
        )
    }

    /// The value of a field last-tag, wherever it stands among the first fields of the payload here.
    fileprivate var lastTag: UInt32? {
        var at = readerIndex
        for _ in 0..<3 {
            guard let id = getInteger(at: at, as: UInt16.self), let length = getInteger(at: at + 2, as: UInt32.self)
            else { return nil }
            if id == FieldID.lastTag.rawValue { return getInteger(at: at + 6) }
            at += 6 + Int(length)
        }
        return nil
    }
}
