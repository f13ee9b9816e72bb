// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import XMLStream

import struct NIOCore.ByteBuffer

/// What an answer to a stanza needs of it: its addresses and its id, exactly as they were written.
struct StanzaHeader {
    /// What kind of stanza it is.
    enum Kind {
        case message
        case presence
        case iq
    }

    var kind: Kind
    var from: ByteBuffer
    var to: ByteBuffer
    var id: ByteBuffer?

    init(kind: Kind, from: ByteBuffer, to: ByteBuffer, id: ByteBuffer?) {
        self.kind = kind
        self.from = from
        self.to = to
        self.id = id
    }

    /// The same in memory of its own, for keeping.
    func detached() -> StanzaHeader {
        var own = ByteBuffer()
        own.reserveCapacity(from.readableBytes + to.readableBytes + (id?.readableBytes ?? 0))
        func moved(_ octets: ByteBuffer) -> ByteBuffer {
            own.writeImmutableBuffer(octets)
            return own.readSlice(length: octets.readableBytes) ?? octets
        }
        return StanzaHeader(kind: kind, from: moved(from), to: moved(to), id: id.map(moved))
    }

    /// The header of `stanza`; nil where there is nobody to answer.
    init?(_ stanza: XMLElement, _ kind: Kind) {
        guard let from = stanza.attribute(Names.from), from.readableBytes > 0, let to = stanza.attribute(Names.to)
        else { return nil }
        self.kind = kind
        self.from = from
        self.to = to
        id = stanza.attribute(Names.id)
    }
}

/// Answers to stanzas.
enum ReplyWriter {
    /// Tells the sender of a stanza how it ended; writes nothing where there is nothing to tell.
    static func writeError(_ outcome: Outcome, answering header: StanzaHeader, to buffer: inout ByteBuffer) {
        guard let error = StanzaErrors.error(for: outcome.code) else { return }
        open(header, type: "error", to: &buffer)
        buffer.writeStaticString("><error type='")
        buffer.writeString(error.type)
        buffer.writeStaticString("'><")
        buffer.writeString(error.condition)
        buffer.writeStaticString(" xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'")
        if let address = outcome.details?.newAddress, outcome.code.classCode == 3_000 {
            buffer.writeStaticString(">xmpp:")
            buffer.writeXMLText(address.description)
            buffer.writeStaticString("</")
            buffer.writeString(error.condition)
            buffer.writeStaticString(">")
        } else {
            buffer.writeStaticString("/>")
        }
        let retry = outcome.details?.retryAfter
        if let text = retry.map({ RetryText.adding($0, to: outcome.text) }) ?? outcome.text {
            buffer.writeStaticString("<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'")
            DetailsWriter.writeLanguage(outcome.details?.language ?? "en", to: &buffer)
            buffer.writeStaticString(">")
            buffer.writeXMLText(text)
            buffer.writeStaticString("</text>")
        }
        // For another aggregator on the way. Beside the error and not in it, where simple clients take it for the condition.
        buffer.writeStaticString("</error><outcome xmlns='urn:imx:outcome:0' code='")
        buffer.writeString(outcome.code.description)
        if let retry { buffer.writeString("' retry-after='\(retry)") }
        buffer.writeStaticString("'/></")
        buffer.writeStaticString(name(header.kind))
        buffer.writeStaticString(">")
    }

    /// Answers a request with `content`.
    static func writeResult(_ content: String, answering header: StanzaHeader, to buffer: inout ByteBuffer) {
        open(header, type: "result", to: &buffer)
        buffer.writeStaticString(">")
        buffer.writeString(content)
        buffer.writeStaticString("</iq>")
    }

    /// Answers a request to subscribe: there is nothing to subscribe to (RFC 6121 §3.1.3).
    static func writeUnsubscribed(answering header: StanzaHeader, to buffer: inout ByteBuffer) {
        open(header, type: "unsubscribed", to: &buffer)
        buffer.writeStaticString("/>")
    }

    private static func name(_ kind: StanzaHeader.Kind) -> StaticString {
        switch kind {
        case .message: "message"
        case .presence: "presence"
        case .iq: "iq"
        }
    }

    private static func open(_ header: StanzaHeader, type: StaticString, to buffer: inout ByteBuffer) {
        buffer.writeStaticString("<")
        buffer.writeStaticString(name(header.kind))
        buffer.writeStaticString(" type='")
        buffer.writeStaticString(type)
        buffer.writeStaticString("' from='")
        buffer.writeXMLValue(header.to)
        buffer.writeStaticString("' to='")
        buffer.writeXMLValue(header.from)
        if let id = header.id {
            buffer.writeStaticString("' id='")
            buffer.writeXMLValue(id)
        }
        buffer.writeStaticString("'")
    }
}

/// When to try again, for people.
enum RetryText {
    /// The text with the seconds behind it.
    static func adding(_ seconds: UInt32, to text: String?) -> String {
        text.map { $0 + suffix(seconds) } ?? String(suffix(seconds).dropFirst())
    }

    /// The text as it was before; nil where there was none.
    static func removing(_ seconds: UInt32, from text: String) -> String? {
        if text == suffix(seconds).dropFirst() { return nil }
        return text.hasSuffix(suffix(seconds)) ? String(text.dropLast(suffix(seconds).count)) : text
    }

    private static func suffix(_ seconds: UInt32) -> String { " (again in \(seconds) s)" }
}
