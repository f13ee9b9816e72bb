// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import XMLStream

import struct NIOCore.ByteBuffer

/// What few envelopes have, as children of a message stanza.
struct DetailsWriter {
    let addresses: AddressMap
    let form: AddressForm
    let local: Domain
    /// Whether the stanza has a language, which its texts would inherit.
    var inherits = false

    /// Writes all but the fields that `covered` names: the foreign element that stands for them has been written.
    func write(
        _ details: Envelope.Details,
        except covered: Set<XMLName>,
        to buffer: inout ByteBuffer,
        _ losses: inout [Loss]
    ) {
        writeSubjects(details.subjects, to: &buffer, &losses)
        if let thread = details.thread { DetailsWriter.write(thread, to: &buffer, &losses) }
        if let name = details.sourceName, !covered.contains(Names.nick) {
            DetailsWriter.writeNick(name, to: &buffer, &losses)
        }
        if let stamp = details.sentAt, !covered.contains(Names.delay) {
            DetailsWriter.writeDelay(stamp, to: &buffer, &losses)
        }
        if !covered.contains(Names.addresses) {
            Recipients.write(details.otherRecipients, addresses, local: local, form, to: &buffer, &losses)
        }
        writeConversation(details, to: &buffer)
        listLosses(details, &losses)
    }

    private func writeSubjects(_ subjects: [LocalizedText], to buffer: inout ByteBuffer, _ losses: inout [Loss]) {
        var languages: [String?] = []
        for subject in subjects {
            if languages.contains(subject.language) {
                losses.append(Loss("subject", reason: "a second one in the same language"))
                continue
            }
            languages.append(subject.language)
            buffer.writeStaticString("<subject")
            DetailsWriter.writeLanguage(subject.language ?? (inherits ? "" : nil), to: &buffer)
            buffer.writeStaticString(">")
            DetailsWriter.note(buffer.writeXMLText(subject.text), in: "subject", &losses)
            buffer.writeStaticString("</subject>")
        }
    }

    /// What the parties' clients tell each other about the conversation.
    private func writeConversation(_ details: Envelope.Details, to buffer: inout ByteBuffer) {
        if let state = details.chatState {
            buffer.writeStaticString("<")
            buffer.writeString(state.rawValue)
            buffer.writeStaticString(" xmlns='http://jabber.org/protocol/chatstates'/>")
        }
        if details.wantsReceipt { buffer.writeStaticString("<request xmlns='urn:xmpp:receipts'/>") }
        if details.wantsReadReport { buffer.writeStaticString("<markable xmlns='urn:xmpp:chat-markers:0'/>") }
        if let replaced = details.replaces {
            buffer.writeStaticString("<replace xmlns='urn:xmpp:message-correct:0' id='")
            StanzaID.write(replaced, to: &buffer)
            buffer.writeStaticString("'/>")
        }
    }

    static func writeNick(_ name: DisplayName, to buffer: inout ByteBuffer, _ losses: inout [Loss]) {
        buffer.writeStaticString("<nick xmlns='http://jabber.org/protocol/nick'>")
        note(buffer.writeXMLText(name.text), in: "name", &losses)
        buffer.writeStaticString("</nick>")
        if name.language != nil { losses.append(Loss("name", reason: "its language")) }
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

    /// XEP-0203 §4: the stamp is in UTC; the time as it was written stands in `env`.
    static func writeDelay(_ stamp: String, to buffer: inout ByteBuffer, _ losses: inout [Loss]) {
        guard let utc = Stamp.utc(stamp) else {
            losses.append(Loss("sent-at", reason: "no date and time"))
            return
        }
        buffer.writeStaticString("<delay xmlns='urn:xmpp:delay' stamp='")
        buffer.writeString(utc)
        buffer.writeStaticString("'/>")
    }

    private func listLosses(_ details: Envelope.Details, _ losses: inout [Loss]) {
        if let type = details.messageType, !["chat", "normal", "headline"].contains(type) {
            losses.append(Loss("message-type", reason: "not known; sent as normal"))
        }
        if details.nativeID != nil { losses.append(Loss("native-id", reason: Losses.notCarried)) }
        // What is good for a while has been kept by the core, which answers with it.
        if details.attributes.contains(where: { $0.seconds == nil }) {
            losses.append(Loss("attributes", reason: Losses.notCarried))
        }
    }
}
