// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import IMXWire
import MessageFormats
import NIOCore
import Testing
import XMLStream

@testable import XMPPAdapter

/// A stanza from one XMPP server crosses the network to another, and loses nothing.
@Suite("From XMPP to XMPP")
struct FidelityTests {
    @Test(
        "C.4, F.1, F.2: a random stanza that crosses IMX comes out as it went in",
        arguments: [UInt64](1...8)
    )
    func random(_ seed: UInt64) throws {
        var author = StanzaAuthor(seed: seed)
        for number in 0..<500 {
            let text = author.stanza()
            let sent = try #require(self.sent(text), "seed \(seed), stanza \(number): \(text)")
            let arrived = try Network.cross(sent)
            // (a) what goes over the wire is what was read
            #expect(
                arrived.details?.baggage ?? [] == sent.details?.baggage ?? [],
                "seed \(seed), stanza \(number): \(text)"
            )
            let written = writing(arrived)
            guard case .written(_, let losses) = written.result else {
                Issue.record("seed \(seed), stanza \(number): \(written.result) of \(text)")
                return
            }
            // (c), (d) all that the first server said is said at the second, and nothing is lost without a word
            let (before, after) = (canonical(text), canonical(written.text))
            let changed = before.symmetricDifference(after)
            #expect(changed.isEmpty && losses.isEmpty, "seed \(seed), stanza \(number): \(changed) \(losses)")
            // (b) what is read and written again is the same
            guard let again = self.sent(written.text) else {
                Issue.record("seed \(seed), stanza \(number): \(written.text) is not read")
                return
            }
            let unstable = canonical(writing(again).text).symmetricDifference(after)
            #expect(unstable.isEmpty, "seed \(seed), stanza \(number): \(unstable)")
            if !changed.isEmpty || !losses.isEmpty || !unstable.isEmpty { return }
        }
    }

    private func sent(_ text: String) -> Envelope? {
        switch reading(text) {
        case .envelope(let envelope, _), .quiet(let envelope, _): envelope
        default: nil
        }
    }

    /// What a stanza says, whatever the order of its children and the spelling of what is the same.
    private func canonical(_ text: String) -> Set<String> {
        let parser = XMLStreamParser(vocabulary: Names.vocabulary)
        parser.feed(ByteBuffer(string: Bench.header + text))
        guard case .stanza(let stanza)? = parser.events.last else { return ["no stanza: \(text)"] }
        let language = stanza.string(Names.lang)
        var lines = [
            "from \(stanza.string(Names.from) ?? "")", "to \(stanza.string(Names.to) ?? "")",
            "type \(stanza.string(Names.type) ?? "normal")",
        ]
        for child in stanza.children {
            var octets = ByteBuffer()
            child.write(to: &octets, renaming: [Names.component: Names.client])
            // The identifier of a message is its stanza's id with a mark behind it.
            var line = String(buffer: octets).replacing("~1~1'", with: "'").replacing("~1'", with: "'")
            if child.name == Names.body || child.name == Names.subject {
                line = "\(child.name) \(child.string(Names.lang) ?? language ?? "") \(String(buffer: child.text))"
                if child.text.readableBytes == 0 { continue }
            } else if child.name == .unknown {
                line += " in \(language ?? "")"
            }
            // A language that nothing inherits says nothing.
            lines.append(line)
        }
        return Set(lines)
    }
}

/// The network between two aggregators: an envelope as a record, and read from it.
enum Network {
    struct Lost: Error {}

    static func cross(_ envelope: Envelope) throws -> Envelope {
        var entity = ByteBuffer()
        let losses = MIMEEntity.write(
            body: envelope.body,
            from: envelope.source,
            to: envelope.destination,
            into: &entity
        )
        guard losses.isEmpty else { throw Lost() }
        var record = ByteBuffer()
        record.writeMessage(envelope, mime: entity.readableBytes > 0 ? entity : nil, deadline: nil, tag: 1)
        record.moveReaderIndex(forwardBy: RecordHeader.size)
        let message = try MessageRecord(payload: record)
        var arrived = message.envelope(
            source: envelope.source.domain,
            destination: envelope.destination.domain,
            deadline: envelope.deadline,
            freshTrace: envelope.trace
        )
        arrived.hops += 1  // the writer takes one away: RFC 3860 §3.4.2
        return arrived
    }
}

/// Writes stanzas as clients do, and as they might.
struct StanzaAuthor {
    private var generator: SplitMix

    init(seed: UInt64) { generator = SplitMix(state: seed) }

    mutating func stanza() -> String {
        var children: [String] = []
        let isBodyless = chance(8)
        if !isBodyless { children += texts("body", least: 1) }
        if !isBodyless, chance(4) { children.append(richText()) }
        if chance(3) { children += texts("subject", least: 1) }
        if chance(2) { children.append("<thread\(chance(2) ? " parent='\(text())p'" : "")>\(text())t</thread>") }
        if chance(3) { children.append("<nick xmlns='http://jabber.org/protocol/nick'>\(text())n</nick>") }
        if chance(3) { children.append(delay()) }
        if chance(2) { children.append("<\(one(of: ChatState.allCases).rawValue) xmlns='\(Names.chatStates)'/>") }
        if chance(2) { children.append("<request xmlns='urn:xmpp:receipts'/>") }
        if chance(3) { children.append("<markable xmlns='urn:xmpp:chat-markers:0'/>") }
        if chance(4) { children.append("<replace xmlns='urn:xmpp:message-correct:0' id='\(word())2'/>") }
        if chance(4) { children.append(recipients()) }
        if chance(2) { children.append("<origin-id xmlns='urn:xmpp:sid:0' id='\(word())'/>") }
        for _ in 0..<below(4) { children.append(element(depth: 0)) }
        if isBodyless { children.append("<only xmlns='urn:only'>\(text())</only>") }
        children.shuffle(using: &generator)
        let type = one(of: ["", " type='chat'", " type='normal'", " type='headline'"])
        let language = chance(3) ? " xml:lang='\(one(of: ["en", "de", "zh-Hant"]))'" : ""
        let device = chance(2) ? "/\(text())r" : ""
        return "<message from='alice@a.example\(device)' to='bob@b.example\(chance(3) ? "/\(text())d" : "")' "
            + "id='\(word())'\(type)\(language)>\(children.joined())</message>"
    }

    /// A resource, what stands inside a state, and its language.
    mutating func presence() -> (resource: String, content: String, language: String?) {
        var children: [String] = []
        if chance(2) { children.append("<show>\(one(of: ["away", "chat", "dnd", "xa"]))</show>") }
        if chance(2) { children += texts("status", least: 1) }
        if chance(2) { children.append("<priority>\(one(of: Array(-128...(-1)) + Array(1...127)))</priority>") }
        if chance(3) {
            children.append("<idle xmlns='urn:xmpp:idle:1' since='20\(10 + below(15))-01-0\(1 + below(9))T10:00:00Z'/>")
        }
        if chance(3) { children.append("<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' ver='\(word())'/>") }
        for _ in 0..<below(4) { children.append(element(depth: 0)) }
        children.shuffle(using: &generator)
        return (word() + text() + "r", children.joined(), chance(3) ? one(of: ["en", "de", "zh-Hant"]) : nil)
    }

    private mutating func texts(_ name: String, least: Int) -> [String] {
        var languages = ["", " xml:lang='en'", " xml:lang='de'", " xml:lang='fr-CA'", " xml:lang=''"]
        languages.shuffle(using: &generator)
        // The language that is inherited and the same one written out would be twice the same.
        languages = Array(languages.prefix(least + below(3)))
        if languages.contains("") {
            languages.removeAll { $0 == " xml:lang='en'" || $0 == " xml:lang='de'" || $0 == " xml:lang=''" }
        }
        return languages.map { "<\(name)\($0)>\(text())x\(chance(3) ? "&#13;" : "")y</\(name)>" }
    }

    private mutating func richText() -> String {
        let pieces = [
            "<strong style='font-weight: bold'>%</strong>", "<em style='font-style: italic'>%</em>", "%", "%<br/>%",
            "<span style='text-decoration: underline'>%</span>", "<a href='https://x.example/?a=1&amp;b=2'>%</a>",
            "<em style='font-style: italic'><strong style='font-weight: bold'>%</strong> %</em>",
        ]
        let text = (0...below(4)).map { _ in one(of: pieces).replacing("%", with: word()) }.joined(separator: " ")
        return "<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>"
            + "\(text)</body></html>"
    }

    private mutating func delay() -> String {
        let from = chance(2) ? " from='a.example'" : ""
        let inside = chance(3) ? ">\(text())</delay>" : "/>"
        return
            "<delay xmlns='urn:xmpp:delay'\(from) stamp='20\(10 + below(80))-0\(1 + below(9))-1\(below(10))T09:00:00Z'\(inside)"
    }

    private mutating func recipients() -> String {
        let entries = (0...below(3)).map { _ in
            "<address type='\(one(of: ["to", "cc"]))' jid='\(word())@c.example\(chance(4) ? "/x" : "")'"
                + "\(chance(2) ? " desc='\(text())'" : "") delivered='true'/>"
        }
        return "<addresses xmlns='http://jabber.org/protocol/address'>\(entries.joined())</addresses>"
    }

    /// An element that nobody has a field for.
    private mutating func element(depth: Int) -> String {
        let name = one(of: ["a", "b-c", "message", "body", "ü"])
        let namespace =
            depth == 0 || chance(2) ? " xmlns='\(one(of: ["urn:one", "urn:two:\(word())", "jabber:x:&amp;"]))'" : ""
        var attributes = ""
        if chance(2) { attributes += " a='\(text())'" }
        if chance(4) { attributes += " xmlns:p='urn:p' p:a='\(text())' p:b='1'" }
        if chance(4) { attributes += " xml:lang='\(one(of: ["it", "es"]))'" }
        var inside = ""
        for _ in 0..<below(depth < 4 ? 4 : 1) { inside += chance(2) ? text() : element(depth: depth + 1) }
        return inside.isEmpty
            ? "<\(name)\(namespace)\(attributes)/>" : "<\(name)\(namespace)\(attributes)>\(inside)</\(name)>"
    }

    private mutating func text() -> String {
        let pieces = ["a", "&lt;", "&amp;", "ü", "\u{1F600}", "&apos;", "&quot;", "&gt;", "]]", "e\u{301}", "x y"]
        return (0..<below(4)).map { _ in one(of: pieces) }.joined()
    }

    private mutating func word() -> String { "w\(below(1_000))" }
    private mutating func chance(_ many: Int) -> Bool { below(many) == 0 }
    private mutating func below(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &generator) }
    private mutating func one<Value>(of values: [Value]) -> Value { values[below(values.count)] }
}
