// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import MessageFormats
import NIOCore
import Testing

@Suite("PIDF: show") struct PIDFShowTests {
    private static let jabber = "<show xmlns=\"jabber:client\">xa</show>"
    private static let messaging = "<im xmlns=\"urn:ietf:params:xml:ns:pidf:im\">busy</im>"
    private static let rpid = "<activities xmlns=\"urn:ietf:params:xml:ns:pidf:rpid\"><away/></activities>"

    private static func person(_ activities: String, _ attributes: String = "") -> String {
        """
        <d:person xmlns:d="urn:ietf:params:xml:ns:pidf:data-model" xmlns:r="urn:ietf:params:xml:ns:pidf:rpid" \
        id="p1"><r:activities\(attributes)>\(activities)</r:activities></d:person>
        """
    }

    private let open = "<tuple id=\"t\"><status><basic>open</basic></status></tuple>"

    @Test(
        "E30: show of jabber:client goes before im of pidf:im, and that before RPID",
        arguments: [
            (jabber + messaging + rpid, .xa, 2), (messaging + jabber + rpid, .xa, 2), (messaging + rpid, .dnd, 1),
            (rpid, .away, 1), (jabber.replacing("xa", with: "\n  chat "), .chat, 0),
            (jabber.replacing("xa", with: "lunch") + messaging, .dnd, 1),
            (messaging.replacing("busy", with: "off"), nil, 1),
            (messaging.replacing("busy", with: "away") + jabber, .xa, 0),
            (messaging.replacing("<im ", with: "<im a=\"b\" "), .dnd, 1), (jabber + jabber, .xa, 1),
        ] as [(String, PresenceTuple.Show?, Int)]
    )
    func precedence(_ inside: String, _ show: PresenceTuple.Show?, _ kept: Int) throws {
        let reading = try reading(status("<basic>open</basic>" + inside))
        let tuple = reading.document.tuples[0]
        #expect(tuple.show == show && tuple.statusExtensions.count == kept && reading.faults.isEmpty)
        // What was not taken as show comes back.
        let again = try PIDFReader(mode: .strict).read(PIDFWriter.octets(of: reading.document)).get()
        #expect(again.document == reading.document)
    }

    @Test(
        "E31: RPID's activities of a person are a hint for tuples that say nothing themselves, and are kept",
        arguments: [
            ("<r:busy/>", .dnd), ("<r:on-the-phone/>", .dnd), ("<r:vacation/>", .xa), ("<r:dinner/>", .away),
            ("<r:away/><r:busy/>", .dnd), ("<r:unknown/>", nil), ("<r:working/>", nil), ("<busy/>", nil), ("", nil),
            ("<r:note>Far away</r:note><r:away/>", .away), ("<r:other>busy</r:other>", nil),
        ] as [(String, PresenceTuple.Show?)]
    )
    func activities(_ activities: String, _ show: PresenceTuple.Show?) throws {
        let closed = "<tuple id=\"u\"><status><basic>closed</basic></status></tuple>"
        let document = try reading(presence(open + closed + Self.person(activities))).document
        #expect(document.tuples.map(\.show) == [show, nil] && document.extensions.count == 1)
        let said = "<tuple id=\"v\"><status><basic>open</basic>\(Self.jabber)</status></tuple>"
        let mixed = try reading(presence(open + said + Self.person(activities))).document
        #expect(mixed.tuples.map(\.show) == [nil, .xa] && mixed.extensions.count == 1)
    }

    @Test("E31: activities that are told for a time count in that time only")
    func time() throws {
        let spans = [
            (" r:from=\"2026-01-01T00:00:00Z\"", PresenceTuple.Show?.some(.dnd), PresenceTuple.Show?.some(.dnd)),
            (" from=\"2026-01-01T00:00:00Z\" until=\"2026-01-01T02:00:00+01:00\"", .dnd, nil),
            (" from=\"2026-01-01T00:30:01Z\"", nil, .dnd), (" until=\"nonsense\"", nil, nil),
        ]
        let reader = PIDFReader(mode: .strict)
        for (span, early, late) in spans {
            let text = ByteBuffer(string: presence(open + Self.person("<r:busy/>", span)))
            reader.now = WallTime(milliseconds: (try #require(PresenceTime("2026-01-01T00:30:00Z"))).seconds * 1000)
            #expect(try reader.read(text).get().document.tuples[0].show == early)
            reader.now = WallTime(milliseconds: (try #require(PresenceTime("2026-01-01T01:00:01Z"))).seconds * 1000)
            #expect(try reader.read(text).get().document.tuples[0].show == late)
            reader.now = nil
            #expect(try reader.read(text).get().document.tuples[0].show == (span.contains("r:from") ? .dnd : nil))
        }
    }

    @Test("E30: show is written in three ways, of which a reader of ours needs the first")
    func written() throws {
        var document = PresenceDocument(entity: "pres:a@a.example")
        var tuple = PresenceTuple(id: "ID-x", basic: .open)
        tuple.show = .dnd
        document.tuples = [tuple]
        let expected = """
            \(declaration)<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="pres:a@a.example"><tuple id="ID-x">\
            <status><basic>open</basic><show xmlns="jabber:client">dnd</show>\
            <im xmlns="urn:ietf:params:xml:ns:pidf:im">busy</im></status></tuple>\
            <person xmlns="urn:ietf:params:xml:ns:pidf:data-model" id="rpid.person">\
            <activities xmlns="urn:ietf:params:xml:ns:pidf:rpid"><busy/></activities></person></presence>
            """
        #expect(String(buffer: PIDFWriter.octets(of: document)) == expected)
        // Each of the three alone says the same.
        let rpid = expected.replacing(/<show.*<\/im>/, with: "")
        let messaging = expected.replacing(/<show.*<\/show>/, with: "").replacing(/<person.*<\/person>/, with: "")
        for text in [expected, rpid, messaging] { #expect(try reading(text).document == document) }
    }

    @Test("E31: the hint of RPID is about the person: none where one device is there, or where others speak of it")
    func personal() throws {
        func written(_ shows: [PresenceTuple.Show?], extension element: String? = nil) -> String {
            var document = PresenceDocument(entity: "pres:a@a.example")
            for (index, show) in shows.enumerated() {
                var tuple = PresenceTuple(id: "t\(index)", basic: .open)
                tuple.show = show
                document.tuples.append(tuple)
            }
            document.tuples.append(PresenceTuple(id: "gone", basic: .closed))
            if let element { document.extensions.append(ByteBuffer(string: element)) }
            return String(buffer: PIDFWriter.octets(of: document))
        }
        #expect(written([.away, .xa]).contains("<away/>") && written([.dnd]).contains("<busy/>"))
        for shows in [[], [nil], [.away, nil], [.dnd, .chat]] as [[PresenceTuple.Show?]] {
            #expect(!written(shows).contains("pidf:rpid"))
        }
        let person = "<person xmlns=\"urn:ietf:params:xml:ns:pidf:data-model\" id=\"p\"/>"
        #expect(!written([.away], extension: person).contains("pidf:rpid"))
        #expect(written([.away], extension: "<a xmlns=\"urn:a\">:urn:x</a>").contains("pidf:rpid"))
    }
}
