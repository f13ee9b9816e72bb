// SPDX-License-Identifier: Apache-2.0
import XMLStream

import struct NIOCore.ByteBuffer

/// What of a card crosses: names, and what somebody says of their work. In XMPP it is an element (XEP-0054), in the
/// network `text/vcard` (RFC 6350). Photographs, addresses, numbers and birthdays stay where they are.
struct VCard: Hashable {
    /// The type as which it crosses.
    static let mediaType = "text/vcard"
    /// The most octets of one value, and of a card from abroad.
    private static let valueLimit = 1_024
    private static let textLimit = 16_384

    /// The fields, as XEP-0054 names them and as RFC 6350 does.
    private static let fields = [
        ("FN", "FN"), ("NICKNAME", "NICKNAME"), ("TITLE", "TITLE"), ("ROLE", "ROLE"), ("URL", "URL"),
        ("DESC", "NOTE"),
    ]

    /// The values by the names of RFC 6350.
    private(set) var values: [String: String] = [:]

    /// What its owner is called (standards reference F.4).
    var alias: String? { values["NICKNAME"] ?? values["FN"] }

    /// A card that holds a name alone.
    init(alias: String) { set("NICKNAME", alias) }

    /// Reads the element.
    init(_ element: XMLElement) {
        for child in element.children where child.unknownNamespace == Names.cards {
            guard let field = Self.fields.first(where: { $0.0 == child.unknownLocalName }) else {
                continue
            }
            set(field.1, String(decoding: child.text.readableBytesView, as: UTF8.self))
        }
    }

    /// Reads a card of RFC 6350, or an older one, as far as it is understood; nil where it is none.
    init?(text: String) {
        guard text.utf8.count <= Self.textLimit else { return nil }
        // §3.2: a line that begins with white space goes on from the one before.
        let whole = text.replacing("\r\n", with: "\n").replacing("\n ", with: "").replacing(
            "\n\t",
            with: ""
        )
        let lines = whole.split(separator: "\n")
        guard lines.first?.uppercased() == "BEGIN:VCARD" else { return nil }
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            // §3.3: a group stands before the name, and parameters behind it.
            let name = line[..<colon].prefix { $0 != ";" }.split(separator: ".").last?.uppercased() ?? ""
            guard Self.fields.contains(where: { $0.1 == name }) else { continue }
            set(name, Self.unescaped(line[line.index(after: colon)...]))
        }
    }

    private mutating func set(_ name: String, _ value: String) {
        let isBlank = value.allSatisfy(\.isWhitespace)
        guard !isBlank, value.utf8.count <= Self.valueLimit, values[name] == nil else { return }
        values[name] = value
    }

    /// The card as `text/vcard`; §6.2.1 wants a formatted name.
    var text: String {
        var lines = ["BEGIN:VCARD", "VERSION:4.0"]
        if values["FN"] == nil { lines.append("FN:" + Self.escaped(values["NICKNAME"] ?? "")) }
        for (_, name) in Self.fields {
            if let value = values[name] { lines.append(name + ":" + Self.escaped(value)) }
        }
        return (lines + ["END:VCARD"]).joined(separator: "\r\n") + "\r\n"
    }

    /// The card as an element.
    var element: String {
        var out = ByteBuffer(string: "<vCard xmlns='\(Names.cards)'>")
        for (element, name) in Self.fields {
            guard let value = values[name] else { continue }
            out.writeString("<\(element)>")
            out.writeXMLText(value)
            out.writeString("</\(element)>")
        }
        out.writeStaticString("</vCard>")
        return String(buffer: out)
    }

    /// RFC 6350 §3.4
    private static func escaped(_ value: String) -> String {
        var out = ""
        for character in value {
            switch character {
            case "\\", ",", ";": out += "\\" + String(character)
            case "\n", "\r\n": out += "\\n"
            case "\r": break
            default: out.append(character)
            }
        }
        return out
    }

    private static func unescaped(_ value: Substring) -> String {
        var out = ""
        var isEscape = false
        for character in value {
            if isEscape {
                out.append(character == "n" || character == "N" ? "\n" : character)
                isEscape = false
            } else if character == "\\" {
                isEscape = true
            } else {
                out.append(character)
            }
        }
        return out
    }
}
