// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

import struct NIOCore.ByteBuffer

/// A tuple whose end has not come.
struct OpenTuple {
    struct Contact {
        var uri: String?
        var priority: String?
    }

    var result: PresenceTuple
    var contacts: [Contact] = []
    var hasStatus = false
    var hasBasic = false
    var hasTimestamp = false
    var isStatusEmpty = true
    /// `show` as jabber:client has it, as pidf:im has it, and as RPID's activities hint at.
    var show: PresenceTuple.Show?
    var messaging: PresenceTuple.Show?
    var activities: PresenceTuple.Show?
    /// Where the status element of pidf:im stands among the extensions, if it says nothing but its value.
    var plainMessaging: (index: Int, value: String)?

    init(id: String = "") { result = PresenceTuple(id: id) }
}

// MARK: - Ends

extension PIDFAssembly {
    func endText(_ element: TextElement, _ frame: Frame) {
        switch element {
        case .basic: endBasic()
        case .contact:
            let trimmed = characters.trimmedOfXMLSpace
            if trimmed.count != characters.count { noteSpace() }
            guard let last = tuple.contacts.indices.last else { return }
            // The schema's type of a URI takes white space around it away (RFC 3863 §4.4).
            tuple.contacts[last].uri = trimmed.isEmpty ? nil : String(decoding: trimmed, as: UTF8.self)
            if trimmed.isEmpty { found(.content, "an empty contact") }
        case .note:
            let note = LocalizedText(noteText(frame), language: frame.language)
            if case .tuple = frames.last?.place { tuple.result.notes.append(note) } else { document.notes.append(note) }
        case .timestamp: endTimestamp()
        }
    }

    private func endBasic() {
        var value = characters[...]
        if let exact = PresenceTuple.Basic(octets: value) {
            tuple.result.basic = exact
            return
        }
        value = characters.trimmedOfXMLSpace
        found(.basic, "basic is neither open nor closed")
        if isTolerant { tuple.result.basic = PresenceTuple.Basic(octets: value) }
    }

    private func endTimestamp() {
        let literal = String(decoding: characters.trimmedOfXMLSpace, as: UTF8.self)
        guard RFC3339Time(literal) != nil else { return found(.timestamp, "a timestamp that is none of RFC 3339") }
        if literal.utf8.contains(where: { $0 == UInt8(ascii: "t") || $0 == UInt8(ascii: "z") }) {
            found(.timestamp, "a timestamp with a small t or z")
        }
        tuple.result.timestamp = literal
    }

    /// A note is taken as it is; a tolerant reader takes away white space around it that has line ends in it, unless
    /// the document asks for it (XML 1.0 §2.10).
    private func noteText(_ frame: Frame) -> String {
        guard isTolerant, !frame.keepsSpace, characters.hasLineEndAtItsEdge else {
            return String(decoding: characters, as: UTF8.self)
        }
        noteSpace()
        return String(decoding: characters.trimmedOfXMLSpace, as: UTF8.self)
    }

    private func noteSpace() {
        guard !findings.contains(where: { $0.rule == .whiteSpace }) else { return }
        found(.whiteSpace, "white space around a text")
    }

    func endStatus() {
        if tuple.isStatusEmpty { found(.emptyStatus, "a status that says nothing") }
        tuple.result.show = tuple.show ?? tuple.messaging
        guard let plain = tuple.plainMessaging else { return }
        // What we would write beside `show` ourselves says nothing more.
        if tuple.show == nil || tuple.show.map({ $0.messagingStatus == plain.value }) == true {
            tuple.result.statusExtensions.remove(at: plain.index)
        }
    }

    func endTuple() {
        if !tuple.hasStatus { found(.number, "a tuple without status", strictRefuses: true) }
        tuple.result.show = tuple.result.show ?? tuple.activities
        if !ids.insert(tuple.result.id).inserted {
            found(.tupleIDTwice, "two tuples with one id")
            document.tuples.removeAll { $0.id == tuple.result.id }
        }
        var result = tuple.result
        result.contact = tuple.contacts.first?.uri
        result.contactPriority = tuple.contacts.first?.priority
        document.tuples.append(result)
        // A tuple for each contact: the second is called id.2, and so on.
        for (index, contact) in tuple.contacts.enumerated().dropFirst() {
            guard document.tuples.count < limits.tuples else {
                return refuse(.limit, "more than \(limits.tuples) tuples")
            }
            guard charge(tuple.result.copiedOctets) else { return }
            var number = index + 1
            while !ids.insert("\(tuple.result.id).\(number)").inserted { number += 1 }
            result.id = "\(tuple.result.id).\(number)"
            result.contact = contact.uri
            result.contactPriority = contact.priority
            document.tuples.append(result)
        }
    }

    /// The last word, after the last event.
    func finish() {
        if let personHint, document.tuples.allSatisfy({ $0.show == nil }) {
            for index in document.tuples.indices where document.tuples[index].basic == .open {
                document.tuples[index].show = personHint
            }
        }
        // What we would write for the very same document says nothing more.
        if let last = document.extensions.last, PIDFWriter.isHint(last) {
            document.extensions.removeLast()
            if PIDFWriter.hint(for: document)?.octets != last { document.extensions.append(last) }
        }
    }
}

// MARK: - Foreign elements

extension PIDFAssembly {
    func beginForeign(_ tag: XMLStartTag, _ namespace: PresenceNamespace, rank: Int) {
        advance(rank, tag)
        foreign = ForeignElement(tag, namespace, outer: namespaces, now: now)
    }

    func endForeign() {
        guard let element = foreign else { return }
        foreign = nil
        if element.demandsMore {
            found(.mustUnderstand, "\(element.written) is left out: it demands what we do not know")
        }
        dependsOnTime = dependsOnTime || element.dependsOnTime
        guard let octets = element.octets, charge(octets.readableBytes) else { return }
        switch frames.last?.place {
        case .presence:
            personHint = personHint ?? element.activitiesShow
            document.extensions.append(octets)
        case .tuple:
            tuple.activities = tuple.activities ?? element.activitiesShow
            tuple.result.extensions.append(octets)
        case .status:
            if let show = element.show, tuple.show == nil {
                tuple.show = show
                if element.isPlain { return }
            } else if let messaging = element.messaging, tuple.messaging == nil {
                tuple.messaging = messaging
                if element.isPlain {
                    tuple.plainMessaging = (tuple.result.statusExtensions.count, element.value)
                }
            }
            tuple.activities = tuple.activities ?? element.activitiesShow
            tuple.result.statusExtensions.append(octets)
        case .text, .ignored, nil: break
        }
    }
}

extension PresenceTuple {
    /// How much it takes to have the tuple once more.
    fileprivate var copiedOctets: Int {
        let texts = notes.reduce(id.utf8.count) { $0 + $1.text.utf8.count + ($1.language?.utf8.count ?? 0) }
        return (extensions + statusExtensions).reduce(texts) { $0 + $1.readableBytes }
    }
}

extension [UInt8] {
    var trimmedOfXMLSpace: ArraySlice<UInt8> {
        guard let first = firstIndex(where: { !$0.isXMLSpace }), let last = lastIndex(where: { !$0.isXMLSpace })
        else { return [] }
        return self[first...last]
    }

    var hasLineEndAtItsEdge: Bool {
        prefix(while: \.isXMLSpace).contains(0x0A) || reversed().prefix(while: \.isXMLSpace).contains(0x0A)
    }
}

extension PresenceTuple.Basic {
    init?(octets: ArraySlice<UInt8>) {
        if octets.elementsEqual("open".utf8) {
            self = .open
        } else if octets.elementsEqual("closed".utf8) {
            self = .closed
        } else {
            return nil
        }
    }
}
