// SPDX-License-Identifier: Apache-2.0
import CIDN2
import EnvelopeModel

import struct NIOCore.ByteBuffer

/// Domain names between XMPP, which writes them in Unicode (RFC 7622 §3.2), and the aggregator, which does not.
///
/// The few names that a link carries come again and again, so the last ones are remembered. Confined to its link.
final class DomainNames {
    private struct Known {
        var spelling: ByteBuffer
        var domain: Domain
    }

    private var known: [Known?]
    private var unicode: [Domain: ByteBuffer] = [:]
    private static let places = 256
    private static let unicodeLimit = 1_024

    init() {
        known = Array(repeating: nil, count: DomainNames.places)
    }

    /// The domain that a JID spells so; nil where it is no legal name.
    func domain(spelledAs spelling: ByteBuffer) -> Domain? {
        guard spelling.readableBytes > 0, spelling.readableBytes <= JID.partLimit else { return nil }
        let place = DomainNames.place(of: spelling)
        if let entry = known[place], entry.spelling == spelling { return entry.domain }
        guard let domain = DomainNames.convert(spelling) else { return nil }
        // A copy, so that the table pins no read buffer.
        known[place] = Known(spelling: ByteBuffer(bytes: spelling.readableBytesView), domain: domain)
        return domain
    }

    /// How a JID spells `domain`.
    func write(_ domain: Domain, to buffer: inout ByteBuffer) {
        guard DomainNames.hasEncodedLabel(domain.name) else {
            buffer.writeString(domain.name)
            return
        }
        if let spelling = unicode[domain] {
            buffer.writeImmutableBuffer(spelling)
            return
        }
        if unicode.count >= DomainNames.unicodeLimit { unicode.removeAll() }
        // A name that is no IDNA2008 name stays as it is.
        let converted = DomainNames.unicodeForm(domain.name)
        let isFaithful = converted.flatMap(DomainNames.asciiForm) == domain.name
        let spelling = ByteBuffer(string: isFaithful ? converted ?? domain.name : domain.name)
        unicode[domain] = spelling
        buffer.writeImmutableBuffer(spelling)
    }

    private static func place(of spelling: ByteBuffer) -> Int {
        spelling.withUnsafeReadableBytes { octets in
            var hash = UInt64(truncatingIfNeeded: octets.count)
            for octet in octets.prefix(12) { hash = (hash ^ UInt64(octet)) &* 0x0000_0100_0000_01B3 }
            return Int(truncatingIfNeeded: hash >> 16) & (places - 1)
        }
    }

    private static func convert(_ spelling: ByteBuffer) -> Domain? {
        let text = String(decoding: spelling.readableBytesView, as: UTF8.self)
        if text.utf8.allSatisfy({ $0 < 0x80 }), !hasEncodedLabel(text.lowercased()) {
            return Domain(text)
        }
        guard let ascii = asciiForm(text), let domain = Domain(ascii) else { return nil }
        // An A-label must be one: what does not come back as it was is none (RFC 5891 §5.4).
        guard !hasEncodedLabel(domain.name) || unicodeForm(domain.name).flatMap(asciiForm) == domain.name
        else { return nil }
        return domain
    }

    private static func hasEncodedLabel(_ name: String) -> Bool {
        var previous: UInt64 = 0x2E
        for octet in name.utf8 {
            previous = previous << 8 | UInt64(octet)
            if previous & 0xFF_FFFF_FFFF == 0x2E_786E_2D2D { return true }  // ".xn--"
        }
        return false
    }

    /// IDNA2008 with the mapping of UTS 46, non-transitional: what is `ß` stays `ß` (RFC 5891 §5, UTS 46 §4).
    private static func asciiForm(_ name: String) -> String? {
        var result: UnsafeMutablePointer<CChar>?
        let flags = Int32(IDN2_NFC_INPUT.rawValue | IDN2_NONTRANSITIONAL.rawValue)
        guard idn2_to_ascii_8z(name, &result, flags) == IDN2_OK.rawValue, let result else { return nil }
        defer { idn2_free(result) }
        return String(cString: result)
    }

    private static func unicodeForm(_ name: String) -> String? {
        var result: UnsafeMutablePointer<CChar>?
        guard idn2_to_unicode_8z8z(name, &result, 0) == IDN2_OK.rawValue, let result else { return nil }
        defer { idn2_free(result) }
        return String(cString: result)
    }
}
