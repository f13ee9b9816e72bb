// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import MessageFormats
import NIOCore
import Testing
import XMLStream

@testable import XMPPAdapter

@Suite("Presence from one XMPP server to another")
struct PresenceCarryTests {
    /// What Alice's stanzas become for a user who watches her at another XMPP server.
    private func carried(_ stanzas: String...) -> [String] {
        let here = PresenceBench()
        let events = here.receive(stanzas.joined())
        // There, Alice is the foreign one.
        let there = PresenceBench()
        let carol = address("carol@b.example")
        there.know(carol, alice)
        return events.flatMap { event -> [String] in
            guard case .publishes(let presentity, _, let state) = event else { return [] }
            return there.order(.show(watcher: carol, presentity: presentity, state: state))
        }
    }

    private func expected(_ resource: String, _ content: String) -> String {
        "<presence from='alice@a.example/\(resource)' to='carol@b.example'"
            + (content.isEmpty ? "/>" : ">\(content)</presence>")
    }

    @Test(
        "F.3, RFC2779 3.1.5: what one XMPP server says is what the other hears",
        arguments: [
            "", "<show>chat</show>", "<show>xa</show><status>back at five &amp; a bit</status>",
            "<status xml:lang='de'>da</status><status xml:lang='en'>here</status>", "<priority>127</priority>",
            "<priority>-128</priority>", "<show>dnd</show><status>x</status><priority>-1</priority>",
            "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:of:a' ver='QgayPKawpkPSDYmwT/WM94uAlu0='/>",
            "<x xmlns='vcard-temp:x:update'><photo>sha1</photo></x><idle xmlns='urn:xmpp:idle:1' since='1969-07-21T02:56:15Z'/>",
            "<a xmlns='urn:of'>1<b xmlns='urn:else' c='&apos;'>2</b>3</a>",
        ]
    )
    func same(_ content: String) {
        #expect(carried(stanza(content: content)) == [expected("desk", content)])
    }

    @Test(
        "C.4, F.3: a random state that crosses IMX comes out as it went in",
        arguments: [UInt64](1...8)
    )
    func random(_ seed: UInt64) {
        var author = StanzaAuthor(seed: seed)
        for number in 0..<150 {
            let (resource, content, language) = author.presence()
            let here = PresenceBench()
            let sent =
                "<presence from='alice@a.example/\(resource)' to='bob@b.example'"
                + (language.map { " xml:lang='\($0)'" } ?? "") + ">\(content)</presence>"
            let there = PresenceBench()
            let carol = address("carol@b.example")
            there.know(carol, alice)
            let written = here.receive(sent).flatMap { event -> [String] in
                guard case .publishes(let presentity, _, let state) = event else { return [] }
                return there.order(.show(watcher: carol, presentity: presentity, state: state))
            }
            let before = said(sent)
            let after = written.first.map(said) ?? []
            #expect(
                written.count == 1 && before == after && here.host.counts.isEmpty && there.host.counts.isEmpty,
                "seed \(seed), stanza \(number): \(sent) \(before.symmetricDifference(after))"
            )
            if before != after { return }
        }
    }

    /// What a stanza says, whatever the order of its children and wherever its language stands.
    private func said(_ text: String) -> Set<String> {
        let parser = XMLStreamParser(vocabulary: Names.vocabulary)
        parser.feed(ByteBuffer(string: Bench.header + text))
        guard case .stanza(let stanza)? = parser.events.last else { return ["no stanza: \(text)"] }
        let from = stanza.attribute(Names.from).flatMap { JID($0, names: DomainNames()) }?.resource
        var lines = ["resource \(from.map { String(buffer: $0) } ?? "")"]
        for child in stanza.children {
            var octets = ByteBuffer()
            child.write(to: &octets, renaming: [Names.component: Names.client])
            let language = child.string(Names.lang) ?? stanza.string(Names.lang) ?? ""
            lines.append(
                child.name == Names.status ? "status \(language) \(String(buffer: child.text))" : String(buffer: octets)
            )
        }
        return Set(lines)
    }

    @Test("F.3: priorities of 0 to 127 come back as they were", arguments: 1...127)
    func priorities(_ priority: Int) {
        let content = "<priority>\(priority)</priority>"
        #expect(carried(stanza(content: content)) == [expected("desk", content)])
    }

    @Test("F.3: any resource comes back as it was", arguments: ["1abc", "a b", "ID-x", "Grüße ☃", "a/b@c"])
    func resources(_ resource: String) {
        #expect(carried(stanza(resource: resource)) == [expected(resource, "")])
    }

    @Test("F.3: what would pass for a part of the stanza itself is not carried")
    func own() {
        let bench = PresenceBench()
        let parts = [
            "<body xmlns='jabber:client'>x</body>", "<show xmlns='jabber:component:accept'>dnd</show>",
            "<delay xmlns='urn:xmpp:delay' stamp='2001-01-01T00:00:00Z'/>", "<nothing xmlns=''/>",
            "<error xmlns='jabber:client' type='cancel'/>",
        ]
        let forged = tuple("ID-desk") { $0.extensions = parts.map { ByteBuffer(string: $0) } }
        #expect(bench.show(document(forged)) == ["<presence from='bob@b.example/desk' to='alice@a.example'/>"])
        #expect(bench.host.counts == [.presence: parts.count])
        // Nor does what a user here writes pass for ours.
        let envelope = "<env xmlns='urn:imx:envelope:0' priority='-5'/>"
        let told = bench.receive(stanza(content: envelope)).first?.document
        #expect(told?.tuples.first?.extensions == [] && told?.tuples.first?.contact != nil)
    }

    @Test("F.3, E27: whatever stands in an extension, the stream stays whole")
    func whole() {
        let bench = PresenceBench()
        let octets = Body.parts([
            BodyPart(
                mediaType: PresenceDocument.mediaType,
                octets: ByteBuffer(
                    string: """
                        <?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="pres:bob@b.example">
                        <tuple id="ID-desk"><status><basic>open</basic></status>
                        <x xmlns="urn:of"><!-- a comment --><![CDATA[<data>]]><?an instruction?></x></tuple></presence>
                        """
                )
            )
        ])
        let written = bench.order(.show(watcher: alice, presentity: bob, state: octets))
        #expect(written.count == 1)
        #expect(written.allSatisfy { !$0.contains("<!--") && !$0.contains("CDATA") && !$0.contains("<?") })
    }

    private func shown(_ text: String) -> [String] {
        let body = Body.parts([
            BodyPart(mediaType: PresenceDocument.mediaType, octets: ByteBuffer(string: text))
        ])
        return PresenceBench().order(.show(watcher: alice, presentity: bob, state: body))
    }

    @Test("F.3, E04: RFC 3863 4.3.1 at the XMPP edge: busy, notes in languages, the one on the whole where none is")
    func sample() {
        let written = shown(
            """
            <?xml version="1.0" encoding="UTF-8"?>
            <impp:presence xmlns:impp="urn:ietf:params:xml:ns:pidf" xmlns:im="urn:ietf:params:xml:ns:pidf:im"
             xmlns:myex="http://id.example.com/presence/" entity="pres:bob@b.example">
             <impp:tuple id="bs35r9"><impp:status><impp:basic>open</impp:basic><im:im>busy</im:im>
             <myex:location>home</myex:location></impp:status>
             <impp:contact priority="0.8">im:someone@mobilecarrier.net</impp:contact>
             <impp:note xml:lang="en">Don't Disturb Please!</impp:note>
             <impp:note xml:lang="fr">Ne derangez pas, s'il vous plait</impp:note>
             <impp:timestamp>2026-11-21T10:00:00Z</impp:timestamp></impp:tuple>
             <impp:tuple id="eg92n8"><impp:status><impp:basic>open</impp:basic></impp:status>
             <impp:contact priority="1.0">mailto:someone@example.com</impp:contact></impp:tuple>
             <impp:note>I'll be in Tokyo next week</impp:note></impp:presence>
            """
        )
        #expect(written.count == 2)
        #expect(
            written.first?.hasPrefix("<presence from='bob@b.example/bs35r9' to='alice@a.example'><show>dnd</show>")
                == true
        )
        #expect(
            written.first?.contains(
                "<status xml:lang='en'>Don't Disturb Please!</status>"
                    + "<status xml:lang='fr'>Ne derangez pas, s'il vous plait</status><priority>102</priority>"
            ) == true
        )
        #expect(
            written.last == "<presence from='bob@b.example/eg92n8' to='alice@a.example'>"
                + "<status>I'll be in Tokyo next week</status><priority>127</priority></presence>"
        )
    }

    @Test("F.3, E30: a document of RFC 8048 is the resource and the show that it was made of")
    func gateway() {
        #expect(
            shown(
                """
                <?xml version='1.0' encoding='UTF-8'?><presence xmlns='urn:ietf:params:xml:ns:pidf' \
                entity='pres:bob@b.example'><tuple id='ID-dr4hcr0st3lup4c'><status><basic>open</basic>\
                <show xmlns='jabber:client'>away</show></status></tuple></presence>
                """
            ) == ["<presence from='bob@b.example/dr4hcr0st3lup4c' to='alice@a.example'><show>away</show></presence>"]
        )
    }

    @Test("F.3, E31: activities of a person are how much all the devices are there")
    func activities() {
        #expect(
            shown(
                """
                <?xml version='1.0'?><presence xmlns='urn:ietf:params:xml:ns:pidf' \
                xmlns:dm='urn:ietf:params:xml:ns:pidf:data-model' xmlns:r='urn:ietf:params:xml:ns:pidf:rpid' \
                entity='pres:bob@b.example'><tuple id='t1'><status><basic>open</basic></status></tuple>\
                <dm:person id='p1'><r:activities><r:busy/></r:activities></dm:person></presence>
                """
            ) == ["<presence from='bob@b.example/t1' to='alice@a.example'><show>dnd</show></presence>"]
        )
    }
}
