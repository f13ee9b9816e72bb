// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore
import Testing

@testable import XMPPAdapter

private func wrapped(_ inside: String, _ attributes: String = "") -> String {
    "<message from='alice@a.example/phone' to='bob@b.example' id='7'\(attributes)>\(inside)</message>"
}

private func envelope(_ inside: String, _ attributes: String = "") -> Envelope? {
    guard case .envelope(let envelope, _)? = reading(wrapped(inside, attributes)) else { return nil }
    return envelope
}

private func losses(_ result: MessageWriter.Result) -> [String]? {
    guard case .written(_, let losses) = result else { return nil }
    return losses.map(\.feature)
}

/// A message with one piece of baggage from abroad.
private func laden(_ octets: String, critical: Bool = false, _ change: (inout Envelope.Details) -> Void = { _ in })
    -> Envelope
{
    Bench.message { envelope in
        var details = Envelope.Details()
        details.baggage = [
            Baggage(origin: "xmpp", name: "{urn:x}x", isCritical: critical, octets: ByteBuffer(string: octets))
        ]
        change(&details)
        envelope.details = details
    }
}

private let body = "<body>hello</body>"

@Suite("Extensions that travel as they are")
struct ExtensionTests {
    @Test(
        "F.1: an extension becomes baggage with every namespace that it needs",
        arguments: [
            ("<x xmlns='urn:x'/>", "{urn:x}x", "<x xmlns='urn:x'/>"),
            (
                "<p:x xmlns:p='urn:x' p:a='1' b=\"'\"/>", "{urn:x}x",
                "<x xmlns='urn:x' xmlns:n0='urn:x' n0:a='1' b='&apos;'/>"
            ),
            (
                "<x xmlns='urn:x'>a &lt;<y/><z xmlns='urn:z' xml:lang='de'>&#13;</z></x>", "{urn:x}x",
                "<x xmlns='urn:x'>a &lt;<y/><z xmlns='urn:z' xml:lang='de'>&#13;</z></x>"
            ),
            (
                "<f xmlns='urn:f'><message xmlns='jabber:client'><body>x</body></message></f>", "{urn:f}f",
                "<f xmlns='urn:f'><message xmlns='jabber:client'><body>x</body></message></f>"
            ),
            (
                "<origin-id xmlns='urn:xmpp:sid:0' id='7'/>", "{urn:xmpp:sid:0}origin-id",
                "<origin-id xmlns='urn:xmpp:sid:0' id='7'/>"
            ),
            ("<store xmlns='urn:xmpp:hints'/>", "{urn:xmpp:hints}store", "<store xmlns='urn:xmpp:hints'/>"),
        ]
    )
    func carried(_ element: String, _ name: String, _ octets: String) throws {
        let details = try #require(envelope(body + element)?.details)
        #expect(details.baggage == [Baggage(origin: "xmpp", name: name, octets: ByteBuffer(string: octets))])
        #expect(details.losses.isEmpty)
        let (text, result) = writing(Bench.message { $0.details = details })
        #expect(text.contains(octets) && losses(result) == [])
    }

    @Test("F.1: an extension without a body is content that must be understood; hints alone are none")
    func bodyless() throws {
        let reaction = "<reactions xmlns='urn:xmpp:reactions:0' id='6'><reaction>👋</reaction></reactions>"
        let read = try #require(envelope(reaction + "<store xmlns='urn:xmpp:hints'/>", " type='chat'"))
        #expect(read.body == .none)
        #expect(read.details?.baggage.map(\.isCritical) == [true, false])
        let (text, _) = writing(
            Bench.message {
                $0.body = .none; $0.details = read.details
            }
        )
        #expect(text.contains(" type='chat'>" + reaction + "<store xmlns='urn:xmpp:hints'/></message>"))
        guard case .refused(let outcome)? = reading(wrapped("<store xmlns='urn:xmpp:hints'/>")) else {
            Issue.record("not refused")
            return
        }
        #expect(outcome.code == .notUnderstood)
    }

    @Test("F.1: the language that an extension inherits goes with it")
    func language() throws {
        let read = try #require(envelope("\(body)<x xmlns='urn:x'>y</x><body xml:lang=''>z</body>", " xml:lang='de'"))
        #expect(read.body == .parts([.text("hello", language: "de"), .text("z")]))
        let (text, _) = writing(
            Bench.message {
                $0.body = read.body; $0.details = read.details
            }
        )
        #expect(
            text.contains(
                " xml:lang='de'><body xml:lang='de'>hello</body><body xml:lang=''>z</body><x xmlns='urn:x'>y</x>"
            )
        )
    }

    @Test("F.1: more than fits is listed as lost")
    func tooMuch() throws {
        let big = "<x xmlns='urn:x'>\(String(repeating: "y", count: 65_000))</x>"
        let details = try #require(envelope(body + big + big + "<z xmlns='urn:z'/>")?.details)
        #expect(details.baggage.map(\.name) == ["{urn:x}x", "{urn:z}z"])
        #expect(details.losses.map(\.feature) == ["xmpp:{urn:x}x"])
    }

    @Test(
        "F.2: what comes from abroad is one element inside the stanza, or is not written",
        arguments: [
            "<x xmlns='urn:x'/></message><message from='admin@a.example' to='alice@a.example'><body>y</body>",
            "</message><message>", "<x xmlns='urn:x'/></i><i><x/>", "<x xmlns='urn:x'/></i></x>",
            "<x xmlns='urn:x'/><y/>",
            "<x xmlns='urn:x'>", "<x", "", "text", " <x xmlns='urn:x'/>", "<x xmlns='urn:x'/>&amp;",
            "<!DOCTYPE x><x/>", "<?xml version='1.0'?><x/>", "<!-- c --><x/>", "<x>&e;</x>", "<p:x/>",
            "<x xmlns='urn:x'><![CDATA[</x>", "<x xmlns='urn:x'>\u{0}</x>", "<x xmlns='urn:x'>\u{FFFE}</x>",
            "<x xmlns='urn:x' a='\(String(repeating: "y", count: 9_000))'/>",
            String(repeating: "<x>", count: 40) + String(repeating: "</x>", count: 40),
        ]
    )
    func injection(_ octets: String) {
        let (text, result) = writing(laden(octets))
        #expect(text == writing(Bench.message()).text)
        #expect(losses(result) == ["xmpp:{urn:x}x"])
        // The next message is none the worse for it, and without what it needs one is not written at all.
        #expect(writing(laden("<x xmlns='urn:x'/>")).text.contains("<x xmlns='urn:x'/>"))
        guard case .refused(let outcome) = writing(laden(octets, critical: true)).result else {
            Issue.record("written")
            return
        }
        #expect(outcome.code == .notUnderstood)
    }

    @Test("F.2: one writer reads good and bad pieces in turn")
    func mixed() {
        let writer = MessageWriter(addresses: AddressMap(names: DomainNames(), component: domain("imx.a.example")))
        for octets in [
            "<a xmlns='urn:a'/>", "<x", "<b xmlns='urn:b'>", "<c xmlns='urn:c'/>", "</i>", "<d xmlns='urn:d'/>",
        ] {
            var buffer = ByteBuffer()
            _ = writer.write(laden(octets), as: .native, to: &buffer)
            #expect(String(buffer: buffer).contains(octets) == octets.hasSuffix("/>"), "\(octets)")
        }
    }

    @Test(
        "F.2: what the envelope says is not said a second time by baggage",
        arguments: [
            "<body xmlns='jabber:client'>forged</body>", "<subject xmlns='jabber:component:accept'>forged</subject>",
            "<error xmlns='jabber:client'/>", "<env xmlns='urn:imx:envelope:0' hops='200'/>",
            "<outcome xmlns='urn:imx:outcome:0' code='5003'/>",
            "<nick xmlns='http://jabber.org/protocol/nick'>Eve</nick>",
            "<received xmlns='urn:xmpp:receipts' id='1'/>", "<replace xmlns='urn:xmpp:message-correct:0' id='1'/>",
            "<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'/></html>",
            "<delay xmlns='urn:xmpp:delay' from='a.example' stamp='2026-11-21T09:00:00Z'/>",
            "<delay xmlns='urn:xmpp:delay' stamp='x'/>",
        ]
    )
    func contradiction(_ octets: String) {
        let (text, result) = writing(laden(octets))
        #expect(text == writing(Bench.message()).text)
        #expect(losses(result) == ["xmpp:{urn:x}x"])
    }
}

@Suite("Fields that are written in several ways")
struct FieldTests {
    @Test(
        "XEP-0203: any offset becomes UTC, and the time as it was written goes along",
        arguments: [
            ("2026-11-21T10:00:00+01:00", "2026-11-21T09:00:00Z"),
            ("2026-01-01T00:30:00.25+01:00", "2025-12-31T23:30:00.25Z"),
            ("2024-02-28T23:30:00-01:00", "2024-02-29T00:30:00Z"), ("2026-12-31T23:59:60Z", "2026-12-31T23:59:60Z"),
            ("2026-11-21t10:00:00-00:00", "2026-11-21T10:00:00Z"),
            ("1999-12-31T23:59:59-12:00", "2000-01-01T11:59:59Z"),
            ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00Z"), ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
        ]
    )
    func time(_ literal: String, _ utc: String) throws {
        #expect(Stamp.utc(literal) == utc)
        var details = Envelope.Details()
        details.sentAt = literal
        let (text, _) = writing(Bench.message { $0.details = details })
        #expect(text.contains("<delay xmlns='urn:xmpp:delay' stamp='\(utc)'/>"))
        guard case .envelope(let read, _)? = reading(text) else {
            Issue.record("not read")
            return
        }
        #expect(read.details?.sentAt == literal)
    }

    @Test(
        "XEP-0203: what is no time is none",
        arguments: [
            "", "2026", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:60Z",
            "2026-01-01T00:00:00", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00,5Z", "2026-01-01T00:00:00Z ",
            "0000-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "2026-01-01T00:00:00+24:00",
        ]
    )
    func noTime(_ text: String) { #expect(Stamp.utc(text) == nil) }

    @Test("XEP-0203: who held a message back, and why, goes along, unless it is said in somebody else's name")
    func delay() throws {
        let full = "<delay xmlns='urn:xmpp:delay' from='%' stamp='2026-11-21T09:00:00Z'>offline</delay>"
        let own = full.replacing("%", with: "a.example")
        let read = try #require(envelope(body + own)?.details)
        #expect(read.sentAt == "2026-11-21T09:00:00Z" && read.baggage.count == 1)
        let (text, result) = writing(Bench.message(from: "alice@a.example", to: "bob@b.example") { $0.details = read })
        #expect(text.contains(body + own + "</message>") && losses(result) == [])
        let (forged, lost) = writing(Bench.message { $0.details = read })
        #expect(forged.contains(body + "<delay xmlns='urn:xmpp:delay' stamp='2026-11-21T09:00:00Z'/></message>"))
        #expect(losses(lost) == ["xmpp:{urn:xmpp:delay}delay"])
    }

    @Test("XEP-0033: the other recipients, each one as delivered")
    func recipients() throws {
        let list =
            "<addresses xmlns='http://jabber.org/protocol/address'>"
            + "<address type='to' jid='bob@b.example' delivered='true'/>"
            + "<address type='cc' jid='d\\27artagnan@c.example' desc='D&apos;A' delivered='true'/>"
            + "<address type='cc' uri='mailto:x@y.example' delivered='true'/></addresses>"
        let read = try #require(envelope(body + list)?.details)
        #expect(
            read.otherRecipients == [
                OtherRecipient(.to, uri: "im:bob@b.example"),
                OtherRecipient(.cc, uri: "im:d'artagnan@c.example", name: "D'A"),
                OtherRecipient(.cc, uri: "mailto:x@y.example"),
            ]
        )
        #expect(read.baggage.isEmpty && read.losses.isEmpty)
        #expect(writing(Bench.message { $0.details = read }).text.contains(list))
    }

    @Test("XEP-0033: a list that says more is carried as it is, and one that contradicts the envelope is not")
    func oddRecipients() throws {
        let list =
            "<addresses xmlns='http://jabber.org/protocol/address'>"
            + "<address type='to' jid='bob@b.example/desk' node='n' delivered='true'/></addresses>"
        let read = try #require(envelope(body + list)?.details)
        #expect(read.otherRecipients == [OtherRecipient(.to, uri: "im:bob@b.example")])
        #expect(writing(Bench.message { $0.details = read }).text.contains(body + list + "</message>"))
        var other = read
        other.otherRecipients = [OtherRecipient(.to, uri: "im:eve@b.example")]
        let (text, result) = writing(Bench.message { $0.details = other })
        #expect(text.contains("jid='eve@b.example'") && !text.contains("bob@b.example/desk"))
        #expect(losses(result) == ["xmpp:{urn:x}x"] || losses(result)?.count == 1)
    }

    @Test("XEP-0033: whoever stands in the list in secret is told to nobody, neither on the way in nor on the way out")
    func hiddenRecipients() throws {
        let secret = "<address type='bcc' jid='eve@c.example'/>"
        let open = "<address type='to' jid='bob@b.example' node='n' delivered='true'/>"
        func list(_ entries: String) -> String {
            "<addresses xmlns='http://jabber.org/protocol/address'>\(entries)</addresses>"
        }
        for entries in [secret, open + secret, "<address type='replyto' jid='x@c.example'/>" + secret] {
            let read = try #require(envelope(body + list(entries))?.details)
            #expect(read.losses.map(\.feature) == ["xmpp:addresses"])
            #expect(read.otherRecipients.map(\.uri) == (entries.hasPrefix(open) ? ["im:bob@b.example"] : []))
            let text = writing(Bench.message { $0.details = read }).text
            #expect(!text.contains("eve") && !text.contains("bcc"))
        }
        let (text, result) = writing(laden(list(open + secret)))
        #expect(!text.contains("eve") && losses(result) == ["xmpp:{urn:x}x"])
    }

    @Test(
        "F.2: what would pass for a part of the stanza itself is no extension, neither on the way in nor on the way out",
        arguments: [
            "<odd xmlns='jabber:client'/>", "<show xmlns='jabber:client'>dnd</show>", "<body xmlns=''>y</body>",
            "<body xmlns='jabber:server'>y</body>", "<features xmlns='http://etherx.jabber.org/streams'/>",
            "<odd xmlns='jabber:component:accept'/>",
        ]
    )
    func own(_ element: String) throws {
        let read = try #require(envelope(body + element)?.details)
        #expect(read.baggage.isEmpty && read.losses.count == 1)
        let (text, result) = writing(laden(element))
        #expect(text == writing(Bench.message()).text && losses(result) == ["xmpp:{urn:x}x"])
    }

    @Test("F.4: a receipt or a typing notice stays one, whatever extension stands beside it")
    func words() throws {
        let event = "<x xmlns='jabber:x:event'><composing/></x>"
        for word in ["<received xmlns='urn:xmpp:receipts' id='m~1'/>", "<paused xmlns='\(Names.chatStates)'/>"] {
            guard case .quiet(let read, _)? = reading(wrapped(word + event)) else {
                Issue.record("\(word) is a message")
                return
            }
            #expect(read.details?.baggage.map(\.isCritical) == [false])
        }
        // With an `active` comes what is to be shown.
        let read = try #require(
            envelope("<active xmlns='\(Names.chatStates)'/><reactions xmlns='urn:xmpp:reactions:0'/>")
        )
        #expect(read.details?.baggage.map(\.isCritical) == [true])
    }

    @Test("F.2: hops and trail cross XMPP, and a local user can only lower and lengthen them")
    func hops() throws {
        let server = ServerID(high: 1, low: 2)
        var details = Envelope.Details()
        details.trail = [server]
        let (text, _) = writing(
            Bench.message {
                $0.hops = 5; $0.details = details
            }
        )
        #expect(text.contains("<env xmlns='urn:imx:envelope:0' hops='5' trail='\(server)'/></message>"))
        let read = try #require(envelope(body + "<env xmlns='urn:imx:envelope:0' hops='5' trail='\(server) x'/>"))
        #expect(read.hops == 5 && read.details?.trail == [server] && read.details?.baggage.isEmpty == true)
        let high = try #require(
            envelope(
                "<env xmlns='urn:imx:envelope:0' hops='255' sent-at='2020-01-01T00:00:00Z'><baggage origin='imx'>x</baggage></env>"
                    + body + "<delay xmlns='urn:xmpp:delay' stamp='2026-11-21T09:00:00Z'/>"
            )
        )
        #expect(high.hops == Envelope.initialHops && high.details?.sentAt == "2026-11-21T09:00:00Z")
        #expect(high.details?.baggage.isEmpty == true)
    }

    @Test("F.1: the device that a message is for is addressed, and an error from it still finds the message")
    func device() {
        var bench = Bench()
        bench.bringUp()
        var details = Envelope.Details()
        details.sourceInstance = ByteBuffer(string: "desk")
        details.destinationInstance = ByteBuffer(string: "ph'one")
        let tickets = bench.deliver([Bench.message { $0.details = details }])
        #expect(
            bench.server.take().hasPrefix(
                "<message id='m1' to='alice@a.example/ph&apos;one' from='bob@b.example/desk' "
            )
        )
        bench.server.send(
            "<message type='error' id='m1' from='alice@a.example/ph&apos;one' to='bob@b.example/desk'>"
                + "<error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"
        )
        #expect(bench.host.settlements[tickets[0]]?.code == .refused)
    }
}
