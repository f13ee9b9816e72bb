// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

package import struct NIOCore.ByteBuffer

extension ConnectionMachine {
    /// Takes what was read. `bytes` is empty afterwards.
    ///
    /// Whole records are never copied: what comes out of ``next(now:)`` shares the memory of `bytes`. Only a record
    /// that came in pieces is put together in memory of its own.
    package mutating func receive(_ bytes: inout ByteBuffer, now: Instant) {
        defer { bytes = ByteBuffer() }
        guard phase != .ended else { return }
        lastHeard = now
        pingSent = nil
        counters.octetsIn &+= bytes.readableBytes
        if phase == .deciding, current.readableBytes + bytes.readableBytes > settings.unauthenticatedOctets {
            return fail(.fatal(.rateLimited, "too many octets before authentication"))
        }
        if current.readableBytes == 0 {
            current = bytes
        } else {
            current.writeImmutableBuffer(bytes)
        }
    }

    /// The next event; nil where there is none until more octets come or time passes.
    package mutating func next(now: Instant) -> Inbound? {
        while true {
            if let ended = end {
                end = nil
                phase = .ended
                current = ByteBuffer()
                return .closed(ended)
            }
            do throws(IMXError) {
                switch phase {
                case .preface:
                    guard try readPreface() else { return nil }
                case .hello, .open, .closing:
                    // This end may have closed before the peer said anything.
                    if !sawPreface {
                        guard try skimPreface() else { return nil }
                    }
                    guard let record = try nextRecord(now: now) else {
                        if end != nil { continue }
                        return nil
                    }
                    if let event = try handle(record.header, record.octets, now: now) { return event }
                case .deciding, .ended:
                    return nil
                }
            } catch {
                fail(error)
            }
        }
    }

    private mutating func readPreface() throws(IMXError) -> Bool {
        guard try skimPreface() else { return false }
        phase = .hello
        if role == .dialler { sendHello() }
        return true
    }

    private mutating func skimPreface() throws(IMXError) -> Bool {
        // A wrong preface shows at its first wrong octet; the peer gets no reply to it.
        let size = min(current.readableBytes, Preface.size)
        for offset in partial.readableBytes..<min(partial.readableBytes + size, Preface.size) {
            let octet = current.readInteger(as: UInt8.self) ?? 0
            guard octet == UInt8(truncatingIfNeeded: Preface.value >> UInt64(56 - 8 * offset)) else {
                throw .fatal(.malformed, "wrong preface")
            }
            partial.writeInteger(octet)
        }
        guard partial.readableBytes == Preface.size else { return false }
        partial = ByteBuffer()
        gauge.take(octets: Preface.size)
        if !isAuthenticated { updateRecordLimit() }
        sawPreface = true
        return true
    }

    mutating func sendHello() {
        let start = outbound.writerIndex
        localHello.write(to: &outbound)
        var octets = ByteBuffer()
        octets.writeImmutableBuffer(outbound.getSlice(at: start, length: outbound.writerIndex - start) ?? ByteBuffer())
        localHelloOctets = octets
    }

    /// The next whole record; nil while it is not there.
    @inline(__always)
    private mutating func nextRecord(now: Instant) throws(IMXError) -> (header: RecordHeader, octets: ByteBuffer)? {
        if skipping > 0 {
            let count = min(Int(skipping), current.readableBytes)
            current.moveReaderIndex(forwardBy: count)
            skipping -= UInt32(count)
            if skipping > 0 { return nil }
        }
        if partial.readableBytes > 0 { return try joinedRecord(now: now) }
        if let header = current.recordHeader {
            guard try admit(header) else {
                current.moveReaderIndex(forwardBy: RecordHeader.size)
                return try nextRecordAfterSkip(now: now)
            }
            if let octets = current.readSlice(length: RecordHeader.size &+ Int(header.length)) {
                return (header, octets)
            }
        }
        stash(now: now)
        return nil
    }

    @inline(never)
    private mutating func nextRecordAfterSkip(
        now: Instant
    ) throws(IMXError) -> (header: RecordHeader, octets: ByteBuffer)? {
        try nextRecord(now: now)
    }

    /// Keeps the beginning of a record apart, so that the buffer it came in can go.
    private mutating func stash(now: Instant) {
        guard current.readableBytes > 0 else { return }
        partial = ByteBuffer()
        partial.writeImmutableBuffer(current)
        partialSince = now
        current = ByteBuffer()
    }

    /// Completes the record in `partial` from `current`.
    private mutating func joinedRecord(
        now: Instant
    ) throws(IMXError) -> (header: RecordHeader, octets: ByteBuffer)? {
        fillPartial(to: RecordHeader.size)
        guard let header = partial.recordHeader else { return nil }
        guard try admit(header) else {
            let had = UInt32(clamping: partial.readableBytes - RecordHeader.size)
            partial = ByteBuffer()
            skipping -= min(had, skipping)
            return try nextRecord(now: now)
        }
        let size = RecordHeader.size + Int(header.length)
        fillPartial(to: size)
        guard partial.readableBytes == size else { return nil }
        let octets = partial
        partial = ByteBuffer()
        return (header, octets)
    }

    private mutating func fillPartial(to size: Int) {
        let missing = size - partial.readableBytes
        guard missing > 0, let piece = current.readSlice(length: min(missing, current.readableBytes)) else { return }
        partial.writeImmutableBuffer(piece)
    }

    /// Whether a record of the declared length is taken; where not, it is to be passed over.
    @inline(__always)
    private mutating func admit(_ header: RecordHeader) throws(IMXError) -> Bool {
        if header.length <= recordLimit { return true }
        try refuseOversize(header)
        return false
    }

    @inline(never)
    private mutating func refuseOversize(_ header: RecordHeader) throws(IMXError) {
        if !isAuthenticated, header.length <= min(settings.unauthenticatedRecord, settings.maxRecord) {
            throw .fatal(.rateLimited, "too many octets before authentication")  // IMX-1 §4.4
        }
        // IMX-1 §3.2: a request somewhat too large costs itself; anything else costs the connection.
        guard isAuthenticated, phase == .open, header.flags.contains(.request), !header.flags.contains(.response),
            UInt64(header.length) <= 4 * UInt64(settings.maxRecord)
        else { throw .fatal(.tooLarge, "record too large") }
        skipping = header.length
        counters.refusedRecords &+= 1
        counters.idleRecords &+= 1
        lastTaken = header.tag
        AnswerRecord(IMXError(.tooLarge, "record too large"))
            .write(to: &outbound, answering: header.type, tag: header.tag)
    }
}

extension ByteBuffer {
    /// The header at the reader index, not read yet; nil while it is not whole.
    @inline(__always)
    package var recordHeader: RecordHeader? {
        guard let front = getInteger(at: readerIndex, as: UInt64.self),
            let tag = getInteger(at: readerIndex &+ 8, as: UInt32.self)
        else { return nil }
        return RecordHeader(
            length: UInt32(truncatingIfNeeded: front >> 32),
            type: RecordType(rawValue: UInt16(truncatingIfNeeded: front >> 16)),
            flags: RecordFlags(rawValue: UInt8(truncatingIfNeeded: front >> 8)),
            tag: tag
        )
    }
}
