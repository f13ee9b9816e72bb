// SPDX-License-Identifier: Apache-2.0
public import EnvelopeModel

import struct NIOCore.ByteBuffer

/// What a document says as a whole.
extension PresenceDocument {
    /// Whether messages are taken at any of the tuples; nil where no tuple says. Of tuples that contradict one another,
    /// the open one counts.
    public var basic: PresenceTuple.Basic? {
        var isClosed = false
        for tuple in tuples {
            switch tuple.basic {
            case .open: return .open
            case .closed: isClosed = true
            case nil: break
            }
        }
        return isClosed ? .closed : nil
    }

    /// Whether it tells nothing but whose it is.
    public var isEmpty: Bool { tuples.isEmpty && notes.isEmpty && extensions.isEmpty }

    /// The newest of the tuples' timestamps; nil where none has one.
    public var newestTimestamp: PresenceTime? {
        tuples.lazy.compactMap { $0.timestamp.flatMap { PresenceTime($0) } }.max()
    }

    /// How a document relates to the one that was taken last of the same presentity.
    public enum Age: Sendable, Hashable {
        /// Its newest timestamp is newer.
        case newer
        /// It says the very same.
        case same
        /// It has the same newest timestamp and says something else, which nobody may send.
        case conflicting
        /// Its newest timestamp is older: it is outdated.
        case older
        /// One of the two has no timestamp.
        case undated
    }

    /// How the document relates to `last`, the one that was taken last (RFC 3863 §6, §4.1.7).
    public func age(after last: PresenceDocument) -> Age {
        if self == last { return .same }
        guard let newest = newestTimestamp, let before = last.newestTimestamp else { return .undated }
        if newest == before { return .conflicting }
        return newest > before ? .newer : .older
    }

    /// Whether the document is to be taken for the state instead of `last`. Where the timestamps do not decide,
    /// `sequenceIsNewer` does: what the transport knows of the order.
    public func isNewer(than last: PresenceDocument, sequenceIsNewer: Bool) -> Bool {
        switch age(after: last) {
        case .newer: true
        case .older: false  // RFC 3863 §6
        case .same, .conflicting, .undated: sequenceIsNewer
        }
    }
}

/// Whose a document is.
extension PresenceDocument {
    /// The URI of a presentity: `pres:`, and of the local part whatever a URI cannot hold as percent and two
    /// hexadecimal digits (RFC 3859 §4.1, RFC 3986 §2.1).
    public static func entity(of address: Address) -> String {
        var octets = Array("pres:".utf8)
        for octet in address.localPart.readableBytesView {
            if isUnreserved(octet) {
                octets.append(octet)
            } else {
                octets += [UInt8(ascii: "%"), hexadecimal[Int(octet >> 4)], hexadecimal[Int(octet & 15)]]
            }
        }
        octets.append(UInt8(ascii: "@"))
        octets += address.domain.name.utf8
        return String(decoding: octets, as: UTF8.self)
    }

    /// Makes a document without tuples about the user of `address`.
    public init(about address: Address) {
        self.init(entity: PresenceDocument.entity(of: address))
    }

    /// The address that the entity names; nil where it is no `pres` URI of a user. The entity itself stays as it is.
    public var address: Address? {
        guard let colon = entity.firstIndex(of: ":"), entity[..<colon].lowercased() == "pres" else { return nil }
        let rest = entity[entity.index(after: colon)...].prefix { $0 != "?" && $0 != "#" }
        guard let at = rest.lastIndex(of: "@"), let domain = Domain(rest[rest.index(after: at)...]),
            let localPart = percentDecoded(rest[..<at].utf8)
        else { return nil }
        return Address(localPart: ByteBuffer(bytes: localPart), domain: domain)
    }

    /// Whether the entity is the user of `address` (RFC 3863 §4.1.1).
    public func isAbout(_ address: Address) -> Bool { self.address == address }
}

private let hexadecimal = Array("0123456789ABCDEF".utf8)

/// Letters, digits and marks that stand for themselves in a local part (RFC 3986 §2.3).
private func isUnreserved(_ octet: UInt8) -> Bool {
    switch octet {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "~"), UInt8(ascii: "+"):
        true
    default: false
    }
}

private func percentDecoded(_ text: Substring.UTF8View) -> [UInt8]? {
    var octets: [UInt8] = []
    var rest = text
    while let octet = rest.popFirst() {
        guard octet == UInt8(ascii: "%") else {
            octets.append(octet)
            continue
        }
        guard let high = rest.popFirst().flatMap(hexadecimalValue), let low = rest.popFirst().flatMap(hexadecimalValue)
        else { return nil }
        octets.append(high << 4 | low)
    }
    return octets
}

private func hexadecimalValue(_ digit: UInt8) -> UInt8? {
    switch digit {
    case 0x30...0x39: digit - 0x30
    case 0x41...0x46: digit - 0x37
    case 0x61...0x66: digit - 0x57
    default: nil
    }
}
