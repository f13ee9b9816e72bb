// SPDX-License-Identifier: Apache-2.0
public import EnvelopeModel

public import struct NIOCore.ByteBuffer

/// A document of text/html-lite (IMX 5.2) in the one form that `Documentation/text-html-lite.md` gives it: well-formed
/// XML, no element or attribute outside the list, nothing that reveals a reader or runs.
///
/// There is no other way to make one than through a sanitiser, so that whoever holds one may show it or pass it on.
public struct HTMLLite: Sendable, Hashable {
    /// The document. Sanitising it again gives the same octets.
    public let octets: ByteBuffer

    /// The media type of a document, without parameters.
    public static let mediaType = "text/html-lite"
    /// The media type that we write.
    public static let writtenMediaType = "text/html-lite; charset=utf-8"
    /// The most octets of a document, before and after it is sanitised.
    public static let maximum = 131_072

    /// A document whose form is known.
    init(canonical octets: ByteBuffer) {
        self.octets = octets
    }

    /// Whether there is nothing to show.
    public var isEmpty: Bool { octets.readableBytes == 0 }

    /// Whether a part of this media type holds text/html-lite; it is registered nowhere, hence also the `x-` form.
    public static func isHTMLLite(mediaType: String) -> Bool {
        guard let type = MediaType(mediaType), type.type == "text" else { return false }
        return type.subtype == "html-lite" || type.subtype == "x-html-lite"
    }

    /// The document for `octets`, whatever they hold, and what of it had to go.
    public static func sanitise(_ octets: ByteBuffer) -> (document: HTMLLite, losses: [Loss]) {
        guard octets.readableBytes <= maximum else {
            let loss = Loss("html:document", reason: "larger than \(maximum) octets")
            return (HTMLLite(canonical: ByteBuffer()), [loss])
        }
        let (octets, losses) = HTMLReader.read(octets)
        return (HTMLLite(canonical: octets), losses)
    }

    /// The document of a part, sanitised; nil where the part is none, or in a character set that is not known here.
    ///
    /// What had to go is added to `losses`.
    public init?(part: BodyPart, losses: inout [Loss]) {
        guard HTMLLite.isHTMLLite(mediaType: part.mediaType), let type = MediaType(part.mediaType),
            let text = MIMEEntity.convert(part.octets, charset: type.charset)
        else { return nil }
        let (document, lost) = HTMLLite.sanitise(text)
        losses += lost
        self = document
    }

    /// The document as a part of a body, derived from whatever it was made of.
    public func part(language: String? = nil) -> BodyPart {
        BodyPart(mediaType: HTMLLite.writtenMediaType, language: language, octets: octets, isDerived: true)
    }
}
