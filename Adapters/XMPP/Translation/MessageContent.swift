// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import MessageFormats
import XMLStream

import struct NIOCore.ByteBuffer

/// What stands inside a message stanza, sorted.
struct MessageContent {
    /// Word of the recipient about a message, which a receipt or a marker brings.
    struct Report {
        /// The id of the stanza that brought the message.
        var id: ByteBuffer
        var stage: Envelope.Report.Stage
    }

    /// The bodies, the first being the one that counts; the others are its translations (RFC 6121 §5.2.3).
    private(set) var parts: [BodyPart] = []
    /// Everything else that an envelope carries.
    var details = Envelope.Details()
    /// How many more aggregators may pass it on.
    private(set) var hops = Envelope.initialHops
    /// What it tells about an earlier message.
    private(set) var report: Report?
    /// Whether it holds a receipt or a marker, legible or not.
    private(set) var hasReport = false
    /// The id of the stanza that it corrects.
    private(set) var replaced: ByteBuffer?
    /// The first piece of baggage that is content of its own, as an extension may be that comes without a body.
    private(set) var payload: Int?
    /// Why it cannot be taken at all.
    private(set) var fault: Outcome?

    private let addresses: AddressMap
    private var envelope: XMLElement?
    private var html: XMLElement?
    private var sealed: BodyPart?
    private var carried = 0

    /// The most bodies, subjects or listed losses of one message.
    private static let listLimit = 16
    /// The most extensions of one message that are carried, and their octets.
    private static let baggageLimit = 64
    private static let baggageOctets = 65_536

    /// Sorts what `stanza` holds; `language` is what it inherits from the stream.
    init(_ stanza: XMLElement, language: String?, _ addresses: AddressMap) {
        self.addresses = addresses
        let language = stanza.string(Names.lang) ?? language
        if let type = stanza.string(Names.type) {
            // RFC 6121 §5.2.2: a type that is not known counts as normal.
            if type != "chat" { details.messageType = type == "headline" ? type : "normal" }
        } else {
            details.messageType = "normal"
        }
        for child in stanza.children { take(child, language) }
        if let sealed { takeSealed(sealed) } else if let html { takeRichText(html, legible(language)) }
        if let envelope { EnvelopeElement.read(envelope, into: &details, hops: &hops) }
        if payload != nil, let language = legible(language) {
            // Texts inside of extensions inherit it.
            keep(StanzaBaggage.language, ByteBuffer(string: language))
        }
        if parts.isEmpty, isWord { payload = nil }
    }

    /// Whether it is word about a message, or about what somebody does at a conversation: no message, whatever stands
    /// beside it. With an `active` there may well come something to show, which is a message then.
    private var isWord: Bool {
        hasReport || details.chatState.map { $0 != .active } ?? false
    }

    /// RFC 3923 §3: the object counts; a text beside it only says that there is one.
    private mutating func takeSealed(_ object: BodyPart) {
        let texts = parts
        parts = [object]
        if texts.contains(where: { $0.octets != ByteBuffer(string: SealedObject.notice) }) || html != nil {
            lose(Loss("xmpp:body", reason: "a text beside a signed or encrypted object"))
        }
    }

    private mutating func take(_ child: XMLElement, _ language: String?) {
        switch child.name {
        case Names.body: takeBody(child, language)
        case Names.subject: takeSubject(child, language)
        case Names.thread: takeThread(child)
        case Names.nick: takeNick(child)
        case Names.delay: takeDelay(child)
        case Names.chatState:
            details.chatState = ChatState(rawValue: child.localName)
        case Names.receiptRequest: details.wantsReceipt = true
        case Names.markable: details.wantsReadReport = true
        case Names.receipt: takeReport(child, .delivery)
        case Names.marker: takeReport(child, child.localName == "received" ? .delivery : .display)
        case Names.replace: replaced = child.attribute(Names.id)
        case Names.addresses: takeAddresses(child)
        case Names.html: html = html ?? child
        case Names.endToEnd:
            sealed = sealed ?? SealedObject.read(child)
            takeExtension(child)
        case Names.envelope: envelope = child
        case Names.outcome: break
        default: takeExtension(child)
        }
    }

    // MARK: Texts

    private mutating func takeBody(_ child: XMLElement, _ inherited: String?) {
        let octets = child.text
        guard octets.readableBytes > 0 else { return }
        let language = legible(child.string(Names.lang) ?? inherited)
        if parts.count >= MessageContent.listLimit || parts.contains(where: { $0.language == language }) {
            lose(Loss("xmpp:body", reason: "a further one in the same language, or too many"))
            return
        }
        parts.append(BodyPart(mediaType: BodyPart.plainText, language: language, octets: octets))
    }

    /// XEP-0071: the text once more, with emphasis and links. Only what `text/html-lite` has is taken over, so that nothing
    /// in it can run, load or disguise anything at the other end.
    private mutating func takeRichText(_ child: XMLElement, _ inherited: String?) {
        var octets = ByteBuffer()
        child.write(to: &octets)
        guard let (document, lost) = HTMLLite.reading(xhtmlIM: octets) else {
            return lose(Loss("xmpp:xhtml-im", reason: "it breaks the grammar"))
        }
        for loss in lost { lose(loss) }
        guard !document.isEmpty else { return }
        if parts.isEmpty { parts.append(.text(document.plainText, language: inherited)) }
        parts.append(document.part(language: parts.first?.language))
    }

    private mutating func takeSubject(_ child: XMLElement, _ inherited: String?) {
        guard let text = field(child), !text.isEmpty else { return }
        let language = legible(child.string(Names.lang) ?? inherited)
        let isTaken = details.subjects.contains { $0.language == language }
        if isTaken || details.subjects.count >= MessageContent.listLimit {
            lose(Loss("xmpp:subject", reason: "a further one in the same language, or too many"))
        } else {
            details.subjects.append(LocalizedText(text, language: language))
        }
    }

    private mutating func takeThread(_ child: XMLElement) {
        guard let id = field(child), !id.isEmpty else { return }
        guard details.thread == nil else { return lose(Loss("xmpp:thread", reason: "a second one")) }
        var parent = child.string(Names.parent)
        if let text = parent, text.isEmpty || text.utf8.count > MessageReader.fieldLimit {
            parent = nil
            lose(Loss("xmpp:thread", reason: "the parent is empty or too long"))
        }
        details.thread = MessageThread(id: id, parent: parent)
    }

    private mutating func field(_ child: XMLElement) -> String? {
        let octets = child.text
        guard octets.readableBytes <= MessageReader.fieldLimit else {
            fault = Outcome(.tooLarge, "a subject, thread or nickname of more than \(MessageReader.fieldLimit) octets")
            return nil
        }
        return String(decoding: octets.readableBytesView, as: UTF8.self)
    }

    /// The language, unless it is none (RFC 5646 §2.1); without one it is the same as no language (XML 1.0 §2.12).
    private mutating func legible(_ language: String?) -> String? {
        guard let language, !language.isEmpty else { return nil }
        let isTag = language.utf8.allSatisfy { octet in
            octet == UInt8(ascii: "-") || (0x30...0x39).contains(octet) || (0x61...0x7A).contains(octet | 0x20)
        }
        if isTag, language.utf8.count <= 64 { return language }
        lose(Loss("xmpp:lang", reason: "no language tag"))
        return nil
    }

    // MARK: Fields

    private mutating func takeNick(_ child: XMLElement) {
        guard details.sourceName == nil else { return takeExtension(child) }
        guard let name = field(child), !name.isEmpty else { return }
        let read = DisplayName(name)
        details.sourceName = read
        keepUnlessWritten(child) { DetailsWriter.writeNick(read, to: &$0, &$1) }
    }

    private mutating func takeDelay(_ child: XMLElement) {
        guard details.sentAt == nil else { return takeExtension(child) }
        guard let stamp = child.string(Names.stamp), stamp.utf8.count <= Stamp.limit, Stamp.utc(stamp) != nil else {
            return lose(Loss("xmpp:delay", reason: "no date and time"))
        }
        details.sentAt = stamp
        keepUnlessWritten(child) { DetailsWriter.writeDelay(stamp, to: &$0, &$1) }
    }

    private mutating func takeAddresses(_ child: XMLElement) {
        // XEP-0033 §4.1: whoever stands in it in secret is told to nobody.
        let secret = Recipients.hidden(in: child)
        if secret > 0 { lose(Loss("xmpp:addresses", reason: "\(secret) whom nobody else is to know of")) }
        guard details.otherRecipients.isEmpty, let read = Recipients.read(child, addresses), !read.isEmpty else {
            if secret == 0 { takeExtension(child) }
            return
        }
        details.otherRecipients = read
        guard secret == 0 else { return }
        let addresses = addresses
        keepUnlessWritten(child) {
            Recipients.write(read, addresses, local: addresses.component, .native, to: &$0, &$1)
        }
    }

    /// XEP-0184 §5.3, XEP-0333: the id of the message stands in the element.
    private mutating func takeReport(_ child: XMLElement, _ stage: Envelope.Report.Stage) {
        hasReport = true
        guard let id = child.attribute(Names.id), id.readableBytes > 0 else { return }
        // Being read is more than being delivered.
        if report == nil || stage == .display { report = Report(id: id, stage: stage) }
    }

    // MARK: Extensions

    private mutating func takeExtension(_ child: XMLElement) {
        guard !Names.isOwn(child.namespace) else {
            return lose(Loss("xmpp:\(child.localName.prefix(80))", reason: "no part of a message"))
        }
        guard keep(child), payload == nil else { return }
        // These say something about a message, and are none.
        let words = [Names.hint, Names.originID, Names.stanzaID, Names.delay, Names.nick, Names.addresses]
        if !words.contains(child.name) { payload = details.baggage.count - 1 }
    }

    /// Keeps an element beside the field that it became, where the field does not say all of it.
    private mutating func keepUnlessWritten(
        _ child: XMLElement,
        _ write: (inout ByteBuffer, inout [Loss]) -> Void
    ) {
        var written = ByteBuffer()
        var losses: [Loss] = []
        write(&written, &losses)
        var whole = ByteBuffer()
        child.write(to: &whole)
        if whole != written { keep(child) }
    }

    @discardableResult
    private mutating func keep(_ child: XMLElement) -> Bool {
        var octets = ByteBuffer()
        child.write(to: &octets, renaming: [Names.component: Names.client])
        let namespace = child.namespace == Names.component ? Names.client : child.namespace
        return keep("{\(namespace)}\(child.localName)", octets)
    }

    @discardableResult
    private mutating func keep(_ name: String, _ octets: ByteBuffer) -> Bool {
        carried += octets.readableBytes
        guard details.baggage.count < MessageContent.baggageLimit, carried <= MessageContent.baggageOctets else {
            carried -= octets.readableBytes
            lose(Loss("xmpp:\(name)", reason: "too many extensions, or too large"))
            return false
        }
        details.baggage.append(Baggage(origin: StanzaBaggage.origin, name: name, octets: octets))
        return true
    }

    /// Marks the payload as what must be understood: without it nothing would be left.
    mutating func requirePayload() {
        if let payload { details.baggage[payload].isCritical = true }
    }

    mutating func lose(_ loss: Loss) {
        if details.losses.count < MessageContent.listLimit {
            details.losses.append(loss)
        } else if details.losses.count == MessageContent.listLimit {
            details.losses.append(Loss("xmpp", reason: "more was lost than is listed"))
        }
    }
}

/// Why something is lost.
enum Losses {
    static let notCarried = "not carried by this version"
}
