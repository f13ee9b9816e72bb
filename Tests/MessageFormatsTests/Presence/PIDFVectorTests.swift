// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import MessageFormats
import NIOCore
import Testing

@Suite("PIDF vectors: samples and structure") struct PIDFVectorTests {
    @Test("E01, E02: a prefix or a default namespace, the document is the same")
    func prefixes() throws {
        let prefixed = try reading(PresenceSamples.prefixed)
        let unprefixed = try reading(PresenceSamples.unprefixed)
        #expect(prefixed == unprefixed && prefixed.findings.isEmpty)
        #expect(prefixed.document.entity == "pres:someone@example.com")
        let tuple = try #require(prefixed.document.tuples.first)
        #expect(prefixed.document.tuples.count == 1 && tuple.id == "sg89ae" && tuple.basic == .open)
        #expect(tuple.contact == "tel:+09012345678" && tuple.contactPriority == "0.8" && tuple.show == nil)
    }

    @Test("E03: an extension of the status is kept")
    func location() throws {
        let tuple = try #require(try reading(PresenceSamples.location).document.tuples.first)
        #expect(tuple.basic == .open)
        let kept = #"<local:location xmlns:local="urn:example-com:pidf-status-type">home</local:location>"#
        #expect(tuple.statusExtensions == [ByteBuffer(string: kept)])
    }

    @Test("E04: two tuples, notes in two languages, a note on the whole, busy of pidf:im")
    func statuses() throws {
        let reading = try reading(PresenceSamples.statuses)
        let document = reading.document
        #expect(reading.findings.isEmpty && document.tuples.map(\.id) == ["bs35r9", "eg92n8"])
        #expect(document.tuples.map(\.show) == [.dnd, nil])
        let notes = ["Don't Disturb Please!", "Ne derangez pas, s'il vous plait"]
        #expect(document.tuples[0].notes.map(\.text) == notes)
        #expect(document.tuples[0].notes.map(\.language) == ["en", "fr"])
        #expect(document.notes == [LocalizedText("I'll be in Tokyo next week")])
        #expect(document.tuples[0].timestamp == "2001-10-27T16:49:29Z")
        let kept = #"<myex:location xmlns:myex="http://id.example.com/presence/">home</myex:location>"#
        #expect(document.tuples[0].statusExtensions == [ByteBuffer(string: kept)])
    }

    @Test(
        "E05, RFC2779 3.1.3: extensions of a tuple and of the whole are kept, and white space around a contact is not"
    )
    func others() throws {
        let document = try reading(PresenceSamples.others).document
        #expect(document.tuples.map(\.contact) == ["tel:+09012345678", "im:someone@mobilecarrier.net"])
        let inTuple = """
            <myex:mytupletag xmlns:myex="http://id.example.com/presence/">Extended value in tuple</myex:mytupletag>
            """
        let onTop = """
            <myex:mytag xmlns:myex="http://id.example.com/presence/">My extended presentity information</myex:mytag>
            """
        #expect(document.tuples.map(\.extensions) == [[ByteBuffer(string: inTuple)], []])
        #expect(document.extensions == [ByteBuffer(string: onTop)])
    }

    @Test("E06, RFC2779 3.1.4: an extension that demands what we do not know is left out, told of and kept")
    func mandatory() throws {
        let reading = try reading(PresenceSamples.mandatory)
        #expect(reading.findings.map(\.rule) == [.mustUnderstand] && reading.faults.isEmpty)
        #expect(reading.findings[0].text.hasPrefix("myex:complexExtension"))
        let tuple = try #require(reading.document.tuples.first)
        #expect(tuple.basic == .open && tuple.contactPriority == "0.725" && reading.document.extensions.count == 1)
        let kept = String(buffer: try #require(tuple.extensions.first))
        #expect(kept.hasPrefix("<myex:complexExtension xmlns:myex=\"http://id.mycompany.com/presence/\""))
        #expect(kept.contains("<myex:ex1 impp:mustUnderstand=\"1\">val1</myex:ex1>") && kept.contains("xmlns:impp"))
    }

    @Test(
        "E06: what must be understood inside of what we interpret takes the interpretation away, and nothing else",
        arguments: [
            ("<q:x xmlns:q=\"urn:q\" p:mustUnderstand=\"1\"/>", nil),
            ("<q:x xmlns:q=\"urn:q\" p:mustUnderstand=\"true\"/>", nil),
            ("<q:x xmlns:q=\"urn:q\" p:mustUnderstand=\"0\"/>", .dnd),
            ("<q:x xmlns:q=\"urn:q\" mustUnderstand=\"1\"/>", .dnd),
            ("<q:x xmlns:q=\"urn:q\"><q:y p:mustUnderstand=\"1\"/></q:x>", .dnd),
            ("<r:mood p:mustUnderstand=\"1\"/>", .dnd),
        ] as [(String, PresenceTuple.Show?)]
    )
    func demands(_ inside: String, _ show: PresenceTuple.Show?) throws {
        let person = """
            <d:person xmlns:d="urn:ietf:params:xml:ns:pidf:data-model" xmlns:r="urn:ietf:params:xml:ns:pidf:rpid" \
            id="a">\(inside)<r:activities><r:busy/></r:activities></d:person>
            """
        let reading = try reading(
            presence("<tuple id=\"t\"><status><basic>open</basic></status></tuple>" + person)
        )
        #expect(reading.document.tuples[0].show == show && reading.document.tuples[0].basic == .open)
        #expect(reading.document.extensions.count == 1 && (show == nil) == !reading.findings.isEmpty)
    }

    @Test("E07: strict, the paper's Listing I is refused at its first fault of naming")
    func listing() throws {
        let cause = try #require(refusal(PresenceSamples.listing))
        #expect(cause.rule == .prefix && cause.line == 5 && cause.column > 0)
        let declared = PresenceSamples.listing.replacing("xmlns=", with: "xmlns:impp=\"urn:x\" xmlns=")
        #expect(refusal(declared)?.rule == .namespace || refusal(declared)?.rule == .root)
        let bound = PresenceSamples.listing.replacing("impp:presence", with: "presence")
            .replacing("iETF", with: "ietf")
        let endTag = try #require(refusal(bound))
        #expect(endTag.rule == .endTag && endTag.line == 8)
    }

    @Test("E07: tolerant, Listing I is what it was meant to be, with six findings")
    func listingMended() throws {
        let reading = try reading(PresenceSamples.listing, .tolerant)
        #expect(
            reading.findings.map(\.rule) == [.prefix, .namespace, .endTag, .contacts, .whiteSpace, .endTag]
                || Set(reading.findings.map(\.rule)) == [.prefix, .namespace, .endTag, .contacts, .whiteSpace]
        )
        #expect(reading.findings.count == 6)
        let document = reading.document
        #expect(document.entity == "pres:alice@example.com" && document.tuples.map(\.id) == ["mypres", "mypres.2"])
        #expect(document.tuples.map(\.contact) == ["im:alice@example.com", "tel:+3585012345678"])
        #expect(document.tuples.map(\.contactPriority) == ["0.8", "0.3"])
        let hint = #"<ext:extdstatus xmlns:ext="urn:example-com:pidf-status-type">Busy</ext:extdstatus>"#
        for tuple in document.tuples {
            #expect(tuple.basic == .open && tuple.timestamp == "2005-08-14T09:14:37Z")
            let notes = ["Busy until 11 AM. Urgent messaging only.", "Kiirettä pitää kello 11 asti."]
            #expect(tuple.notes.map(\.text) == notes && tuple.notes.map(\.language) == ["en", "fi"])
            #expect(tuple.statusExtensions == [ByteBuffer(string: hint)])
        }
        let signed = PIDFReader(mode: .tolerant).read(ByteBuffer(string: PresenceSamples.listing), isSigned: true)
        #expect(throws: PIDFRefusal.self) { try signed.get() }
    }

    @Test("E08: as Listing I is repaired step by step, the faults that are left are found")
    func repaired() throws {
        let tags = PresenceSamples.listing.replacing("</impp:basic>", with: "</basic>")
            .replacing("</presence>", with: "</impp:presence>")
        #expect(Set(rules(try reading(tags, .tolerant))) == [.prefix, .namespace, .contacts])
        let root = tags.replacing("impp:presence", with: "presence")
        #expect(rules(try reading(root, .tolerant)) == [.namespace, .contacts])
        #expect(refusal(root)?.rule == .namespace)
        let namespace = root.replacing("iETF", with: "ietf")
        #expect(rules(try reading(namespace, .tolerant)) == [.contacts])
        #expect(refusal(namespace)?.rule == .contacts)
        let one = namespace.replacing(/<contact priority="0.3">[^<]*<\/contact>/, with: "")
        #expect(rules(try reading(one)).isEmpty)
    }

    @Test("E09, E10: no tuple is legal, with notes and without")
    func withoutTuples() throws {
        let none = try reading(presence("")).document
        #expect(none.isEmpty && none.basic == nil)
        let noted = try reading(presence("<note>away for a week</note>")).document
        #expect(!noted.isEmpty && noted.tuples.isEmpty && noted.basic == nil)
        #expect(noted.notes == [LocalizedText("away for a week")])
    }

    @Test("E12: a tuple without id is refused; of two with one id the last counts")
    func ids() throws {
        for mode in [PIDFReader.Mode.strict, .tolerant] {
            #expect(refusal(presence("<tuple><status><basic>open</basic></status></tuple>"), mode)?.rule == .tupleID)
            let twice = presence(
                "<tuple id=\"a\"><status><basic>open</basic></status></tuple>"
                    + "<tuple id=\"a\"><status><basic>closed</basic></status></tuple>"
            )
            let reading = try reading(twice, mode)
            #expect(rules(reading) == [.tupleIDTwice] && reading.document.tuples.map(\.basic) == [.closed])
        }
    }

    @Test(
        "E13: an id that is no name is taken and found, and is written as one",
        arguments: ["1abc", "a b", "r/1", ""]
    )
    func oddIDs(_ id: String) throws {
        let reading = try reading(presence("<tuple id=\"\(id)\"><status><basic>open</basic></status></tuple>"))
        #expect(rules(reading) == [.tupleIDForm] && reading.document.tuples.map(\.id) == [id])
        let again = PIDFReader(mode: .strict).read(PIDFWriter.octets(of: reading.document))
        let written = try again.get()
        #expect(written.findings.isEmpty && PIDFTupleID.isLegal(written.document.tuples[0].id))
        #expect(PIDFTupleID.decode(written.document.tuples[0].id) == id)
    }

    @Test("E14, E15: without basic nothing is known of availability; a status that says nothing is found")
    func withoutBasic() throws {
        let only = try reading(status("<q:x xmlns:q=\"urn:q\"/>"))
        #expect(only.findings.isEmpty && only.document.tuples[0].basic == nil && only.document.basic == nil)
        #expect(only.document.tuples[0].statusExtensions.count == 1)
        for mode in [PIDFReader.Mode.strict, .tolerant] {
            #expect(rules(try reading(status(""), mode)) == [.emptyStatus])
        }
        #expect(refusal(presence("<tuple id=\"t\"/>"))?.rule == .number)
        #expect(rules(try reading(presence("<tuple id=\"t\"/>"), .tolerant)) == [.number])
    }

    @Test(
        "E16: basic is one of two words; white space alone is forgiven, and only by the tolerant",
        arguments: [("OPEN", nil), (" open ", .open), ("away", nil), ("\n closed", .closed), ("", nil)]
            as [(String, PresenceTuple.Basic?)]
    )
    func basic(_ value: String, _ tolerant: PresenceTuple.Basic?) throws {
        let strict = try reading(status("<basic>\(value)</basic>"))
        #expect(rules(strict) == [.basic] && strict.document.tuples[0].basic == nil)
        let mended = try reading(status("<basic>\(value)</basic>"), .tolerant)
        #expect(rules(mended) == [.basic] && mended.document.tuples[0].basic == tolerant)
    }

    @Test(
        "E17: elements in another order are refused, or found and taken",
        arguments: [
            status("<q:x xmlns:q=\"urn:q\"/><basic>open</basic>"),
            tuple("<timestamp>2026-01-01T00:00:00Z</timestamp><note>n</note>"),
            presence("<note>n</note><tuple id=\"t\"><status><basic>open</basic></status></tuple>"),
        ]
    )
    func order(_ text: String) throws {
        #expect(refusal(text)?.rule == .order)
        let reading = try reading(text, .tolerant)
        #expect(rules(reading) == [.order] && reading.document.tuples.map(\.basic) == [.open])
        #expect(reading.document.notes.count + reading.document.tuples[0].notes.count <= 1)
    }
}
