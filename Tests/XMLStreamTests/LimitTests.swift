// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Testing

@testable import XMLStream

@Suite("XML streams have limits")
struct LimitTests {
    static let limits: XMLLimits = {
        var limits = XMLLimits()
        limits.stanzaOctets = 400
        limits.depth = 4
        limits.nodes = 10
        limits.attributes = 3
        limits.nameOctets = 40
        limits.valueOctets = 50
        limits.tagOctets = 500
        limits.skippedOctets = 5_000
        limits.skippedDepth = 50
        return limits
    }()

    @Test(
        "RFC6120 13.12: a stanza beyond a limit is skipped and the stream goes on",
        arguments: [
            ("<message id='1'><body>\(String(repeating: "x", count: 400))</body></message>", XMLLimit.stanzaOctets),
            ("<message id='1'><body>\(String(repeating: "&#x20;", count: 70))</body></message>", .stanzaOctets),
            ("<message id='1'><a><b><c><d/></c></b></a></message>", .depth),
            ("<message id='1'>\(String(repeating: "<a/>", count: 10))</message>", .nodes),
            ("<message id='1'>\(String(repeating: "<a/>b", count: 6))</message>", .nodes),
            ("<message id='1'><a b='1' c='2' d='3' e='4'/><body/></message>", .attributes),
            ("<message id='1' b='1' c='2' d='3'/>", .attributes),
            ("<message id='1'><\(String(repeating: "n", count: 41)) xmlns=''/></message>", .nameOctets),
            ("<message id='1'><a b='\(String(repeating: "v", count: 51))'/></message>", .valueOctets),
        ]
    )
    func skipped(_ stanza: String, _ limit: XMLLimit) {
        for chunk in [1, 7, Int.max] {
            let recorder = Recorder.run(
                header + "<message id='0'/>" + stanza + "<message id='2'><body>next</body></message>",
                chunk: chunk,
                limits: Self.limits
            )
            #expect(recorder.parser.failure == nil)
            #expect(
                recorder.lines == [
                    "open (5 id=1)", "(1 id=0)", "oversize \(limit) (1 id=1)", "(1 id=2 (2 'next'))",
                ]
            )
        }
    }

    @Test(
        "RFC6120 13.12: names beyond their limit are not kept, and what has them is no stanza",
        arguments: [
            ("<\(long) xmlns='' id='1'/>", "oversize nameOctets ({} id=1)"),
            ("<\(long) xmlns='urn:x'><body/></\(long)>", "oversize nameOctets ({})"),
            ("<message \(long)='2' id='1'/>", "oversize nameOctets (1 id=1)"),
        ]
    )
    func unnamed(_ stanza: String, _ expected: String) {
        let recorder = Recorder.run(header + stanza + "<message/>", limits: Self.limits)
        #expect(recorder.parser.failure == nil)
        #expect(recorder.lines == ["open (5 id=1)", expected, "(1)"])
    }

    private static let long = String(repeating: "n", count: 41)

    @Test("RFC6120 13.12: an attribute beyond a limit is not there")
    func attributesLeftOut() {
        let parser = XMLStreamParser(vocabulary: Names.vocabulary, limits: Self.limits)
        parser.feed(ByteBuffer(string: header + "<message \(Self.long)='2'/>"))
        guard case .oversize(let element, .nameOctets) = parser.events.last else {
            Issue.record("no oversize stanza")
            return
        }
        #expect(element.attribute(.unknown) == nil)
    }

    @Test(
        "S21, RFC6120 13.12: what would cost without end closes the stream",
        arguments: [
            "<message><a b='" + String(repeating: "v", count: 600),
            "<message><body>" + String(repeating: "0123456789", count: 600),
            "<message>" + String(repeating: "<a>", count: 60),
        ]
    )
    func closed(_ text: String) {
        for chunk in [1, 7, 100] {
            let recorder = Recorder.run(header + text, chunk: chunk, limits: Self.limits)
            #expect(recorder.parser.failure?.condition == .policyViolation)
        }
    }

    @Test("Stanzas just below the limits pass")
    func justBelow() {
        let recorder = Recorder.run(
            header + "<message id='1' b='2' c='3'><body><a><b/></a></body></message>",
            limits: Self.limits
        )
        #expect(recorder.lines.last == "(1 id=1 (2 ({jabber:component:accept}a ({jabber:component:accept}b))))")
    }
}
