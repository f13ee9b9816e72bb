// SPDX-License-Identifier: Apache-2.0
package import EnvelopeModel

package import struct NIOCore.ByteBuffer

/// An address as it stands on the wire: `local@domain`, checked, and where its `@` is.
///
/// Whoever routes compares the domain's octets; nobody needs a string for it.
package struct AddressField: Sendable, Hashable {
    /// The most octets that an address has.
    package static let limit = Address.localPartLimit + 1 + 253

    /// The whole address.
    package let octets: ByteBuffer
    /// The number of octets before the `@`.
    package let localLength: Int

    /// The address in `octets`; nil where they are none with a canonical domain.
    package init?(_ octets: ByteBuffer) {
        guard octets.readableBytes <= AddressField.limit else { return nil }
        let at = octets.withUnsafeReadableBytes { bytes -> Int in
            var at = bytes.count
            repeat {
                guard at > 0 else { return 0 }
                at &-= 1
            } while bytes[at] != UInt8(ascii: "@")
            // IMX 4.2.2
            guard UnsafeRawBufferPointer(rebasing: bytes[(at &+ 1)...]).isCanonicalDomain else { return 0 }
            return AddressField.isLegalLocalPart(UnsafeRawBufferPointer(rebasing: bytes[..<at])) ? at : 0
        }
        guard at > 0 else { return nil }
        self.octets = octets
        self.localLength = at
    }

    /// The address `localPart@domain`.
    package init(_ address: Address) {
        var octets = ByteBuffer()
        octets.reserveCapacity(address.octetCount)
        octets.writeImmutableBuffer(address.localPart)
        octets.writeInteger(UInt8(ascii: "@"))
        octets.writeString(address.domain.name)
        self.octets = octets
        self.localLength = address.localPart.readableBytes
    }

    /// The local part.
    package var localPart: ByteBuffer {
        octets.getSlice(at: octets.readerIndex, length: localLength) ?? ByteBuffer()
    }

    /// The canonical domain's octets.
    package var domain: ByteBuffer {
        let start = octets.readerIndex + localLength + 1
        return octets.getSlice(at: start, length: octets.writerIndex - start) ?? ByteBuffer()
    }

    /// The address, for one who has found the domain already by its octets.
    package func address(at domain: Domain) -> Address {
        Address(uncheckedLocalPart: localPart, domain: domain)
    }

    /// The address with a domain made of its octets.
    package var address: Address? {
        Domain(canonical: domain).map(address(at:))
    }

    private static func isLegalLocalPart(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count > 0, bytes.count <= Address.localPartLimit else { return false }
        var high: UInt8 = 0
        for octet in bytes {
            if octet < 0x20 || octet == 0x7F || octet == UInt8(ascii: "@") { return false }  // IMX 4.2.1
            high |= octet
        }
        return high < 0x80 || bytes.isWellFormedUTF8  // IMX 4.4.10
    }
}
