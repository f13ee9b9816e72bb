// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

package import struct NIOCore.ByteBuffer

extension ByteBuffer {
    /// Writes a record's header with a length to be filled in, and returns where the record starts.
    package mutating func beginRecord(_ type: RecordType, _ flags: RecordFlags, tag: UInt32) -> Int {
        let start = writerIndex
        writeMultipleIntegers(UInt32(0), type.rawValue, flags.rawValue, UInt8(0), tag)
        return start
    }

    /// Fills in the length of the record that starts at `start`, and returns that length.
    @discardableResult
    package mutating func endRecord(at start: Int) -> Int {
        let length = writerIndex - start - RecordHeader.size
        setInteger(UInt32(clamping: length), at: start)
        return length
    }

    mutating func writeField<Value: FixedWidthInteger>(_ id: FieldID, _ value: Value) {
        writeMultipleIntegers(id.rawValue, UInt32(MemoryLayout<Value>.size), value)
    }

    mutating func writeField(_ id: FieldID, _ value: Bool) {
        writeField(id, value ? UInt8(1) : 0)
    }

    mutating func writeField(_ id: FieldID, _ value: ByteBuffer) {
        writeMultipleIntegers(id.rawValue, UInt32(clamping: value.readableBytes))
        writeImmutableBuffer(value)
    }

    mutating func writeField(_ id: FieldID, _ value: String) {
        writeMultipleIntegers(id.rawValue, UInt32(clamping: value.utf8.count))
        writeString(value)
    }

    mutating func writeField(_ id: FieldID, _ value: ServerID) {
        writeMultipleIntegers(id.rawValue, UInt32(16), value.high, value.low)
    }

    mutating func writeField(_ id: FieldID, _ value: TraceID) {
        writeMultipleIntegers(id.rawValue, UInt32(16), value.high, value.low)
    }

    mutating func writeField(_ id: FieldID, _ value: Address) {
        writeMultipleIntegers(id.rawValue, UInt32(clamping: value.octetCount))
        if !value.isDomainItself {
            writeImmutableBuffer(value.localPart)
            writeInteger(UInt8(ascii: "@"))
        }
        writeString(value.domain.name)
    }

    /// Writes a field where there is a value.
    mutating func writeField<Value: FixedWidthInteger>(_ id: FieldID, _ value: Value?) {
        if let value { writeField(id, value) }
    }

    mutating func writeField(_ id: FieldID, _ value: ByteBuffer?) {
        if let value { writeField(id, value) }
    }

    mutating func writeField(_ id: FieldID, _ value: String?) {
        if let value { writeField(id, value) }
    }

    mutating func writeFields(_ extra: [UnknownField]) {
        for field in extra { writeField(field.id, field.value) }
    }

    /// Begins a field that holds fields, and returns where it starts.
    mutating func beginField(_ id: FieldID) -> Int {
        let start = writerIndex
        writeMultipleIntegers(id.rawValue, UInt32(0))
        return start
    }

    /// Fills in the length of the field that starts at `start`.
    mutating func endField(at start: Int) {
        setInteger(UInt32(clamping: writerIndex - start - 6), at: start + 2)
    }
}
