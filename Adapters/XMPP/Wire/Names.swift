// SPDX-License-Identifier: Apache-2.0
import XMLStream

/// The names on a component link that this adapter has a use for.
enum Names {
    static let stream = XMLName(rawValue: 1)
    static let streamError = XMLName(rawValue: 2)
    static let handshake = XMLName(rawValue: 3)
    static let message = XMLName(rawValue: 4)
    static let presence = XMLName(rawValue: 5)
    static let iq = XMLName(rawValue: 6)
    static let error = XMLName(rawValue: 7)
    static let body = XMLName(rawValue: 8)
    static let subject = XMLName(rawValue: 9)
    static let thread = XMLName(rawValue: 10)
    static let stanzaText = XMLName(rawValue: 11)
    static let gone = XMLName(rawValue: 12)
    static let redirect = XMLName(rawValue: 13)
    static let outcome = XMLName(rawValue: 14)
    static let ping = XMLName(rawValue: 15)
    static let discoInfo = XMLName(rawValue: 16)
    static let delay = XMLName(rawValue: 17)
    static let nick = XMLName(rawValue: 18)
    static let discoItems = XMLName(rawValue: 19)
    static let streamText = XMLName(rawValue: 28)

    static let from = XMLName(rawValue: 40)
    static let to = XMLName(rawValue: 41)
    static let id = XMLName(rawValue: 42)
    static let type = XMLName(rawValue: 43)
    static let lang = XMLName(rawValue: 44)
    static let parent = XMLName(rawValue: 45)
    static let stamp = XMLName(rawValue: 46)
    static let code = XMLName(rawValue: 47)
    static let node = XMLName(rawValue: 48)
    /// The attribute that names a feature.
    static let variable = XMLName(rawValue: 49)

    static let component = "jabber:component:accept"
    static let streams = "http://etherx.jabber.org/streams"
    static let stanzas = "urn:ietf:params:xml:ns:xmpp-stanzas"
    static let streamErrors = "urn:ietf:params:xml:ns:xmpp-streams"
    static let outcomes = "urn:imx:outcome:0"
    static let cards = "vcard-temp"
    static let discoveries = "http://jabber.org/protocol/disco#info"

    /// Whether a namespace is that of streams and stanzas themselves: what stands in it is said by the protocol, and is
    /// never an extension that is carried.
    static func isOwn(_ namespace: String) -> Bool {
        ["", component, client, server, streams, stanzas, streamErrors].contains(namespace)
    }

    static let vocabulary = XMLVocabulary(core + extensions + conversation + presenceParts + attributes)

    /// The stanzas and their parts; servers forget to rewrite the namespace of a child now and then.
    private static var core: [XMLVocabulary.Entry] {
        let names: [(XMLName, String)] = [
            (message, "message"), (presence, "presence"), (iq, "iq"), (error, "error"), (body, "body"),
            (subject, "subject"), (thread, "thread"),
        ]
        let stanzas = [component, "jabber:client"].flatMap { namespace in
            names.map { XMLVocabulary.Entry($0.0, namespace, $0.1) }
        }
        return stanzas + [
            .init(handshake, component, "handshake"), .init(stream, streams, "stream"),
            .init(streamError, streams, "error"), .init(streamText, streamErrors, "text"),
            .init(stanzaText, Names.stanzas, "text"), .init(gone, Names.stanzas, "gone"),
            .init(redirect, Names.stanzas, "redirect"), .init(outcome, outcomes, "outcome"),
        ]
    }

    private static var extensions: [XMLVocabulary.Entry] {
        [
            .init(ping, "urn:xmpp:ping", "ping"),
            .init(discoInfo, discoveries, "query"),
            .init(discoItems, "http://jabber.org/protocol/disco#items", "query"),
            .init(delay, "urn:xmpp:delay", "delay"), .init(nick, "http://jabber.org/protocol/nick", "nick"),
        ]
    }

    private static var attributes: [XMLVocabulary.Entry] {
        [
            .init(from, "", "from"), .init(to, "", "to"), .init(id, "", "id"), .init(type, "", "type"),
            .init(lang, "http://www.w3.org/XML/1998/namespace", "lang"), .init(parent, "", "parent"),
            .init(stamp, "", "stamp"), .init(code, "", "code"), .init(node, "", "node"),
            .init(variable, "", "var"),
        ]
    }
}
