// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import Glibc
import MessageFormats
import XMLStream

import struct NIOCore.ByteBuffer

/// What of a message's content XMPP can show.
struct ShownContent {
    /// The texts, the default one first.
    var bodies: [TextBody] = []
    /// The same with emphasis and links, for the default language.
    var rich: HTMLLite?
    /// A signed or encrypted object, which no text can stand for.
    var sealed: BodyPart?
    /// The language of the rich text.
    private var language: String?
    /// Whether a rich text was read, whatever came of it: one is work enough.
    private var hasReadRich = false

    init(bodies: [TextBody] = []) {
        self.bodies = bodies
    }
}

/// A text that becomes a `body` element.
struct TextBody {
    var octets: ByteBuffer
    var language: String?

    /// Why a body cannot be shown in XMPP.
    struct Refusal: Error {
        var code: OutcomeCode
        var text: String
    }

    /// What of `body` can be shown; what stands beside it is listed as lost.
    static func all(in body: Body, _ losses: inout [Loss]) -> Result<ShownContent, Refusal> {
        if case .entity(let octets) = body, let text = plain(octets), text.octets.readableBytes > 0 {
            return .success(ShownContent(bodies: [text]))
        }
        let parts: [BodyPart]
        switch MIMEEntity.parts(of: body) {
        case .success(let read): parts = read
        case .failure(let error): return .failure(Refusal(code: error.outcomeCode, text: error.description))
        }
        guard !parts.isEmpty else {
            return .failure(Refusal(code: .notUnderstood, text: "a message without content"))
        }
        var found = ShownContent()
        if let sealed = parts.first, parts.count == 1, SealedObject.isSealed(sealed) {
            found.sealed = sealed
            return .success(found)
        }
        for part in parts { found.take(part, &losses) }
        found.completeFromRich()
        // F.2: what is not text must not be put into a body; a stanza without one would be invisible.
        guard let first = found.bodies.first else {
            return .failure(Refusal(code: .notAcceptable, text: "content that is not text is not shown in XMPP"))
        }
        guard first.octets.readableBytes > 0 || found.bodies.count > 1 else {
            return .failure(Refusal(code: .notUnderstood, text: "a message without content"))
        }
        return .success(found)
    }

    /// The text of an entity in the commonest shape, which aggregators write; nil for any other, which is read in full.
    private static func plain(_ entity: ByteBuffer) -> TextBody? {
        entity.withUnsafeReadableBytes { bytes -> (Int, String?)? in
            var rest = bytes[...]
            guard takeLine(&rest, "From: ") != nil, takeLine(&rest, "To: ") != nil,
                takeLine(&rest, "Content-Type: text/plain; charset=utf-8")?.isEmpty == true
            else { return nil }
            let language = takeLine(&rest, "Content-Language: ").map { String(decoding: $0, as: UTF8.self) }
            guard takeLine(&rest, "")?.isEmpty == true else { return nil }
            return (rest.startIndex, language)
        }.flatMap { start, language in
            entity.getSlice(at: entity.readerIndex + start, length: entity.readableBytes - start)
                .map { TextBody(octets: withLineFeeds($0), language: language) }
        }
    }

    /// Takes a line that begins with `start` and returns what follows; nil, and nothing taken, where it does not.
    private static func takeLine(
        _ rest: inout Slice<UnsafeRawBufferPointer>,
        _ start: StaticString
    ) -> UnsafeRawBufferPointer? {
        let length = start.utf8CodeUnitCount
        let line = UnsafeRawBufferPointer(rebasing: rest)
        guard line.count >= length + 2, let base = line.baseAddress, memcmp(base, start.utf8Start, length) == 0,
            let end = memchr(base + length, 0x0D, line.count - length)
        else { return nil }
        let count = base.distance(to: UnsafeRawPointer(end))
        guard count + 1 < line.count, line[count + 1] == 0x0A else { return nil }
        rest = rest.dropFirst(count + 2)
        return UnsafeRawBufferPointer(rebasing: line[length..<count])
    }

    fileprivate static func text(of part: BodyPart) -> TextBody? {
        guard !part.isOpaque else { return nil }
        if part.mediaType == BodyPart.plainText {
            return TextBody(octets: withLineFeeds(part.octets), language: part.language)
        }
        guard let type = MediaType(part.mediaType), type.essence == "text/plain" else { return nil }
        switch type.charset {
        case "utf-8", "utf8", "us-ascii", "ascii":
            return TextBody(octets: withLineFeeds(part.octets), language: part.language)
        case "iso-8859-1", "latin1":
            let text = String(String.UnicodeScalarView(part.octets.readableBytesView.map { Unicode.Scalar($0) }))
            return TextBody(octets: withLineFeeds(ByteBuffer(string: text)), language: part.language)
        default:
            return nil
        }
    }

    /// Lines end with CRLF in MIME (RFC 2046 §4.1.1) and with LF in XMPP.
    private static func withLineFeeds(_ octets: ByteBuffer) -> ByteBuffer {
        let view = octets.readableBytesView
        guard view.contains(0x0D) else { return octets }
        var result = ByteBuffer()
        result.reserveCapacity(octets.readableBytes)
        var previous: UInt8 = 0
        for octet in view {
            if previous == 0x0D, octet != 0x0A { result.writeInteger(UInt8(0x0D)) }
            if octet != 0x0D { result.writeInteger(octet) }
            previous = octet
        }
        if previous == 0x0D { result.writeInteger(UInt8(0x0D)) }
        return result
    }

    /// Writes the element; where the stanza has a language and the text has none, it says so (XML 1.0 §2.12).
    func write(to buffer: inout ByteBuffer, inherits: Bool, _ losses: inout [Loss]) {
        buffer.writeStaticString("<body")
        DetailsWriter.writeLanguage(language ?? (inherits ? "" : nil), to: &buffer)
        buffer.writeStaticString(">")
        DetailsWriter.note(buffer.writeXMLText(octets), in: "body", &losses)
        buffer.writeStaticString("</body>")
    }
}

extension ShownContent {
    fileprivate mutating func take(_ part: BodyPart, _ losses: inout [Loss]) {
        if let text = TextBody.text(of: part) {
            if bodies.contains(where: { $0.language == text.language }) {
                losses.append(Loss("body", reason: "a further text in the same language"))
            } else {
                bodies.append(text)
            }
        } else if HTMLLite.isHTMLLite(mediaType: part.mediaType), !hasReadRich, !part.isOpaque,
            let document = readRich(part, &losses)
        {
            rich = document.isEmpty ? nil : document
            language = part.language
        } else {
            losses.append(Loss("body", reason: "\(part.mediaType.prefix(80)) cannot be shown"))
        }
    }

    private mutating func readRich(_ part: BodyPart, _ losses: inout [Loss]) -> HTMLLite? {
        hasReadRich = true
        return HTMLLite(part: part, losses: &losses)
    }

    /// XEP-0071 §7.6: beside the rich text there is always a plain one.
    fileprivate mutating func completeFromRich() {
        guard bodies.isEmpty, let rich else { return }
        bodies = [TextBody(octets: ByteBuffer(string: rich.plainText), language: language)]
    }
}
