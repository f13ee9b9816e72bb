// SPDX-License-Identifier: Apache-2.0

/// What a record is. A structure and not an enumeration, so that an unknown type survives.
package struct RecordType: RawRepresentable, Sendable, Hashable {
    /// The number on the wire.
    package let rawValue: UInt16

    /// Makes the type with this number, known or not.
    @inlinable
    package init(rawValue: UInt16) {
        self.rawValue = rawValue
    }

    package static let hello = RecordType(rawValue: 0x0001)
    package static let close = RecordType(rawValue: 0x0002)
    package static let redirect = RecordType(rawValue: 0x0003)
    package static let ping = RecordType(rawValue: 0x0004)
    package static let claim = RecordType(rawValue: 0x0010)
    package static let verify = RecordType(rawValue: 0x0011)
    package static let proof = RecordType(rawValue: 0x0012)
    package static let message = RecordType(rawValue: 0x0020)
    package static let report = RecordType(rawValue: 0x0021)
    package static let subscribe = RecordType(rawValue: 0x0030)
    package static let notify = RecordType(rawValue: 0x0031)
    package static let get = RecordType(rawValue: 0x0040)
    package static let pushAttributes = RecordType(rawValue: 0x0041)
}

/// The flags of a record. Bits without a meaning are sent as 0 and ignored on receipt.
package struct RecordFlags: OptionSet, Sendable, Hashable {
    package let rawValue: UInt8

    @inlinable
    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// An answer is owed.
    package static let request = RecordFlags(rawValue: 0x01)
    /// This is the answer to the request with the same tag.
    package static let response = RecordFlags(rawValue: 0x02)
    /// The request may be a repeat of one that was sent before.
    package static let retry = RecordFlags(rawValue: 0x08)
}

/// The twelve octets in front of a record's payload.
///
/// `u32 length of payload | u16 type | u8 flags | u8 reserved | u32 tag`, in network byte order.
package struct RecordHeader: Sendable, Hashable {
    /// The number of octets of a header.
    package static let size = 12

    /// The number of octets of the payload, as declared and not yet checked.
    package var length: UInt32
    package var type: RecordType
    package var flags: RecordFlags
    /// What joins a request and its answer; 0 in a record that is neither.
    package var tag: UInt32

    package init(length: UInt32, type: RecordType, flags: RecordFlags, tag: UInt32) {
        self.length = length
        self.type = type
        self.flags = flags
        self.tag = tag
    }
}

/// The eight octets that each end sends first.
///
/// The high bit of the first shows a path that strips it; CR LF and LF show one that rewrites line ends.
package enum Preface {
    /// The octets as one integer in network byte order: 89 `IMX` CR LF 1A LF.
    package static let value: UInt64 = 0x8949_4D58_0D0A_1A0A
    /// The number of octets.
    package static let size = 8
}
