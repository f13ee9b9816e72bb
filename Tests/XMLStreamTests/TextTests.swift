// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Testing

@testable import XMLStream

@Suite("XML text is written")
struct TextTests {
    @Test(
        "RFC3922 F.2: characters that XML cannot hold become U+FFFD, and are counted",
        arguments: [
            ([0x41, 0x00, 0x42], "A\u{FFFD}B", 1), ([0x0B, 0x0C, 0x0E, 0x1F], "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}", 4),
            ([0x09, 0x0A, 0x7F], "\t\n\u{7F}", 0), ([0xEF, 0xBF, 0xBE, 0xEF, 0xBF, 0xBF], "\u{FFFD}\u{FFFD}", 2),
            ([0xEF, 0xBF, 0xBD], "\u{FFFD}", 0), ([0xF0, 0x9F, 0x98, 0x80], "😀", 0),
            ([0xF0, 0x9F, 0x98], "\u{FFFD}", 1), ([0xF0, 0x9F, 0x41], "\u{FFFD}A", 1),
            ([0xC3], "\u{FFFD}", 1), ([0xC3, 0x28], "\u{FFFD}(", 1), ([0xC0, 0xAF], "\u{FFFD}\u{FFFD}", 2),
            ([0xED, 0xA0, 0x80], "\u{FFFD}\u{FFFD}\u{FFFD}", 3),
            ([0xF4, 0x90, 0x80, 0x80], String(repeating: "\u{FFFD}", count: 4), 4),
        ]
    )
    func illegal(_ octets: [UInt8], _ expected: String, _ count: Int) {
        var buffer = ByteBuffer()
        let replaced = buffer.writeXMLText(ByteBuffer(bytes: octets))
        #expect(String(buffer: buffer) == expected)
        #expect(replaced == count)
    }

    @Test("RFC6120 11: markup characters are escaped")
    func markup() {
        var text = ByteBuffer()
        text.writeXMLText("<a href=\"x\">'&amp;]]>\r\n")
        #expect(String(buffer: text) == "&lt;a href=\"x\"&gt;'&amp;amp;]]&gt;&#13;\n")
        var value = ByteBuffer()
        value.writeXMLValue("<'\"&>\t\r\n")
        #expect(String(buffer: value) == "&lt;&apos;&quot;&amp;&gt;&#9;&#13;&#10;")
    }

    @Test("S22, RFC6120 11: whatever is written is read back, illegal characters replaced", arguments: 0..<200)
    func roundTrip(_ seed: Int) {
        var generator = SplitMix(state: UInt64(seed))
        let alphabet = Array("abc<>&'\"]\t\n\r ü€😀\u{0}\u{1F}\u{FFFE}\u{FFFF}\u{FFFD}\u{7F}\u{85}\u{2028}")
        let text = String(
            (0..<Int.random(in: 0...60, using: &generator)).map { _ in
                alphabet[Int.random(in: 0..<alphabet.count, using: &generator)]
            }
        )
        var wire = ByteBuffer(string: header + "<message id='")
        let inValue = wire.writeXMLValue(text)
        wire.writeString("'><body>")
        let inText = wire.writeXMLText(text)
        wire.writeString("</body></message>")

        let legal = String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { scalar in
                    let value = scalar.value
                    let isLegal = value >= 0x20 && value & 0xFFFE != 0xFFFE || [9, 10, 13].contains(value)
                    return isLegal ? scalar : "\u{FFFD}"
                }
            )
        )
        let parser = XMLStreamParser(vocabulary: Names.vocabulary)
        parser.feed(wire)
        guard case .stanza(let element) = parser.events.last else {
            Issue.record("no stanza for \(text.debugDescription), seed \(seed)")
            return
        }
        #expect(Array((element.string(Names.id) ?? "").utf8) == Array(legal.utf8))
        #expect(element.child(Names.body).map { Array($0.text.readableBytesView) } == Array(legal.utf8))
        let bad = text.unicodeScalars.filter { [0, 0x1F, 0xFFFE, 0xFFFF].contains($0.value) }.count
        #expect(inValue == bad && inText == bad)
    }
}

/// A small generator with a seed, so that a failure can be seen again.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}

@Suite("Plain octets are found eight at a time")
struct PlainWordTests {
    @Test("RFC6120 11: a word is plain exactly when each of its octets is, wherever it stands", arguments: 0..<8)
    func words(_ place: Int) {
        for octet in UInt8.min...UInt8.max {
            for filler in [UInt8(ascii: "a"), 0x20, 0x7F, 0x23] {
                var octets = [UInt8](repeating: filler, count: 8)
                octets[place] = octet
                let word = octets.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }
                let isPlain = octet >= 0x20 && octet < 0x80 && !"\"&'<>".utf8.contains(octet)
                #expect(XMLEscapes.arePlain(word) == isPlain)
            }
        }
    }
}
