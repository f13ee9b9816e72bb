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

        var octets: Int {
            attributes.values.reduce(64) { $0 + $1.attribute.key.utf8.count + ($1.attribute.value?.readableBytes ?? 0) }
        }
    }

    /// The most pairs, attributes of a pair and seconds that anything is kept.
    private static let limit = 50_000
    private static let keysLimit = 32
    private static let secondsLimit: UInt32 = 86_400
    /// The most octets of one value, and of all.
    private static let valueLimit = 8_192
    private static let octetLimit = 32 << 20
    private var entries: [Key: Entry] = [:]
    private(set) var octets = 0

    /// Keeps what came with `envelope`.
    mutating func keep(_ envelope: Envelope, now: Instant) {
        let attributes = envelope.attributes
        guard !attributes.isEmpty else { return }
        keep(attributes, of: envelope.source, for: envelope.destination, now: now)
    }

    /// Keeps what was answered.
    mutating func keep(_ attributes: [Attribute], of subject: Address, for requester: Address, now: Instant) {
        let key = Key(requester: requester.detached, subject: subject.detached)
        var entry = entries[key] ?? Entry(attributes: [:])
        octets -= entries[key]?.octets ?? 0
        entry.attributes = entry.attributes.filter { $0.value.until > now }
        for attribute in attributes {
            guard let seconds = attribute.seconds, seconds > 0, let value = attribute.value,
                value.readableBytes <= Self.valueLimit, attribute.key.utf8.count <= Attribute.keyLimit,
                entry.attributes.count < Self.keysLimit || entry.attributes[attribute.key] != nil
            else { continue }
            var kept = attribute
            kept.value = attribute.value.map { ByteBuffer(bytes: $0.readableBytesView) }
            let until = now + .seconds(Int(min(seconds, Self.secondsLimit)))
            entry.attributes[attribute.key] = (kept, until)
        }
        guard !entry.attributes.isEmpty else { return entries[key] = nil }
        if octets + entry.octets > Self.octetLimit || (entries.count >= Self.limit && entries[key] == nil) {
            entries.removeAll()
            octets = 0
        }
        octets += entry.octets
        entries[key] = entry
    }

    /// Forgets what is known of `subject`, who is no longer to be seen (RFC 2779 3.3.3).
    mutating func forget(_ subject: Address, for requester: Address) {
        octets -= entries.removeValue(forKey: Key(requester: requester, subject: subject))?.octets ?? 0
    }

    /// Forgets what depends on whether `subject` is there: a notification says that it is different now (RFC 2779
    /// 3.3.2, IMX-1 §7.7).
    mutating func forgetState(of subject: Address, for requester: Address) {
        let key = Key(requester: requester, subject: subject)
        guard var entry = entries[key] else { return }
        octets -= entry.octets
        for name in ["presence", "ua.capabilities"] { entry.attributes[name] = nil }
        entries[key] = entry.attributes.isEmpty ? nil : entry
        octets += entries[key]?.octets ?? 0
    }

    /// The attributes under `keys`, if all of them are known and good.
    func find(_ keys: [String], of subject: Address, for requester: Address, now: Instant) -> [Attribute]? {
        guard !keys.isEmpty else { return nil }
        // What was pushed to the requester's whole domain is for each of its users.
        let entry =
            entries[Key(requester: requester, subject: subject)]
            ?? entries[Key(requester: .domainItself(requester.domain), subject: subject)]
        guard let entry else { return nil }
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
