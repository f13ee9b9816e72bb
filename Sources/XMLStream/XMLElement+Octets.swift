// SPDX-License-Identifier: Apache-2.0
package import struct NIOCore.ByteBuffer

/// An element with everything inside it as octets that mean the same wherever they stand.
///
/// The octets are made from what was read and are not those of the wire: every namespace is declared where it is
/// needed and nowhere else, and prefixes, which mean nothing, are chosen anew. So equal elements have equal octets,
/// and an element that is written and read again comes out as it was. Nothing is kept for this while a stanza is read.
extension XMLElement {
    /// The local name.
    package var localName: String {
        String(decoding: split(spelling).local.readableBytesView, as: UTF8.self)
    }

    /// The namespace.
    package var namespace: String {
        String(decoding: split(spelling).namespace.readableBytesView, as: UTF8.self)
    }

    /// How many attributes there are, namespace declarations not counted.
    package var attributeCount: Int { store.nodes[index].attributes.count }

    /// Appends the element and everything inside it to `buffer`.
    ///
    /// - Parameters:
    ///   - scope: the namespace that holds where the element will stand; it is not declared again.
    ///   - renaming: namespaces that are written as another one.
    package func write(to buffer: inout ByteBuffer, within scope: String = "", renaming: [String: String] = [:]) {
        let scope = ByteBuffer(string: scope)
        let renaming = renaming.map { (ByteBuffer(string: $0.key), ByteBuffer(string: $0.value)) }
        write(to: &buffer, scope, renaming)
    }

    private func write(to buffer: inout ByteBuffer, _ scope: ByteBuffer, _ renaming: [(ByteBuffer, ByteBuffer)]) {
        var (namespace, local) = split(spelling)
        if let other = renaming.first(where: { $0.0 == namespace }) { namespace = other.1 }
        buffer.writeStaticString("<")
        buffer.writeImmutableBuffer(local)
        if namespace != scope {
            buffer.writeStaticString(" xmlns='")
            buffer.writeXMLValue(namespace)
            buffer.writeStaticString("'")
        }
        writeAttributes(to: &buffer)
        guard !isEmpty else {
            buffer.writeStaticString("/>")
            return
        }
        buffer.writeStaticString(">")
        var place = index + 1
        let end = Int(store.nodes[index].next)
        while place < end {
            let node = store.nodes[place]
            if node.name == .text {
                buffer.writeXMLText(store.slice(node.octets))
            } else {
                XMLElement(store: store, index: place).write(to: &buffer, namespace, renaming)
            }
            place = Int(node.next)
        }
        buffer.writeStaticString("</")
        buffer.writeImmutableBuffer(local)
        buffer.writeStaticString(">")
    }

    private func writeAttributes(to buffer: inout ByteBuffer) {
        var prefixes = 0
        for place in Int(store.nodes[index].attributes.start)..<Int(store.nodes[index].attributes.end) {
            let attribute = store.attributes[place]
            let known = attribute.name != .unknown
            let (namespace, local) = split(
                known ? store.vocabulary.spelling(at: attribute.place) : store.slice(attribute.spelling)
            )
            buffer.writeStaticString(" ")
            if namespace == XMLElement.xml {
                buffer.writeStaticString("xml:")
            } else if namespace.readableBytes > 0 {
                // An attribute has no default namespace (XML Names §6.2).
                buffer.writeString("xmlns:n\(prefixes)='")
                buffer.writeXMLValue(namespace)
                buffer.writeString("' n\(prefixes):")
                prefixes += 1
            }
            buffer.writeImmutableBuffer(local)
            buffer.writeStaticString("='")
            buffer.writeXMLValue(store.slice(attribute.value))
            buffer.writeStaticString("'")
        }
    }

    /// The name as expat spells it.
    private var spelling: ByteBuffer {
        let node = store.nodes[index]
        return node.name == .unknown ? store.slice(node.octets) : store.vocabulary.spelling(at: node.place)
    }

    private func split(_ spelling: ByteBuffer) -> (namespace: ByteBuffer, local: ByteBuffer) {
        let view = spelling.readableBytesView
        guard let place = view.lastIndex(of: XMLVocabulary.separator),
            let namespace = spelling.getSlice(at: view.startIndex, length: place - view.startIndex),
            let local = spelling.getSlice(at: place + 1, length: view.endIndex - place - 1)
        else { return (ByteBuffer(), spelling) }
        return (namespace, local)
    }

    private static let xml = ByteBuffer(string: "http://www.w3.org/XML/1998/namespace")
}

/// Reads elements that stand by themselves, such as those that came by another way than this stream.
///
/// What is handed to it is not trusted: it must be one whole element, within the limits of a stanza, and nothing else.
/// So an element that is read here and written again stays inside the place it is written to.
package final class XMLFragmentReader {
    private let vocabulary: XMLVocabulary
    private let limits: XMLLimits
    private var parser: XMLStreamParser?
    /// The octets that the parser has been fed; it keeps every name that it has seen, so it is not kept for ever.
    private var fed = 0
    private static let fedLimit = 1 << 20

    /// Makes a reader that knows the names in `vocabulary` by their numbers.
    package init(vocabulary: XMLVocabulary, limits: XMLLimits = XMLLimits()) {
        self.vocabulary = vocabulary
        self.limits = limits
    }

    /// The one element in `octets`; nil where there is none, or not one alone. It is good until the next call.
    package func read(_ octets: ByteBuffer) -> XMLElement? {
        // What a comment, a section or an instruction leaves open would swallow the next one's beginning.
        guard !Self.hasDeclaration(octets) else { return nil }
        if fed > Self.fedLimit { self.parser = nil }
        let parser = self.parser ?? fresh()
        fed += octets.readableBytes
        var whole = ByteBuffer()
        whole.reserveCapacity(octets.readableBytes + 7)
        // One element around it: what closes more than it opened makes two of them, or none.
        whole.writeStaticString("<i>")
        whole.writeImmutableBuffer(octets)
        whole.writeStaticString("</i>")
        parser.feed(whole)
        guard parser.failure == nil, parser.events.count == 1, case .stanza(let outer) = parser.events[0],
            let inner = outer.children.first(where: { _ in true }),
            Int(inner.store.nodes[inner.index].next) == outer.end,
            inner.index == outer.index + 1
        else {
            // What was left open, or closed, is not for the next one to find.
            self.parser = nil
            return nil
        }
        return inner
    }

    private static func hasDeclaration(_ octets: ByteBuffer) -> Bool {
        var isOpen = false
        for octet in octets.readableBytesView {
            if isOpen, octet == UInt8(ascii: "!") || octet == UInt8(ascii: "?") { return true }
            isOpen = octet == UInt8(ascii: "<")
        }
        return false
    }

    private func fresh() -> XMLStreamParser {
        fed = 0
        let parser = XMLStreamParser(vocabulary: vocabulary, limits: limits)
        parser.feed(ByteBuffer(staticString: "<x>"))
        self.parser = parser
        return parser
    }
}

extension XMLElement {
    /// The place after everything inside the element.
    fileprivate var end: Int { Int(store.nodes[index].next) }
}
