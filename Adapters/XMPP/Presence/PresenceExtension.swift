// SPDX-License-Identifier: Apache-2.0
import XMLStream

import struct NIOCore.ByteBuffer

/// What other protocols say beside presence, such as capabilities and avatars: between stanza and tuple.
enum PresenceExtension {
    /// What an element of a tuple is to a stanza.
    enum Reading {
        /// Ours: what a stanza can say and a tuple cannot.
        case envelope(priority: Int8?)
        /// Since when nobody has touched the device, as RPID says it.
        case lastInput(String)
        /// Anybody else's, as it stands in a stanza, and whether it says since when nobody has touched the device.
        case stanza(ByteBuffer, isIdle: Bool)
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
    static func read(_ octets: ByteBuffer, room: Int, with reader: XMLFragmentReader) -> Reading? {
        // The shortest one is a priority of ours; where there is no room, nothing needs to be read for it.
        guard octets.readableBytes <= max(room, envelopeOctets), let element = reader.read(octets) else { return nil }
        if element.name == Names.envelope {
            return .envelope(priority: element.string(Names.priorityValue).flatMap { Int8($0) })
        }
        if element.name == Names.userInput {
            return element.string(Names.lastInput).flatMap { Stamp.utc($0) }.map { .lastInput($0) }
        }
        guard isForeign(element) else { return nil }
        var written = ByteBuffer()
        element.write(to: &written, within: Names.component)
        return written.readableBytes <= room ? .stanza(written, isIdle: element.name == Names.idle) : nil
    }

    private static let envelopeOctets = 128

    /// XEP-0319 §3: since when nobody has touched the device, in UTC.
    static func idle(since time: String) -> ByteBuffer {
        ByteBuffer(string: "<idle xmlns='\(Names.idleNamespace)' since='\(time)'/>")
    }

    /// A priority that no contact has: a negative one (F.3).
    static func envelope(priority: Int8) -> ByteBuffer {
        ByteBuffer(string: "<env xmlns='\(Names.envelopes)' priority='\(priority)'/>")
    }

    /// What a foreign domain sends must not pass for a part of the stanza itself, nor for its time.
    private static func isForeign(_ element: XMLElement) -> Bool {
        element.name != Names.envelope && element.name != Names.delay && !Names.isOwn(element.namespace)
    }
}
