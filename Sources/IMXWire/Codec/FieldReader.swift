// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

package import struct NIOCore.ByteBuffer

/// A field that this version does not know: kept as it is and carried onward.
package struct UnknownField: Sendable, Hashable {
    package var id: FieldID
    package var value: ByteBuffer

    package init(id: FieldID, value: ByteBuffer) {
        self.id = id
        self.value = value
    }
}

/// Where a field's value stands in the payload.
struct FieldRange {
    let id: FieldID
    let start: Int
    let length: Int
}

/// Walks over the fields of a payload, or over the fields nested in one of them.
///
/// Nothing is copied: values are slices that share the payload's memory. Each `read` function fills a variable that is
/// empty before, which is how a second appearance of a single field is noticed.
struct FieldReader {
    /// The most entries of any one repeated field.
    static let repeatLimit = 256

    private let payload: ByteBuffer
    private var offset: Int
    private let end: Int
    /// The field that holds the nested ones; it takes the blame for what is wrong with their framing.
    private let parent: FieldID?

    init(_ payload: ByteBuffer, parent: FieldID? = nil) {
        self.payload = payload
        self.offset = payload.readerIndex
        self.end = payload.writerIndex
        self.parent = parent
    }

    /// The next field, nil at the end.
    @inline(__always)
    mutating func next() throws(IMXError) -> FieldRange? {
        let left = end &- offset
        if left == 0 { return nil }
        guard left >= 6, let id = payload.getInteger(at: offset, as: UInt16.self),
            let length = payload.getInteger(at: offset &+ 2, as: UInt32.self)
        else { throw truncated() }
        // IMX-1 §3.3: compared before it is converted, so that no declared length can overflow.
        guard UInt64(length) <= UInt64(left &- 6) else { throw truncated(FieldID(rawValue: id)) }
        let field = FieldRange(id: FieldID(rawValue: id), start: offset &+ 6, length: Int(length))
        offset = field.start &+ field.length
        return field
    }

    @inline(never)
    private func truncated(_ id: FieldID? = nil) -> IMXError {
        IMXError(.malformed, "field overruns its parent", failedField: parent ?? id)
    }

    /// The value as a slice.
    @inline(__always)
    func slice(_ field: FieldRange) -> ByteBuffer {
        payload.getSlice(at: field.start, length: field.length) ?? ByteBuffer()
    }

    /// Reads a fixed-width integer.
    @inline(__always)
    func read<Value: FixedWidthInteger>(_ field: FieldRange, into value: inout Value?) throws(IMXError) {
        guard value == nil else { throw duplicate(field) }
        guard field.length == MemoryLayout<Value>.size, let read = payload.getInteger(at: field.start, as: Value.self)
        else { throw .malformed(field.id, "wrong length") }
        value = read
    }

    /// Reads a flag: one octet, 0 or 1.
    func read(_ field: FieldRange, into value: inout Bool?) throws(IMXError) {
        guard value == nil else { throw duplicate(field) }
        var octet: UInt8?
        try read(field, into: &octet)
        guard let octet, octet <= 1 else { throw .malformed(field.id, "neither 0 nor 1") }
        value = octet == 1
    }

    /// Reads 1 to `limit` opaque octets, or none where `mayBeEmpty`.
    @inline(__always)
    func read(
        _ field: FieldRange,
        into value: inout ByteBuffer?,
        limit: Int = .max,
        mayBeEmpty: Bool = false
    ) throws(IMXError) {
        guard value == nil else { throw duplicate(field) }
        value = try octets(field, limit: limit, mayBeEmpty: mayBeEmpty)
    }

    /// Reads one of several values of a repeated field.
    @inline(__always)
    func octets(_ field: FieldRange, limit: Int = .max, mayBeEmpty: Bool = false) throws(IMXError) -> ByteBuffer {
        guard field.length > 0 || mayBeEmpty else { throw .malformed(field.id, "empty") }
        guard field.length <= limit else { throw .malformed(field.id, "too long") }
        return slice(field)
    }

    /// Reads 1 to `limit` octets of well-formed UTF-8, or none where `mayBeEmpty`.
    func readText(
        _ field: FieldRange,
        into value: inout ByteBuffer?,
        limit: Int = 65_535,
        mayBeEmpty: Bool = false
    ) throws(IMXError) {
        guard value == nil else { throw duplicate(field) }
        let text = try octets(field, limit: limit, mayBeEmpty: mayBeEmpty)
        guard text.isWellFormedUTF8 else { throw .malformed(field.id, "not UTF-8") }  // IMX 4.4.10
        value = text
    }

    /// Reads sixteen octets.
    func read(_ field: FieldRange, into value: inout ServerID?) throws(IMXError) {
        guard value == nil else { throw duplicate(field) }
        value = try serverID(field)
    }

    /// Reads one of several server identifiers.
    func serverID(_ field: FieldRange) throws(IMXError) -> ServerID {
        guard field.length == 16, let high = payload.getInteger(at: field.start, as: UInt64.self),
            let low = payload.getInteger(at: field.start + 8, as: UInt64.self)
        else { throw .malformed(field.id, "wrong length") }
        return ServerID(high: high, low: low)
    }

    /// Reads a trace identifier.
    func read(_ field: FieldRange, into value: inout TraceID?) throws(IMXError) {
        guard value == nil else { throw duplicate(field) }
        let id = try serverID(field)
        value = TraceID(high: id.high, low: id.low)
    }

    /// Reads a canonical domain name.
    func readDomain(_ field: FieldRange, into value: inout ByteBuffer?) throws(IMXError) {
        try read(field, into: &value, limit: 253)
        guard let value, isCanonicalDomain(value)
        else { throw .malformed(field.id, "not a canonical domain") }  // IMX 4.2.2
    }

    /// Reads an address with a canonical domain.
    @inline(__always)
    func read(_ field: FieldRange, into value: inout AddressField?) throws(IMXError) {
        guard value == nil else { throw duplicate(field) }
        guard let address = AddressField(slice(field)) else { throw .malformed(field.id, "not an address") }
        value = address
    }

    /// Reads one of several attributes.
    func append(_ field: FieldRange, to attributes: inout [AttributeField]) throws(IMXError) {
        try bound(attributes.count, field)
        attributes.append(try AttributeField(nested(field)))
    }

    /// A reader of the fields nested in this one.
    func nested(_ field: FieldRange) -> FieldReader {
        FieldReader(slice(field), parent: field.id)
    }

    /// Makes sure that one more of a repeated field is not one too many.
    func bound(_ count: Int, _ field: FieldRange) throws(IMXError) {
        guard count < FieldReader.repeatLimit else { throw .malformed(field.id, "too many") }  // IMX-1 §9
    }

    /// Keeps an unknown field, or refuses the record where the field is critical.
    func keep(_ field: FieldRange, in extra: inout [UnknownField]) throws(IMXError) {
        guard !field.id.isCritical else { throw .notUnderstood(field.id) }  // IMX-1 §3.4
        try bound(extra.count, field)
        extra.append(UnknownField(id: field.id, value: slice(field)))
    }

    /// Passes over an unknown field inside a nested one, or refuses the record where the field is critical.
    func skip(_ field: FieldRange) throws(IMXError) {
        guard !field.id.isCritical else { throw .notUnderstood(field.id) }
    }

    @inline(never)
    private func duplicate(_ field: FieldRange) -> IMXError {
        .malformed(field.id, "appears twice")
    }
}

/// Whether `octets` are a domain name in its canonical form.
func isCanonicalDomain(_ octets: ByteBuffer) -> Bool {
    octets.withUnsafeReadableBytes { $0.isCanonicalDomain }
}

/// The value of a field that must be there.
@inline(__always)
func required<Value>(_ value: Value?, _ id: FieldID) throws(IMXError) -> Value {
    guard let value else { throw .malformed(id, "missing") }
    return value
}
