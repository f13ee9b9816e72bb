// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import XMLStream

import struct NIOCore.ByteBuffer

/// What stands inside a message stanza, sorted.
struct MessageContent {
    /// The bodies, the first being the one that counts; the others are its translations (RFC 6121 §5.2.3).
    private(set) var parts: [BodyPart] = []
    /// Everything else that an envelope carries.
    var details = Envelope.Details()
    /// Whether it holds a chat state (XEP-0085).
    private(set) var hasChatState = false
    /// Whether it is a receipt or a marker (XEP-0184, XEP-0333).
    private(set) var hasReport = false
    /// Why it cannot be taken at all.
    private(set) var fault: Outcome?

    /// The most bodies, subjects or listed losses of one message.
    private static let listLimit = 16

    /// Sorts what `stanza` holds; `language` is what it inherits from the stream.
    init(_ stanza: XMLElement, language: String?) {
        let language = stanza.string(Names.lang) ?? language
        if let type = stanza.string(Names.type) {
            // RFC 6121 §5.2.2: a type that is not known counts as normal.
            if type != "chat" { details.messageType = type == "headline" ? type : "normal" }
        } else {
            details.messageType = "normal"
        }
        for child in stanza.children { take(child, language) }
    }

    private mutating func take(_ child: XMLElement, _ language: String?) {
        switch child.name {
        case Names.body: takeBody(child, language)
        case Names.subject:
            guard let text = field(child) else { return }
            if details.subjects.count < MessageContent.listLimit {
                let language = child.string(Names.lang) ?? language
                if details.subjects.contains(where: { $0.language == language }) {
                    lose(Loss("xmpp:subject", reason: "a second one in the same language"))
                } else {
                    details.subjects.append(LocalizedText(text, language: language))
                }
            }
        case Names.thread:
            guard let id = field(child), !id.isEmpty, details.thread == nil else { return }
            let parent = child.string(Names.parent)
            details.thread = MessageThread(id: id, parent: parent.flatMap { $0.utf8.count <= 1_024 ? $0 : nil })
        case Names.nick:
            guard let name = field(child), !name.isEmpty else { return }
            details.sourceName = DisplayName(name)
        case Names.delay:
            details.sentAt = child.string(Names.stamp).flatMap { $0.utf8.count <= 40 ? $0 : nil }
        case Names.chatState:
            hasChatState = true
            lose(Losses.chatState)
        case Names.receipt, Names.marker: hasReport = true
        default: takeExtension(child)
        }
    }

    private mutating func takeBody(_ child: XMLElement, _ inherited: String?) {
        let octets = child.text
        guard octets.readableBytes > 0 else { return }
        let language = child.string(Names.lang) ?? inherited
        if parts.count >= MessageContent.listLimit || parts.contains(where: { $0.language == language }) {
            lose(Loss("xmpp:body", reason: "a further one in the same language, or too many"))
            return
        }
        parts.append(BodyPart(mediaType: BodyPart.plainText, language: language, octets: octets))
    }

    private mutating func takeExtension(_ child: XMLElement) {
        switch child.name {
        case Names.receiptRequest: lose(Losses.receiptRequest)
        case Names.replace: lose(Losses.replace)
        case Names.html: lose(Losses.html)
        case Names.markable: lose(Losses.markable)
        case Names.hint: lose(Losses.hint)
        // The same as the id that is carried; other origin ids serve group chat only (XEP-0359).
        case Names.originID: break
        default: lose(Loss("xmpp:\(child.unknownNamespace) \(child.unknownLocalName)", reason: Losses.notCarried))
        }
    }

    private mutating func field(_ child: XMLElement) -> String? {
        let octets = child.text
        guard octets.readableBytes <= MessageReader.fieldLimit else {
            fault = Outcome(.tooLarge, "a subject, thread or nickname of more than \(MessageReader.fieldLimit) octets")
            return nil
        }
        return String(decoding: octets.readableBytesView, as: UTF8.self)
    }

    private mutating func lose(_ loss: Loss) {
        if details.losses.count < MessageContent.listLimit {
            details.losses.append(loss)
        } else if details.losses.count == MessageContent.listLimit {
            details.losses.append(Loss("xmpp", reason: "more was lost than is listed"))
        }
    }
}

/// What ordinary clients send and this version does not carry.
enum Losses {
    static let notCarried = "not carried by this version"
    static let chatState = Loss("xmpp:chat-state", reason: notCarried)
    static let receiptRequest = Loss("xmpp:receipt-request", reason: notCarried)
    static let replace = Loss("xmpp:replace", reason: "not carried by this version; shown as a new message")
    static let html = Loss("xmpp:xhtml-im", reason: "not carried by this version; the plain text is")
    static let markable = Loss("xmpp:markable", reason: notCarried)
    static let hint = Loss("xmpp:hint", reason: notCarried)
}
