// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Testing
import XMLStream

@Suite("A stream that goes on for long")
struct RenewalTests {
    private static let header =
        "<?xml version='1.0'?>\n<stream:stream xmlns='jabber:component:accept' xmlns:p='urn:p' to='x>y'"
        + " xmlns:stream='http://etherx.jabber.org/streams'>"

    @Test(
        "RFC6120 4.9.3.14: names that come once and never again are not kept for ever, and no stanza is lost by it",
        arguments: [999, 65_536, .max]
    )
    func names(_ chunk: Int) {
        let parser = XMLStreamParser(vocabulary: XMLVocabulary([]))
        var text = ByteBuffer(string: RenewalTests.header)
        let count = 12_000
        for number in 0..<count {
            // What the header declares holds for each of them.
            let name = "n\(number)" + String(repeating: "x", count: 150)
            text.writeString(
                "<p:\(name) a\(number)='\(number)'\(number % 3 == 0 ? "/>" : "><q\(number)>é</q\(number)></p:\(name)>")"
            )
            if number % 7 == 0 { text.writeString("\n") }
        }
        text.writeString("</stream:stream>")
        let whole = text.readableBytes
        var seen = 0
        var isInOrder = true
        var isOpen = false
        var isClosed = false
        while let piece = text.readSlice(length: min(chunk, text.readableBytes)), piece.readableBytes > 0 {
            parser.feed(piece)
            for event in parser.events {
                switch event {
                case .opened:
                    isInOrder = isInOrder && !isOpen
                    isOpen = true
                case .stanza(let stanza):
                    isInOrder =
                        isInOrder && stanza.unknownNamespace == "urn:p" && stanza.attributeCount == 1
                        && stanza.unknownLocalName.hasPrefix("n\(seen)x")
                        && stanza.children.allSatisfy { $0.unknownNamespace == "jabber:component:accept" }
                    seen += 1
                case .oversize: isInOrder = false
                case .closed: isClosed = true
                }
            }
        }
        #expect(seen == count && isInOrder && isOpen && isClosed && parser.failure == nil)
        #expect(parser.renewals >= whole / (3 << 20) && parser.renewals >= 1 && parser.renewals <= whole / (2 << 20))
    }

    @Test("RFC6120 11.1: after that the stream is held to the same rules")
    func rules() {
        let parser = XMLStreamParser(vocabulary: XMLVocabulary([]))
        parser.feed(ByteBuffer(string: RenewalTests.header))
        let stanza = ByteBuffer(string: "<m>\(String(repeating: "x", count: 100_000))</m>")
        for _ in 0..<30 { parser.feed(stanza) }
        #expect(parser.renewals == 1 && parser.failure == nil)
        parser.feed(ByteBuffer(string: "<m/><!-- c -->"))
        #expect(parser.failure?.condition == .restrictedXML)
        let other = XMLStreamParser(vocabulary: XMLVocabulary([]))
        other.feed(ByteBuffer(string: RenewalTests.header))
        for _ in 0..<30 { other.feed(stanza) }
        other.feed(ByteBuffer(string: "<m></n>"))
        #expect(other.failure?.condition == .notWellFormed)
    }
}
