// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import MessageFormats
import XMLStream

import struct NIOCore.ByteBuffer

/// What one resource of a local user says of itself, made once and shared by all who watch it.
final class ResourceState {
    /// The resource in memory of its own; nil where the user's address stands for all.
    let resource: ByteBuffer?
    /// Stands for the stanza that said it; the same for the stanzas that a server sends to each watcher.
    let digest: Int
    /// As a tuple of a presence document.
    let tuple: PresenceTuple

    init(resource: ByteBuffer?, digest: Int, tuple: PresenceTuple) {
        self.resource = resource
        self.digest = digest
        self.tuple = tuple
    }

    /// Stands for what `stanza` says about `resource`. Stamps of delay do not count: servers add them to answers to
    /// probes, and nothing has changed by that.
    static func digest(of stanza: XMLElement, resource: ByteBuffer?) -> Int {
        var hasher = Hasher()
        hasher.combine(resource)
        hasher.combine(stanza.attribute(Names.type))
        hasher.combine(stanza.attribute(Names.lang))
        stanza.combineContent(into: &hasher, excluding: Names.delay)
        return hasher.finalize()
    }
}

/// Presence stanzas into tuples (RFC 3922 §5, RFC 8048 §5.2; standards reference F.3).
struct TupleReader {
    /// The user whose state it is.
    var user: Address
    /// The language that the stream declares for every stanza (RFC 6120 §4.7.4).
    var language: String?

    /// The most notes of a tuple.
    static let noteLimit = 8
    /// The most octets of a note; a longer one is left out.
    static let noteOctets = 4_096
    /// The most octets of what other protocols have put into a stanza; what goes beyond is left out.
    static let extensionOctets = 8_192

    /// The tuple for one stanza. `lost` is called for each thing in it that cannot be carried.
    func tuple(
        _ stanza: XMLElement,
        resource: ByteBuffer?,
        basic: PresenceTuple.Basic,
        at time: WallTime,
        lost: () -> Void
    ) -> PresenceTuple {
        var tuple = PresenceTuple(id: PresenceTuple.id(for: resource, of: user), basic: basic)
        tuple.timestamp = time.description
        let language = stanza.string(Names.lang) ?? self.language
        var priority: Int8? = 0
        var room = TupleReader.extensionOctets
        var isIdle = false
        for child in stanza.children {
            switch child.name {
            case Names.show: tuple.show = show(child)
            case Names.status: takeNote(child, language, &tuple.notes, lost)
            case Names.priority: priority = Int8(String(decoding: child.text.readableBytesView, as: UTF8.self))
            case Names.delay: break
            default:
                takeExtension(child, &tuple.extensions, &room, lost)
                if child.name == Names.idle, !isIdle, let octets = userInput(child) {
                    isIdle = true
                    tuple.extensions.append(octets)
                }
            }
        }
        take(priority ?? 0, &tuple)
        return tuple
    }

    /// F.3: for readers of another descent beside XMPP's own word for it.
    private func userInput(_ idle: XMLElement) -> ByteBuffer? {
        idle.string(Names.since).flatMap { Stamp.utc($0) }.flatMap { UserInput.element(lastInput: $0) }
    }

    /// The priority: a negative one asks not to be written to, so no means of contact is told (F.3).
    private func take(_ priority: Int8, _ tuple: inout PresenceTuple) {
        guard tuple.basic == .open else { return }
        if priority >= 0 {
            tuple.contact = PresenceBody.contact(of: user)
            tuple.contactPriority = ContactPriority.literal(xmpp: priority)
        } else {
            tuple.extensions.append(PresenceExtension.envelope(priority: priority))
        }
    }

    private func show(_ child: XMLElement) -> PresenceTuple.Show? {
        // RFC 6121 §4.7.2.1: whatever else stands there is to be ignored.
        PresenceTuple.Show(rawValue: String(decoding: child.text.readableBytesView, as: UTF8.self))
    }

    private func takeNote(
        _ child: XMLElement,
        _ inherited: String?,
        _ notes: inout [LocalizedText],
        _ lost: () -> Void
    ) {
        let octets = child.text
        guard octets.readableBytes > 0 else { return }
        let language = child.string(Names.lang) ?? inherited
        // RFC 6121 §4.7.2.2: one for each language.
        guard octets.readableBytes <= TupleReader.noteOctets, notes.count < TupleReader.noteLimit,
            !notes.contains(where: { $0.language == language })
        else { return lost() }
        notes.append(LocalizedText(String(decoding: octets.readableBytesView, as: UTF8.self), language: language))
    }

    private func takeExtension(
        _ child: XMLElement,
        _ extensions: inout [ByteBuffer],
        _ room: inout Int,
        _ lost: () -> Void
    ) {
        guard let octets = PresenceExtension.octets(of: child), octets.readableBytes <= room else { return lost() }
        room -= octets.readableBytes
        extensions.append(octets)
    }
}
