// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import Foundation
import MessageFormats
import NIOCore
import Testing

/// Reads message headers with an empty text behind them.
private func cpim(
    _ headers: String...,
    ending: String = "\r\n",
    content: String = "Content-Type: text/plain"
) throws -> CPIMMessage {
    let lines = headers + ["", content, "", "x"]
    return try CPIMMessage(reading: ByteBuffer(string: lines.joined(separator: ending)), from: .messageHeaders)
}

private func rules(_ message: CPIMMessage) -> [CPIMFinding.Rule] { message.findings.map(\.rule) }

@Suite("Message/CPIM vectors") struct CPIMVectorTests {
    @Test("D01: the sample of RFC 3862 5.1")
    func sample() throws {
        let message = try cpim(
            "From: MR SANDERS <im:piglet@100akerwood.com>",
            "To: Depressed Donkey <im:eeyore@100akerwood.com>",
            "DateTime: 2000-12-13T13:40:00-08:00",
            "Subject: the weather will be fine today",
            "Subject:;lang=fr beau temps prevu pour aujourd'hui",
            "NS: MyFeatures <mid:MessageFeatures@id.foo.com>",
            "Require: MyFeatures.VitalMessageOption",
            "MyFeatures.VitalMessageOption: Confirmation-requested",
            "MyFeatures.WackyMessageOption: Use-silly-font",
            content: "Content-type: text/xml; charset=utf-8\r\nContent-ID: <1234567890@foo.com>"
        )
        #expect(message.isStrictlyValid, "\(message.findings)")
        #expect(message.from == CPIMAddress(displayName: "MR SANDERS", uri: "im:piglet@100akerwood.com"))
        #expect(message.subjects.map(\.language) == [nil, "fr"])
        let vital = CPIMMessage.Feature(namespace: "mid:MessageFeatures@id.foo.com", name: "VitalMessageOption")
        #expect(message.required == [vital])
        #expect(message.unmet(understood: []) == [vital] && message.unmet(understood: [vital]).isEmpty)
        #expect(message.headers.last?.namespace == "mid:MessageFeatures@id.foo.com")
        #expect(message.dateTime?.literal == "2000-12-13T13:40:00-08:00")
        #expect(message.contentType?.essence == "text/xml")
    }

    @Test("D03: the order of the headers is kept")
    func order() throws {
        let message = try cpim("To: <im:b@b.example>", "From: <im:a@a.example>", "cc: <im:c@c.example>")
        #expect(message.headers.map(\.name) == ["To", "From", "cc"])
    }

    @Test("D04 D05: the framework paper's Listing II has two defects and is read all the same")
    func listing() throws {
        let defects = try CPIMMessage(reading: ByteBuffer(string: listingII))
        #expect(rules(defects) == [.lineEnd, .contentColon] && defects.findings.map(\.line) == [1, 12])
        let repaired = listingII.replacing("Content-ID <", with: "Content-ID: <").replacing("\n", with: "\r\n")
        let right = try CPIMMessage(reading: ByteBuffer(string: repaired))
        #expect(right.isStrictlyValid, "\(right.findings)")
        for message in [defects, right] {
            #expect(message.from == CPIMAddress(displayName: "MacGyver", uri: "im:macgyver@phoenixfoundation.org"))
            #expect(message.to.map(\.uri) == ["im:pete@phoenixfoundation.org", "im:jack@jackdalton.net"])
            #expect(message.dateTime?.literal == "1987-12-26T17:33:01Z")
            #expect(message.subjects.map(\.text) == ["Urgent!"] && message.required.isEmpty)
            let option = try #require(message.headers.first { $0.name == "MessageOption" })
            #expect(option.namespace == "mid:imfeats@phoenixfoundation.org" && option.value == "Urgent-Flashing")
            #expect(message.objectHeaders.map(\.value) == ["Message/CPIM"])
            #expect(String(buffer: message.content).hasPrefix("<body>"))
        }
        #expect(defects.octets == ByteBuffer(string: listingII))
        #expect(right.contentHeaders.map(\.value).last == "<88243a@phoenixfoundation.org>")
    }

    @Test(
        "D08 D09 D10 D11 D12 D24 D25 D31: what breaks the grammar is found by its rule",
        arguments: [
            ("from: <im:a@b>", [], nil),
            ("From:<im:a@b>", [.space], "im:a@b"),
            ("From:  <im:a@b>", [.address], "im:a@b"),
            ("From: <im:a@b> ", [.trailingSpace, .address], nil),
            ("From: <im:a@b>\r\n <im:c@d>", [.folding], "im:a@b"),
            ("From: Doe, John <im:j@x>", [.address], nil),
            ("From: im:a@b", [.address], nil),
            ("a.b.C: v", [.name], nil),
            ("From", [.colon], nil),
            ("From: <im:a@b\u{0}>", [.control, .address], nil),
        ] as [(String, [CPIMFinding.Rule], String?)]
    )
    func broken(line: String, found: [CPIMFinding.Rule], from: String?) throws {
        let message = try cpim(line)
        #expect(Set(rules(message)) == Set(found), "\(message.findings)")
        #expect(message.from?.uri == from)
    }

    @Test("D13 D14: other line ends are found and nothing is changed", arguments: ["\n", "\r"])
    func lineEnds(ending: String) throws {
        let message = try cpim("From: <im:a@b>", "Subject: x", ending: ending)
        #expect(rules(message) == [.lineEnd])
        #expect(message.from?.uri == "im:a@b" && message.content == ByteBuffer(string: "x"))
    }

    @Test(
        "D15 D16 D18 D19 D20: a subject is read as it is meant",
        arguments: [
            ("Subject:;lang=fr Objet de message", "fr", "Objet de message"),
            ("Subject: ;lang=fr Objet", nil, ";lang=fr Objet"),
            (#"Subject: a\tb\\c\u0007d"#, nil, "a\tb\\c\u{7}d"),
            (#"Subject: \q\x\"#, nil, "qx"),
            (#"Subject: \uD83D\uDE00"#, nil, "\u{1F600}"),
            (#"Subject: \uD83D!"#, nil, "\u{FFFD}!"),
        ] as [(String, String?, String)]
    )
    func subject(line: String, language: String?, text: String) throws {
        let subject = try #require(try cpim(line).subjects.first)
        #expect(subject.language == language && subject.text == text)
    }

    @Test("D17: several subjects in several languages, in their order")
    func subjects() throws {
        let message = try cpim("Subject: a", "Subject:;lang=fr b", "Subject:;lang=cs c")
        #expect(message.subjects.map(\.language) == [nil, "fr", "cs"])
    }

    @Test(
        "D22 D23: display names",
        arguments: [
            (#"To: "Doe, \"J\"" <im:j@x>"#, #"Doe, "J""#), (#"To: "Doe"<im:j@x>"#, "Doe"),
            ("To: A.B Caesar <im:j@x>", "A.B Caesar"),
        ]
    )
    func names(line: String, name: String) throws {
        let message = try cpim(line)
        #expect(message.to == [CPIMAddress(displayName: name, uri: "im:j@x")] && message.isStrictlyValid)
    }

    @Test("D26: every recipient is found, in all domains")
    func recipients() throws {
        let message = try cpim("To: <im:a@a>", "To: <im:b@b>", "To: <im:c@c>", "cc: <im:d@d>", "cc: <im:a@d>")
        #expect(message.to.count == 3 && message.cc.count == 2)
    }

    @Test("RFC2779 4.1.8: D27 D28 D29 D32: a namespace holds from its line on")
    func namespaces() throws {
        let again = try cpim("NS: a <u:1>", "a.H: 1", "NS: a <u:2>", "a.H: 2")
        #expect(again.headers.filter { $0.name == "H" }.map(\.namespace) == ["u:1", "u:2"])
        let moved = try cpim("NS: <u:x>", "From: <im:a@b>")
        #expect(moved.from == nil && moved.headers[1].namespace == "u:x")
        let kept = try cpim("NS: c <urn:ietf:params:cpim-headers:>", "NS: <u:x>", "c.From: <im:a@b>")
        #expect(kept.from?.uri == "im:a@b" && kept.isStrictlyValid)
        let unknown = try cpim("Zz.H: v")
        #expect(unknown.headers.count == 1 && unknown.headers[0].namespace == nil && unknown.isStrictlyValid)
    }

    @Test("D30: a namespace is an absolute URI without fragment", arguments: ["p <relative>", "<u:x#f>", "p u:x"])
    func brokenNamespace(value: String) throws {
        #expect(rules(try cpim("NS: \(value)")) == [.namespace])
    }

    @Test("RFC2779 4.1.8: D07 D33: what Require names, and what it cannot name")
    func require() throws {
        for line in ["Require: A.x,B.y", "Require: A.x, B.y"] {
            let message = try cpim("NS: A <u:a>", "NS: B <u:b>", line)
            #expect(message.required == [.init(namespace: "u:a", name: "x"), .init(namespace: "u:b", name: "y")])
        }
        #expect(rules(try cpim("NS: A <u:a>", "Required: A.x")) == [.requireAlias])
        let early = try cpim("Require: A.x", "NS: A <u:a>")
        #expect(rules(early) == [.unbound])
        #expect(early.unmet(understood: [.init(namespace: "u:a", name: "x")]).count == 1)
    }

    @Test(
        "D34 D35: dates",
        arguments: [
            ("1990-12-31T23:59:00Z", true), ("1990-12-31t23:59:00z", true), ("1990-12-31T23:59:00-00:00", true),
            ("1990-12-31T23:59:60Z", true), ("1990-12-31T15:59:60-08:00", true),
            ("1990-12-31T23:59:00.123456789Z", true), ("1990-12-31T23:59:00", false),
            ("1990-12-31T24:00:00Z", false), ("1990-02-30T00:00:00Z", false), ("1990-12-31T15:59:61Z", false),
            ("1990-12-31T15:59:60Z", false), ("1990-12-31T23:59:00,5Z", false), ("2000-02-29T00:00:00Z", true),
            ("1900-02-29T00:00:00Z", false), ("1990-12-31T23:59:00.Z", false), ("", false),
        ]
    )
    func dates(text: String, isGood: Bool) throws {
        #expect((RFC3339Time(text) != nil) == isGood)
        let message = try cpim("DateTime: \(text)x".replacing("x", with: ""))
        #expect(rules(message).contains(.date) != isGood)
        #expect(message.headers[0].rawValue == text)
    }

    @Test("D36: content headers that run straight on are taken as such, and found")
    func missingEmptyLine() throws {
        let octets = ByteBuffer(string: "From: <im:a@b>\r\nContent-type: text/plain\r\n\r\nHello World")
        let message = try CPIMMessage(reading: octets, from: .messageHeaders)
        #expect(rules(message) == [.contentHeader])
        #expect(message.content == ByteBuffer(string: "Hello World") && message.contentType?.essence == "text/plain")
    }

    @Test("D37 D38 D39: content that starts with an empty line, has no type, or has a folded one")
    func content() throws {
        let empty = try CPIMMessage(
            reading: ByteBuffer(string: "From: <im:a@b>\r\n\r\nContent-Type: text/plain\r\n\r\n\r\nx"),
            from: .messageHeaders
        )
        #expect(empty.content == ByteBuffer(string: "\r\nx"))
        let untyped = try CPIMMessage(reading: ByteBuffer(string: "From: <im:a@b>\r\n\r\n\r\nx"), from: .messageHeaders)
        #expect(rules(untyped) == [.contentType] && untyped.content == ByteBuffer(string: "x"))
        let folded = try cpim("From: <im:a@b>", content: "content-type: text/plain;\r\n charset=utf-8")
        #expect(folded.contentType?.charset == "utf-8" && folded.isStrictlyValid)
    }

    @Test("D40 D41 D44 D50: any content passes octet for octet")
    func anyContent() throws {
        var octets = ByteBuffer(string: "From: <im:a@b>\r\n\r\nContent-Type: application/octet-stream\r\n\r\n")
        let content = (0..<(1 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
        octets.writeBytes(content)
        let message = try CPIMMessage(reading: octets, from: .messageHeaders)
        #expect(message.content == ByteBuffer(bytes: content) && message.octets == octets)
        #expect(message.isStrictlyValid)
    }

    @Test("D42: a header that is not UTF-8 is kept as it came")
    func invalidText() throws {
        var octets = ByteBuffer(string: "Subject: a")
        octets.writeBytes([0xFF, 0x62])
        octets.writeString("\r\n\r\nContent-Type: text/plain\r\n\r\nx")
        let message = try CPIMMessage(reading: octets, from: .messageHeaders)
        #expect(rules(message) == [.text])
        #expect(message.subjects[0].text == "a\u{FFFD}b")
        #expect(Array(message.headers[0].octets.readableBytesView).suffix(2) == [0xFF, 0x62])
    }

    @Test("D43: what is beyond a bound is refused by name")
    func limits() {
        let many = ByteBuffer(string: String(repeating: "A: b\r\n", count: 100_000))
        #expect(throws: CPIMError.beyondLimit("256 header lines")) {
            try CPIMMessage(reading: many, from: .messageHeaders)
        }
        let long = ByteBuffer(string: "Subject: " + String(repeating: "x", count: 1 << 20))
        #expect(throws: CPIMError.beyondLimit("16384 octets in a line")) {
            try CPIMMessage(reading: long, from: .messageHeaders)
        }
    }

    @Test("RFC2779 4.1.8: D49: a header is known by its namespace and name, whatever its prefix")
    func prefixes() throws {
        let message = try cpim(
            "NS: x <urn:ietf:params:imdn>",
            "x.Message-ID: 34jk",
            "x.Disposition-Notification: display"
        )
        #expect(message.headers.map(\.namespace).last == "urn:ietf:params:imdn" && message.isStrictlyValid)
    }
}

/// The listing as the paper prints it, line ends and slip included.
private let listingII = """
    Content-type: Message/CPIM

    From: MacGyver <im:macgyver@phoenixfoundation.org>
    To: Pete <im:pete@phoenixfoundation.org>
    To: Jack <im:jack@jackdalton.net>
    DateTime: 1987-12-26T17:33:01Z
    Subject: Urgent!
    NS: Feats <mid:imfeats@phoenixfoundation.org>
    Feats.MessageOption: Urgent-Flashing

    Content-type: text/xml; charset=utf-8
    Content-ID <88243a@phoenixfoundation.org>

    <body>
    Quick, send me some more bubble gum!
    </body>

    """
