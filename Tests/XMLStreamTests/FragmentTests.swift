// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Testing

@testable import XMLStream

private func octets(_ element: XMLElement, within scope: String = "", _ renaming: [String: String] = [:]) -> String {
    var buffer = ByteBuffer()
    element.write(to: &buffer, within: scope, renaming: renaming)
    return String(buffer: buffer)
}

private func child(_ text: String) throws -> XMLElement {
    let parser = XMLStreamParser(vocabulary: Names.vocabulary)
    parser.feed(ByteBuffer(string: header + "<message>" + text + "</message>"))
    guard case .stanza(let stanza)? = parser.events.last else { throw Missing() }
    return try #require(stanza.children.first { _ in true })
}

private struct Missing: Error {}

@Suite("Elements by themselves")
struct FragmentTests {
    @Test(
        "RFC6120 11.3: an element is written with each namespace that it needs and no other",
        arguments: [
            ("<x/>", "<x xmlns='jabber:component:accept'/>"), ("<x xmlns='urn:x'/>", "<x xmlns='urn:x'/>"),
            ("<p:x xmlns:p='urn:x'><p:y/><z/></p:x>", "<x xmlns='urn:x'><y/><z xmlns='jabber:component:accept'/></x>"),
            ("<x xmlns='u:&amp;&apos;'>&lt;&#13;\n</x>", "<x xmlns='u:&amp;&apos;'>&lt;&#13;\n</x>"),
            (
                "<x xmlns='u' xmlns:p='v' xmlns:q='w' p:a='1' a='2' q:a='3' xml:lang='de'/>",
                "<x xmlns='u' xmlns:n0='v' n0:a='1' a='2' xmlns:n1='w' n1:a='3' xml:lang='de'/>"
            ),
            (
                "<body id='1'>t<x xmlns=''/>u</body>",
                "<body xmlns='jabber:component:accept' id='1'>t<x xmlns=''/>u</body>"
            ),
            ("<body xmlns='jabber:client'/>", "<body xmlns='jabber:client'/>"),
            ("<x xmlns='u'><![CDATA[<a>]]>&#9;</x>", "<x xmlns='u'>&lt;a&gt;\t</x>"),
        ]
    )
    func written(_ text: String, _ expected: String) throws {
        let element = try child(text)
        #expect(octets(element) == expected)
        let again = try #require(XMLFragmentReader(vocabulary: Names.vocabulary).read(ByteBuffer(string: expected)))
        #expect(octets(again) == expected)
    }

    @Test("RFC6120 4.8.3: a namespace that holds already is not declared, and one can stand for another")
    func scope() throws {
        let element = try child("<x><y/><z xmlns='jabber:client'><w xmlns='jabber:component:accept'/></z></x>")
        let renaming = ["jabber:component:accept": "jabber:client"]
        #expect(octets(element, within: "", renaming) == "<x xmlns='jabber:client'><y/><z><w/></z></x>")
        #expect(octets(element, within: "jabber:client", renaming) == "<x><y/><z><w/></z></x>")
    }

    @Test(
        "RFC6120 11.1: only one whole element is one",
        arguments: [
            "", "x", "<x", "<x>", "<x/><y/>", "<x/>y", " <x/>", "</i>", "<x/></i><i><y/>", "</i></x>", "<x><![CDATA[",
            "<!--c--><x/>",
            "<?p?><x/>", "<!DOCTYPE x><x/>", "<x>&e;</x>", "<p:x/>", "\u{FEFF}<x/>", "<x a='1' a='2'/>", "<x>\u{1}</x>",
            "<x/></i><!-- ", "<x/></i><![CDATA[", "<x/></i><?p ", "<x><!--c--></x>",
        ]
    )
    func refused(_ text: String) {
        let reader = XMLFragmentReader(vocabulary: Names.vocabulary)
        #expect(reader.read(ByteBuffer(string: text)) == nil)
        // What comes next is read as if nothing had been.
        #expect(reader.read(ByteBuffer(string: "<x>1</x>")).map { octets($0) } == "<x>1</x>")
        #expect(reader.read(ByteBuffer(string: "<y/>")).map { octets($0) } == "<y/>")
    }

    @Test("RFC6120 13.12: the limits of a stanza hold for an element by itself")
    func limits() {
        var limits = XMLLimits()
        limits.stanzaOctets = 1_000
        limits.depth = 4
        let reader = XMLFragmentReader(vocabulary: Names.vocabulary, limits: limits)
        #expect(reader.read(ByteBuffer(string: "<x><y><z/></y></x>")) != nil)
        #expect(reader.read(ByteBuffer(string: "<x><y><z><w/></z></y></x>")) == nil)
        #expect(reader.read(ByteBuffer(string: "<x>" + String(repeating: "y", count: 1_000) + "</x>")) == nil)
        #expect(reader.read(ByteBuffer(string: "<x/>")) != nil)
    }
}
