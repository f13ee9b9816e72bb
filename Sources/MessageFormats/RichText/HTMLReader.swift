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
            case (_, .image), (_, .dropped): break
            default: losses.add("@\(attribute)", .attribute)
            }
        }
        // What is open ends where a paragraph begins, as HTML has it for most and this for all.
        if case .paragraph = element { builder.endMarks() }
        start(element, name: name, formats: []) { $0 == "href" ? values.href : values.alt }
    }
}

/// What a document goes through before libxml2 sees it.
enum HTMLInput {
    /// The octets in well-formed UTF-8, without characters that XML cannot hold, in the wrapper.
    static func prepare(_ octets: ByteBuffer) -> [UInt8] {
        var text = String(decoding: octets.readableBytesView, as: UTF8.self)
        var prepared = Array("<\(HTMLReader.wrapper)>".utf8)
        prepared.reserveCapacity(prepared.count + text.utf8.count)
        text.withUTF8 { append($0, to: &prepared) }
        return prepared
    }

    /// An attribute's value as it was before.
    static func restore(_ value: String) -> String {
        guard value.utf8.contains(UInt8(ascii: "<")) else { return value }
        let marker = String(decoding: declaration, as: UTF8.self)
        return value.split(separator: marker, omittingEmptySubsequences: false).joined(separator: "<!")
    }

    private static let replacement = Array("\u{FFFD}".utf8)
    /// libxml2 takes a declaration for text unless it is a comment or a DOCTYPE, but knows a processing instruction.
    private static let declaration = Array("<?imx-declaration ".utf8)

    private static func append(_ octets: UnsafeBufferPointer<UInt8>, to prepared: inout [UInt8]) {
        var start = 0
        for (index, octet) in octets.enumerated() {
            guard octet < 0x20 || octet == UInt8(ascii: "!") || octet == 0xEF else { continue }
            switch octet {
            case 0x09, 0x0A, 0x0D: continue
            case UInt8(ascii: "!"):
                guard index > 0, octets[index - 1] == UInt8(ascii: "<"),
                    !isKnownDeclaration(octets[(index + 1)...])
                else { continue }
                prepared += octets[start..<(index - 1)]
                prepared += declaration
                start = index + 1
            case 0xEF:
                guard index + 2 < octets.count, octets[index + 1] == 0xBF, octets[index + 2] >= 0xBE else { continue }
                prepared += octets[start..<index]
                prepared += replacement
                start = index + 3
            default:
                prepared += octets[start..<index]
                prepared += octet == 0x0C ? [0x20] : replacement
                start = index + 1
            }
        }
        prepared += octets[start...]
    }

    private static func isKnownDeclaration(_ rest: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
        rest.starts(with: Array("--".utf8)) || rest.prefix(7).elementsEqual("doctype".utf8) { $0 | 0x20 == $1 }
    }
}
