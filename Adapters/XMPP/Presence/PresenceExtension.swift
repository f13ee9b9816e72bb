// SPDX-License-Identifier: Apache-2.0
import XMLStream

import struct NIOCore.ByteBuffer

/// What other protocols say beside presence, such as capabilities and avatars: between stanza and tuple.
enum PresenceExtension {
    /// What an element of a tuple is to a stanza.
    enum Reading {
        /// Ours: what a stanza can say and a tuple cannot.
        case envelope(priority: Int8?)
        /// Anybody else's, as it stands in a stanza.
        case stanza(ByteBuffer)
    }

    /// The element as it stands in a document; nil for what is XMPP's own or ours.
    static func octets(of element: XMLElement) -> ByteBuffer? {
        guard isForeign(element) else { return nil }
        var octets = ByteBuffer()
        element.write(to: &octets)
        return octets
    }

    /// Reads an element of a tuple. Nil where it must not, or cannot, stand in a stanza: whatever is written is one
    /// whole element without anything that RFC 6120 §11.1 forbids (E27).
    static func read(_ octets: ByteBuffer, room: Int) -> Reading? {
        guard octets.readableBytes <= TupleReader.extensionOctets else { return nil }
        let reader = XMLFragmentReader(vocabulary: Names.vocabulary)
        guard let element = reader.read(octets) else { return nil }
        if element.name == Names.envelope {
            return .envelope(priority: element.string(Names.priorityValue).flatMap { Int8($0) })
        }
        guard isForeign(element) else { return nil }
        var written = ByteBuffer()
        element.write(to: &written, within: Names.component)
        return written.readableBytes <= room ? .stanza(written) : nil
    }

    /// A priority that no contact has: a negative one (F.3).
    static func envelope(priority: Int8) -> ByteBuffer {
        ByteBuffer(string: "<env xmlns='\(Names.envelopes)' priority='\(priority)'/>")
    }

    /// What a foreign domain sends must not pass for a part of the stanza itself, nor for its time.
    private static func isForeign(_ element: XMLElement) -> Bool {
        let own = ["", Names.component, Names.client, Names.streams]
        return element.name != Names.envelope && element.name != Names.delay && !own.contains(element.namespace)
    }
}
