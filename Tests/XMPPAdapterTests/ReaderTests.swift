// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore
import Testing

@testable import XMPPAdapter

private func envelope(_ stanza: String, language: String? = nil) -> Envelope? {
    guard case .envelope(let envelope, _) = reading(stanza, language: language) else { return nil }
    return envelope
}

private func outcome(_ stanza: String) -> Outcome? {
    guard case .refused(let outcome) = reading(stanza) else { return nil }
    return outcome
}

private let pair = "from='alice@a.example/phone' to='bob@b.example'"

@Suite("Message stanzas are read")
struct ReaderTests {
    @Test("RFC3922 F.1: everything that an envelope carries is read")
    func everything() throws {
        let read = try #require(
            envelope(
                """
                <message from='alice@a.example/phone' to='bob@b.example/desk' id='7' type='chat' xml:lang='en'>\
                <subject>Hi</subject><subject xml:lang='de'>Hallo</subject><body>a &lt; b\n&#x1F600;</body>\
                <body xml:lang='de'>ä</body><thread parent='p'>t</thread>\
                <nick xmlns='http://jabber.org/protocol/nick'>Alice L.</nick>\
                <delay xmlns='urn:xmpp:delay' stamp='2026-11-21T09:00:00Z'/></message>
                """
            )
        )
        #expect(read.source == address("alice@a.example"))
        #expect(read.destination == address("bob@b.example"))
        #expect(read.messageID == identifier("7~1"))
        #expect(read.body == .parts([.text("a < b\n😀", language: "en"), .text("ä", language: "de")]))
        let details = try #require(read.details)
        #expect(details.subjects == [LocalizedText("Hi", language: "en"), LocalizedText("Hallo", language: "de")])
        #expect(details.thread == MessageThread(id: "t", parent: "p"))
        #expect(details.messageType == nil)
        #expect(details.sourceInstance == ByteBuffer(string: "phone"))
        #expect(details.destinationInstance == ByteBuffer(string: "desk"))
        #expect(details.sourceName == DisplayName("Alice L."))
        #expect(details.sentAt == "2026-11-21T09:00:00Z")
        #expect(details.losses.isEmpty)
    }

    @Test(
        "RFC6120 4.7.4: the language is inherited from the stanza and from the stream",
        arguments: [
            ("<message \(pair)><body>x</body></message>", nil, nil as String?),
            ("<message \(pair)><body>x</body></message>", "fr", "fr"),
            ("<message \(pair) xml:lang='de'><body>x</body></message>", "fr", "de"),
            ("<message \(pair) xml:lang='de'><body xml:lang='it'>x</body></message>", "fr", "it"),
        ]
    )
    func language(_ stanza: String, _ stream: String?, _ expected: String?) {
        #expect(envelope(stanza, language: stream)?.body == .parts([.text("x", language: expected)]))
    }

    @Test(
        "RFC6121 5.2.2: the type of a message",
        arguments: [
            ("", "normal"), (" type='normal'", "normal"), (" type='chat'", nil), (" type='headline'", "headline"),
            (" type='new'", "normal"),
        ]
    )
    func type(_ attribute: String, _ expected: String?) {
        let read = envelope("<message \(pair)\(attribute)><body>x</body></message>")
        #expect(read != nil)
        #expect(read?.details?.messageType == expected)
    }

    @Test(
        "RFC3922 F.1: what is no message is refused",
        arguments: [
            ("<message \(pair) type='groupchat'><body>x</body></message>", OutcomeCode.notUnderstood),
            ("<message \(pair)/>", .notUnderstood), ("<message \(pair)><body/></message>", .notUnderstood),
            ("<message \(pair)><subject>only</subject></message>", .notUnderstood),
            ("<message from='a.example' to='bob@b.example'><body>x</body></message>", .addressInvalid),
            ("<message from='alice@a.example'><body>x</body></message>", .addressInvalid),
            ("<message from='alice@a.example' to='@b'><body>x</body></message>", .addressInvalid),
            ("<message from='alice@a.example' to='imx.a.example'><body>x</body></message>", .noSuchUser),
            ("<message from='alice@a.example' to='bob@imx.a.example'><body>x</body></message>", .noSuchUser),
            (
                "<message \(pair)><body>x</body><subject>\(String(repeating: "s", count: 1_025))</subject></message>",
                .tooLarge
            ),
        ]
    )
    func refused(_ stanza: String, _ code: OutcomeCode) {
        #expect(outcome(stanza)?.code == code)
    }

    @Test(
        "RFC3922 F.1: what names nobody, or no message, is dropped",
        arguments: [
            ("<message \(pair)><received xmlns='urn:xmpp:receipts'/></message>", MessageReading.DropKind.report),
            ("<message \(pair)><displayed xmlns='urn:xmpp:chat-markers:0' id=''/></message>", .report),
            ("<message \(pair)><received xmlns='urn:xmpp:receipts' id='imx-hex-4'/></message>", .report),
            ("<message to='bob@b.example'><body>x</body></message>", .malformed),
            ("<message from='@' to='bob@b.example'><body>x</body></message>", .malformed),
            ("<message from='alice@a.example' to='bob@b.example' type='error'/>", .malformed),
        ]
    )
    func dropped(_ stanza: String, _ kind: MessageReading.DropKind) {
        guard case .dropped(let found) = reading(stanza) else {
            Issue.record("not dropped")
            return
        }
        #expect(found == kind)
    }

    @Test("RFC3922 F.1: what is not carried is listed as lost")
    func losses() {
        let read = envelope(
            """
            <message \(pair) id='\(String(repeating: "i", count: 1_025))'><body>x</body><body>y</body>\
            <replace xmlns='urn:xmpp:message-correct:0' id='1'/><delay xmlns='urn:xmpp:delay' stamp='today'/>\
            <html xmlns='http://jabber.org/protocol/xhtml-im'><head/></html><received xmlns='urn:xmpp:receipts' id='9'/>\
            <body xml:lang='?'>z</body></message>
            """
        )
        #expect(
            read?.details?.losses.map(\.feature).sorted() == [
                "xmpp:body", "xmpp:body", "xmpp:delay", "xmpp:id", "xmpp:lang", "xmpp:receipt", "xmpp:replace",
                "xmpp:xhtml-im",
            ]
        )
    }

    @Test("RFC3922 F.1: the list of losses is bounded")
    func manyLosses() {
        let many = (0..<100).map { "<x xmlns='urn:\($0)'/>" }.joined()
        #expect(envelope("<message \(pair)><body>x</body>\(many)</message>")?.details?.losses.count == 17)
    }

    @Test(
        "RFC3922 F.1: an id that people cannot read is kept beside",
        arguments: ["ü", "a b", String(repeating: "i", count: 65)]
    )
    func nativeID(_ id: String) {
        let read = envelope("<message \(pair) id='\(id)'><body>x</body></message>")
        #expect(read?.messageID == identifier("~1"))
        #expect(read?.details?.nativeID == ByteBuffer(string: id))
    }

    @Test("XEP-0106: a message to the escaped form")
    func escapedForm() {
        let stanza =
            "<message from='d\\27artagnan@a.example' to='bob\\40b.example@imx.a.example/r'><body>x</body></message>"
        guard case .envelope(let read, let form) = reading(stanza) else {
            Issue.record("not read")
            return
        }
        #expect(form == .escaped)
        #expect(read.source == address("d'artagnan@a.example"))
        #expect(read.destination == address("bob@b.example"))
        #expect(read.details?.destinationInstance == ByteBuffer(string: "r"))
    }
}
