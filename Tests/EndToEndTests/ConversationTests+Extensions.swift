// SPDX-License-Identifier: Apache-2.0
import Testing

private let states = "http://jabber.org/protocol/chatstates"
private let receipts = "urn:xmpp:receipts"
private let markers = "urn:xmpp:chat-markers:0"
private let corrections = "urn:xmpp:message-correct:0"
private let nick = "http://jabber.org/protocol/nick"
private let xhtml = "http://jabber.org/protocol/xhtml-im"

extension EndToEnd.ConversationTests {
    @Test(
        "XEP-0085, XEP-0184, XEP-0308, XEP-0333, XEP-0071, F.4: typing, receipts, corrections, names and rich text cross both servers and both aggregators",
        arguments: [true, false]
    )
    func extensions(_ fromProsody: Bool) async throws {
        let (bed, alice, bob) = try await pair("extensions", fromProsody: fromProsody)
        defer { bed.stop() }

        try alice.send(
            XMPPClient.Message(
                to: bob.jid,
                body: "helo",
                type: "chat",
                id: "first",
                extensions: [
                    "<active xmlns='\(states)'/>", "<request xmlns='\(receipts)'/>", "<markable xmlns='\(markers)'/>",
                    "<nick xmlns='\(nick)'>Alice L.</nick>", "<x xmlns='urn:example:extension' a='1'><y/></x>",
                    "<html xmlns='\(xhtml)'><body xmlns='http://www.w3.org/1999/xhtml'><strong>helo</strong></body></html>",
                ]
            )
        )
        let came = try await bob.message("helo")
        let children = try #require(came.extensions)
        for name in ["{\(states)}active", "{\(receipts)}request", "{\(markers)}markable"] {
            #expect(children[name] != nil, "\(name) in \(children)")
        }
        #expect(children["{\(nick)}nick"]?.contains("Alice L.") == true)
        #expect(children["{\(xhtml)}html"]?.contains("strong") == true)
        #expect(children["{urn:example:extension}x"]?.contains("y") == true)
        let (partner, id) = (try #require(came.from), try #require(came.id))

        // Bob's client types, tells that the message came, and that it was read.
        for word in [
            "<composing xmlns='\(states)'/>", "<received xmlns='\(receipts)' id='\(id)'/>",
            "<displayed xmlns='\(markers)' id='\(id)'/>",
        ] {
            try bob.send(XMPPClient.Message(to: partner, type: "chat", extensions: [word]))
        }
        let typing = try await alice.message(holding: "{\(states)}composing")
        #expect(typing.body == nil && typing.from?.hasPrefix(bob.jid) == true)
        for name in ["{\(receipts)}received", "{\(markers)}displayed"] {
            let word = try await alice.message(holding: name)
            #expect(word.extensions?[name]?.contains("\"first\"") == true, "\(word)")
        }

        try alice.send(
            XMPPClient.Message(
                to: bob.jid,
                body: "hello",
                type: "chat",
                id: "second",
                extensions: ["<replace xmlns='\(corrections)' id='first'/>"]
            )
        )
        let corrected = try await bob.message("hello")
        #expect(corrected.extensions?["{\(corrections)}replace"]?.contains("\"\(id)\"") == true, "\(corrected)")
        let errors = try alice.events().filter { $0.event == "error" } + bob.events().filter { $0.event == "error" }
        #expect(errors.isEmpty, "\(errors)")
    }

    /// What is too much, or means nothing abroad, and how its sender hears of it.
    private static let uncarried: [(type: String, length: Int, condition: String)] = [
        ("groupchat", 10, "feature-not-implemented"), ("chat", 100_000, "policy-violation"),
    ]

    @Test(
        "F.4, F.6, RFC2779 4.2.1: who sends what cannot be carried is told so, and what comes behind it arrives",
        arguments: [true, false]
    )
    func uncarried(_ fromProsody: Bool) async throws {
        let (bed, alice, bob) = try await pair("uncarried", fromProsody: fromProsody)
        defer { bed.stop() }
        for (type, length, condition) in Self.uncarried {
            let body = String(repeating: "x", count: length)
            try alice.send(XMPPClient.Message(to: bob.jid, body: body, type: type, id: condition))
            let error = try await alice.error(about: condition)
            #expect(error.condition == condition && error.text?.isEmpty == false, "\(error)")
        }
        try alice.send("small talk", to: bob.jid)
        _ = try await bob.message("small talk")
        #expect(try bob.events().count { $0.event == "message" } == 1)
    }

    /// Two people on the two servers: the one who writes first, and the other.
    private func pair(_ name: String, fromProsody: Bool) async throws -> (Bed, XMPPClient, XMPPClient) {
        let bed = try await Bed(name)
        let alice = try await XMPPClient("alice", at: bed.prosody, in: bed.scratch)
        let bob = try await XMPPClient("bob", at: bed.ejabberd, in: bed.scratch)
        return fromProsody ? (bed, alice, bob) : (bed, bob, alice)
    }
}
