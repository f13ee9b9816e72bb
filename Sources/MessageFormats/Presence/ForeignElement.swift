// SPDX-License-Identifier: Apache-2.0
import struct NIOCore.ByteBuffer

/// An element of another namespace, copied while it is read, and understood where we know it.
///
/// The copy is complete in its namespaces: what it uses of the declarations around it is declared at its root, so that
/// it can stand anywhere. It has no comment, processing instruction or CDATA section, so that it can stand in an XMPP
/// stream too (RFC 6120 §11.1); and a copy of the copy has the same octets.
struct ForeignElement {
    /// The name as written, for people.
    let written: String

    /// The root's start-tag up to its declarations, and everything behind them.
    private var head = ByteBuffer()
    private var rest = ByteBuffer()
    /// Declarations inside the element, and how deep.
    private var inner: [(prefix: XMLCharacters?, depth: Int)] = []
    /// Declarations around it that it uses.
    private var used: [(prefix: XMLCharacters?, uri: XMLCharacters?)] = []
    private var depth = 0
    private var isTagOpen = false
    private var hasUnboundPrefix = false
    private var meaning: ForeignMeaning

    /// Begins with the root's start-tag; `outer` are the declarations around it, outermost first.
    init(
        _ tag: XMLStartTag,
        _ namespace: PresenceNamespace,
        outer: [(prefix: XMLCharacters?, uri: XMLCharacters?)],
        now: PresenceTime?
    ) {
        written = tag.written
        meaning = ForeignMeaning(now: now)
        began(tag, namespace, outer: outer)
    }

    /// Whether the root has come to its end.
    var isComplete: Bool { depth == 0 }

    /// The copy; nil where a prefix in it is declared nowhere.
    var octets: ByteBuffer? {
        guard !hasUnboundPrefix else { return nil }
        guard !used.isEmpty else {
            var result = head
            result.writeImmutableBuffer(rest)
            return result
        }
        var result = head
        for (prefix, uri) in used { ForeignElement.writeDeclaration(prefix, uri, into: &result) }
        result.writeImmutableBuffer(rest)
        return result
    }

    /// The state that it tells as `show` of jabber:client.
    var show: PresenceTuple.Show? { meaning.show }
    /// The state that it tells as `im` of pidf:im.
    var messaging: PresenceTuple.Show? { meaning.messaging }
    /// The state at which RPID's activities hint.
    var activitiesShow: PresenceTuple.Show? { meaning.activitiesShow }
    /// Whether it says nothing but its text.
    var isPlain: Bool { meaning.isPlain }
    /// Whether it tells something for a time only.
    var dependsOnTime: Bool { meaning.dependsOnTime }
    /// Its text.
    var value: String { meaning.value }
    /// Whether something in it must be understood and is not.
    var demandsMore: Bool { meaning.demandsMore }

    mutating func began(_ tag: XMLStartTag, outer: [(prefix: XMLCharacters?, uri: XMLCharacters?)]) {
        began(tag, PresenceNamespace(tag.uri, prefix: tag.prefix), outer: outer)
    }

    private mutating func began(
        _ tag: XMLStartTag,
        _ namespace: PresenceNamespace,
        outer: [(prefix: XMLCharacters?, uri: XMLCharacters?)]
    ) {
        closeTag()
        depth += 1
        meaning.began(tag, namespace, depth: depth)
        if depth == 1 {
            ForeignElement.writeName("<", tag.prefix, tag.name, into: &head)
        } else {
            ForeignElement.writeName("<", tag.prefix, tag.name, into: &rest)
        }
        for index in stride(from: 0, to: tag.namespaces.count, by: 2) {
            inner.append((tag.namespaces[index], depth))
            ForeignElement.writeDeclaration(tag.namespaces[index], tag.namespaces[index + 1], into: &rest)
        }
        use(tag.prefix, tag.uri)
        for index in 0..<tag.attributeCount {
            guard let attribute = tag.attribute(at: index) else { continue }
            if let prefix = attribute.prefix { use(prefix, attribute.uri) }
            useName(in: attribute.value, outer)
            ForeignElement.writeName(" ", attribute.prefix, attribute.name, into: &rest)
            rest.writeStaticString("=\"")
            rest.writePIDFValue(UnsafeRawBufferPointer(attribute.value))
            rest.writeStaticString("\"")
        }
        isTagOpen = true
    }

    mutating func text(
        _ octets: UnsafeBufferPointer<UInt8>,
        outer: [(prefix: XMLCharacters?, uri: XMLCharacters?)]
    ) {
        closeTag()
        meaning.text(octets, depth: depth)
        useName(in: octets, outer)
        rest.writePIDFText(UnsafeRawBufferPointer(octets))
    }

    mutating func ended(_ name: XMLCharacters, prefix: XMLCharacters?) {
        if isTagOpen {
            rest.writeStaticString("/>")
            isTagOpen = false
        } else {
            ForeignElement.writeName("</", prefix, name, into: &rest)
            rest.writeStaticString(">")
        }
        meaning.ended(depth: depth)
        while let last = inner.last, last.depth == depth { inner.removeLast() }
        depth -= 1
    }
}

extension ForeignElement {
    private mutating func closeTag() {
        guard isTagOpen else { return }
        rest.writeStaticString(">")
        isTagOpen = false
    }

    /// Sees to it that `prefix` is declared in the copy.
    private mutating func use(_ prefix: XMLCharacters?, _ uri: XMLCharacters?) {
        if let prefix, prefix.spells("xml") { return }
        if prefix != nil, uri == nil {
            hasUnboundPrefix = true
            return
        }
        func isSame(_ other: XMLCharacters?) -> Bool {
            guard let prefix, let other else { return prefix == nil && other == nil }
            return prefix.spells(other)
        }
        if inner.contains(where: { isSame($0.prefix) }) || used.contains(where: { isSame($0.prefix) }) { return }
        used.append((prefix, uri))
    }

    /// A whole text or value of the form `prefix:name` may be a name that its vocabulary resolves by the declarations in
    /// force, as `xsi:type` is; so the prefix is declared in the copy too.
    private mutating func useName(
        in octets: UnsafeBufferPointer<UInt8>,
        _ outer: [(prefix: XMLCharacters?, uri: XMLCharacters?)]
    ) {
        guard !outer.isEmpty, let colon = octets.prefix(65).firstIndex(of: UInt8(ascii: ":")), colon > 0 else { return }
        let prefix = octets[..<colon].drop(while: \.isXMLSpace)
        for (declared, uri) in outer.reversed() {
            guard let declared else { continue }
            var index = 0
            let isIt = prefix.allSatisfy { octet in
                defer { index += 1 }
                return declared[index] != 0 && declared[index] == octet
            }
            if isIt, declared[index] == 0 { return use(declared, uri) }
        }
    }

    private static func writeName(
        _ before: StaticString,
        _ prefix: XMLCharacters?,
        _ name: XMLCharacters,
        into out: inout ByteBuffer
    ) {
        out.writeStaticString(before)
        if let prefix {
            out.writeCharacters(prefix)
            out.writeStaticString(":")
        }
        out.writeCharacters(name)
    }

    private static func writeDeclaration(
        _ prefix: XMLCharacters?,
        _ uri: XMLCharacters?,
        into out: inout ByteBuffer
    ) {
        if let prefix {
            out.writeStaticString(" xmlns:")
            out.writeCharacters(prefix)
            out.writeStaticString("=\"")
        } else {
            out.writeStaticString(" xmlns=\"")
        }
        if let uri { out.writePIDFValue(UnsafeRawBufferPointer(start: uri, count: uri.count)) }
        out.writeStaticString("\"")
    }
}

extension XMLCharacters {
    /// The number of octets before the zero.
    var count: Int {
        var count = 0
        while self[count] != 0 { count += 1 }
        return count
    }
}

extension ByteBuffer {
    fileprivate mutating func writeCharacters(_ characters: XMLCharacters) {
        writeBytes(UnsafeRawBufferPointer(start: characters, count: characters.count))
    }
}
