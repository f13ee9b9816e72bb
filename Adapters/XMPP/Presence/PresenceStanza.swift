// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import XMLStream

import struct NIOCore.ByteBuffer

/// Whom a presence stanza from the server is about: somebody who lives here, and somebody abroad.
struct PresenceParties {
    /// The local user, without the resource.
    var user: Address
    /// The local user's resource; nil for all of them, or where the server itself speaks.
    var resource: ByteBuffer?
    /// The foreign party.
    var foreign: Address
    /// The foreign party's address as the user here knows it, which may be folded.
    var shown: Address
    /// The form in which the foreign party was addressed.
    var form: AddressForm

    /// The user and the foreign party in memory of their own, the same for both.
    func detached() -> (user: Address, foreign: Address) {
        let middle = user.localPart.readableBytes
        var octets = ByteBuffer()
        octets.reserveCapacity(middle + foreign.localPart.readableBytes)
        octets.writeImmutableBuffer(user.localPart)
        octets.writeImmutableBuffer(foreign.localPart)
        guard let first = octets.readSlice(length: middle) else { return (user.detached(), foreign.detached()) }
        return (
            Address(uncheckedLocalPart: first, domain: user.domain),
            Address(uncheckedLocalPart: octets, domain: foreign.domain)
        )
    }
}

/// What a presence stanza turned out to be (RFC 6121 §4.7.1).
enum PresenceReading {
    /// A question or an answer about a subscription.
    case word(PresenceWord, PresenceParties)
    /// A resource is there; what it says stands in the stanza.
    case available(PresenceParties)
    /// A resource has gone, or all of them have.
    case unavailable(PresenceParties)
    /// Word that a stanza of ours failed; it carries the `id` that ours had.
    case failure(ByteBuffer?, isTemporary: Bool, PresenceParties)
    /// A question that cannot be answered otherwise than at once.
    case refused(PresenceRefusal)
    /// Something that means nothing here.
    case unknown
    /// A stanza without a sender that could be one.
    case malformed
}

/// The stanzas that have no content of their own.
enum PresenceWord: String {
    case subscribe
    case subscribed
    case unsubscribe
    case unsubscribed
    case probe
}

/// Why a request to subscribe goes no further.
enum PresenceRefusal {
    /// It was for the component itself, which has no presence.
    case component
    /// It was for no address at all.
    case noAddress
}

extension PresenceReading {
    /// Reads one presence stanza, whose content is left alone.
    init(_ stanza: XMLElement, _ addresses: AddressMap) {
        // XEP-0114 §3: every stanza has from and to. A server speaks for itself without a local part.
        guard let from = stanza.attribute(Names.from).flatMap({ JID($0, names: addresses.names) }),
            let user = addresses.localAddress(of: from),
            let to = stanza.attribute(Names.to).flatMap({ JID($0, names: addresses.names) })
        else {
            self = .malformed
            return
        }
        let type = stanza.string(Names.type)
        guard let (foreign, form) = addresses.foreignAddress(of: to) else {
            let isComponent = to.localPart == nil && to.domain == addresses.component
            self = type == PresenceWord.subscribe.rawValue ? .refused(isComponent ? .component : .noAddress) : .unknown
            return
        }
        let parties = PresenceParties(
            user: user,
            resource: from.resource,
            foreign: foreign,
            shown: foreign,
            form: form
        )
        guard let type else {
            self = .available(parties)
            return
        }
        if let word = PresenceWord(rawValue: type) {
            self = .word(word, parties)
        } else if type == "unavailable" {
            self = .unavailable(parties)
        } else if type == "error" {
            let isTemporary = stanza.child(Names.error)?.attribute(Names.type, is: "wait") ?? false
            self = .failure(stanza.attribute(Names.id), isTemporary: isTemporary, parties)
        } else {
            self = .unknown
        }
    }
}

extension Address {
    /// The same address in memory of its own, for keeping.
    func detached() -> Address {
        Address(localPart: ByteBuffer(bytes: localPart.readableBytesView), domain: domain) ?? self
    }
}
