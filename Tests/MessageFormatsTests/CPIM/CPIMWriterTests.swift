// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import MessageFormats
import NIOCore
import Testing

@Suite("Message/CPIM written") struct CPIMWriterTests {
    private func written(_ draft: CPIMDraft) throws -> CPIMMessage {
        var octets = ByteBuffer()
        draft.write(to: &octets)
        return try CPIMMessage(reading: octets, from: .messageHeaders)
    }

    private func draft(_ content: CPIMDraft.Content = .described([], ByteBuffer())) -> CPIMDraft {
        CPIMDraft(from: CPIMAddress(uri: "im:a@a.example"), to: [CPIMAddress(uri: "im:b@b.example")], content: content)
    }

    @Test("RFC3862 2.3: no text makes a second header of itself, in the content's header either")
    func injection() throws {
        let type = HeaderField(name: "Content-Type", value: "text/plain\r\nX: y\n\nz")
        var draft = draft(.described([type], ByteBuffer(string: "hi")))
        draft.from = CPIMAddress(displayName: "Eve\r\nTo: <im:x@x>", uri: "im:eve@e.example>\r\nTo: <im:y@y")
        draft.subjects = [.init("line1\r\nFrom: x\u{0}"), .init("  ")]
        let message = try written(draft)
        #expect(message.isStrictlyValid, "\(message.findings)")
        #expect(message.headers.map(\.name) == ["From", "To", "Subject"])
        #expect(message.subjects.map(\.text) == ["line1\r\nFrom: x\u{0}"])
        #expect(message.from?.displayName == "Eve\r\nTo: <im:x@x>" && message.contentHeaders.count == 1)
        #expect(message.content == ByteBuffer(string: "hi"))
    }

    @Test(
        "RFC3862 2.3, RFC3862 4.1: names and texts are what they were after writing and reading",
        arguments: [
            "Bob", "MR SANDERS", "A.B Caesar", "Doe, John", "\"quoted\"", "back\\slash", " spaces  inside ",
            "\u{5E9}\u{5DC}",
            "<im:x@x>", "a\tb\u{8}c\u{1B}", "e\u{301}", "\\u0041", "\u{10FFFF}", "\u{85}\u{2028}", "it's",
            "=?utf-8?q?x?=",
        ]
    )
    func names(text: String) throws {
        var draft = draft()
        draft.from = CPIMAddress(displayName: text, uri: "im:a@a.example")
        draft.cc = [draft.from]
        draft.subjects = [.init("x\(text)y", language: "en-GB")]
        draft.extensions = [.init(prefix: "p", namespace: "urn:x")]
        draft.extensions[0].add("H", "x\(text)y")
        let message = try written(draft)
        #expect(message.findings.map(\.rule) == [.contentType])
        #expect(message.from?.displayName?.unicodeScalars.elementsEqual(text.unicodeScalars) == true)
        #expect(message.cc.first == message.from && message.subjects.first?.text == "x\(text)y")
        #expect(message.subjects.first?.language == "en-GB" && message.value(of: "H", in: "urn:x") == "x\(text)y")
    }

    @Test("RFC3862: signed content, an object inside an object, and octets of all kinds stay as they are")
    func content() throws {
        let inner = "Content-Type: Message/CPIM\r\n\r\nFrom: <im:x@x>\n\nno header\r\r\n"
        let signed =
            "Content-Type: multipart/signed;\r\n boundary=next (a comment)\r\n\r\n--next\r\n\(inner)\r\n--next--\r\n"
        for entity in [inner, signed, "content-type: x/y\n\n\n\u{0}\n"] {
            let message = try written(draft(.entity(ByteBuffer(string: entity))))
            #expect(message.octets.readableBytesView.suffix(entity.utf8.count).elementsEqual(entity.utf8))
        }
        let message = try written(draft(.entity(ByteBuffer(string: signed))))
        #expect(message.contentType == nil || message.contentType?.essence == "multipart/signed")
        #expect(String(buffer: message.content) == "--next\r\n\(inner)\r\n--next--\r\n")
    }

    @Test("RFC3862: the bound on headers holds without the time growing with the square of their number")
    func bounded() {
        let clock = ContinuousClock()
        let octets = ByteBuffer(string: String(repeating: "NS: a <u:1>\r\n", count: 100_000))
        var limits = CPIMLimits()
        limits.headers = 1 << 20
        let time = clock.measure { _ = try? CPIMMessage(reading: octets, from: .messageHeaders, limits: limits) }
        #expect(time < .seconds(60), "\(time)")
        #expect(throws: CPIMError.self) { try CPIMMessage(reading: octets, from: .messageHeaders) }
    }
}
