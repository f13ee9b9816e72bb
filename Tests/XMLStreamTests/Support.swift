// SPDX-License-Identifier: Apache-2.0
import NIOCore

@testable import XMLStream

enum Names {
    static let message = XMLName(rawValue: 1)
    static let body = XMLName(rawValue: 2)
    static let id = XMLName(rawValue: 3)
    static let lang = XMLName(rawValue: 4)
    static let stream = XMLName(rawValue: 5)

    static let vocabulary = XMLVocabulary([
        .init(message, "jabber:component:accept", "message"), .init(body, "jabber:component:accept", "body"),
        .init(body, "jabber:client", "body"), .init(id, "", "id"),
        .init(lang, "http://www.w3.org/XML/1998/namespace", "lang"),
        .init(stream, "http://etherx.jabber.org/streams", "stream"),
    ])
}

let header =
    "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept'"
    + " xmlns:stream='http://etherx.jabber.org/streams' from='a.example' id='1'>"

/// What came out of a stream, as text, so that tests compare it at a glance.
struct Recorder {
    let parser: XMLStreamParser
    var lines: [String] = []

    init(limits: XMLLimits = XMLLimits()) {
        parser = XMLStreamParser(vocabulary: Names.vocabulary, limits: limits)
    }

    mutating func feed(_ octets: [UInt8]) {
        parser.feed(ByteBuffer(bytes: octets))
        for event in parser.events {
            switch event {
            case .opened(let element): lines.append("open " + describe(element))
            case .stanza(let element): lines.append(describe(element))
            case .oversize(let element, let limit): lines.append("oversize \(limit) " + describe(element))
            case .closed: lines.append("close")
            }
        }
    }

    /// Feeds `text` in pieces of `chunk` octets.
    static func run(_ text: String, chunk: Int = .max, limits: XMLLimits = XMLLimits()) -> Recorder {
        var recorder = Recorder(limits: limits)
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            recorder.feed(Array(rest.prefix(chunk)))
            rest = rest.dropFirst(chunk)
        }
        return recorder
    }
}

/// An element in a notation of the tests: number or name, attributes, text, children.
func describe(_ element: XMLElement) -> String {
    var text =
        element.name == .unknown
        ? "{\(element.unknownNamespace)}\(element.unknownLocalName)" : "\(element.name.rawValue)"
    if let id = element.string(Names.id) { text += " id=\(id)" }
    if let lang = element.string(Names.lang) { text += " lang=\(lang)" }
    let inner = String(buffer: element.text)
    let children = element.children.map(describe)
    return "(\(text)\(inner.isEmpty ? "" : " '\(inner)'")\(children.map { " " + $0 }.joined()))"
}
