// SPDX-License-Identifier: Apache-2.0
import CLibXML2
import EnvelopeModel

/// Makes a presence document of a parser's events. Nothing of it counts before the whole document was well-formed.
final class PIDFAssembly {
    /// Where in the document an event takes place.
    enum Place {
        case presence
        case tuple
        case status
        /// An element of text.
        case text(TextElement)
        /// Something that is left out with all that it holds.
        case ignored
    }

    enum TextElement {
        case basic
        case contact
        case note
        case timestamp
    }

    /// An open element, with what its descendants inherit from it.
    struct Frame {
        var place: Place
        var language: String?
        var keepsSpace: Bool
        /// How far the children have come in the order of the schema.
        var rank = 0
        /// How many namespaces were declared before it.
        var namespaceCount: Int
    }

    let isTolerant: Bool
    let limits: PIDFLimits
    let now: PresenceTime?
    /// Whether something is told for a time only.
    var dependsOnTime = false

    /// The parser that tells, while it tells.
    var context: xmlParserCtxtPtr?
    var document = PresenceDocument(entity: "")
    private(set) var findings: [PIDFFinding] = []
    private(set) var refusal: PIDFRefusal?
    /// Whether the root has come to its end.
    private(set) var isComplete = false

    var frames: [Frame] = []
    private var depth = 0
    private var elementCount = 0
    private var copied = 0
    private var tupleCount = 0
    private var isRootBare = false
    private var hasFoldedNamespace = false

    /// Declarations in force, outermost first.
    var namespaces: [(prefix: XMLCharacters?, uri: XMLCharacters?)] = []
    /// The foreign element that is being copied.
    var foreign: ForeignElement?
    /// What the person does, for tuples that say nothing themselves.
    var personHint: PresenceTuple.Show?
    var tuple = OpenTuple()
    /// The identifiers of tuples so far.
    var ids: Set<String> = []
    var characters: [UInt8] = []

    init(isTolerant: Bool, limits: PIDFLimits, now: PresenceTime?, findings: [PIDFFinding]) {
        self.isTolerant = isTolerant
        self.limits = limits
        self.now = now
        self.findings = findings
    }
}

// MARK: - What was found

extension PIDFAssembly {
    /// Notes `rule`, or refuses the document where a strict reader does.
    func found(_ rule: PIDFFinding.Rule, _ text: String, strictRefuses: Bool = false) {
        let input = context?.pointee.input
        let (line, column) = (Int(input?.pointee.line ?? 0), Int(input?.pointee.col ?? 0))
        let finding = PIDFFinding(rule: rule, line: line, column: column, text: text)
        if strictRefuses, !isTolerant { refuse(finding) } else { note(finding) }
    }

    func refuse(_ rule: PIDFFinding.Rule, _ text: String) {
        let input = context?.pointee.input
        let (line, column) = (Int(input?.pointee.line ?? 0), Int(input?.pointee.col ?? 0))
        refuse(PIDFFinding(rule: rule, line: line, column: column, text: text))
    }

    private func refuse(_ cause: PIDFFinding) {
        if refusal == nil { refusal = PIDFRefusal(cause: cause, findings: findings) }
    }

    private func note(_ finding: PIDFFinding) {
        if findings.count < limits.findings { findings.append(finding) }
    }

    /// Counts octets that stand in the document more often than they were sent: a declaration that a thousand extensions
    /// use is copied a thousand times. False, and the document refused, where they are too many.
    func charge(_ octets: Int) -> Bool {
        copied += octets
        if copied > limits.copies { refuse(.limit, "more than \(limits.copies) octets of copies") }
        return copied <= limits.copies
    }

    /// An error of the parser.
    func failed(_ error: xmlError) {
        guard refusal == nil, error.level.rawValue >= XML_ERR_ERROR.rawValue else { return }
        var text = error.message.map { String(cString: $0) } ?? "error \(error.code)"
        text.unicodeScalars.removeAll { $0.value < 0x20 }
        let line = Int(error.line)
        let column = Int(error.int2)
        func finding(_ rule: PIDFFinding.Rule) -> PIDFFinding {
            PIDFFinding(rule: rule, line: line, column: column, text: String(text.prefix(200)))
        }
        switch UInt32(error.code) {
        case XML_ERR_TAG_NAME_MISMATCH.rawValue where areTheSameButForPrefix(error.str1, error.str2):
            isTolerant ? note(finding(.endTag)) : refuse(finding(.endTag))
        case XML_NS_ERR_UNDEFINED_NAMESPACE.rawValue:
            isTolerant ? note(finding(.prefix)) : refuse(finding(.prefix))
        default: refuse(finding(.wellFormed))
        }
    }

    private func areTheSameButForPrefix(_ a: UnsafePointer<CChar>?, _ b: UnsafePointer<CChar>?) -> Bool {
        func local(_ name: UnsafePointer<CChar>?) -> Substring? {
            name.flatMap { String(cString: $0).split(separator: ":").last }
        }
        return local(a) != nil && local(a) == local(b)
    }

    /// A document type declaration: the one thing that could define entities or name files (RFC 3863 §4.4 has none).
    func sawDocumentType() {
        refuse(.documentType, "a document type declaration")
        if let context { xmlStopParser(context) }
    }
}

// MARK: - Events

extension PIDFAssembly {
    func began(_ tag: XMLStartTag) {
        guard refusal == nil else { return }
        depth += 1
        elementCount += 1
        guard depth <= limits.depth else { return refuse(.limit, "more than \(limits.depth) elements in one another") }
        guard elementCount <= limits.elements else { return refuse(.limit, "more than \(limits.elements) elements") }
        if foreign != nil {
            foreign?.began(tag, outer: namespaces)
            return
        }
        let inherited = frames.last
        var frame = Frame(
            place: .ignored,
            language: inherited?.language,
            keepsSpace: inherited?.keepsSpace ?? false,
            namespaceCount: namespaces.count
        )
        if tag.attributeCount > 0 {
            if let language = tag.xmlValue("lang") {
                frame.language = (1...limits.language).contains(language.utf8.count) ? language : nil
            }
            if let space = tag.xmlValue("space") { frame.keepsSpace = space == "preserve" }
        }
        guard let inherited else { return root(tag, frame) }
        let namespace = PresenceNamespace(tag.uri, prefix: tag.prefix)
        switch inherited.place {
        case .ignored: push(frame, tag)
        case .text:
            found(.content, "the element \(tag.written) in a text")
            push(frame, tag)
        case .presence: inPresence(tag, namespace, &frame)
        case .tuple: inTuple(tag, namespace, &frame)
        case .status: inStatus(tag, namespace, &frame)
        }
    }

    func ended(_ name: XMLCharacters, prefix: XMLCharacters?) {
        guard refusal == nil else { return }
        depth -= 1
        if foreign != nil {
            foreign?.ended(name, prefix: prefix)
            if foreign?.isComplete == true { endForeign() }
            return
        }
        guard let frame = frames.popLast() else { return }
        namespaces.removeLast(namespaces.count - frame.namespaceCount)
        switch frame.place {
        case .presence: isComplete = true
        case .tuple: endTuple()
        case .status: endStatus()
        case .text(let element): endText(element, frame)
        case .ignored: break
        }
    }

    func text(_ text: XMLCharacters?, _ count: CInt) {
        guard refusal == nil, let text, count > 0 else { return }
        let octets = UnsafeBufferPointer(start: text, count: Int(count))
        if foreign != nil {
            foreign?.text(octets, outer: namespaces)
            return
        }
        switch frames.last?.place {
        case .text: characters.append(contentsOf: octets)
        case .presence, .tuple, .status:
            if !octets.allSatisfy({ $0.isXMLSpace }) { found(.content, "text between elements", strictRefuses: true) }
        case .ignored, nil: break
        }
    }

    func push(_ frame: Frame, _ tag: XMLStartTag) {
        frames.append(frame)
        for index in stride(from: 0, to: tag.namespaces.count, by: 2) {
            namespaces.append((tag.namespaces[index], tag.namespaces[index + 1]))
        }
    }
}

// MARK: - Elements

extension PIDFAssembly {
    private func root(_ tag: XMLStartTag, _ frame: Frame) {
        var frame = frame
        frame.place = .presence
        let namespace = PresenceNamespace(tag.uri, prefix: tag.prefix)
        isRootBare = namespace == .none
        if namespace == .pidfFolded || namespace == .none {
            noteFolded(namespace == .none ? "presence in no namespace" : "the namespace \(tag.uri?.text ?? "")")
        }
        guard tag.name.spells("presence"), isOfPIDF(namespace) else {
            return refuse(.root, "the root is \(tag.written)")
        }
        guard let entity = tag.value("entity"), !entity.isEmpty else { return refuse(.entity, "no entity") }
        document.entity = entity
        push(frame, tag)
    }

    /// Whether a name of `namespace` is one of PIDF's, as far as the reader is tolerant.
    private func isOfPIDF(_ namespace: PresenceNamespace) -> Bool {
        switch namespace {
        case .pidf: return true
        case .pidfFolded:
            noteFolded("a namespace in other letters")
            return isTolerant
        case .unbound: return isTolerant
        case .none: return isTolerant && isRootBare
        case .jabberClient, .messaging, .rpid, .dataModel, .foreign: return false
        }
    }

    private func noteFolded(_ text: String) {
        guard !hasFoldedNamespace else { return }
        hasFoldedNamespace = true
        found(.namespace, text, strictRefuses: true)
    }

    private func inPresence(_ tag: XMLStartTag, _ namespace: PresenceNamespace, _ frame: inout Frame) {
        guard isOfPIDF(namespace) else { return beginForeign(tag, namespace, rank: 3) }
        if tag.name.spells("tuple") {
            tupleCount += 1
            guard tupleCount <= limits.tuples else { return refuse(.limit, "more than \(limits.tuples) tuples") }
            guard let id = tag.value("id") else { return refuse(.tupleID, "a tuple without id") }
            if !PIDFTupleID.isLegal(id) { found(.tupleIDForm, "an id that is no name") }
            advance(1, tag)
            tuple = OpenTuple(id: id)
            frame.place = .tuple
        } else if tag.name.spells("note") {
            advance(2, tag)
            frame.place = .text(.note)
        } else {
            return beginForeign(tag, namespace, rank: 3)
        }
        begin(frame, tag)
    }

    private func inTuple(_ tag: XMLStartTag, _ namespace: PresenceNamespace, _ frame: inout Frame) {
        guard isOfPIDF(namespace) else { return beginForeign(tag, namespace, rank: 2) }
        if tag.name.spells("status") {
            advance(1, tag)
            if tuple.hasStatus {
                found(.number, "a second status", strictRefuses: true)
            } else {
                tuple.hasStatus = true
                frame.place = .status
            }
        } else if tag.name.spells("contact") {
            advance(3, tag)
            if !tuple.contacts.isEmpty { found(.contacts, "one more contact", strictRefuses: true) }
            tuple.contacts.append(OpenTuple.Contact(priority: priority(tag)))
            frame.place = .text(.contact)
        } else if tag.name.spells("note") {
            advance(4, tag)
            frame.place = .text(.note)
        } else if tag.name.spells("timestamp") {
            advance(5, tag)
            if tuple.hasTimestamp {
                found(.number, "a second timestamp", strictRefuses: true)
            } else {
                tuple.hasTimestamp = true
                frame.place = .text(.timestamp)
            }
        } else {
            return beginForeign(tag, namespace, rank: 2)
        }
        begin(frame, tag)
    }

    private func inStatus(_ tag: XMLStartTag, _ namespace: PresenceNamespace, _ frame: inout Frame) {
        tuple.isStatusEmpty = false
        guard isOfPIDF(namespace), tag.name.spells("basic") else { return beginForeign(tag, namespace, rank: 2) }
        advance(1, tag)
        if tuple.hasBasic {
            found(.number, "a second basic", strictRefuses: true)
        } else {
            tuple.hasBasic = true
            frame.place = .text(.basic)
        }
        begin(frame, tag)
    }

    private func begin(_ frame: Frame, _ tag: XMLStartTag) {
        characters.removeAll(keepingCapacity: true)
        push(frame, tag)
    }

    /// Takes the next child of the open element, whose place in the schema's order is `rank`.
    func advance(_ rank: Int, _ tag: XMLStartTag) {
        guard let last = frames.indices.last else { return }
        if rank < frames[last].rank { found(.order, "\(tag.name.text) comes too late", strictRefuses: true) }
        frames[last].rank = max(rank, frames[last].rank)
    }

    private func priority(_ tag: XMLStartTag) -> String? {
        guard let literal = tag.value("priority") else { return nil }
        if ContactPriority.thousandths(literal) != nil { return literal }
        found(.priority, "a priority out of its grammar")
        return nil
    }
}

extension UInt8 {
    /// White space of XML.
    var isXMLSpace: Bool { self == 0x20 || self == 0x0A || self == 0x09 || self == 0x0D }
}
