// SPDX-License-Identifier: Apache-2.0
import CLibXML2
import EnvelopeModel

import struct NIOCore.ByteBuffer

/// Reads whatever comes as text/html-lite, through libxml2's HTML parser.
final class HTMLReader: MarkupParser {
    /// The element in which the parser finds all of it. Otherwise it would put text that stands in no element into one.
    static let wrapper = "imx"

    /// The document for `octets` and what of them had to go.
    static func read(_ octets: ByteBuffer) -> (ByteBuffer, [Loss]) {
        let prepared = HTMLInput.prepare(octets)
        let reader = HTMLReader(prepared, count: octets.readableBytes, losses: LossList(prefix: "html"))
        return reader.run() ? reader.finish() : (ByteBuffer(), [Loss("html:document", reason: "no memory for it")])
    }

    private func run() -> Bool {
        guard MarkupParser.isReady, let context = htmlNewParserCtxt() else { return false }
        defer { htmlFreeParserCtxt(context) }
        var handler = xmlSAXHandler()
        handler.initialized = 1
        handler.startElement = { context, name, attributes in
            guard let parser = MarkupParser.parser(context) as? HTMLReader, let name else { return }
            parser.source.note()
            parser.start(String(cString: name), attributes)
        }
        handler.endElement = { context, _ in
            guard let parser = MarkupParser.parser(context) else { return }
            parser.source.note()
            parser.builder.end()
        }
        handler.characters = MarkupParser.characters
        handler.ignorableWhitespace = MarkupParser.characters
        handler.comment = MarkupParser.comment
        // Scripts and styles, which are dropped: that they go on is all that counts.
        handler.cdataBlock = { context, _, _ in MarkupParser.parser(context)?.source.note() }
        context.pointee.sax.pointee = handler
        let options =
            HTML_PARSE_RECOVER.rawValue | HTML_PARSE_NOERROR.rawValue | HTML_PARSE_NOWARNING.rawValue
            | HTML_PARSE_NONET.rawValue | HTML_PARSE_NOIMPLIED.rawValue | HTML_PARSE_NODEFDTD.rawValue
            | HTML_PARSE_IGNORE_ENC.rawValue
        withExtendedLifetime(self) {
            let this = Unmanaged<MarkupParser>.passUnretained(self).toOpaque()
            context.pointee.userData = this
            if let document = htmlCtxtReadIO(context, MarkupParser.read, nil, this, nil, "UTF-8", CInt(options)) {
                xmlFreeDoc(document)
            }
        }
        return true
    }

    private func start(
        _ name: String,
        _ attributes: UnsafeMutablePointer<UnsafePointer<xmlChar>?>?
    ) {
        let element = RichTextElement(name)
        var values: (href: String?, alt: String?)
        var index = 0
        while let attributes, let key = attributes[index] {
            let attribute = String(cString: key)
            let value = attributes[index + 1].map { HTMLInput.restore(String(cString: $0)) } ?? ""
            index += 2
            switch (attribute, element) {
            case ("href", .link): values.href = value
            case ("alt", .image): values.alt = value
            case _ where builder.isDropping || element == .image || element == .dropped: break
            default: losses.add("@\(attribute)", .attribute)
            }
        }
        // What is open ends where a paragraph begins, as HTML has it for most and this for all.
        if case .paragraph = element { builder.endMarks() }
        start(element, name: name, formats: []) { $0 == "href" ? values.href : values.alt }
    }
}
