// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import MessageFormats
import NIOCore
import Testing

/// A generator that gives the same numbers for the same seed.
private struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// Random documents that a reader can give: whatever text XML can hold, extensions in the form of a copy.
private struct Documents {
    var draw: Seeded

    mutating func any<T>(_ choices: [T]) -> T { choices[Int.random(in: 0..<choices.count, using: &draw)] }

    mutating func chance(_ of: Int) -> Bool { Int.random(in: 0..<of, using: &draw) == 0 }

    private static let letters = Array("ab <>&\"'\n\r\t\u{7F}\u{85}é€ß🙂]]>:\u{E000}\u{2028}im".unicodeScalars)
    static let idLetters = Array("ID-_0aF9.x".unicodeScalars)

    mutating func text(of letters: [Unicode.Scalar] = letters) -> String {
        var text = ""
        for _ in 0..<Int.random(in: 1...12, using: &draw) { text.unicodeScalars.append(any(letters)) }
        return text
    }

    mutating func notes() -> [LocalizedText] {
        (0..<any([0, 0, 1, 1, 2, 3])).map { _ in
            LocalizedText(chance(9) ? "" : text(), language: any([nil, "en", "fi", "de-CH-1996"]))
        }
    }

    mutating func elements() -> [ByteBuffer] {
        (0..<any([0, 0, 0, 1, 2])).map { _ in
            ByteBuffer(
                string: any([
                    "<x xmlns=\"\"/>", "<x xmlns=\"urn:x\" a=\"&lt;&quot;&#10;im:y\"><y>text</y>&amp;</x>",
                    "<q:x xmlns:q=\"urn:q\" q:a=\"b\" xml:lang=\"fr\"><z xmlns=\"urn:z\" xmlns:w=\"urn:w\"/>q:x</q:x>",
                    "<c xmlns=\"http://jabber.org/protocol/caps\" hash=\"sha-1\" node=\"urn:n\" ver=\"a/b+=\"/>",
                    "<foo xmlns=\"urn:ietf:params:xml:ns:pidf\">bar</foo>", "<x xmlns=\"urn:x\">\u{85}é &#13;</x>",
                    "<p:mood xmlns:p=\"urn:ietf:params:xml:ns:pidf:rpid\"><p:happy/></p:mood>",
                ])
            )
        }
    }

    mutating func id(_ index: Int) -> String {
        any(["t\(index)", PIDFTupleID.encode(text() + "\(index)"), "_é.-\(index)", "rpid.person\(index)"])
    }

    mutating func tuple(_ index: Int) -> PresenceTuple {
        var tuple = PresenceTuple(id: id(index), basic: any([.open, .open, .closed, nil]))
        tuple.show = any([nil, nil, .away, .chat, .dnd, .xa])
        tuple.notes = notes()
        if chance(2) {
            tuple.contact = any(["im:a@a.example", "tel:+358", "x:<&>"])
            tuple.contactPriority = any([nil, "0", "1.", "0.125", ContactPriority.literal(xmpp: 13)])
        }
        tuple.timestamp = any([nil, "2026-01-01T00:00:00Z", "2016-12-31T23:59:60.5+00:00"])
        tuple.statusExtensions = elements()
        tuple.extensions = elements()
        return tuple
    }

    mutating func next() -> PresenceDocument {
        var document = PresenceDocument(entity: "pres:" + text())
        document.tuples = (0..<any([0, 1, 1, 1, 2, 3, 5])).map { tuple($0) }
        document.notes = notes()
        document.extensions = elements()
        return document
    }
}

@Suite("PIDF writer") struct PIDFWriterTests {
    @Test(
        "E04, RFC2779 3.1.3, RFC2779 4.4.2, RFC2779 4.4.3: what is written is read as the same document, whatever it says",
        arguments: 0..<8
    )
    func roundTrip(_ seed: Int) throws {
        var documents = Documents(draw: Seeded(state: UInt64(seed)))
        let strict = PIDFReader(mode: .strict)
        let tolerant = PIDFReader(mode: .tolerant)
        for _ in 0..<300 {
            let document = documents.next()
            let octets = PIDFWriter.octets(of: document)
            let reading = try strict.read(octets).get()
            let allowed: Set<PIDFFinding.Rule> = [.emptyStatus]
            #expect(allowed.isSuperset(of: rules(reading)), "\(reading.findings) in \(String(buffer: octets))")
            for read in [reading.document, try tolerant.read(octets).get().document] where read != document {
                let again = String(buffer: PIDFWriter.octets(of: read))
                Issue.record("seed \(seed): \(String(buffer: octets))\nis read as what is written so: \(again)")
                return
            }
        }
    }

    @Test("E27: what XML cannot hold is written as U+FFFD")
    func forbidden() throws {
        var document = PresenceDocument(entity: "pres:a\u{1}@a.example")
        document.notes = [LocalizedText("\u{0}a\u{8}b\u{FFFE}c\u{FFFF}d\u{1F}e\u{FFFC}f\u{EFFF}", language: "e\u{B}n")]
        let reading = try reading(String(buffer: PIDFWriter.octets(of: document)))
        #expect(reading.document.entity == "pres:a\u{FFFD}@a.example" && reading.findings.isEmpty)
        #expect(
            reading.document.notes.map(\.text) == ["\u{FFFD}a\u{FFFD}b\u{FFFD}c\u{FFFD}d\u{FFFD}e\u{FFFC}f\u{EFFF}"]
        )
        #expect(reading.document.notes.map(\.language) == ["e\u{FFFD}n"])
    }

    @Test("E32: a copy of an extension is complete in its namespaces, and a copy of the copy has the same octets")
    func copies() throws {
        let text = """
            <?xml version="1.0"?><pp:presence xmlns:pp="urn:ietf:params:xml:ns:pidf" xmlns:a="urn:a" xmlns="urn:d" \
            xmlns:unused="urn:u" entity="pres:a@a.example"><pp:tuple id="t" xmlns:b="urn:b"><pp:status><pp:basic>open\
            </pp:basic><a:x b:y='1"' z="a:name"><k xmlns=""><b:l xmlns:b="urn:other"/></k><m/>b:name</a:x></pp:status>\
            <n xmlns:a="urn:again"><a:o/></n></pp:tuple></pp:presence>
            """
        let first = try reading(text).document
        let status = """
            <a:x xmlns:a="urn:a" xmlns:b="urn:b" xmlns="urn:d" b:y="1&quot;" z="a:name"><k xmlns="">\
            <b:l xmlns:b="urn:other"/></k><m/>b:name</a:x>
            """
        #expect(first.tuples[0].statusExtensions == [ByteBuffer(string: status)])
        let beside = "<n xmlns=\"urn:d\" xmlns:a=\"urn:again\"><a:o/></n>"
        #expect(first.tuples[0].extensions == [ByteBuffer(string: beside)])
        let second = try PIDFReader(mode: .strict).read(PIDFWriter.octets(of: first)).get().document
        #expect(second == first)
        // A value or a text may be a name by a prefix that nothing else uses.
        let named = tuple("<x xmlns=\"urn:x\" y=\" p:a\"/><y xmlns=\"urn:x\">p:a</y><z xmlns=\"urn:x\">pp:a p:a</z>")
        let names = try reading(named).document.tuples[0].extensions.map { String(buffer: $0) }
        #expect(names.map { $0.contains("xmlns:p=\"urn:ietf:params:xml:ns:pidf\"") } == [true, true, false])
    }

    @Test("E08: an extension whose prefix is declared nowhere cannot be kept, and is found")
    func unbound() throws {
        let reading = try reading(tuple("<zz:x/><note>a</note>"), .tolerant)
        #expect(rules(reading) == [.prefix] && reading.document.tuples[0].extensions.isEmpty)
        #expect(reading.document.tuples[0].notes.count == 1)
    }

    @Test("E13, E30: any text becomes an id and comes back, and one id has one text", arguments: 0..<4)
    func ids(_ seed: Int) {
        var documents = Documents(draw: Seeded(state: UInt64(100 + seed)))
        for _ in 0..<500 {
            let text = documents.text()
            let id = PIDFTupleID.encode(text)
            #expect(PIDFTupleID.isLegal(id) && PIDFTupleID.decode(id) == text)
            let other = documents.text(of: Documents.idLetters)
            for candidate in [other, "ID-" + other] {
                guard let decoded = PIDFTupleID.decode(candidate) else { continue }
                #expect(PIDFTupleID.encode(decoded) == candidate)
            }
        }
        #expect(PIDFTupleID.encode("Balcony 1/é") == "ID-Balcony_201_2f_c3_a9")
        #expect(PIDFTupleID.encode("") == "ID-" && PIDFTupleID.decode("x") == nil)
        for id in ["ID-_ff", "ID-_", "ID-_2", "ID-_2F", "ID-_61", "ID-a b"] { #expect(PIDFTupleID.decode(id) == nil) }
    }

    @Test("F.3: every priority of XMPP from 0 to 127 becomes another literal and comes back; a negative one has none")
    func priorities() {
        var literals: Set<String> = []
        for priority in Int8.min...Int8.max {
            let literal = ContactPriority.literal(xmpp: priority)
            #expect((literal == nil) == (priority < 0))
            guard let literal else { continue }
            #expect(ContactPriority.xmpp(literal) == priority && literals.insert(literal).inserted)
            #expect(ContactPriority.thousandths(literal) == Int(priority) * 1000 / 127)
        }
        // The figures of RFC 3922.
        #expect(ContactPriority.literal(xmpp: 1) == "0.007" && ContactPriority.literal(xmpp: 2) == "0.015")
        #expect(ContactPriority.literal(xmpp: 13) == "0.102" && ContactPriority.literal(xmpp: 126) == "0.992")
        for thousandths in 0...1000 {
            let literal = thousandths == 1000 ? "1" : "0." + String(String(1000 + thousandths).dropFirst())
            let priority = ContactPriority.xmpp(literal)
            #expect(priority.map { (0...127).contains($0) } == true)
            #expect((priority == 127) == (thousandths == 1000) && (priority == 0) == (thousandths == 0))
        }
        #expect(ContactPriority.xmpp("0.999") == 126 && ContactPriority.xmpp("0.008") == 2)
        #expect(ContactPriority.xmpp("2") == nil)
    }
}
