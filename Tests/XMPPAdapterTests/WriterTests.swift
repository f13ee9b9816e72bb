// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore
import Testing

@testable import XMPPAdapter

private func losses(_ result: MessageWriter.Result) -> [String]? {
    guard case .written(_, let losses) = result else { return nil }
    return losses.map(\.feature)
}

private func refusal(_ result: MessageWriter.Result) -> OutcomeCode? {
    guard case .refused(let outcome) = result else { return nil }
    return outcome.code
}

@Suite("Message stanzas are written")
struct WriterTests {
    @Test("RFC3922 F.2: the plainest message")
    func plain() {
        let (text, result) = writing(Bench.message("a < b & c"))
        #expect(
            text == "<message id='m1' to='alice@a.example' from='bob@b.example' type='chat'>"
                + "<body>a &lt; b &amp; c</body></message>"
        )
        #expect(losses(result) == [])
    }

    @Test("XEP-0106: the sender in the escaped form")
    func escaped() {
        let (text, _) = writing(Bench.message(), as: .escaped)
        #expect(text.hasPrefix("<message id='m1' to='alice@a.example' from='bob\\40b.example@imx.a.example' type="))
    }

    @Test("RFC3922 F.2: everything that a stanza can hold is written, and read back")
    func everything() throws {
        var details = Envelope.Details()
        details.subjects = [LocalizedText("S&", language: nil), LocalizedText("T", language: "de")]
        details.thread = MessageThread(id: "t<", parent: "p'")
        details.messageType = "headline"
        details.sourceInstance = ByteBuffer(string: "ph'one")
        details.sourceName = DisplayName("Bob <b>")
        details.sentAt = "2026-11-21T09:00:00.5Z"
        let (text, result) = writing(
            Bench.message { envelope in
                envelope.body = .parts([.text("x"), .text("ü\u{1F600}", language: "de")])
                envelope.details = details
            }
        )
        #expect(losses(result) == [])
        #expect(
            text == "<message id='m1' to='alice@a.example' from='bob@b.example/ph&apos;one' type='headline'>"
                + "<body>x</body><body xml:lang='de'>ü\u{1F600}</body><subject>S&amp;</subject>"
                + "<subject xml:lang='de'>T</subject><thread parent='p&apos;'>t&lt;</thread>"
                + "<nick xmlns='http://jabber.org/protocol/nick'>Bob &lt;b&gt;</nick>"
                + "<delay xmlns='urn:xmpp:delay' stamp='2026-11-21T09:00:00.5Z'/></message>"
        )
        guard case .envelope(let read, _) = reading(text) else {
            Issue.record("not read back")
            return
        }
        #expect(read.details == details)
        #expect(read.body == .parts([.text("x"), .text("ü\u{1F600}", language: "de")]))
    }

    @Test("RFC3922 F.2: characters that XML cannot hold are replaced and listed")
    func illegal() {
        let (text, result) = writing(Bench.message("a\u{0}b\u{1F}\u{FFFF}"))
        #expect(text.contains("<body>a\u{FFFD}b\u{FFFD}\u{FFFD}</body>"))
        #expect(losses(result) == ["body"])
    }

    @Test(
        "RFC2046 4.1.1: lines end with LF in XMPP",
        arguments: [
            ("a\r\nb\r\n", "a\nb\n"), ("a\rb", "a&#13;b"), ("a\r\r\nb\r", "a&#13;\nb&#13;"), ("a\nb", "a\nb"),
        ]
    )
    func lineEnds(_ text: String, _ expected: String) {
        #expect(writing(Bench.message(text)).text.contains("<body>\(expected)</body>"))
    }

    @Test(
        "RFC3922 F.2: content by its type",
        arguments: [
            ("text/plain", [0x61, 0xC3, 0xBC], "aü"), ("Text/Plain; charset=\"UTF-8\"", [0xC3, 0xBC], "ü"),
            ("text/plain; format=flowed; charset=us-ascii", [0x61], "a"),
            ("text/plain;charset=ISO-8859-1", [0x61, 0xFC], "aü"), ("text/plain", [0xFF], "\u{FFFD}"),
        ]
    )
    func types(_ type: String, _ octets: [UInt8], _ expected: String) {
        let part = BodyPart(mediaType: type, octets: ByteBuffer(bytes: octets))
        #expect(writing(Bench.message { $0.body = .parts([part]) }).text.contains("<body>\(expected)</body>"))
    }

    @Test("RFC3922 F.2: a MIME entity is read")
    func entity() {
        let raw = "Content-Type: text/plain; charset=utf-8\r\nContent-Language: de\r\n\r\nGrüße"
        let (text, _) = writing(Bench.message { $0.body = .entity(ByteBuffer(string: raw)) })
        #expect(text.contains("<body xml:lang='de'>Grüße</body>"))
    }

    @Test("RFC3922 F.2: what stands beside a text is listed as lost")
    func beside() {
        let html = BodyPart(mediaType: "text/html", octets: ByteBuffer(string: "<b>x</b>"))
        let (text, result) = writing(Bench.message { $0.body = .parts([html, .text("x"), .text("again")]) })
        #expect(text.contains("<body>x</body></message>"))
        #expect(losses(result) == ["body", "body"])
    }

    @Test("RFC3922 F.2, RFC2779 5.4.8: what XMPP cannot show is refused, and nothing is written")
    func refused() {
        let image = BodyPart(mediaType: "image/png", octets: ByteBuffer(bytes: [1]), isOpaque: true)
        let signed = BodyPart(mediaType: BodyPart.plainText, octets: ByteBuffer(string: "x"), isOpaque: true)
        let cases: [(Envelope, OutcomeCode)] = [
            (Bench.message { $0.body = .none }, .notUnderstood), (Bench.message(""), .notUnderstood),
            (Bench.message { $0.body = .parts([image]) }, .notAcceptable),
            (Bench.message { $0.body = .parts([signed]) }, .notAcceptable),
            (
                Bench.message {
                    $0.body = .parts([BodyPart(mediaType: "text/plain; charset=koi8-r", octets: ByteBuffer(bytes: [1]))]
                    )
                }, .notAcceptable
            ),
            (Bench.message(to: " fred@a.example"), .addressInvalid),
            (Bench.message(from: "♚@b.example"), .addressInvalid),
            (
                Bench.message {
                    var details = Envelope.Details()
                    details.baggage = [Baggage(origin: "imx", name: "99", isCritical: true, octets: ByteBuffer())]
                    $0.details = details
                }, .notUnderstood
            ),
        ]
        for (envelope, code) in cases {
            let (text, result) = writing(envelope)
            #expect(refusal(result) == code)
            #expect(text.isEmpty)
        }
    }

    @Test(
        "RFC6120 13.12: a message that swells to more than a stanza may be is refused alone, and nothing of it is written"
    )
    func swelling() {
        let writer = MessageWriter(addresses: AddressMap(names: DomainNames(), component: domain("imx.a.example")))
        var buffer = ByteBuffer(string: "before")
        // Four octets for one: within every bound of an envelope, and beyond that of a stanza.
        let result = writer.write(Bench.message(String(repeating: ">", count: 65_536)), as: .native, to: &buffer)
        #expect(refusal(result) == .tooLarge && String(buffer: buffer) == "before")
        let less = writer.write(Bench.message(String(repeating: ">", count: 65_000)), as: .native, to: &buffer)
        #expect(losses(less) == [] && buffer.readableBytes <= MessageWriter.stanzaLimit + 6)
        // Octets of an extension swell alike.
        let swollen = Bench.message { envelope in
            var details = Envelope.Details()
            details.baggage = [
                Baggage(
                    origin: "xmpp",
                    name: "x",
                    octets: ByteBuffer(string: "<x xmlns='urn:x'>\(String(repeating: ">", count: 100_000))</x>")
                )
            ]
            envelope.details = details
        }
        #expect(refusal(writer.write(swollen, as: .native, to: &buffer)) == .tooLarge)
    }

    @Test("RFC3922 F.2: what few envelopes have and XMPP lacks is listed as lost")
    func unknown() {
        var details = Envelope.Details()
        details.messageType = "groupchat"
        details.sourceInstance = ByteBuffer(bytes: [0x20])
        details.nativeID = ByteBuffer(string: "n")
        details.sentAt = "yesterday"
        details.attributes = [Attribute("mood", value: ByteBuffer(string: "good"))]
        details.baggage = [Baggage(origin: "imx", name: "12", octets: ByteBuffer())]
        let (text, result) = writing(Bench.message { $0.details = details })
        #expect(text.contains(" from='bob@b.example' type='normal'>"))
        #expect(
            Set(losses(result) ?? []) == [
                "message-type", "instance", "native-id", "sent-at", "attributes", "imx:12",
            ]
        )
    }

    @Test(
        "RFC3922 F.2: any message identifier comes back from a stanza's id",
        arguments: [
            [0x61], [0x20], Array("<'&\">".utf8), [0, 1, 255], Array("imx-hex-41".utf8),
            Array(repeating: 0xFE, count: 255),
        ]
    )
    func identifiers(_ octets: [UInt8]) throws {
        let id = MessageID(unchecked: ByteBuffer(bytes: octets))
        var written = ByteBuffer()
        StanzaID.write(id, to: &written)
        let text = String(buffer: written).replacing("&lt;", with: "<").replacing("&apos;", with: "'")
            .replacing("&quot;", with: "\"").replacing("&gt;", with: ">").replacing("&amp;", with: "&")
        #expect(StanzaID.messageID(ByteBuffer(string: text)) == id)
    }
}

@Suite("Plain MIME entities are read at once")
struct PlainEntityTests {
    private static let start = "From: a@b\r\nTo: c@d\r\nContent-Type: text/plain; charset=utf-8\r\n"

    @Test(
        "IMX 5.1: the commonest entity and its near misses",
        arguments: [
            (start + "\r\ntext", "<body>text</body>"), (start + "\r\na\r\nb", "<body>a\nb</body>"),
            (start + "Content-Language: de\r\n\r\ntext", "<body xml:lang='de'>text</body>"),
            (start + "X-Other: 1\r\n\r\ntext", "<body>text</body>"),
            (start + " ; format=flowed\r\n\r\ntext", "<body>text</body>"),
            (
                "From: a@b\r\n folded\r\nTo: c@d\r\nContent-Type: text/plain; charset=utf-8\r\n\r\ntext",
                "<body>text</body>"
            ),
            (
                "From: a@b\r\nTo: c@d\r\nContent-Type: text/plain; charset=utf-8\r\n"
                    + "Content-Transfer-Encoding: base64\r\n\r\ndGV4dA==", "<body>text</body>"
            ),
            (
                start + "Content-Language: de\r\nContent-Transfer-Encoding: base64\r\n\r\ndGV4dA==",
                "<body xml:lang='de'>text</body>"
            ),
        ]
    )
    func shapes(_ entity: String, _ expected: String) {
        let (text, result) = writing(Bench.message { $0.body = .entity(ByteBuffer(string: entity)) })
        #expect(text.contains(">" + expected + "</message>"), "\(text) \(result)")
    }

    @Test(
        "IMX 5.1: an entity without content, or cut short, is refused",
        arguments: [start + "\r\n", start, "From: a", "", "\r\n"]
    )
    func refused(_ entity: String) {
        guard case .refused = writing(Bench.message { $0.body = .entity(ByteBuffer(string: entity)) }).result else {
            Issue.record("taken")
            return
        }
    }
}
