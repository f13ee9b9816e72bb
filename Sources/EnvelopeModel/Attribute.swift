// SPDX-License-Identifier: Apache-2.0
public import struct NIOCore.ByteBuffer

/// One named property of a user or of a domain (IMX 4.4.5, 4.4.6).
///
/// Keys without a slash are the global ones; a vendor's own stand as `domain/name`.
public struct Attribute: Sendable, Hashable {
    /// The most octets of a key.
    public static let keyLimit = 255

    /// Which property.
    public var key: String
    /// The media type of the value, if it is not plain text.
    public var type: String?
    /// The value; nil where ``status`` says why there is none.
    public var value: ByteBuffer?
    /// For how many seconds the value may be kept and used.
    public var seconds: UInt32?
    /// Why there is no value: unknown here (5003), not for this requester (5004), not now (4001).
    public var status: OutcomeCode?

    /// Makes an attribute that has a value.
    public init(_ key: String, type: String? = nil, value: ByteBuffer, seconds: UInt32? = nil) {
        self.key = key
        self.type = type
        self.value = value
        self.seconds = seconds
    }

    /// Makes the answer for a key that has no value, or none for this requester.
    public init(_ key: String, status: OutcomeCode) {
        self.key = key
        self.status = status
    }

    /// The value where it is text in UTF-8.
    public var text: String? { value.flatMap { String(validating: $0.readableBytesView, as: UTF8.self) } }
}
