// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Testing

@testable import XMLStream

@Suite("XML streams are read")
struct ParserTests {
    static let stream =
        header + "\n<message id='7'><body xml:lang='de'>Gr&#xFC;&lt;ß&gt; &amp; <![CDATA[<x/>]]></body></message> "
        + "<message id='a&quot;&apos;b'/><x xmlns='urn:x'>a<y>n</y>b<body xmlns='jabber:client'/></x></stream:stream>"

    static let expected = [
        "open (5 id=1)", "(1 id=7 (2 lang=de 'Grü<ß> & <x/>'))", "(1 id=a\"'b)",
        "({urn:x}x 'ab' ({urn:x}y 'n') (2))", "close",
    ]

    @Test("RFC6120 4: the same comes out however the octets are cut", arguments: [1, 2, 3, 7, 64, Int.max])
    func chunks(_ chunk: Int) {
        let recorder = Recorder.run(Self.stream, chunk: chunk)
        #expect(recorder.parser.failure == nil)
        #expect(recorder.lines == Self.expected)
    }

    @Test("RFC6120 4.6.1: white space between stanzas is no content, other text is an error")
    func keepAlive() {
        #expect(Recorder.run(header + " \n\t\r ").parser.failure == nil)
        #expect(Recorder.run(header + "hello").parser.failure?.condition == .badFormat)
    }

    @Test(
        "S18, RFC6120 11.1: what streams may not hold ends them",
        arguments: [
            ("<!-- x -->", XMLStreamCondition.restrictedXML), ("<?php x?>", .restrictedXML),
            ("<message>&foo;</message>", .restrictedXML), ("<message><!-- x --></message>", .restrictedXML),
            ("<message", .notWellFormed), ("<message></body>", .notWellFormed), ("<a:b/>", .notWellFormed),
            ("<message id='1' id='2'/>", .notWellFormed), ("<message>\u{1}</message>", .notWellFormed),
            ("<message>&#0;</message>", .notWellFormed), ("<message>&#xFFFE;</message>", .notWellFormed),
        ]
    )
    func forbidden(_ text: String, _ condition: XMLStreamCondition) {
        for chunk in [1, Int.max] {
            let recorder = Recorder.run(header + "<message id='1'/>" + text + "<<", chunk: chunk)
            #expect(recorder.parser.failure?.condition == condition)
            #expect(recorder.lines == ["open (5 id=1)", "(1 id=1)"])
        }
    }

    @Test(
        "RFC6120 11.1: a stream that begins wrongly ends at once",
        arguments: [
            ("<!DOCTYPE a [<!ENTITY x 'y'>]><a>", XMLStreamCondition.restrictedXML),
            ("<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a>", .restrictedXML),
            ("<?xml version='1.0' encoding='ISO-8859-1'?><a>", .unsupportedEncoding),
            ("<\u{0}a\u{0}>\u{0}", .notWellFormed), ("\u{0}<\u{0}a\u{0}>", .notWellFormed),
            ("\u{FEFF}<a>", .notWellFormed), ("hello<a>", .notWellFormed),
        ]
    )
    func start(_ text: String, _ condition: XMLStreamCondition) {
        for chunk in [1, Int.max] {
            #expect(Recorder.run(text, chunk: chunk).parser.failure?.condition == condition)
        }
    }

    @Test(
        "S23, RFC6120 11.6: octets that are not UTF-8 end the stream",
        arguments: [[0xC0, 0x80], [0xED, 0xA0, 0x80], [0xFF], [0xEF, 0xBF, 0xBF]]
    )
    func encoding(_ octets: [UInt8]) {
        var recorder = Recorder()
        recorder.feed(Array((header + "<message>").utf8) + octets + Array("</message>".utf8))
        #expect(recorder.parser.failure?.condition == .notWellFormed)
    }

    @Test("Nothing more comes out of a stream that failed")
    func dead() {
        var recorder = Recorder.run(header + "<!-- x -->")
        recorder.feed(Array("<message/>".utf8))
        #expect(recorder.lines == ["open (5 id=1)"])
        #expect(recorder.parser.failure?.condition == .restrictedXML)
    }

    @Test("Slices that are kept stay as they were when the parser goes on")
    func kept() {
        let parser = XMLStreamParser(vocabulary: Names.vocabulary)
        var kept: [ByteBuffer] = []
        for number in 0..<20 {
            let tail = "<message><body>text \(number)</body></message><message><body>par"
            parser.feed(ByteBuffer(string: number == 0 ? header + tail : "t</body></message>" + tail))
            for case .stanza(let element) in parser.events {
                if let body = element.child(Names.body) { kept.append(body.text) }
            }
        }
        let expected = (0..<20).flatMap { $0 == 0 ? ["text 0"] : ["part", "text \($0)"] }
        #expect(kept.map { String(buffer: $0) } == expected)
    }
}
