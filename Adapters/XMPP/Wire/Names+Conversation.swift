// SPDX-License-Identifier: Apache-2.0
import XMLStream

/// The names inside messages that mean something to a conversation.
extension Names {
    static let chatState = XMLName(rawValue: 60)
    static let receiptRequest = XMLName(rawValue: 61)
    static let receipt = XMLName(rawValue: 62)
    static let replace = XMLName(rawValue: 63)
    static let html = XMLName(rawValue: 64)
    static let marker = XMLName(rawValue: 65)
    static let markable = XMLName(rawValue: 66)
    static let hint = XMLName(rawValue: 67)
    static let originID = XMLName(rawValue: 68)
    static let addresses = XMLName(rawValue: 69)
    static let address = XMLName(rawValue: 70)
    static let endToEnd = XMLName(rawValue: 71)
    static let envelope = XMLName(rawValue: 72)
    static let baggage = XMLName(rawValue: 73)
    static let stanzaID = XMLName(rawValue: 74)

    static let jid = XMLName(rawValue: 80)
    static let uri = XMLName(rawValue: 81)
    static let description = XMLName(rawValue: 82)
    static let delivered = XMLName(rawValue: 83)
    static let hops = XMLName(rawValue: 84)
    static let trail = XMLName(rawValue: 85)
    static let sentAt = XMLName(rawValue: 86)
    static let origin = XMLName(rawValue: 87)
    static let name = XMLName(rawValue: 88)
    static let retryAfter = XMLName(rawValue: 89)

    static let client = "jabber:client"
    static let server = "jabber:server"
    static let chatStates = "http://jabber.org/protocol/chatstates"
    static let receipts = "urn:xmpp:receipts"
    static let markers = "urn:xmpp:chat-markers:0"
    static let corrections = "urn:xmpp:message-correct:0"
    static let envelopes = "urn:imx:envelope:0"
    static let multicast = "http://jabber.org/protocol/address"

    static var conversation: [XMLVocabulary.Entry] { elements + parts }

    private static var elements: [XMLVocabulary.Entry] {
        let states = ["active", "composing", "paused", "inactive", "gone"].map {
            XMLVocabulary.Entry(chatState, chatStates, $0)
        }
        let reports = ["received", "displayed", "acknowledged"].map { XMLVocabulary.Entry(marker, markers, $0) }
        let hints = ["no-permanent-store", "no-store", "no-copy", "store"].map {
            XMLVocabulary.Entry(hint, "urn:xmpp:hints", $0)
        }
        return states + reports + hints + [
            .init(receiptRequest, receipts, "request"), .init(receipt, receipts, "received"),
            .init(replace, corrections, "replace"), .init(html, "http://jabber.org/protocol/xhtml-im", "html"),
            .init(markable, markers, "markable"), .init(originID, "urn:xmpp:sid:0", "origin-id"),
            .init(stanzaID, "urn:xmpp:sid:0", "stanza-id"), .init(addresses, multicast, "addresses"),
            .init(address, multicast, "address"), .init(endToEnd, "urn:ietf:params:xml:ns:xmpp-e2e", "e2e"),
            .init(envelope, envelopes, "env"), .init(baggage, envelopes, "baggage"),
        ]
    }

    private static var parts: [XMLVocabulary.Entry] {
        [
            .init(jid, "", "jid"), .init(uri, "", "uri"), .init(description, "", "desc"),
            .init(delivered, "", "delivered"), .init(hops, "", "hops"), .init(trail, "", "trail"),
            .init(sentAt, "", "sent-at"), .init(origin, "", "origin"), .init(name, "", "name"),
            .init(retryAfter, "", "retry-after"),
        ]
    }
}
