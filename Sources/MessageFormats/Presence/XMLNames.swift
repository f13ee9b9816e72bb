// SPDX-License-Identifier: Apache-2.0

/// An octet string of libxml2 that ends with a zero; it lives as long as the parser's dictionary.
typealias XMLCharacters = UnsafePointer<UInt8>

/// The namespaces that presence documents are made of.
enum PresenceNamespace: Sendable, Hashable {
    /// No namespace: the name has no prefix, and no default is declared.
    case none
    /// The prefix is declared nowhere.
    case unbound
    /// RFC 3863 §4.2.2.
    case pidf
    /// The same up to the case of a URN's first two parts, in which URNs do not differ and namespaces do.
    case pidfFolded
    /// What `show` of a stanza stands in (RFC 8048 §6.2).
    case jabberClient
    /// The status of instant messaging in the examples of RFC 3863 §4.3.1 and RFC 3922 §5.1.
    case messaging
    /// RFC 4480.
    case rpid
    /// RFC 4479.
    case dataModel
    /// Any other.
    case foreign

    static let pidfName: StaticString = "urn:ietf:params:xml:ns:pidf"
    static let jabberClientName: StaticString = "jabber:client"
    static let messagingName: StaticString = "urn:ietf:params:xml:ns:pidf:im"
    static let rpidName: StaticString = "urn:ietf:params:xml:ns:pidf:rpid"
    static let dataModelName: StaticString = "urn:ietf:params:xml:ns:pidf:data-model"

    init(_ uri: XMLCharacters?, prefix: XMLCharacters?) {
        guard let uri else {
            self = prefix == nil ? .none : .unbound
            return
        }
        if uri.spells(PresenceNamespace.pidfName) {
            self = .pidf
        } else if uri.spells(PresenceNamespace.jabberClientName) {
            self = .jabberClient
        } else if uri.spells(PresenceNamespace.messagingName) {
            self = .messaging
        } else if uri.spells(PresenceNamespace.rpidName) {
            self = .rpid
        } else if uri.spells(PresenceNamespace.dataModelName) {
            self = .dataModel
        } else if uri.pointee == 0 {
            self = .none
        } else {
            self = PresenceNamespace.isFoldedPIDF(uri) ? .pidfFolded : .foreign
        }
    }

    /// Scheme and namespace identifier of a URN are compared without case (RFC 8141 §3.1).
    private static func isFoldedPIDF(_ uri: XMLCharacters) -> Bool {
        for index in 0..<pidfName.utf8CodeUnitCount {
            let octet = index < 9 ? uri[index].lowercasedASCII : uri[index]
            guard octet == pidfName.utf8Start[index] else { return false }
        }
        return uri[pidfName.utf8CodeUnitCount] == 0
    }
}

extension UInt8 {
    fileprivate var lowercasedASCII: UInt8 { self >= 0x41 && self <= 0x5A ? self | 0x20 : self }
}

extension XMLCharacters {
    /// Whether the octets are those of `text`.
    func spells(_ text: StaticString) -> Bool {
        let other = text.utf8Start
        for index in 0..<text.utf8CodeUnitCount where self[index] != other[index] { return false }
        return self[text.utf8CodeUnitCount] == 0
    }

    /// Whether both have the same octets.
    func spells(_ other: XMLCharacters) -> Bool {
        var index = 0
        while self[index] == other[index] {
            if self[index] == 0 { return true }
            index += 1
        }
        return false
    }

    var text: String { String(cString: self) }
}

/// What a start-tag says, for as long as it is being told.
struct XMLStartTag {
    let name: XMLCharacters
    let prefix: XMLCharacters?
    let uri: XMLCharacters?
    /// Pairs of a prefix and what it is bound to.
    let namespaces: UnsafeBufferPointer<XMLCharacters?>
    /// Name, prefix, namespace, begin and end of the value of each.
    let attributes: UnsafeBufferPointer<XMLCharacters?>

    struct Attribute {
        let name: XMLCharacters
        let prefix: XMLCharacters?
        let uri: XMLCharacters?
        let value: UnsafeBufferPointer<UInt8>

        var text: String { String(decoding: value, as: UTF8.self) }
    }

    var attributeCount: Int { attributes.count / 5 }

    func attribute(at index: Int) -> Attribute? {
        let at = index * 5
        guard let name = attributes[at], let begin = attributes[at + 3], let end = attributes[at + 4] else {
            return nil
        }
        let value = UnsafeBufferPointer(start: begin, count: end - begin)
        return Attribute(name: name, prefix: attributes[at + 1], uri: attributes[at + 2], value: value)
    }

    /// The value of the attribute `name` that belongs to the element's own vocabulary.
    func value(_ name: StaticString) -> String? {
        for index in 0..<attributeCount {
            if let attribute = attribute(at: index), attribute.prefix == nil, attribute.name.spells(name) {
                return attribute.text
            }
        }
        return nil
    }

    /// The value of an attribute that XML itself defines, such as `xml:lang`.
    func xmlValue(_ name: StaticString) -> String? {
        for index in 0..<attributeCount {
            if let attribute = attribute(at: index), let prefix = attribute.prefix, prefix.spells("xml"),
                attribute.name.spells(name)
            {
                return attribute.text
            }
        }
        return nil
    }

    /// The name as written, for people.
    var written: String { prefix.map { "\($0.text):\(name.text)" } ?? name.text }
}
