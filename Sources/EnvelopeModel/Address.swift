// SPDX-License-Identifier: Apache-2.0
public import struct NIOCore.ByteBuffer

/// A user's address: an opaque local part at a domain.
///
/// The local part belongs to its domain alone: it is never folded, normalised or rewritten here, and two addresses are
/// equal when their local parts are equal octet for octet (IMX 2.3). It is UTF-8 of 1 to 1,024 octets without `@` and
/// without control characters; a domain that has such characters in its names escapes them in its adapter (IMX 4.2.1).
public struct Address: Sendable, Hashable, CustomStringConvertible {
    /// The most octets that a local part may have.
    public static let localPartLimit = 1024

    /// The opaque local part.
    public let localPart: ByteBuffer
    /// The domain that owns the local part.
    public let domain: Domain

    /// The address of `localPart` at `domain`; nil where the local part breaks the rules above.
    public init?(localPart: ByteBuffer, domain: Domain) {
        guard Address.isLegalLocalPart(localPart) else { return nil }
        self.localPart = localPart
        self.domain = domain
    }

    /// A domain as a party of its own: whose attributes are asked for, who asks for its own sake. Legal nowhere but in
    /// operations on attributes.
    package static func domainItself(_ domain: Domain) -> Address {
        Address(uncheckedLocalPart: ByteBuffer(), domain: domain)
    }

    /// Whether this is a domain itself and none of its users.
    package var isDomainItself: Bool { localPart.readableBytes == 0 }

    /// The address of a local part that has been checked already.
    package init(uncheckedLocalPart localPart: ByteBuffer, domain: Domain) {
        self.localPart = localPart
        self.domain = domain
    }

    /// The address that `text` spells as `local@domain`; nil where it does not.
    public init?(_ text: some StringProtocol) {
        guard let at = text.lastIndex(of: "@"), let domain = Domain(text[text.index(after: at)...])
        else { return nil }
        self.init(localPart: ByteBuffer(substring: Substring(text[..<at])), domain: domain)
    }

    /// The address that `octets` spell as `local@domain` with a canonical domain; nil where they do not.
    public init?(canonical octets: ByteBuffer) {
        let view = octets.readableBytesView
        guard let at = view.lastIndex(of: UInt8(ascii: "@")),
            let localPart = octets.getSlice(at: view.startIndex, length: at - view.startIndex),
            let domainOctets = octets.getSlice(at: at + 1, length: view.endIndex - at - 1),
            let domain = Domain(canonical: domainOctets)
        else { return nil }
        self.init(localPart: localPart, domain: domain)
    }

    /// Whether `octets` may stand as a local part.
    public static func isLegalLocalPart(_ octets: ByteBuffer) -> Bool {
        guard octets.readableBytes > 0, octets.readableBytes <= localPartLimit else { return false }
        return octets.withUnsafeReadableBytes { bytes in
            var ascii = true
            for octet in bytes {
                if octet < 0x20 || octet == 0x7F || octet == UInt8(ascii: "@") { return false }  // IMX 4.2.1
                if octet >= 0x80 { ascii = false }
            }
            return ascii || String(validating: bytes, as: UTF8.self) != nil  // IMX 4.4.10
        }
    }

    /// The number of octets of ``description``.
    public var octetCount: Int {
        isDomainItself ? domain.name.utf8.count : localPart.readableBytes + 1 + domain.name.utf8.count
    }

    /// `local@domain`, as people write it; `domain` for a domain itself.
    public var description: String {
        isDomainItself ? domain.name : String(buffer: localPart) + "@" + domain.name
    }
}

/// What a person is called beside the address: a name for show and its language. Never part of identity.
public struct DisplayName: Sendable, Hashable {
    /// The name.
    public var text: String
    /// The language of the name, a BCP 47 tag, if known.
    public var language: String?

    /// Makes a display name.
    public init(_ text: String, language: String? = nil) {
        self.text = text
        self.language = language
    }
}
