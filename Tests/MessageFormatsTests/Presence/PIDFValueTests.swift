// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import MessageFormats
import NIOCore
import Testing

@Suite("PIDF vectors: values") struct PIDFValueTests {
    @Test(
        "E11, RFC2779 3.1.2: a document without entity is refused, and one about somebody else is told from one about the presentity"
    )
    func entity() throws {
        let without = presence("").replacing(" entity=\"pres:alice@a.example\"", with: "")
        #expect(refusal(without)?.rule == .entity && refusal(without, .tolerant)?.rule == .entity)
        let document = try reading(presence("")).document
        let alice = try #require(Address("alice@a.example"))
        #expect(document.isAbout(alice) && document.address == alice)
        for other in ["bob@a.example", "alice@b.example", "Alice@a.example", "alice@a.example.org"] {
            #expect(!document.isAbout(try #require(Address(other))))
        }
        for entity in [
            "im:alice@a.example", "alice@a.example", "pres:a.example", "pres:a%4@a.example", "pres:@a.example",
        ] {
            #expect(PresenceDocument(entity: entity).address == nil)
        }
    }

    @Test("E35: an entity names an address after its escapes are undone, and is kept as it is")
    func escapes() throws {
        let alice = try #require(Address("alice@a.example"))
        let document = try reading(presence("").replacing("alice@", with: "al%69ce@")).document
        #expect(document.entity == "pres:al%69ce@a.example" && document.isAbout(alice))
        #expect(PresenceDocument(entity: "PRES:alice@A.Example?x=y").isAbout(alice))
        for local in ["a b", "50%", "grüße", "a?b", "a/b", "a#b", "x~_-.+", "'\"<&>"] {
            let address = try #require(Address("\(local)@a.example"))
            let entity = PresenceDocument.entity(of: address)
            #expect(entity.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !Array("<>\"?#'&".utf8).contains($0) })
            #expect(PresenceDocument(about: address).isAbout(address))
        }
    }

    @Test(
        "E18: priorities follow the corrected grammar, and any other counts as none",
        arguments: [
            ("0", true), ("0.5", true), ("1", true), ("1.000", true), ("0.", true), ("00.5", false), (".5", false),
            ("1.001", false), ("0.1234", false), ("09", false), ("-1", false), ("abc", false), ("", false),
            ("0x5", false),
            ("1.0000", false), ("0.1 ", false),
        ]
    )
    func priority(_ literal: String, _ isLegal: Bool) throws {
        let reading = try reading(tuple("<contact priority=\"\(literal)\">im:a@a.example</contact>"))
        #expect(reading.document.tuples[0].contactPriority == (isLegal ? literal : nil))
        #expect(rules(reading) == (isLegal ? [] : [.priority]))
        #expect(reading.document.tuples[0].contact == "im:a@a.example")
    }

    @Test("E19: no priority ranks lowest, and equal ones stay in order")
    func ranking() throws {
        var document = PresenceDocument(entity: "pres:a@a.example")
        for (id, priority) in [("a", nil), ("b", "0.000"), ("c", "0.5"), ("d", nil), ("e", "1"), ("f", "0.500")] {
            var tuple = PresenceTuple(id: id, basic: .open)
            tuple.contactPriority = priority
            document.tuples.append(tuple)
        }
        #expect(document.tuplesByPriority.map(\.id) == ["e", "c", "f", "a", "b", "d"])
    }

    @Test(
        "E20: timestamps follow RFC 3339 with capital letters",
        arguments: [
            ("2026-01-01T00:00:00Z", false, true), ("2026-01-01t00:00:00z", true, true),
            ("2026-01-01T00:00:00", true, false), ("2016-12-31T23:59:60Z", false, true),
            ("2026-01-01T00:00:00.123456789+01:30", false, true), (" 2026-01-01T00:00:00Z ", false, true),
            ("yesterday", true, false),
        ]
    )
    func timestamps(_ literal: String, _ isFound: Bool, _ isKept: Bool) throws {
        let reading = try reading(tuple("<timestamp>\(literal)</timestamp>"))
        #expect(rules(reading) == (isFound ? [.timestamp] : []))
        #expect(reading.document.tuples[0].timestamp == (isKept ? literal.split(separator: " ").joined() : nil))
        #expect(try self.reading("").document.tuples[0].timestamp == nil)
    }

    private func reading(_ content: String) throws -> PIDFReading {
        try MessageFormatsTests.reading(content.isEmpty ? tuple("") : content)
    }

    private func document(_ times: String?..., note: String? = nil) -> PresenceDocument {
        var document = PresenceDocument(entity: "pres:a@a.example")
        for (index, time) in times.enumerated() {
            var tuple = PresenceTuple(id: "t\(index)", basic: .open)
            tuple.timestamp = time
            document.tuples.append(tuple)
        }
        if let note { document.notes = [LocalizedText(note)] }
        return document
    }

    @Test("E21: a document whose newest timestamp is older than the last one's is outdated")
    func older() {
        let last = document("2026-01-01T00:00:00Z", "2026-01-01T00:00:10Z", nil)
        let older = document("2026-01-01T00:00:09.999Z", note: "old")
        let newer = document("2026-01-01T01:00:10.001+01:00", note: "new")
        #expect(older.age(after: last) == .older && !older.isNewer(than: last, sequenceIsNewer: true))
        #expect(newer.age(after: last) == .newer && newer.isNewer(than: last, sequenceIsNewer: false))
        #expect(document(nil).age(after: last) == .undated && document("x").newestTimestamp == nil)
    }

    @Test("E22: of two that differ under one timestamp, the transport's order decides")
    func conflicting() {
        let last = document("2026-01-01T00:00:00Z", note: "a")
        let other = document("2025-12-31T23:00:00.000-01:00", note: "b")
        #expect(last.age(after: last) == .same && other.age(after: last) == .conflicting)
        #expect(other.isNewer(than: last, sequenceIsNewer: true))
        #expect(!other.isNewer(than: last, sequenceIsNewer: false))
    }

    @Test("E21: moments are compared whatever their offset, decimals and leap seconds")
    func moments() throws {
        let inOrder = [
            "0000-01-01T00:00:00Z", "1969-12-31T23:59:59.9Z", "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.049Z",
            "1970-01-01T00:00:00.5Z", "2000-02-29T12:00:00Z", "2000-03-01T00:00:00+12:00", "2016-12-31T23:59:59.9Z",
            "2016-12-31T23:59:60Z", "2016-12-31T23:59:60.1Z", "2017-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59",
        ]
        let times = inOrder.compactMap { PresenceTime($0) }
        #expect(times.count == inOrder.count)
        for (index, time) in times.enumerated() {
            for (other, moment) in times.enumerated() {
                // One pair is the same moment: noon of leap day, and midnight twelve hours east of it.
                let isSame = Set([index, other]) == [5, 6]
                #expect((time < moment) == (index < other && !isSame), "\(inOrder[index]) \(inOrder[other])")
            }
        }
        #expect(PresenceTime("1970-01-01T00:00:00.500Z") == PresenceTime(milliseconds: 500))
        #expect(PresenceTime("1969-12-31T23:59:59.75Z") == PresenceTime(milliseconds: -250))
        #expect(PresenceTime("2026-11-21T19:00:00Z")?.seconds == 1_795_287_600)
    }

    @Test("E23: where tuples contradict one another, the open one counts")
    func contradiction() throws {
        let text = presence(
            """
            <tuple id="a"><status><basic>closed</basic></status><contact>im:a@a.example</contact></tuple>\
            <tuple id="b"><status><basic>open</basic></status><contact>im:a@a.example</contact></tuple>
            """
        )
        #expect(try MessageFormatsTests.reading(text).document.basic == .open)
        #expect(try MessageFormatsTests.reading(status("<basic>closed</basic>")).document.basic == .closed)
    }

    @Test("E24: notes inherit their language")
    func languages() throws {
        let notes = "<note>a</note><note xml:lang=\"fr\">b</note><note xml:lang=\"\">c</note>"
        let text = presence(
            "<tuple id=\"t\"><status><basic>open</basic></status>\(notes)</tuple>"
                + "<tuple id=\"u\" xml:lang=\"fi\"><status><basic>open</basic></status>\(notes)</tuple>\(notes)"
        ).replacing("<presence ", with: "<presence xml:lang=\"de\" ")
        let document = try MessageFormatsTests.reading(text).document
        #expect(document.tuples.map { $0.notes.map(\.language) } == [["de", "fr", nil], ["fi", "fr", nil]])
        #expect(document.notes.map(\.language) == ["de", "fr", nil])
    }

    @Test("E24: notes are literal; what white space the layout has put around them is taken away by the tolerant")
    func whiteSpace() throws {
        let note = "<note>\n  two\n  lines \n</note><note> inside </note><note xml:space=\"preserve\">\nkept\n</note>"
        let strict = try MessageFormatsTests.reading(tuple(note)).document.tuples[0].notes
        #expect(strict.map(\.text) == ["\n  two\n  lines \n", " inside ", "\nkept\n"])
        let tolerant = try MessageFormatsTests.reading(tuple(note), .tolerant)
        #expect(tolerant.document.tuples[0].notes.map(\.text) == ["two\n  lines", " inside ", "\nkept\n"])
        #expect(tolerant.findings.map(\.rule) == [.whiteSpace])
    }
}
