// SPDX-License-Identifier: Apache-2.0
package import struct NIOCore.ByteBuffer

/// One element of a stream, good until the stream is fed again. The octets it hands out may be kept.
package struct XMLElement {
    let store: XMLStore
    let index: Int

    /// The element's name, or ``XMLName/unknown``.
    package var name: XMLName { store.nodes[index].name }

    /// The local name of an element that the vocabulary does not know; empty for those that it knows, and for a name
    /// beyond ``XMLLimits/nameOctets``, which only an oversize stanza and the stream's own element can have.
    package var unknownLocalName: String {
        let spelling = store.slice(store.nodes[index].octets).readableBytesView
        let start = spelling.lastIndex(of: XMLVocabulary.separator).map { $0 + 1 } ?? spelling.startIndex
        return String(decoding: spelling[start...], as: UTF8.self)
    }

    /// The namespace of an element that the vocabulary does not know; empty for those that it knows, and with a name
    /// beyond ``XMLLimits/nameOctets``.
    package var unknownNamespace: String {
        let spelling = store.slice(store.nodes[index].octets).readableBytesView
        guard let end = spelling.lastIndex(of: XMLVocabulary.separator) else { return "" }
        return String(decoding: spelling[..<end], as: UTF8.self)
    }

    /// The value of the attribute `name`, if there is one.
    package func attribute(_ name: XMLName) -> ByteBuffer? {
        let range = store.nodes[index].attributes
        for place in Int(range.start)..<Int(range.end) where store.attributes[place].name == name {
            return store.slice(store.attributes[place].value)
        }
        return nil
    }

    /// The value of the attribute `name` as text, if there is one.
    package func string(_ name: XMLName) -> String? {
        attribute(name).map { String(decoding: $0.readableBytesView, as: UTF8.self) }
    }

    /// Whether the attribute `name` is there and has this value.
    package func attribute(_ name: XMLName, is value: StaticString) -> Bool {
        let range = store.nodes[index].attributes
        for place in Int(range.start)..<Int(range.end) where store.attributes[place].name == name {
            return store.isEqual(store.attributes[place].value, to: value)
        }
        return false
    }

    /// The elements inside this one, not those inside them.
    package var children: Children {
        Children(store: store, index: index + 1, end: Int(store.nodes[index].next))
    }

    /// The first element inside this one with this name.
    package func child(_ name: XMLName) -> XMLElement? {
        children.first { $0.name == name }
    }

    /// The text directly inside this element. It is copied only where elements stand between its pieces.
    package var text: ByteBuffer {
        var found: ByteBuffer?
        var place = index + 1
        let end = Int(store.nodes[index].next)
        while place < end {
            let node = store.nodes[place]
            if node.name == .text {
                var piece = store.slice(node.octets)
                if found == nil { found = piece } else { found?.writeBuffer(&piece) }
            }
            place = Int(node.next)
        }
        return found ?? ByteBuffer()
    }

    /// Whether there is nothing inside the element.
    package var isEmpty: Bool { Int(store.nodes[index].next) == index + 1 }

    /// A walk over child elements.
    package struct Children: Sequence, IteratorProtocol {
        fileprivate let store: XMLStore
        fileprivate var index: Int
        fileprivate let end: Int

        package mutating func next() -> XMLElement? {
            while index < end {
                let place = index
                let node = store.nodes[place]
                index = Int(node.next)
                if node.name != .text { return XMLElement(store: store, index: place) }
            }
            return nil
        }
    }
}
