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
    /// The most extensions of one tuple that are read.
    static let extensionLimit = 32
    /// The most octets of notes and extensions, as they are written: they are written for each watcher.
    static let contentOctets = 65_536

    private var room = MappedPresence.contentOctets

    init(_ document: PresenceDocument, of presentity: Address) {
        // RFC 3922 §5.2.11
        isNotMapped = document.tuples.isEmpty && !document.notes.isEmpty
        // What is said beside the tuples has no place in a stanza.
        lossCount += document.extensions.count
        let fragments = XMLFragmentReader(vocabulary: Names.vocabulary)
        let chosen = MappedPresence.tupleForNotes(of: document)
        if chosen == nil, !isNotMapped { lossCount += document.notes.count }
        for (place, tuple) in document.tuples.enumerated() {
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
            let notes = place == chosen ? document.notes : tuple.notes
            resources.append(map(tuple, resource, isAvailable: basic == .open, notes, fragments))
        }
        entries = resources.filter(\.isAvailable).map { ShownTable.Entry(resource: $0.resource, digest: $0.digest) }
    }

    /// The tuple that says what is noted on the whole (F.3): of those without a note the one to write to first, so that
    /// a client shows it, and it is written once.
    private static func tupleForNotes(of document: PresenceDocument) -> Int? {
        guard !document.notes.isEmpty else { return nil }
        var chosen: (place: Int, rank: Int)?
        for (place, tuple) in document.tuples.prefix(tupleLimit).enumerated() where tuple.notes.isEmpty {
            guard let basic = tuple.basic else { continue }
            let priority = tuple.contactPriority.flatMap { ContactPriority.thousandths($0) } ?? 0
            let rank = basic == .open ? 1 + priority : 0
            if chosen == nil || rank > chosen?.rank ?? 0 { chosen = (place, rank) }
        }
        return chosen?.place
    }

    private func map(
        _ tuple: PresenceTuple,
        _ resource: ByteBuffer?,
        isAvailable: Bool,
        _ notes: [LocalizedText],
        _ fragments: XMLFragmentReader
    ) -> Resource {
        var content = ByteBuffer()
        if isAvailable, let show = tuple.show {
            content.writeString("<show>\(show.rawValue)</show>")
        }
        write(notes, to: &content)
        let extensions = self.extensions(of: tuple, fragments)
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

    private func write(_ notes: [LocalizedText], to content: inout ByteBuffer) {
        var languages: [String?] = []
        for note in notes {
            let start = content.writerIndex
            // RFC 6121 §4.7.2.2: one for each language.
            guard !languages.contains(note.language), languages.count < TupleReader.noteLimit,
                note.text.utf8.count <= min(TupleReader.noteOctets, room)
            else {
                lossCount += 1
                continue
            }
            content.writeStaticString("<status")
            DetailsWriter.writeLanguage(note.language, to: &content)
            content.writeStaticString(">")
            let replaced = content.writeXMLText(note.text)
            content.writeStaticString("</status>")
            // Markup grows when it is written.
            guard content.writerIndex - start <= room else {
                content.moveWriterIndex(to: start)
                lossCount += 1
                continue
            }
            lossCount += replaced
            room -= content.writerIndex - start
            languages.append(note.language)
        }
    }

    /// What other protocols have put there goes on to those who may know it; what we had put there is ours.
    private func extensions(of tuple: PresenceTuple, _ fragments: XMLFragmentReader) -> (
        octets: ByteBuffer, priority: Int8?
    ) {
        var found = ByteBuffer()
        var priority: Int8?
        var lastInput: String?
        var isIdle = false
        for (number, octets) in (tuple.extensions + tuple.statusExtensions).enumerated() {
            let own = min(TupleReader.extensionOctets - found.readableBytes, room)
            let reading =
                number < MappedPresence.extensionLimit
                ? PresenceExtension.read(octets, room: own, with: fragments) : nil
            switch reading {
            case .envelope(let value): priority = value ?? priority
            case .lastInput(let time): lastInput = time
            case .stanza(let element, let saysIdle):
                isIdle = isIdle || saysIdle
                room -= element.readableBytes
                found.writeImmutableBuffer(element)
            case nil: lossCount += 1
            }
        }
        // F.3: what RPID says of it, where XMPP's own word for it did not come along.
        if let lastInput, !isIdle { found.writeImmutableBuffer(PresenceExtension.idle(since: lastInput)) }
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
