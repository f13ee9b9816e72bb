// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import MessageFormats
import XMLStream

import struct NIOCore.ByteBuffer

/// A presence document as presence stanzas, without their addresses: made once and written to all who watch
/// (RFC 3922 §5.2, RFC 8048 §5.3; standards reference F.3).
final class MappedPresence {
    /// What one tuple says.
    struct Resource {
        /// What stands behind the slash; nil for a stanza from the bare address.
        var resource: ByteBuffer?
        /// Whether somebody is there.
        var isAvailable: Bool
        /// What stands inside the stanza.
        var content: ByteBuffer
        /// Stands for what the stanza says.
        var digest: Int
        /// Since when it is so, where the document says it.
        var time: WallTime?
    }

    /// One for each tuple that says whether somebody is there, the last where two have one identifier.
    private(set) var resources: [Resource] = []
    /// Those who are there, as they are remembered; one list for all who watch.
    private(set) var entries: [ShownTable.Entry] = []
    /// Tuples that do not say whether somebody is there: nothing is known, so nothing changes.
    private(set) var unknown: [ByteBuffer?] = []
    /// Whether the document says something that no presence stanza can: notes about nobody.
    let isNotMapped: Bool
    /// How many things in the document could not be carried.
    private(set) var lossCount = 0

    /// The most tuples that are shown.
    static let tupleLimit = 64

    init(_ document: PresenceDocument, of presentity: Address) {
        // RFC 3922 §5.2.11
        isNotMapped = document.tuples.isEmpty && !document.notes.isEmpty
        for tuple in document.tuples {
            guard resources.count + unknown.count < MappedPresence.tupleLimit else {
                lossCount += 1
                continue
            }
            let resource = tuple.resource(of: presentity)
            resources.removeAll { $0.resource == resource }
            unknown.removeAll { $0 == resource }
            guard let basic = tuple.basic else {
                unknown.append(resource)
                continue
            }
            let notes = tuple.notes.isEmpty ? document.notes : tuple.notes
            resources.append(map(tuple, resource, isAvailable: basic == .open, notes))
        }
        entries = resources.filter(\.isAvailable).map { ShownTable.Entry(resource: $0.resource, digest: $0.digest) }
    }

    private func map(
        _ tuple: PresenceTuple,
        _ resource: ByteBuffer?,
        isAvailable: Bool,
        _ notes: [LocalizedText]
    ) -> Resource {
        var content = ByteBuffer()
        if isAvailable, let show = tuple.show {
            content.writeString("<show>\(show.rawValue)</show>")
        }
        var languages: [String?] = []
        for note in notes {
            // RFC 6121 §4.7.2.2: one for each language.
            guard !languages.contains(note.language), languages.count < TupleReader.noteLimit,
                note.text.utf8.count <= TupleReader.noteOctets
            else {
                lossCount += 1
                continue
            }
            languages.append(note.language)
            content.writeStaticString("<status")
            DetailsWriter.writeLanguage(note.language, to: &content)
            content.writeStaticString(">")
            lossCount += content.writeXMLText(note.text)
            content.writeStaticString("</status>")
        }
        let extensions = self.extensions(of: tuple)
        let priority = extensions.priority ?? tuple.contactPriority.flatMap { ContactPriority.xmpp($0) }
        if isAvailable, let priority, priority != 0 {
            content.writeString("<priority>\(priority)</priority>")
        }
        content.writeImmutableBuffer(extensions.octets)
        var hasher = Hasher()
        hasher.combine(content)
        return Resource(
            resource: resource,
            isAvailable: isAvailable,
            content: content,
            digest: hasher.finalize(),
            time: tuple.timestamp.flatMap { WallTime(rfc3339: $0) }
        )
    }

    /// What other protocols have put there goes on to those who may know it; what we had put there is ours.
    private func extensions(of tuple: PresenceTuple) -> (octets: ByteBuffer, priority: Int8?) {
        var found = ByteBuffer()
        var priority: Int8?
        for octets in tuple.extensions + tuple.statusExtensions {
            switch PresenceExtension.read(octets, room: TupleReader.extensionOctets - found.readableBytes) {
            case .envelope(let own): priority = own ?? priority
            case .stanza(let element): found.writeImmutableBuffer(element)
            case nil: lossCount += 1
            }
        }
        return (found, priority)
    }
}

extension PresenceTuple {
    /// The tuple identifier for a resource of `user`; nil stands for the user as a whole (RFC 8048 §5.2).
    static func id(for resource: ByteBuffer?, of user: Address) -> String {
        guard let resource else { return bareID(of: user) }
        return PIDFTupleID.encode(String(decoding: resource.readableBytesView, as: UTF8.self))
    }

    /// The resource that the tuple is shown under; nil where it stands for the presentity as a whole.
    func resource(of presentity: Address) -> ByteBuffer? {
        if id == PresenceTuple.bareID(of: presentity) { return nil }
        for case let text? in [PIDFTupleID.decode(id), id] {
            let octets = ByteBuffer(string: text)
            // RFC 7622 §3.4
            if JID.isLegal(resource: octets) { return octets }
        }
        return ByteBuffer(string: "imx-" + PresenceTuple.hash(id))
    }

    /// An identifier that no resource has: behind `_` there are digits in the code of one.
    private static func bareID(of user: Address) -> String { PIDFTupleID.prefix + "_-" + hash(user.description) }

    /// FNV-1a in 64 bits: the same at every start, and nobody gains anything by finding a second text for one.
    private static func hash(_ text: String) -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for octet in text.utf8 { hash = (hash ^ UInt64(octet)) &* 0x0000_0100_0000_01B3 }
        return String(hash, radix: 16)
    }
}
