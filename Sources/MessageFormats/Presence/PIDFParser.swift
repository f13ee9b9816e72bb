// SPDX-License-Identifier: Apache-2.0
import CLibXML2

import struct NIOCore.ByteBuffer

/// libxml2's parser with everything switched off that a presence document does not need: it makes no tree, knows no
/// entity but the five of XML, opens nothing, and prints nothing.
///
/// Confined to one thread at a time. The library itself is initialised once for all.
final class PIDFParser {
    private var context: xmlParserCtxtPtr?

    private static let isReady: Bool = {
        xmlInitParser()
        return true
    }()

    /// The most names that one context remembers; a stranger chooses them.
    private static let nameLimit: Int32 = 1024

    deinit { discard() }

    /// Tells `reading` what stands in `octets`, which are UTF-8. False where there is no memory for it.
    func parse(_ octets: ByteBuffer, telling reading: PIDFAssembly, mendingTags: Bool) -> Bool {
        guard PIDFParser.isReady, let context = context ?? PIDFParser.made() else { return false }
        self.context = context
        let holder = Unmanaged.passUnretained(reading)
        context.pointee.userData = holder.toOpaque()
        reading.context = context
        // No network; the encoding is known; and after an end-tag by another name, the events may go on. NOENT says that
        // values of attributes come with `&` and not with `&#38;`; there is no entity that it could expand, because a
        // document that could define one is left at its document type declaration.
        var options = Int32(XML_PARSE_NONET.rawValue | XML_PARSE_IGNORE_ENC.rawValue | XML_PARSE_NOENT.rawValue)
        if mendingTags { options |= Int32(XML_PARSE_RECOVER.rawValue) }
        let tree = octets.withUnsafeReadableBytes { bytes in
            let start = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
            return xmlCtxtReadMemory(context, start, Int32(bytes.count), nil, nil, options)
        }
        if let tree { xmlFreeDoc(tree) }
        reading.context = nil
        context.pointee.userData = nil
        if reading.refusal != nil || xmlDictSize(context.pointee.dict) > PIDFParser.nameLimit { discard() }
        return true
    }

    private func discard() {
        guard let context else { return }
        self.context = nil
        if let tree = context.pointee.myDoc { xmlFreeDoc(tree) }
        context.pointee.myDoc = nil
        xmlFreeParserCtxt(context)
    }

    private static func made() -> xmlParserCtxtPtr? {
        guard let context = xmlNewParserCtxt(), let handler = context.pointee.sax else { return nil }
        handler.pointee = cxml_silent_handler()
        handler.pointee.internalSubset = { user, _, _, _ in assembly(user)?.sawDocumentType() }
        handler.pointee.startElementNs = { user, name, prefix, uri, namespaceCount, namespaces, count, _, attributes in
            guard let name, let assembly = assembly(user) else { return }
            let tag = XMLStartTag(
                name: name,
                prefix: prefix,
                uri: uri,
                namespaces: UnsafeBufferPointer(start: namespaces, count: Int(namespaceCount) * 2),
                attributes: UnsafeBufferPointer(start: attributes, count: Int(count) * 5)
            )
            assembly.began(tag)
        }
        handler.pointee.endElementNs = { user, name, prefix, _ in
            guard let name else { return }
            assembly(user)?.ended(name, prefix: prefix)
        }
        handler.pointee.characters = { user, text, count in assembly(user)?.text(text, count) }
        handler.pointee.ignorableWhitespace = { user, text, count in assembly(user)?.text(text, count) }
        handler.pointee.serror = { user, error in
            guard let error else { return }
            assembly(user)?.failed(error.pointee)
        }
        return context
    }
}

/// What the events of a parser go to.
private func assembly(_ user: UnsafeMutableRawPointer?) -> PIDFAssembly? {
    user.map { Unmanaged<PIDFAssembly>.fromOpaque($0).takeUnretainedValue() }
}
