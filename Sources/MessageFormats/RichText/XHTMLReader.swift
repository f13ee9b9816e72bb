// SPDX-License-Identifier: Apache-2.0
import CLibXML2
import EnvelopeModel

import struct NIOCore.ByteBuffer

/// Reads the content of XEP-0071, through libxml2's XML parser.
final class XHTMLReader: MarkupParser {
    /// XHTML-IM is longer than what it comes to: `b` is written in 35 octets more.
    static let maximum = 8 * HTMLLite.maximum
    static let content = "http://jabber.org/protocol/xhtml-im"
    static let xhtml = "http://www.w3.org/1999/xhtml"

    private var level = 0
    /// The level of the body that is read, and how many there were.
    private var bodyLevel: Int?
    private var bodies = 0
    private var isFaulty = false

    /// The document for `octets`, an element `html` of XEP-0071; nil where they are none.
    static func read(_ octets: ByteBuffer) -> (ByteBuffer, [Loss])? {
        guard octets.readableBytes <= maximum else { return nil }
        let reader = XHTMLReader(
            Array(octets.readableBytesView),
            count: octets.readableBytes,
            losses: LossList(prefix: "xhtml-im")
        )
        return reader.run() ? reader.finish() : nil
    }

    private func run() -> Bool {
        guard MarkupParser.isReady, let context = xmlNewParserCtxt() else { return false }
        defer { xmlFreeParserCtxt(context) }
        var handler = cxml_silent_handler()
        handler.startElementNs = { context, name, _, namespace, _, _, count, _, attributes in
            guard let parser = MarkupParser.parser(context) as? XHTMLReader, let name else { return }
            parser.source.note()
            let values = XHTMLReader.values(attributes, Int(count))
            parser.start(String(cString: name), namespace.map { String(cString: $0) }, values)
        }
        handler.endElementNs = { context, _, _, _ in
            guard let parser = MarkupParser.parser(context) as? XHTMLReader else { return }
            parser.source.note()
            parser.end()
        }
        handler.characters = MarkupParser.characters
        handler.ignorableWhitespace = MarkupParser.characters
        handler.cdataBlock = MarkupParser.characters
        handler.comment = MarkupParser.comment
        // RFC 6120 §11.1: no document type, hence no entities.
        handler.internalSubset = { context, _, _, _ in
            guard let parser = MarkupParser.parser(context) as? XHTMLReader else { return }
            parser.isFaulty = true
            parser.source.stop()
        }
        context.pointee.sax.pointee = handler
        // Without NOENT it gives `&amp;` in an attribute as `&#38;`. There are no other entities, for want of a DOCTYPE.
        let options =
            XML_PARSE_NOENT.rawValue | XML_PARSE_NOERROR.rawValue | XML_PARSE_NOWARNING.rawValue
            | XML_PARSE_NONET.rawValue
        return withExtendedLifetime(self) {
            let this = Unmanaged<MarkupParser>.passUnretained(self).toOpaque()
            context.pointee.userData = this
            if let document = xmlCtxtReadIO(context, MarkupParser.read, nil, this, nil, "UTF-8", CInt(options)) {
                xmlFreeDoc(document)
            }
            return context.pointee.wellFormed == 1 && !isFaulty && bodies > 0
        }
    }

    private func start(_ name: String, _ namespace: String?, _ attributes: [String: String]) {
        level += 1
        guard bodyLevel == nil else {
            startInside(name, namespace, attributes)
            return
        }
        // XEP-0071 §5: the wrapper holds a body for each language, of which one is carried.
        if level == 1 && (namespace != XHTMLReader.content || name != "html") { isFaulty = true }
        guard level == 2, namespace == XHTMLReader.xhtml, name == "body" else { return }
        bodies += 1
        guard bodies == 1 else {
            losses.add("body", "a further one in another language")
            return
        }
        bodyLevel = level
        startInside(name, namespace, attributes)
    }

    private func startInside(_ name: String, _ namespace: String?, _ attributes: [String: String]) {
        var element = namespace == XHTMLReader.xhtml ? RichTextElement(name) : .unknown
        var formats: RichTextFormats = []
        for (attribute, value) in builder.isDropping ? [] : attributes.sorted(by: { $0.key < $1.key }) {
            switch (attribute, element) {
            case ("style", _): formats = TextStyle.formats(value) { losses.add($0, .style) }
            case ("href", .link), ("alt", .image): break
            case (_, .image), (_, .dropped): break
            default: losses.add("@\(attribute)", .attribute)
            }
        }
        // What we write for `b` and `i`: the elements that XEP-0071 has for them, with the style that tells them apart.
        switch element {
        case .format(.strong) where formats.contains(.b): element = .transparent
        case .format(.em) where formats.contains(.i): element = .transparent
        default: break
        }
        start(element, name: name, formats: formats) { attributes[$0] }
    }

    private func end() {
        if let bodyLevel { builder.end(); if level == bodyLevel { self.bodyLevel = nil } }
        level -= 1
    }

    override func text(_ octets: UnsafeBufferPointer<UInt8>) {
        if bodyLevel != nil { builder.text(octets) }
    }

    /// libxml2 gives five pointers for each attribute: name, prefix, namespace, start and end of the value.
    private static func values(_ attributes: UnsafeMutablePointer<UnsafePointer<xmlChar>?>?, _ count: Int)
        -> [String: String]
    {
        var values: [String: String] = [:]
        for index in 0..<count {
            guard let attributes, let name = attributes[5 * index], let start = attributes[5 * index + 3],
                let end = attributes[5 * index + 4], end >= start
            else { continue }
            let prefix = attributes[5 * index + 1].map { String(cString: $0) + ":" } ?? ""
            let value = UnsafeBufferPointer(start: start, count: end - start)
            values[prefix + String(cString: name)] = String(decoding: value, as: UTF8.self)
        }
        return values
    }
}
