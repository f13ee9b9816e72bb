// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore

/// Attributes of users elsewhere that rode along with what they sent, for as long as they are good (IMX 4.6.1).
///
/// What one requester was told is for that requester alone: the key includes both (RFC 2779 2.3.3). A sender tells
/// about nobody but itself, for what rides along has no subject of its own.
struct AttributeCache {
    private struct Key: Hashable {
        let requester: Address
        let subject: Address
    }

    private struct Entry {
        var attributes: [String: (attribute: Attribute, until: Instant)]
    }

    /// The most pairs, attributes of a pair and seconds that anything is kept.
    private static let limit = 50_000
    private static let keysLimit = 32
    private static let secondsLimit: UInt32 = 86_400
    private var entries: [Key: Entry] = [:]

    /// Keeps what came with `envelope`.
    mutating func keep(_ envelope: Envelope, now: Instant) {
        guard let attributes = envelope.details?.attributes, !attributes.isEmpty else { return }
        keep(attributes, of: envelope.source, for: envelope.destination, now: now)
    }

    /// Keeps what was answered.
    mutating func keep(_ attributes: [Attribute], of subject: Address, for requester: Address, now: Instant) {
        let key = Key(requester: requester.detached, subject: subject.detached)
        var entry = entries[key] ?? Entry(attributes: [:])
        for attribute in attributes {
            guard let seconds = attribute.seconds, seconds > 0, attribute.value != nil,
                entry.attributes.count < Self.keysLimit || entry.attributes[attribute.key] != nil
            else { continue }
            var kept = attribute
            kept.value = attribute.value.map { ByteBuffer(bytes: $0.readableBytesView) }
            let until = now + .seconds(Int(min(seconds, Self.secondsLimit)))
            entry.attributes[attribute.key] = (kept, until)
        }
        guard !entry.attributes.isEmpty else { return }
        if entries.count >= Self.limit, entries[key] == nil { entries.removeAll() }
        entries[key] = entry
    }

    /// Forgets what is known of `subject`; a notification says that something is different now (RFC 2779 3.3.3).
    mutating func forget(_ subject: Address, for requester: Address) {
        entries[Key(requester: requester, subject: subject)] = nil
    }

    /// The attributes under `keys`, if all of them are known and good.
    func find(_ keys: [String], of subject: Address, for requester: Address, now: Instant) -> [Attribute]? {
        guard !keys.isEmpty, let entry = entries[Key(requester: requester, subject: subject)] else { return nil }
        var found: [Attribute] = []
        for key in keys {
            guard let known = entry.attributes[key], known.until > now else { return nil }
            found.append(known.attribute)
        }
        return found
    }
}

extension Address {
    /// The address in memory of its own.
    fileprivate var detached: Address {
        Address(uncheckedLocalPart: ByteBuffer(bytes: localPart.readableBytesView), domain: domain)
    }
}
