// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore
import Testing

@testable import XMPPAdapter

private func buffer(_ text: String) -> ByteBuffer { ByteBuffer(string: text) }

private func lowercased(_ octets: ByteBuffer) -> ByteBuffer {
    ByteBuffer(bytes: octets.readableBytesView.map { $0 >= 0x41 && $0 <= 0x5A ? $0 | 0x20 : $0 })
}

@Suite("JID escaping")
struct JIDEscapingTests {
    @Test(
        "XEP-0106, H.2, H.4: the samples of the document, both ways",
        arguments: [
            ("space cadet", "space\\20cadet"), ("call me \"ishmael\"", "call\\20me\\20\\22ishmael\\22"),
            ("at&t guy", "at\\26t\\20guy"), ("d'artagnan", "d\\27artagnan"), ("/.fanboy", "\\2f.fanboy"),
            ("::foo::", "\\3a\\3afoo\\3a\\3a"), ("<foo>", "\\3cfoo\\3e"), ("user@host", "user\\40host"),
            ("c:\\net", "c\\3a\\net"), ("c:\\\\net", "c\\3a\\\\net"), ("c:\\cool stuff", "c\\3a\\cool\\20stuff"),
            ("c:\\5commas", "c\\3a\\5c5commas"),
            ("here's_a_wild_&_/cr%zy/_address", "here\\27s_a_wild_\\26_\\2fcr%zy\\2f_address"),
            ("\\3and\\2is\\5cool", "\\5c3and\\2is\\5c5cool"), ("\\2plus\\2is\\4", "\\2plus\\2is\\4"),
            ("foo\\bar", "foo\\bar"), ("foob\\41r", "foob\\41r"), ("a\\5c5c40", "a\\5c5c5c40"), ("\\", "\\"),
            ("\\4", "\\4"),
        ]
    )
    func samples(_ name: String, _ localPart: String) {
        #expect(JIDEscaping.escape(buffer(name), atSign: .escaped) == buffer(localPart))
        #expect(JIDEscaping.unescape(buffer(localPart), atSign: .escaped) == buffer(name))
    }

    @Test("XEP-0106, H.2, H.4-16: a capital escape never becomes a real one by case mapping")
    func capitalEscape() {
        let escaped = JIDEscaping.escape(buffer("a\\2Fb"), atSign: .escaped)
        #expect(escaped.map(lowercased) == buffer("a\\5c2fb"))
        #expect(escaped.map(lowercased).flatMap { JIDEscaping.unescape($0, atSign: .escaped) } == buffer("a\\2fb"))
    }

    @Test("XEP-0106, H.4-17: a name that begins or ends with a space has no JID", arguments: [" fred", "fred ", " "])
    func outerSpace(_ name: String) {
        #expect(JIDEscaping.escape(buffer(name), atSign: .escaped) == nil)
    }

    @Test("XEP-0106: an escaped space is neither first nor last", arguments: ["\\20fred", "fred\\20"])
    func outerEscapedSpace(_ localPart: String) {
        #expect(JIDEscaping.unescape(buffer(localPart), atSign: .escaped) == nil)
    }

    @Test("XEP-0106: any name comes back as its case mapping", arguments: 0..<50)
    func property(_ seed: Int) {
        var generator = SplitMix(state: UInt64(seed))
        let alphabet = Array("\\\\\\\\2234505cCfFaAeE0 \"&'/:<>@xü".utf8)
        for _ in 0..<400 {
            var octets = (0..<Int.random(in: 1...12, using: &generator)).map { _ in
                alphabet[Int.random(in: 0..<alphabet.count, using: &generator)]
            }
            if octets.first == 0x20 { octets[0] = 0x78 }
            if octets.last == 0x20 { octets[octets.count - 1] = 0x78 }
            let name = ByteBuffer(bytes: octets)
            guard let escaped = JIDEscaping.escape(name, atSign: .escaped) else {
                Issue.record("no JID for \(octets), seed \(seed)")
                return
            }
            #expect(!escaped.readableBytesView.contains { " \"&'/:<>@".utf8.contains($0) })
            #expect(JIDEscaping.unescape(lowercased(escaped), atSign: .escaped) == lowercased(name))
        }
    }

    @Test("XEP-0106: a local JID comes back from its address as it was", arguments: 0..<50)
    func localProperty(_ seed: Int) {
        var generator = SplitMix(state: UInt64(seed))
        let pieces = ["\\40", "\\5c", "40", "5c", "\\", "a", "\\20", "\\2f", "5", "4", "0", "\\5c40"]
        var seen: [ByteBuffer: ByteBuffer] = [:]
        for _ in 0..<400 {
            let text = (0..<Int.random(in: 1...6, using: &generator)).map { _ in
                pieces[Int.random(in: 0..<pieces.count, using: &generator)]
            }.joined()
            let jid = buffer(text)
            guard let name = JIDEscaping.unescape(jid, atSign: .kept) else { continue }
            #expect(!name.readableBytesView.contains(UInt8(ascii: "@")))
            // What was no canonical escaping may come back canonical, but never as somebody else's.
            guard let back = JIDEscaping.escape(name, atSign: .kept) else {
                Issue.record("no way back for \(text), seed \(seed)")
                return
            }
            #expect(JIDEscaping.unescape(back, atSign: .kept) == name)
            if let other = seen[name] { #expect(other == back) }
            seen[name] = back
        }
    }
}

@Suite("JIDs")
struct JIDTests {
    let names = DomainNames()

    @Test(
        "RFC7622 3.5, H.1, H.4-23: legal addresses, the resource cut off first",
        arguments: [
            ("juliet@example.com", "juliet", "example.com", nil as String?),
            ("juliet@example.com/foo", "juliet", "example.com", "foo"),
            ("juliet@example.com/foo bar", "juliet", "example.com", "foo bar"),
            ("juliet@example.com/foo@bar", "juliet", "example.com", "foo@bar"),
            ("foo\\20bar@example.com", "foo\\20bar", "example.com", nil),
            ("fussball@example.com", "fussball", "example.com", nil),
            ("fußball@example.com", "fußball", "example.com", nil),
            ("π@example.com", "π", "example.com", nil), ("king@example.com/♚", "king", "example.com", "♚"),
            ("example.com", nil, "example.com", nil), ("example.com/foobar", nil, "example.com", "foobar"),
            ("a.example.com/b@example.net", nil, "a.example.com", "b@example.net"),
            ("a@b.example/c/d", "a", "b.example", "c/d"),
        ]
    )
    func legal(_ text: String, _ localPart: String?, _ domain: String, _ resource: String?) {
        let jid = JID(buffer(text), names: names)
        #expect(jid?.localPart == localPart.map(buffer))
        #expect(jid?.domain.name == domain)
        #expect(jid?.resource == resource.map(buffer))
    }

    @Test(
        "RFC7622 3.5, H.1, H.4-23, H.4-28: illegal addresses",
        arguments: [
            "\"juliet\"@example.com", "foo bar@example.com", "juliet@example.com/ foo", "@example.com/", "@example.com",
            "henry\u{2163}@example.com", "\u{265A}@example.com", "juliet@", "/foobar", "", "juliet@example.com/",
            "a@b@c.example", "a@exa mple.com", "a@xn--a.example", "a@xn--.example",
            "a@" + String(repeating: "ü", count: 63) + ".example", String(repeating: "a", count: 1_024) + "@b.example",
            "a@b.example/" + String(repeating: "r", count: 1_024), "a@[::1]", "a@b..example",
        ]
    )
    func illegal(_ text: String) {
        #expect(JID(buffer(text), names: names) == nil)
    }

    @Test("RFC7622 3.3, H.1, H.4-29: a local part has at most 1,023 octets")
    func longLocalPart() {
        #expect(JID(buffer(String(repeating: "a", count: 1_023) + "@b.example"), names: names) != nil)
    }

    @Test(
        "IMX 2.11, IMX 4.2.2, H.3, H.4-26, H.4-27: XMPP spellings of one domain are one key",
        arguments: [
            ("EXAMPLE.com.", "example.com"), ("ＥＸＡＭＰＬＥ.com", "example.com"),
            ("bücher.example", "xn--bcher-kva.example"), ("BÜCHER.example", "xn--bcher-kva.example"),
            ("bu\u{308}cher.example", "xn--bcher-kva.example"), ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("XN--BCHER-KVA.example", "xn--bcher-kva.example"), ("straße.example", "xn--strae-oqa.example"),
        ]
    )
    func domains(_ spelling: String, _ domain: String) {
        for _ in 0..<2 { #expect(names.domain(spelledAs: buffer(spelling))?.name == domain) }
    }

    @Test(
        "RFC7622 3.2: domains are written in Unicode",
        arguments: [
            ("xn--bcher-kva.example", "bücher.example"), ("example.com", "example.com"),
            ("a.xn--strae-oqa.example", "a.straße.example"), ("xn--a.example", "xn--a.example"),
        ]
    )
    func unicode(_ domain: String, _ spelling: String) throws {
        let domain = try #require(Domain(domain))
        for _ in 0..<2 {
            var written = ByteBuffer()
            names.write(domain, to: &written)
            #expect(String(buffer: written) == spelling)
        }
    }
}

@Suite("JIDs and addresses")
struct AddressMapTests {
    let map: AddressMap

    init() throws {
        map = AddressMap(names: DomainNames(), component: try #require(Domain("imx.a.example")))
    }

    @Test(
        "XEP-0106: foreign people under their own addresses, and inside the component's domain",
        arguments: [
            ("bob@b.example", "bob@b.example", "bob\\40b.example@imx.a.example"),
            ("d'artagnan@b.example", "d\\27artagnan@b.example", "d\\27artagnan\\40b.example@imx.a.example"),
            ("a\\40b@c.example", "a\\40b@c.example", "a\\5c40b\\40c.example@imx.a.example"),
            (
                "tschüss@xn--bcher-kva.example", "tschüss@bücher.example",
                "tschüss\\40xn--bcher-kva.example@imx.a.example"
            ),
        ]
    )
    func forms(_ address: String, _ native: String, _ escaped: String) throws {
        let address = try #require(Address(address))
        for (form, text) in [(AddressForm.native, native), (.escaped, escaped)] {
            var written = ByteBuffer()
            #expect(map.writeForeign(address, as: form, to: &written))
            #expect(String(buffer: written) == text)
            let read = JID(written, names: map.names).flatMap { map.foreignAddress(of: $0) }
            #expect(read?.0 == address)
            #expect(read?.1 == form)
        }
    }

    @Test(
        "RFC3922 F.6: an address that no JID can spell is refused",
        arguments: [
            " fred@b.example", "♚@b.example", String(repeating: "a", count: 1_024) + "@b.example",
            String(repeating: "/", count: 400) + "@b.example",
        ]
    )
    func unmappable(_ text: String) throws {
        let address = try #require(Address(text))
        for form in AddressForm.allCases {
            var written = ByteBuffer()
            #expect(!map.writeForeign(address, as: form, to: &written))
            #expect(written.readableBytes == 0)
        }
    }

    @Test(
        "XEP-0106: a JID in the component's domain that names nobody",
        arguments: ["imx.a.example", "bob@imx.a.example", "bob\\40@imx.a.example", "\\40b.example@imx.a.example"]
    )
    func nobody(_ text: String) throws {
        let jid = try #require(JID(buffer(text), names: map.names))
        #expect(map.foreignAddress(of: jid) == nil)
    }

    @Test("XEP-0114: the handshake of the document's sample")
    func handshake() {
        #expect(Handshake.proof(streamID: "3BF96D32", secret: "test") == "aaee83c26aeeafcbabeabfcbcd50df997e0a2a1e")
    }
}
