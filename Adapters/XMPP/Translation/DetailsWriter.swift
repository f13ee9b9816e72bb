// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import XMLStream

import struct NIOCore.ByteBuffer

/// What few envelopes have, as children of a message stanza.
enum DetailsWriter {
    static func write(_ details: Envelope.Details, to buffer: inout ByteBuffer, _ losses: inout [Loss]) {
        var languages: [String?] = []
        for subject in details.subjects {
            if languages.contains(subject.language) {
                losses.append(Loss("subject", reason: "a second one in the same language"))
                continue
            }
            languages.append(subject.language)
            buffer.writeStaticString("<subject")
            writeLanguage(subject.language, to: &buffer)
            buffer.writeStaticString(">")
            note(buffer.writeXMLText(subject.text), in: "subject", &losses)
            buffer.writeStaticString("</subject>")
        }
        if let thread = details.thread { write(thread, to: &buffer, &losses) }
        if let name = details.sourceName {
            buffer.writeStaticString("<nick xmlns='http://jabber.org/protocol/nick'>")
            note(buffer.writeXMLText(name.text), in: "name", &losses)
            buffer.writeStaticString("</nick>")
        }
        if let stamp = details.sentAt { writeDelay(stamp, to: &buffer, &losses) }
        listLosses(details, &losses)
    }

    /// Writes the attribute `xml:lang`, where a language is known.
    static func writeLanguage(_ language: String?, to buffer: inout ByteBuffer) {
        guard let language else { return }
        buffer.writeStaticString(" xml:lang='")
        buffer.writeXMLValue(language)
        buffer.writeStaticString("'")
    }

    /// Lists characters that XML cannot hold (standards reference F.2).
    static func note(_ replaced: Int, in place: String, _ losses: inout [Loss]) {
        guard replaced > 0 else { return }
        losses.append(Loss(place, reason: "\(replaced) characters that XML cannot hold were replaced"))
    }

    private static func write(_ thread: MessageThread, to buffer: inout ByteBuffer, _ losses: inout [Loss]) {
        buffer.writeStaticString("<thread")
        if let parent = thread.parent {
            buffer.writeStaticString(" parent='")
            note(buffer.writeXMLValue(parent), in: "thread", &losses)
            buffer.writeStaticString("'")
        }
        buffer.writeStaticString(">")
        note(buffer.writeXMLText(thread.id), in: "thread", &losses)
        buffer.writeStaticString("</thread>")
    }

    /// XEP-0203 §4: the stamp is in UTC; other offsets are not converted by this version.
    private static func writeDelay(_ stamp: String, to buffer: inout ByteBuffer, _ losses: inout [Loss]) {
        guard stamp.utf8.count >= 20, stamp.utf8.count <= 40, stamp.utf8.last == UInt8(ascii: "Z"),
            stamp.utf8.dropLast().allSatisfy({ "0123456789-:.T".utf8.contains($0) })
        else {
            losses.append(Loss("sent-at", reason: "not in UTC"))
            return
        }
        buffer.writeStaticString("<delay xmlns='urn:xmpp:delay' stamp='")
        buffer.writeString(stamp)
        buffer.writeStaticString("'/>")
    }

    private static func listLosses(_ details: Envelope.Details, _ losses: inout [Loss]) {
        if let type = details.messageType, !["chat", "normal", "headline"].contains(type) {
            losses.append(Loss("message-type", reason: "not known; sent as normal"))
        }
        if details.wantsReceipt { losses.append(Loss("receipt-request", reason: Losses.notCarried)) }
        if details.replaces != nil { losses.append(Loss("replaces", reason: "shown as a new message")) }
        if details.nativeID != nil { losses.append(Loss("native-id", reason: Losses.notCarried)) }
        for baggage in details.baggage {
            losses.append(Loss("\(baggage.origin):\(baggage.name)", reason: Losses.notCarried))
        }
    }
}
