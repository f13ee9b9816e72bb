// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import MessageFormats
import NIOCore
import Testing

@testable import XMPPAdapter

private func envelope(_ inside: String) -> Envelope? {
    let text = "<message from='alice@a.example/phone' to='bob@b.example' id='7'>\(inside)</message>"
    guard case .envelope(let envelope, _)? = reading(text) else { return nil }
    return envelope
}

private func html(_ inside: String) -> String {
    "<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>\(inside)</body></html>"
}

private func rich(_ octets: String) -> BodyPart {
    BodyPart(mediaType: "text/html-lite; charset=utf-8", octets: ByteBuffer(string: octets))
}

@Suite("Rich text")
struct RichTextTests {
    @Test("XEP-0071, RFC2779 4.1.7: rich text becomes an alternative of the plain one, and comes back")
    func bothWays() throws {
        let element = html("a <strong style='font-weight: bold'>b</strong>")
        let read = try #require(envelope("<body xml:lang='en'>a b</body>" + element))
        guard case .parts(let parts) = read.body, parts.count == 2 else {
            Issue.record("\(read.body)")
            return
        }
        #expect(parts[0] == .text("a b", language: "en"))
        #expect(HTMLLite.isHTMLLite(mediaType: parts[1].mediaType) && String(buffer: parts[1].octets) == "a <b>b</b>")
        #expect(parts[1].isDerived && read.details?.losses.isEmpty == true && read.details?.baggage.isEmpty == true)
        let (text, _) = writing(Bench.message { $0.body = read.body })
        #expect(text.contains("<body xml:lang='en'>a b</body>" + element + "</message>"))
    }

    @Test("S45, XEP-0071 9: what could run, load or disguise is taken out on the way in, and listed")
    func wayIn() throws {
        let bad = html("x<script>alert(1)</script><a href='javascript:y'>z</a><img src='http://t.example/' alt='cat'/>")
        let read = try #require(envelope("<body>x</body>" + bad))
        let (text, _) = writing(
            Bench.message {
                $0.body = read.body; $0.details = read.details
            }
        )
        for word in ["script", "alert", "href", "img", "t.example"] { #expect(!text.contains(word), "\(text)") }
        #expect(text.contains("cat") && read.details?.losses.isEmpty == false)
        #expect(read.details?.baggage.isEmpty == true)
    }

    @Test("S45, XEP-0071 9: it is taken out on the way to a client too, whatever the other side let pass")
    func wayOut() {
        let (text, result) = writing(
            Bench.message {
                $0.body = .parts([
                    .text("x"), rich("<b onclick='y'>x</b><iframe src='z'>w</iframe></body></html></message>"),
                ])
            }
        )
        #expect(text.contains(html("<strong style='font-weight: bold'>x</strong>") + "</message>"))
        guard case .written(_, let losses) = result else {
            Issue.record("\(result)")
            return
        }
        #expect(!losses.isEmpty)
    }

    @Test("XEP-0071 7.6, RFC2779 5.4.8: rich text alone gets a plain one beside it, in both directions")
    func alone() throws {
        let read = try #require(envelope(html("a<br/>b")))
        guard case .parts(let parts) = read.body else {
            Issue.record("no parts")
            return
        }
        #expect(parts.map(\.mediaType) == [BodyPart.plainText, HTMLLite.writtenMediaType])
        #expect(String(buffer: parts[0].octets) == "a\nb")
        let (text, _) = writing(Bench.message { $0.body = .parts([rich("a <i>b</i>")]) })
        #expect(text.contains("<body>a b</body>" + html("a <em style='font-style: italic'>b</em>")))
    }

    @Test("I.3: of several rich texts one is read, whatever came of it")
    func several() {
        let nothing = rich("<script>x</script>")
        let (text, result) = writing(Bench.message { $0.body = .parts([.text("x"), nothing, rich("<b>y</b>")]) })
        #expect(!text.contains("<html") && text.contains("<body>x</body>"))
        guard case .written(_, let losses) = result else {
            Issue.record("\(result)")
            return
        }
        #expect(losses.contains { $0.description.contains("cannot be shown") })
    }
}

@Suite("Signed and encrypted objects")
struct SealedTests {
    private static let object =
        "Content-Type: multipart/signed; boundary=next; micalg=sha1; protocol=\"application/pkcs7-signature\"\r\n\r\n"
        + "--next\r\nContent-Type: Message/CPIM\r\n\r\nFrom: <im:alice@a.example>\r\n\r\n\tHi  \r\n\r\n--next\r\n"
        + "Content-Type: application/pkcs7-signature\r\n\r\n7GhIGfHfYT64VQbnj756\r\n--next--\r\n"

    /// The object as character data.
    private static let escaped = object.replacing("<", with: "&lt;").replacing(">", with: "&gt;")

    private static func element(_ object: String) -> String {
        "<e2e xmlns='urn:ietf:params:xml:ns:xmpp-e2e'>\(object)</e2e>"
    }

    @Test("RFC3923 3, IMX 2.9c, IMX 6.1.5, RFC2779 2.5.4, RFC2779 5.4.7: an object crosses octet for octet")
    func exact() throws {
        let sent = SealedTests.element(SealedTests.escaped.replacing("\r\n", with: "&#13;\n"))
        let read = try #require(envelope(sent))
        let arrived = try Network.cross(read)
        let (text, _) = writing(arrived)
        #expect(text.contains(">" + sent + "</message>"))
        let parts = try MIMEEntity.parts(of: arrived.body).get()
        try #require(parts.count == 1)
        #expect(parts[0].isOpaque && parts[0].mediaType.hasPrefix("multipart/signed"))
        let content = SealedTests.object.split(separator: "\r\n\r\n", maxSplits: 1)[1]
        #expect(String(buffer: parts[0].octets) == content)
    }

    @Test("RFC3923 3: line ends that XML took are put back for others, and stay as they are for XMPP")
    func lineEnds() throws {
        let sent = SealedTests.element("<![CDATA[\(SealedTests.object)]]>")
        let read = try #require(envelope(sent))
        let parts = try MIMEEntity.parts(of: read.body).get()
        try #require(parts.count == 1)
        #expect(String(buffer: parts[0].octets).contains("--next\r\nContent-Type: Message/CPIM\r\n\r\nFrom:"))
        let kept = SealedTests.element(SealedTests.escaped.replacing("\r\n", with: "\n"))
        #expect(
            writing(
                Bench.message {
                    $0.body = read.body; $0.details = read.details
                }
            ).text.contains(kept)
        )
    }

    @Test(
        "RFC3923 3, RFC2779 5.4.6: an object from a service that is not XMPP gets an element and a notice, binary ones in base64"
    )
    func written() throws {
        let binary = BodyPart(
            mediaType: "application/pkcs7-mime; smime-type=enveloped-data",
            octets: ByteBuffer(bytes: (0..<200).map { UInt8($0) }),
            isOpaque: true
        )
        let (text, result) = writing(Bench.message { $0.body = .parts([binary]) })
        guard case .written(_, []) = result else {
            Issue.record("\(result)")
            return
        }
        #expect(text.contains("<body>\(SealedObject.notice)</body><e2e "))
        let start = try #require(text.firstRange(of: "<e2e ")).lowerBound
        let element = String(text[start...].dropLast("</message>".count))
        let back = try #require(envelope(element))
        let part = try #require(try MIMEEntity.parts(of: back.body).get().first)
        #expect(part.octets == binary.octets && part.mediaType == binary.mediaType)
        let broken = BodyPart(mediaType: "multipart/signed", octets: ByteBuffer(bytes: [0]), isOpaque: true)
        guard case .refused(let outcome) = writing(Bench.message { $0.body = .parts([broken]) }).result else {
            Issue.record("written")
            return
        }
        #expect(outcome.code == .notAcceptable)
    }

    @Test("RFC3923 3: what is no such object is an extension like any other, and of a text and one the object counts")
    func others() throws {
        let read = try #require(envelope("<body>x</body>" + SealedTests.element(SealedTests.escaped) + html("y")))
        let parts = try MIMEEntity.parts(of: read.body).get()
        #expect(parts.count == 1 && parts.first?.isOpaque == true && read.details?.losses.count == 1)
        // What is written is read the same, notice and all.
        let whole = writing(Bench.message { $0.body = read.body }).text
        let start = try #require(whole.firstRange(of: "<body>")).lowerBound
        let again = try #require(envelope(String(whole[start...].dropLast("</message>".count))))
        #expect(again.body == read.body && again.details?.losses == [])
        let plain = try #require(envelope(SealedTests.element("Content-Type: text/plain\n\nx")))
        #expect(plain.body == .none && plain.details?.baggage.first?.isCritical == true)
    }

    @Test("RFC3923 3: an element beside the object that holds another one, or none, does not take its place")
    func mislabelled() throws {
        let sealed = try #require(envelope(SealedTests.element(SealedTests.escaped)))
        let other = SealedTests.element(SealedTests.escaped.replacing("Hi", with: "Ho"))
        for octets in ["<x xmlns='urn:x'/>", other, "<x"] {
            let (text, result) = writing(
                Bench.message { envelope in
                    envelope.body = sealed.body
                    var details = Envelope.Details()
                    details.baggage = [
                        Baggage(
                            origin: "xmpp",
                            name: "{urn:ietf:params:xml:ns:xmpp-e2e}e2e",
                            octets: ByteBuffer(string: octets)
                        )
                    ]
                    envelope.details = details
                }
            )
            guard case .written = result else {
                Issue.record("\(result)")
                return
            }
            #expect(text.contains("Hi") && !text.contains("Ho"), "\(octets): \(text)")
            #expect(text.contains("<body>\(SealedObject.notice)</body>"))
        }
    }
}
