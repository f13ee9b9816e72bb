// SPDX-License-Identifier: Apache-2.0
import CExpat
import Glibc
import NIOCore

/// What expat's callbacks write to. They only record; nobody is called out of them.
final class XMLStreamCore {
    /// The most octets given to expat at once, which is also how late a limit on octets may be noticed.
    static let pieceOctets = 65_536

    private let vocabulary: XMLVocabulary
    private let limits: XMLLimits
    private let store: XMLStore
    var parser: OpaquePointer?

    private(set) var events: [XMLStreamEvent] = []
    private(set) var failure: XMLStreamFailure?
    /// The octets given to expat so far.
    var fed = 0
    private var firstOctets: [UInt8] = []
    /// The octets of the stream's header, and of what stands before it.
    private(set) var header: [UInt8] = []
    private var isHeaderOver = false
    /// Where the last stanza ended in what expat was given.
    private(set) var stanzaEnd = 0
    /// Whether the header is read a second time.
    private var isReplaying = false
    /// After how many octets expat is made anew, at the end of a stanza. A name of a few octets costs it some hundred.
    private static let renewalOctets = 2 << 20

    /// How many elements are open, the stream's own included.
    private var depth = 0
    /// The open elements of the stanza, by their places in the store.
    private var open: [Int] = []
    /// Where the stanza that is being read begins in the store, and in the stream.
    private var stanza = XMLStore.Mark()
    private var stanzaOffset = 0
    private var broken: XMLLimit?
    private var textMayExtend = false

    init(vocabulary: XMLVocabulary, limits: XMLLimits) {
        self.vocabulary = vocabulary
        self.limits = limits
        store = XMLStore(vocabulary: vocabulary)
    }

    /// Finds the core behind expat's user data.
    static func with(_ data: UnsafeMutableRawPointer?, _ body: (XMLStreamCore) -> Void) {
        guard let data else { return }
        Unmanaged<XMLStreamCore>.fromOpaque(data)._withUnsafeGuaranteedRef { core in
            // expat may still call back once or twice after it was stopped.
            if core.failure == nil { body(core) }
        }
    }

    /// Forgets what was handed over.
    func beginBurst() {
        events.removeAll(keepingCapacity: true)
        let mark = depth > 1 ? stanza : store.end
        store.discard(before: mark)
        let shift = mark.nodes
        if shift > 0 {
            for index in open.indices { open[index] -= shift }
        }
        stanza = XMLStore.Mark()
    }

    func fail(_ condition: XMLStreamCondition, _ text: String) {
        guard failure == nil else { return }
        failure = XMLStreamFailure(condition, text, offset: offset)
        if let parser { _ = XML_StopParser(parser, 0) }
    }

    private var offset: Int { parser.map { Int(XML_GetCurrentByteIndex($0)) } ?? 0 }

    // MARK: Elements

    func start(_ name: UnsafePointer<CChar>?, _ list: UnsafeMutablePointer<UnsafePointer<CChar>?>?) {
        guard let name, !isReplaying else { return }
        depth += 1
        if depth == 1 {
            endHeader()
            events.append(.opened(XMLElement(store: store, index: append(name, list))))
            return
        }
        if depth == 2 { beginStanza() }
        if depth > limits.skippedDepth + 1 {
            fail(.policyViolation, "elements nested too deeply")
            return
        }
        if depth > limits.depth + 1 { giveUp(.depth) }
        guard broken == nil || depth == 2 else { return }
        open.append(append(name, list))
        checkStore()
    }

    func end() {
        depth -= 1
        if depth == 0 {
            events.append(.closed)
            return
        }
        textMayExtend = false
        if depth == 1 {
            endStanza()
            if !header.isEmpty, offset > XMLStreamCore.renewalOctets, let parser { _ = XML_StopParser(parser, 1) }
        } else if broken == nil, let index = open.popLast() {
            store.close(index)
        }
    }

    func text(_ octets: UnsafeRawBufferPointer) {
        guard depth > 1 else {
            // White space between stanzas keeps the connection alive (RFC 6120 §4.6.1); other text has no place there.
            let isSpace = octets.allSatisfy { $0 == 0x20 || $0 == 0x0A || $0 == 0x0D || $0 == 0x09 }
            if !isSpace { fail(.badFormat, "text between stanzas") }
            return
        }
        guard broken == nil else { return }
        store.appendText(octets, extends: textMayExtend)
        textMayExtend = true
        checkStore()
    }

    func declaration(version: UnsafePointer<CChar>?, encoding: UnsafePointer<CChar>?) {
        if let encoding, String(cString: encoding).lowercased() != "utf-8" {
            fail(.unsupportedEncoding, "an encoding other than UTF-8")  // RFC 6120 §11.6
        }
    }

    // MARK: The header

    /// Keeps what may be the stream's header, until it is whole.
    func keepHeader(_ piece: UnsafeRawBufferPointer) {
        guard !isHeaderOver, header.count + piece.count <= limits.tagOctets * 2 else { return }
        header += piece
    }

    private func endHeader() {
        let end = offset + (parser.map { Int(XML_GetCurrentByteCount($0)) } ?? 0)
        isHeaderOver = true
        // A header that was too large to be kept is not read again.
        header = end <= header.count ? Array(header.prefix(end)) : []
    }

    func beginReplay() { isReplaying = true }

    func endReplay() {
        isReplaying = false
        fed = header.count
    }

    private func beginStanza() {
        stanza = store.end
        stanzaOffset = offset
        broken = nil
        open.removeAll(keepingCapacity: true)
    }

    private func endStanza() {
        guard let root = open.first else { return }
        store.close(root)
        let end = offset + (parser.map { Int(XML_GetCurrentByteCount($0)) } ?? 0)
        stanzaEnd = end
        if end - stanzaOffset > limits.stanzaOctets { giveUp(.stanzaOctets) }
        let element = XMLElement(store: store, index: root)
        if let broken {
            store.empty(root)
            events.append(.oversize(element, broken))
        } else {
            events.append(.stanza(element))
        }
        open.removeAll(keepingCapacity: true)
    }

    /// Gives up on the stanza, but not on the stream.
    private func giveUp(_ limit: XMLLimit) {
        guard broken == nil else { return }
        broken = limit
        if let root = open.first { store.empty(root) }
    }

    /// Appends an element with its attributes; those beyond the limits are left out and break the stanza.
    private func append(
        _ name: UnsafePointer<CChar>,
        _ list: UnsafeMutablePointer<UnsafePointer<CChar>?>?
    ) -> Int {
        textMayExtend = false
        var violation: XMLLimit?
        let first = UInt32(truncatingIfNeeded: store.attributes.count)
        let known = look(up: name)
        if known == nil { violation = .nameOctets }
        var place = 0
        while let list, let key = list[place], let value = list[place + 1] {
            if place >= limits.attributes * 2 {
                violation = .attributes
                break
            }
            place += 2
            let octets = UnsafeRawBufferPointer(start: value, count: strlen(value))
            if octets.count > limits.valueOctets {
                violation = .valueOctets
                continue
            }
            guard let found = look(up: key) else {
                violation = .nameOctets
                continue
            }
            store.append(found, value: octets)
        }
        let index = store.nodes.count
        let attributes = XMLStore.Range(start: first, end: UInt32(truncatingIfNeeded: store.attributes.count))
        store.append(
            XMLStore.Node(
                name: known?.name ?? .unknown,
                place: known?.place ?? 0,
                octets: known?.spelling ?? XMLStore.Range(start: 0, end: 0),
                attributes: attributes,
                next: UInt32(truncatingIfNeeded: index + 1)
            )
        )
        if let violation { giveUp(violation) }
        return index
    }

    /// The number of a name, and its octets where it has none; nil where it is too long to be kept.
    private func look(
        up name: UnsafePointer<CChar>
    ) -> (name: XMLName, place: UInt16, spelling: XMLStore.Range)? {
        let octets = UnsafeRawBufferPointer(start: name, count: strlen(name))
        let (number, place) = vocabulary.find(octets)
        guard number == .unknown else { return (number, place, XMLStore.Range(start: 0, end: 0)) }
        return octets.count > limits.nameOctets ? nil : (.unknown, 0, store.append(octets))
    }

    // MARK: Limits

    private func checkStore() {
        if store.octets.writerIndex - stanza.octets > limits.stanzaOctets {
            giveUp(.stanzaOctets)
        } else if store.nodes.count - stanza.nodes > limits.nodes {
            giveUp(.nodes)
        }
    }

    /// Closes the stream where expat holds too much, or where a stanza goes on and on.
    func checkPending() {
        guard failure == nil else { return }
        let consumed = offset
        if fed - consumed > limits.tagOctets {
            fail(.policyViolation, "a tag of more than \(limits.tagOctets) octets")
        } else if depth > 1, consumed - stanzaOffset > limits.skippedOctets {
            fail(.policyViolation, "a stanza of more than \(limits.skippedOctets) octets")
        }
    }

    /// Whether the stream begins in UTF-8 and without a byte order mark, as far as it is known. expat would take octets
    /// that look like UTF-16 for that, whatever encoding it was told.
    func beginsInUTF8(_ piece: UnsafeRawBufferPointer) -> Bool {
        if fed >= 3 { return true }
        firstOctets += piece.prefix(3 - fed)
        return firstOctets != [0xEF, 0xBB, 0xBF] && firstOctets.prefix(2).allSatisfy { $0 != 0 && $0 < 0xFE }
    }
}
