// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import NIOCore
import Testing

@testable import XMPPAdapter

/// What attributes were told, by their keys: the value, or the status.
private final class Told {
    private(set) var calls = 0
    private(set) var attributes: [Attribute] = []

    func take(_ found: [Attribute]) {
        calls += 1
        attributes = found
    }

    subscript(key: String) -> String? {
        attributes.first { $0.key == key }.flatMap { $0.text ?? $0.status?.description }
    }
}

extension PresenceBench {
    fileprivate func ask(_ keys: [String], for requester: Address = bob) -> Told {
        let told = Told()
        bench.adapter.attributes(
            of: alice,
            for: requester,
            keys: keys,
            by: host.now + .seconds(10),
            answer: told.take
        )
        return told
    }

    /// The id of the question that was written last, and to whom.
    fileprivate func question() -> (id: String, text: String) {
        let text = server.take()
        let id = text.split(separator: "id='imx-ask-").last?.prefix { $0 != "'" } ?? ""
        return ("imx-ask-\(id)", text)
    }
}

@Suite("Attributes of users here")
struct AttributeTests {
    private static let card =
        "<vCard xmlns='vcard-temp'><FN>Alice A.</FN><NICKNAME>Ally; &amp; co</NICKNAME><PHOTO><BINVAL>AAAA</BINVAL>"
        + "</PHOTO><TEL><NUMBER>123</NUMBER></TEL></vCard>"

    private func answer(
        _ id: String,
        _ content: String,
        from: String = "alice@a.example",
        type: String = "result"
    ) -> String {
        "<iq type='\(type)' id='\(id)' from='\(from)' to='imx.a.example'>\(content)</iq>"
    }

    @Test(
        "RFC2779 3.1.6, F.4, XEP-0054: the name and the card of a user are those that the server has, asked once"
    )
    func card() {
        let bench = PresenceBench()
        let told = bench.ask(["alias", "vcard", "a.example/made-up"])
        let (id, text) = bench.question()
        #expect(
            text
                == "<iq type='get' id='\(id)' from='imx.a.example' to='alice@a.example'><vCard xmlns='vcard-temp'/></iq>"
        )
        #expect(told.calls == 0)
        // Whoever else asks meanwhile waits for the same answer, and only the server's own counts.
        let other = bench.ask(["alias"])
        #expect(bench.question().text.isEmpty)
        _ = bench.receive(answer(id, AttributeTests.card, from: "eve@a.example"))
        _ = bench.receive(answer(id, AttributeTests.card, from: "alice@a.example/x"))
        #expect(told.calls == 0 && bench.host.counts == [.strayAnswer: 2])
        _ = bench.receive(answer(id, AttributeTests.card))
        #expect(told.calls == 1 && told["alias"] == "Ally; & co" && told["a.example/made-up"] == "5003")
        #expect(other["alias"] == "Ally; & co")
        #expect(
            told["vcard"]
                == "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Alice A.\r\nNICKNAME:Ally\\; & co\r\nEND:VCARD\r\n"
        )
        #expect(told.attributes.first { $0.key == "vcard" }?.type == "text/vcard")
        // It is good for an hour.
        bench.host.advance(by: .seconds(3_000))
        _ = bench.server.take()
        #expect(bench.ask(["alias"])["alias"] == "Ally; & co")
    }

    @Test(
        "F.4: a nickname of the user's own comes before the card, and the name on the card behind that on it"
    )
    func alias() {
        let bench = PresenceBench()
        let told = bench.ask(["alias"])
        _ = bench.receive(
            answer(bench.question().id, "<vCard xmlns='vcard-temp'><FN>Alice A.</FN></vCard>")
        )
        #expect(told["alias"] == "Alice A.")
        _ = bench.receive(
            stanza(type: "subscribe", content: "<nick xmlns='http://jabber.org/protocol/nick'>Al</nick>")
        )
        #expect(bench.ask(["alias"])["alias"] == "Al")
    }

    @Test("IMX 2.5d: who has no card, and a server that does not answer, give no name")
    func nothing() {
        let bench = PresenceBench()
        let none = bench.ask(["alias", "vcard"])
        let error = "<error type='cancel'><item-not-found xmlns='\(Names.stanzas)'/></error>"
        _ = bench.receive(answer(bench.question().id, error, type: "error"))
        #expect(none["alias"] == "5003" && none["vcard"] == "5003")
        let silent = PresenceBench()
        let told = silent.ask(["alias"])
        _ = silent.wait(5)
        #expect(told.calls == 1 && told["alias"] == "4001")
        // Nor does it wait for a link that is lost.
        let cut = PresenceBench()
        let lost = cut.ask(["alias"])
        cut.server.cut()
        #expect(lost.calls == 1 && lost["alias"] == "4001" && cut.ask(["alias"]).calls == 1)
    }

    @Test("I.1.3: what is taken, and how much, is told at once and whether the user is there or not")
    func fixed() {
        let bench = PresenceBench()
        let keys = ["message.types", "message.max-octets", "presence", "ua.capabilities"]
        let away = bench.ask(keys)
        #expect(away["presence"] == "closed" && away["ua.capabilities"] == "4001")
        #expect(
            away["message.types"]?.contains("text/html-lite") == true
                && away["message.max-octets"] == "65536"
        )
        _ = bench.receive(stanza())
        let there = bench.ask(keys)
        let (id, text) = bench.question()
        #expect(
            text.contains(
                "to='alice@a.example/desk'><query xmlns='http://jabber.org/protocol/disco#info'/>"
            )
        )
        let features = ["urn:b", "http://jabber.org/protocol/chatstates", "urn:b"].map {
            "<feature var='\($0)'/>"
        }.joined()
        _ = bench.receive(
            answer(
                id,
                "<query xmlns='http://jabber.org/protocol/disco#info'>\(features)</query>",
                from: "alice@a.example/desk"
            )
        )
        #expect(there["presence"] == "open")
        #expect(there["ua.capabilities"] == "http://jabber.org/protocol/chatstates urn:b")
        #expect(there.attributes.first { $0.key == "presence" }?.seconds == nil)
        #expect(there["message.types"] == away["message.types"])
        // Of what each one may see, nobody sees what another does.
        #expect(bench.ask(["presence"], for: address("eve@b.example"))["presence"] == "closed")
    }

    @Test("IMX 2.5d: without keys all that there are, and none that there are not")
    func all() {
        let bench = PresenceBench()
        let told = bench.ask([])
        _ = bench.receive(answer(bench.question().id, "<vCard xmlns='vcard-temp'><FN>A</FN></vCard>"))
        #expect(
            told.attributes.map(\.key) == [
                "alias", "presence", "vcard", "message.types", "message.max-octets",
            ]
        )
    }

    @Test("IMX 2.5d: no more questions wait than are bounded")
    func bounded() {
        var questions = ServerQuestions()
        var answered = 0
        func count(_ step: ServerQuestions.Step) {
            if case .done(.silence) = step { answered += 1 }
        }
        for number in 0..<2_000 {
            let question = ServerQuestion.card(address("u\(number)@a.example"))
            count(questions.put(question, now: Instant(nanoseconds: 1), hasLink: true) { _ in })
        }
        for _ in 0..<200 {
            count(questions.put(.card(address("u1@a.example")), now: Instant(nanoseconds: 1), hasLink: true) { _ in })
        }
        #expect(questions.count == 1_024 && answered == 976 + 200 - 63)
    }
}

@Suite("Questions about people abroad")
struct ForeignQuestionTests {
    private func request(_ content: String, to: String = "bob@b.example") -> String {
        "<iq type='get' id='q1' from='alice@a.example/desk' to='\(to)'>\(content)</iq>"
    }

    private let card = "<vCard xmlns='vcard-temp'/>"
    private let info = "<query xmlns='http://jabber.org/protocol/disco#info'/>"

    /// Asks, has it answered with these attributes, and returns what is written.
    private func ask(_ content: String, to: String = "bob@b.example", _ attributes: [Attribute]) -> (
        keys: [String], text: String
    ) {
        let bench = Bench()
        bench.bringUp()
        bench.server.send(request(content, to: to))
        guard let submission = bench.host.submissions.first,
            case .getAttributes(let keys) = submission.envelope.operation
        else { return ([], bench.server.take()) }
        #expect(submission.envelope.source == alice && submission.envelope.destination == bob)
        let outcome = Outcome(.delivered, details: Outcome.Details(attributes: attributes))
        bench.adapter.settled([Settlement(token: submission.token, outcome: outcome, envelope: nil)])
        return (keys, bench.server.take())
    }

    private func result(_ content: String, from: String = "bob@b.example") -> String {
        "<iq type='result' from='\(from)' to='alice@a.example/desk' id='q1'>\(content)</iq>"
    }

    @Test("XEP-0054: a card is asked for abroad, and what is not known is not made up")
    func cards() {
        let text =
            "BEGIN:VCARD\r\nVERSION:3.0\r\nFN;CHARSET=UTF-8:Bob\\, B\r\n .\r\nitem1.NICKNAME:<bob>\r\nTEL:1\r\nEND:VCARD"
        let attribute = Attribute(
            "vcard",
            type: "text/vcard; charset=utf-8",
            value: ByteBuffer(string: text)
        )
        let (keys, written) = ask(card, [attribute])
        #expect(keys == ["vcard", "alias"])
        #expect(
            written
                == result(
                    "<vCard xmlns='vcard-temp'><FN>Bob, B.</FN><NICKNAME>&lt;bob&gt;</NICKNAME></vCard>"
                )
        )
        let alias = Attribute("alias", value: ByteBuffer(string: "Bob"))
        #expect(
            ask(card, [Attribute("vcard", status: .noSuchUser), alias]).text
                == result("<vCard xmlns='vcard-temp'><NICKNAME>Bob</NICKNAME></vCard>")
        )
        #expect(
            ask(card, [Attribute("alias", status: .noSuchUser)]).text
                == result("<vCard xmlns='vcard-temp'></vCard>")
        )
        let escaped = #"bob\40b.example@imx.a.example"#
        #expect(
            ask(card, to: escaped, [alias]).text
                == result("<vCard xmlns='vcard-temp'><NICKNAME>Bob</NICKNAME></vCard>", from: escaped)
        )
    }

    @Test(
        "XEP-0030: of a client abroad what it can do and what crosses, of an account that it is one"
    )
    func features() {
        let words = "urn:xmpp:receipts http://jabber.org/protocol/chatstates urn:other:feature"
        let known = Attribute("ua.capabilities", value: ByteBuffer(string: words))
        let identity =
            "<identity category='account' type='registered'/><feature var='http://jabber.org/protocol/disco#info'/>"
        let (keys, written) = ask(
            info.replacing("/>", with: " node='n&amp;1'/>"),
            to: "bob@b.example/phone",
            [known]
        )
        #expect(keys == ["ua.capabilities"])
        #expect(
            written
                == result(
                    "<query xmlns='http://jabber.org/protocol/disco#info' node='n&amp;1'>\(identity)"
                        + "<feature var='http://jabber.org/protocol/chatstates'/><feature var='urn:xmpp:receipts'/></query>",
                    from: "bob@b.example/phone"
                )
        )
        let nothing = ask(
            info,
            to: "bob@b.example/phone",
            [Attribute("ua.capabilities", status: .unavailable)]
        ).text
        #expect(nothing.contains(identity + "</query>"))
        #expect(ask(info, []).text.contains(identity + "<feature var='vcard-temp'/></query>"))
        let items = "<query xmlns='http://jabber.org/protocol/disco#items'/>"
        #expect(ask(items, []).text == result(items))
        #expect(ask(items, to: "imx.a.example", []).text == result(items, from: "imx.a.example"))
    }

    @Test("XEP-0030, F.6: who may not know, or asks about nobody, is told an error")
    func refused() {
        for (code, condition) in [
            (OutcomeCode.refused, "forbidden"), (.noSuchUser, "item-not-found"),
            (.timedOut, "remote-server-timeout"), (.uncertain, "remote-server-timeout"),
        ] {
            for content in [card, info] {
                let bench = Bench()
                bench.bringUp()
                bench.server.send(request(content))
                let token = bench.host.submissions[0].token
                bench.adapter.settled([Settlement(token: token, outcome: Outcome(code), envelope: nil)])
                let text = bench.server.take()
                #expect(
                    text.hasPrefix("<iq type='error' from='bob@b.example'") && text.contains("<\(condition) ")
                )
            }
        }
    }
}
