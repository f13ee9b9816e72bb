// SPDX-License-Identifier: Apache-2.0
import XMLStream

import struct NIOCore.ByteBuffer

/// What the component supports, in one list: what is not here is not announced, and what is here works.
enum Features {
    /// Each feature as service discovery names it (XEP-0030 §3.1). The list of other recipients (XEP-0033) is carried and
    /// not among them: who announces it is asked to deliver by it.
    static let all = [
        Names.discoveries,
        "http://jabber.org/protocol/disco#items",
        "urn:xmpp:ping",
        Names.cards,
        #"jid\20escaping"#,
        Names.chatStates,
        Names.receipts,
        Names.markers,
        Names.corrections,
        richText,
        "urn:xmpp:delay",
        nicks,
    ]

    /// What a client at the other end may support and what crosses on the way to it.
    private static let crossing = [
        Names.chatStates, Names.receipts, Names.markers, Names.corrections, richText, nicks,
        Names.idleNamespace,
    ]

    private static let richText = "http://jabber.org/protocol/xhtml-im"
    private static let nicks = "http://jabber.org/protocol/nick"

    /// The answer to a question for them.
    static let discoInfo = query(
        "<identity category='gateway' type='imx' name='IMX Aggregator'/>",
        all,
        node: nil
    )

    /// The answer to a question for what is beside the component, or below somebody.
    static let noItems = "<query xmlns='http://jabber.org/protocol/disco#items'/>"

    /// The answer to a question about somebody abroad. Of a client it says what that client is known to support, as far as
    /// it crosses; of an account, what is answered for it here.
    static func info(ofClient isClient: Bool, words: String?, node: ByteBuffer?) -> String {
        let known = Set((words ?? "").split(separator: " ").prefix(wordLimit).map(String.init))
        let features = isClient ? crossing.filter(known.contains).sorted() : [Names.cards]
        return query(
            "<identity category='account' type='registered'/>",
            [Names.discoveries] + features,
            node: node
        )
    }

    /// The most features of one client, and their octets.
    private static let wordLimit = 128
    private static let wordOctets = 4_096

    /// The features that an answer names, in order, as words between spaces.
    static func words(in query: XMLElement) -> String {
        var names: Set<String> = []
        var octets = 0
        for child in query.children where child.unknownLocalName == "feature" {
            guard let name = child.string(Names.variable), !name.isEmpty,
                !name.contains(where: \.isWhitespace),
                names.count < wordLimit, octets + name.utf8.count < wordOctets
            else { continue }
            octets += name.utf8.count + 1
            names.insert(name)
        }
        return names.sorted().joined(separator: " ")
    }

    private static func query(_ identity: String, _ features: [String], node: ByteBuffer?) -> String {
        var out = ByteBuffer(string: "<query xmlns='\(Names.discoveries)'")
        if let node {
            out.writeStaticString(" node='")
            out.writeXMLValue(node)
            out.writeStaticString("'")
        }
        out.writeString(
            ">" + identity + features.map { "<feature var='\($0)'/>" }.joined() + "</query>"
        )
        return String(buffer: out)
    }
}
