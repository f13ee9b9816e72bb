// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import IMXWire
import NIOCore

/// The records of one connection of a probe, from the dialler's side.
///
/// It is not the connection machine of the aggregator, on purpose: that one keeps the rules by itself, and here each step
/// wants to see what the peer does.
final class ProbeSession {
    /// One record.
    struct Record {
        var type: RecordType
        var flags: RecordFlags
        var tag: UInt32
        var payload: ByteBuffer
    }

    /// Why a record that was waited for is not there.
    enum Failure: Error {
        /// Nothing came in time.
        case silence
        /// The connection ended without a word.
        case ended(String)
        /// The peer said CLOSE instead.
        case closed(CloseRecord)
        /// The octets that came are no record, and why.
        case malformed(String)
    }

    let stream: ProbeStream
    private var lastTag: UInt32 = 0
    /// The last request of the peer that was taken.
    private(set) var lastTaken = CloseRecord.nothingTaken
    /// Whether a record that was waited for did not come, so that nothing more is to be expected.
    private(set) var isOver = false

    init(_ stream: ProbeStream) { self.stream = stream }

    /// A tag that no other request here has.
    func nextTag() -> UInt32 {
        lastTag += 1
        return lastTag
    }

    /// Writes one record.
    func send(_ type: RecordType, _ flags: RecordFlags = [], tag: UInt32 = 0, _ fields: [(UInt16, ByteBuffer)] = []) {
        var out = ByteBuffer()
        let start = out.beginRecord(type, flags, tag: tag)
        for (id, value) in fields {
            out.writeMultipleIntegers(id, UInt32(clamping: value.readableBytes))
            out.writeImmutableBuffer(value)
        }
        out.endRecord(at: start)
        stream.write(out)
    }

    /// The next record that is not to be passed over; what the peer asks in between is answered.
    func next(within time: Interval) throws(Failure) -> Record {
        try next(until: .now + .nanoseconds(time.nanoseconds))
    }

    /// The same, at the latest at `end`.
    func next(until end: ContinuousClock.Instant) throws(Failure) -> Record {
        while true {
            let left = (end - .now).components
            let rest = Interval(nanoseconds: max(0, left.seconds * 1_000_000_000 + left.attoseconds / 1_000_000_000))
            let record: Record
            do throws(Failure) {
                record = try read(within: rest)
            } catch {
                isOver = true
                throw error
            }
            if record.flags.contains(.request), !record.flags.contains(.response) {
                answer(record)
            } else if record.flags.isDisjoint(with: [.request, .response]), Grease.isGrease(record.type.rawValue) {
                continue
            } else if record.type == .close, record.flags.isDisjoint(with: [.request, .response]) {
                isOver = true
                throw try close(record)
            } else {
                return record
            }
        }
    }

    /// The answer to the request `tag` of type `type`.
    func answer(to type: RecordType, tag: UInt32, within time: Interval) throws(Failure) -> AnswerRecord {
        let end = ContinuousClock.now + .nanoseconds(time.nanoseconds)
        while true {
            let record = try next(until: end)
            guard record.flags.contains(.response), record.type == type, record.tag == tag else { continue }
            do {
                return try AnswerRecord(payload: record.payload)
            } catch {
                throw .malformed("the answer cannot be read: \(error.words)")
            }
        }
    }

    private func read(within time: Interval) throws(Failure) -> Record {
        guard let header = try octets(RecordHeader.size, within: time).recordHeader else {
            throw .malformed("no header of a record")
        }
        // IMX-1 §3.2: what an end sends before it is authenticated.
        guard header.length <= 16_384 else {
            throw .malformed("a record that says it has \(header.length) octets, where at most 16384 are allowed")
        }
        return Record(
            type: header.type,
            flags: header.flags,
            tag: header.tag,
            payload: try octets(Int(header.length), within: .seconds(10))
        )
    }

    private func octets(_ count: Int, within time: Interval) throws(Failure) -> ByteBuffer {
        do {
            return try stream.read(count, within: time)
        } catch {
            switch error {
            case .silence: throw .silence
            case .ended(let reason): throw .ended(reason)
            }
        }
    }

    private func close(_ record: Record) throws(Failure) -> Failure {
        do {
            return .closed(try CloseRecord(payload: record.payload))
        } catch {
            throw .malformed("a CLOSE that cannot be read: \(error.words)")
        }
    }

    /// Answers what the peer asks: PING, and that nothing else is known here.
    private func answer(_ record: Record) {
        lastTaken = record.tag
        var fields = [(FieldID.code.rawValue, ByteBuffer(integer: OutcomeCode.notUnderstood.rawValue))]
        if record.type == .ping {
            fields = [(FieldID.code.rawValue, ByteBuffer(integer: OutcomeCode.delivered.rawValue))]
            if let opaque = try? PingRecord(payload: record.payload).opaque {
                fields.append((FieldID.opaque.rawValue, opaque))
            }
        }
        send(record.type, .response, tag: record.tag, fields)
    }
}

extension IMXError {
    /// What is wrong, and with which field.
    var words: String {
        failedField.map { "field \(ProbeText.hexadecimal($0.rawValue)) \(text)" } ?? text
    }
}
