// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import XMLStream

import struct NIOCore.ByteBuffer

/// The element `env`, which stands in a message stanza for what XMPP itself cannot hold: the hop count, the
/// aggregators that passed the message on, the author's time as it was written.
///
/// A local user can write one too. So it is read only where it cannot mislead anybody: it may lower the hop count and
/// never raise it, it may name aggregators, which can only stop the message sooner, and it may spell the time that
/// `delay` says in another way. It never passes from one stanza into the next; the aggregator writes its own.
enum EnvelopeElement {
    /// The most aggregators that are read.
    private static let trailLimit = 32

    static func write(_ envelope: Envelope, _ details: Envelope.Details?, to buffer: inout ByteBuffer) {
        let trail = details?.trail ?? []
        let literal = details?.sentAt.flatMap { text in Stamp.utc(text).flatMap { $0 == text ? nil : text } }
        guard envelope.hops < Envelope.initialHops || !trail.isEmpty || literal != nil else { return }
        buffer.writeStaticString("<env xmlns='urn:imx:envelope:0' hops='")
        buffer.writeString(String(envelope.hops))
        if !trail.isEmpty {
            buffer.writeStaticString("' trail='")
            buffer.writeString(trail.suffix(trailLimit).map(\.description).joined(separator: " "))
        }
        if let literal {
            buffer.writeStaticString("' sent-at='")
            buffer.writeXMLValue(literal)
        }
        buffer.writeStaticString("'/>")
    }

    /// Takes what a local user may say.
    static func read(_ element: XMLElement, into details: inout Envelope.Details, hops: inout UInt8) {
        if let lower = element.string(Names.hops).flatMap({ UInt8($0) }) { hops = min(hops, lower) }  // RFC 3860 §3.4.2
        if let trail = element.string(Names.trail), trail.utf8.count <= trailLimit * 33 {
            details.trail = trail.split(separator: " ").compactMap { digits in
                TraceID(String(digits)).map { ServerID(high: $0.high, low: $0.low) }
            }
        }
        if let literal = element.string(Names.sentAt), let stamp = details.sentAt, let utc = Stamp.utc(literal),
            utc == Stamp.utc(stamp)
        {
            details.sentAt = literal
        }
    }
}
