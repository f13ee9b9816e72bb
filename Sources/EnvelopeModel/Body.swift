// SPDX-License-Identifier: Apache-2.0
public import struct NIOCore.ByteBuffer

/// One part of a body: raw octets and what is said about them.
public struct BodyPart: Sendable, Hashable {
    /// The media type with its parameters, as written, such as `text/plain; charset=utf-8`.
    public var mediaType: String
    /// The language of the part, a BCP 47 tag, if known.
    public var language: String?
    /// The content disposition as written, if any.
    public var disposition: String?
    /// The content identifier without angle brackets, if any.
    public var contentID: String?
    /// Further headers that describe the part, in order, as written.
    public var headers: [HeaderField]
    /// The content itself, decoded from any transfer encoding.
    public var octets: ByteBuffer
    /// Whether the octets must pass unchanged: signed, encrypted or unknown content.
    public var isOpaque: Bool
    /// Whether this part was made from another one by the aggregator. A derived part never replaces its original.
    public var isDerived: Bool

    /// Makes a part.
    public init(
        mediaType: String,
        language: String? = nil,
        disposition: String? = nil,
        contentID: String? = nil,
        headers: [HeaderField] = [],
        octets: ByteBuffer,
        isOpaque: Bool = false,
        isDerived: Bool = false
    ) {
        self.mediaType = mediaType
        self.language = language
        self.disposition = disposition
        self.contentID = contentID
        self.headers = headers
        self.octets = octets
        self.isOpaque = isOpaque
        self.isDerived = isDerived
    }

    /// The media type of plain text in UTF-8.
    public static let plainText = "text/plain; charset=utf-8"

    /// A part of plain text.
    public static func text(_ text: String, language: String? = nil) -> BodyPart {
        BodyPart(mediaType: plainText, language: language, octets: ByteBuffer(string: text))
    }
}

/// A header as written: its name and its raw value.
public struct HeaderField: Sendable, Hashable {
    /// The name as written.
    public var name: String
    /// The value as written, without the line end.
    public var value: String

    /// Makes a header field.
    public init(name: String, value: String) {
        self.name = name
        self.value = value
    }
}

/// The content of an envelope. Nothing that routes ever looks inside (IMX 4.7.1).
public enum Body: Sendable, Hashable {
    /// No content.
    case none
    /// A whole MIME entity, headers and content, exactly as it arrived.
    case entity(ByteBuffer)
    /// Alternatives of one content in the author's order of preference, the first being the one that counts.
    case parts([BodyPart])

    /// The octets of content that the body holds.
    public var octetCount: Int {
        switch self {
        case .none: 0
        case .entity(let octets): octets.readableBytes
        case .parts(let parts): parts.reduce(0) { $0 + $1.octets.readableBytes }
        }
    }
}
