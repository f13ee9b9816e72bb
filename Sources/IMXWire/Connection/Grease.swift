// SPDX-License-Identifier: Apache-2.0
import struct NIOCore.ByteBuffer

/// Numbers that will never have a meaning, sent so that every peer stays able to pass over what it does not know.
///
/// The numbers are 0A0A, 1A1A, ... 7A7A, as in RFC 8701. Which one is drawn depends on the connection's nonce alone.
package struct Grease: Sendable {
    private let value: UInt16

    package init(_ nonce: ConnectionNonce) {
        value = 0x0A0A + UInt16(nonce.words.3 & 7) * 0x1010
    }

    /// Whether a record type, field or capability of this number has no meaning for ever.
    package static func isGrease(_ number: UInt16) -> Bool {
        number & 0x8F8F == 0x0A0A & 0x8F8F && number >> 8 == number & 0xFF
    }

    /// Adds a field and a capability without a meaning.
    func add(to hello: inout HelloRecord) {
        hello.extra.append(UnknownField(id: FieldID(rawValue: value), value: ByteBuffer(bytes: [0, 1, 2])))
        hello.capabilities.append(Capability(rawValue: value))
    }

    /// Appends a record without a meaning to `out`.
    func writeRecord(to out: inout ByteBuffer) {
        let start = out.beginRecord(RecordType(rawValue: value), [], tag: 0)
        out.writeBytes([0, 1, 2])
        out.endRecord(at: start)
    }
}
