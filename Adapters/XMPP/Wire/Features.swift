// SPDX-License-Identifier: Apache-2.0

/// What the component supports, in one list: what is not here is not announced, and what is here works.
enum Features {
    /// Each feature as service discovery names it (XEP-0030 §3.1).
    static let all = [
        "http://jabber.org/protocol/disco#info",
        "urn:xmpp:ping",
        #"jid\20escaping"#,
        Names.chatStates,
        Names.receipts,
        Names.markers,
        Names.corrections,
        "http://jabber.org/protocol/xhtml-im",
        "urn:xmpp:delay",
        "http://jabber.org/protocol/nick",
    ]

    /// The answer to a question for them.
    static let discoInfo: String = {
        let features = all.map { "<feature var='\($0)'/>" }.joined()
        return "<query xmlns='http://jabber.org/protocol/disco#info'>"
            + "<identity category='gateway' type='imx' name='IMX Aggregator'/>\(features)</query>"
    }()
}
