// SPDX-License-Identifier: Apache-2.0
import NIOCore
import XMLStream

/// A copy of an event, since events are good only until the next octets.
struct XMLCopy: Equatable {
    let kind: String
    let element: Element

    /// An element with what can be seen of it.
    struct Element: Equatable {
        var name: UInt16 = 0
        var namespace = ""
        var local = ""
        var id: ByteBuffer?
        var text = ByteBuffer()
        var children: [Element] = []
    }

    static let message = XMLName(rawValue: 1)
    static let body = XMLName(rawValue: 2)
    static let id = XMLName(rawValue: 3)

    static let vocabulary = XMLVocabulary([
        .init(message, "", "message"), .init(body, "", "body"), .init(id, "", "id"),
    ])

    /// What is left of it where the stream's own element and the limits do not count.
    var content: XMLCopy {
        switch kind {
        case "open": XMLCopy(kind: kind, element: Element())
        case "oversize": XMLCopy(kind: "stanza", element: element.named)
        default: self
        }
    }

    private init(kind: String, element: Element) {
        self.kind = kind
        self.element = element
    }

    init(_ event: XMLStreamEvent, limits: XMLLimits) throws(Violation) {
        switch event {
        case .opened(let element):
            self.init(kind: "open", element: try Element(element))
            try hold(element.isEmpty, "a stream's element that is not empty")
        case .stanza(let element):
            self.init(kind: "stanza", element: try Element(element))
            try hold(self.element.depth <= limits.depth, "elements nested more deeply than allowed")
            try hold(self.element.count <= limits.nodes, "more elements than allowed")
            try hold(self.element.isNamed, "an element without a name")
        case .oversize(let element, let limit):
            self.init(kind: "oversize", element: try Element(element))
            try hold(element.isEmpty, "a stanza over its limit of \(limit.rawValue) that is not empty")
        case .closed: self.init(kind: "close", element: Element())
        }
    }
}

extension XMLCopy.Element {
    init(_ element: XMLElement) throws(Violation) {
        name = element.name.rawValue
        if element.name == .unknown {
            namespace = element.unknownNamespace
            local = element.unknownLocalName
        }
        id = element.attribute(XMLCopy.id)
        try hold(element.string(XMLCopy.id)?.utf8.count == id?.readableBytes, "a value that is not UTF-8")
        text = element.text
        for child in element.children { children.append(try XMLCopy.Element(child)) }
    }

    private var hasName: Bool { name != XMLName.unknown.rawValue || !local.isEmpty }

    /// Whether it and all that is in it have names.
    var isNamed: Bool { hasName && children.allSatisfy(\.isNamed) }

    /// It, under a name that can be written where its own was too long to be kept.
    var named: Self {
        var copy = self
        if !hasName { copy.local = "unnamed" }
        return copy
    }

    var depth: Int { 1 + (children.map(\.depth).max() ?? 0) }

    var count: Int { 1 + children.reduce(0) { $0 + $1.count } }

    /// Writes the element, text first.
    func write(to out: inout ByteBuffer) {
        let tag = name == 1 ? "message" : name == 2 ? "body" : namespace.isEmpty ? local : "x:\(local)"
        out.writeString("<\(tag)")
        if !namespace.isEmpty {
            out.writeString(" xmlns:x='")
            out.writeXMLValue(namespace)
            out.writeString("'")
        }
        if let id {
            out.writeString(" id='")
            out.writeXMLValue(id)
            out.writeString("'")
        }
        out.writeString(">")
        out.writeXMLText(text)
        for child in children { child.write(to: &out) }
        out.writeString("</\(tag)>")
    }
}
