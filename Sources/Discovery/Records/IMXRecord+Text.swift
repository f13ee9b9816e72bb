// SPDX-License-Identifier: Apache-2.0

extension IMXRecord: CustomStringConvertible {
    /// The record's data for people: `10 0 5290 TLS front1.b.example.`, extra data as `kind=hex` behind it.
    package var description: String {
        let marks = flags == 0 ? "-" : flags == 1 ? "TLS" : String(flags)
        let parts = ["\(preference)", "\(weight)", "\(port)", marks, target.description]
        return (parts + extras.map { "\($0.kind)=\(Hexadecimal.text($0.value))" }).joined(separator: " ")
    }

    /// The record that `text` writes in the form of ``description``, or in the generic form behind the type
    /// (`\# 26 000A…`, RFC 3597 §5).
    package init(text: some StringProtocol) throws(RDataError) {
        let words = text.split { $0 == " " || $0 == "\t" }
        if words.first == "\\#" {
            try self.init(rdata: GenericRData.octets(text))
            return
        }
        guard words.count >= 5 else { throw RDataError("it has not the five fields") }
        guard let preference = UInt16(words[0]) else { throw RDataError("its preference is no number up to 65535") }
        guard let weight = UInt16(words[1]) else { throw RDataError("its weight is no number up to 65535") }
        guard let port = UInt16(words[2]) else { throw RDataError("its port is no number up to 65535") }
        let marks = words[3].uppercased()
        guard let flags = marks == "-" ? 0 : marks == "TLS" ? 1 : UInt16(marks) else {
            throw RDataError("its flags are neither -, TLS nor a number up to 65535")
        }
        guard let target = DNSName(words[4]) else { throw RDataError("its target is no name") }
        self.init(preference: preference, weight: weight, port: port, usesTLS: false, target: target)
        self.flags = flags
        for word in words.dropFirst(5) { extras.append(try IMXRecord.extra(word)) }
    }

    private static func extra(_ word: some StringProtocol) throws(RDataError) -> Extra {
        let sides = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard sides.count == 2, let kind = UInt16(sides[0]), let value = Hexadecimal.octets(sides[1]),
            let extra = Extra(kind: kind, value: value)
        else { throw RDataError("its extra data is not kind=hexadecimal") }
        return extra
    }

    /// The record's data in the form that every name server takes: `\# 26 000A…` (RFC 3597 §5).
    package var genericText: String { GenericRData.text(rdata) }
}

/// The text form of data of any type (RFC 3597 §5).
package enum GenericRData {
    /// `\#`, the length and the octets.
    package static func text(_ rdata: [UInt8]) -> String {
        "\\# \(rdata.count)" + (rdata.isEmpty ? "" : " " + Hexadecimal.text(rdata))
    }

    /// The octets that such a text holds; the hexadecimal digits may stand in several words.
    package static func octets(_ text: some StringProtocol) throws(RDataError) -> [UInt8] {
        let words = text.split { $0 == " " || $0 == "\t" }
        guard words.count >= 2, words[0] == "\\#", let count = Int(words[1]), (0...65_535).contains(count) else {
            throw RDataError("it does not begin with \\# and a length up to 65535")
        }
        guard let octets = Hexadecimal.octets(words.dropFirst(2).joined()) else {
            throw RDataError("its data is not hexadecimal")
        }
        guard octets.count == count else { throw RDataError("its length says \(count), its data has \(octets.count)") }
        return octets
    }
}

/// Octets as hexadecimal digits.
package enum Hexadecimal {
    /// Two upper-case digits an octet.
    package static func text(_ octets: some Sequence<UInt8>) -> String {
        octets.map { ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) }.joined()
    }

    /// The octets that `text` writes; nil where it is not pairs of hexadecimal digits.
    package static func octets(_ text: some StringProtocol) -> [UInt8]? {
        let digits = text.utf8.compactMap { UnicodeScalar($0).properties.isASCIIHexDigit ? $0 : nil }
        guard digits.count == text.utf8.count, digits.count.isMultiple(of: 2) else { return nil }
        return stride(from: 0, to: digits.count, by: 2).compactMap {
            UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)
        }
    }
}
