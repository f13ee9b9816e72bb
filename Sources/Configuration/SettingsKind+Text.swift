// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

extension SettingsKind {
    /// What the kind takes, as it stands in messages and in the example file: "a duration from 1s to 1h".
    var expectation: String {
        switch self {
        case .text: "a text"
        case .word: "one word (lower-case letters, digits, hyphens)"
        case .reference(let table): "the name of an entry under \(table)"
        case .choice(let words): "one of " + words.joined(separator: ", ")
        case .domain: "a domain name"
        case .address: "an address (user@domain)"
        case .endpoint: "a host and port"
        case .listener, .nameServer: "a numeric address and port"
        case .peer: "a host and port, with tls:// in front where the port speaks TLS"
        case .peerListener: "a numeric address and port, with tls:// in front for TLS"
        case .addressRange: "a range of addresses"
        case .party(let role): role.expectation
        case .path: "a path"
        case .duration(let range):
            "a duration from \(range.lowerBound.configurationText) to \(range.upperBound.configurationText)"
        case .size(let range): "a size from \(sizeText(range.lowerBound)) to \(sizeText(range.upperBound))"
        case .integer(let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .flag: "true or false"
        case .secret: "a secret ({ file: PATH } or { env: NAME })"
        case .list(let kind, let count):
            "a list of " + (count.lowerBound > 0 ? "\(count.lowerBound) or more: " : "") + kind.expectation
        case .section(let keys): "a section with " + keys.map(\.name).joined(separator: ", ")
        case .table: "a section of named entries"
        case .variant: "a section with kind and the keys of that adapter"
        }
    }

    /// A value that would be right, as written in the file.
    var sample: String {
        switch self {
        case .text: "some text"
        case .word, .reference: "north"
        case .choice(let words): words.first ?? ""
        case .domain: "a.example"
        case .address: "alice@a.example"
        case .endpoint, .listener, .peer, .peerListener: "127.0.0.1:5290"
        case .nameServer: "127.0.0.1:53"
        case .addressRange: "10.0.0.0/8"
        case .party: "b.example"
        case .path: "/var/lib/imx"
        case .duration(let range): range.lowerBound.configurationText
        case .size(let range): sizeText(range.lowerBound)
        case .integer(let range): String(range.lowerBound)
        case .flag: "true"
        case .secret: "{ env: IMX_SECRET }"
        case .list(let kind, _): "[ \(kind.sample.yamlScalar) ]"
        case .section(let keys): "{ " + keys.prefix(1).map { "\($0.name): \($0.sample)" }.joined() + " }"
        case .table(let names, let values, _): "{ \(names.sample): \(values.sample) }"
        case .variant: "{ kind: stub }"
        }
    }
}

extension String {
    /// The text as a YAML scalar that no reader takes for a mapping: quoted where it holds a colon.
    var yamlScalar: String {
        contains(":") && !hasPrefix("{") && !hasPrefix("\"") && !hasSuffix("]") ? "\"\(self)\"" : self
    }
}

private let timeUnits: [(unit: String, nanoseconds: Int64)] = [
    ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
]

private let sizeUnits: [(unit: String, octets: Int)] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)]

extension Interval {
    /// The interval that `text` writes as a whole number and a unit; nil where it does not or the interval is too long.
    init?(configuration text: String) {
        guard let (number, unit) = splitUnit(text), let scale = timeUnits.first(where: { $0.unit == unit }) else {
            return nil
        }
        let (product, overflow) = Int64(number).multipliedReportingOverflow(by: scale.nanoseconds)
        guard !overflow else { return nil }
        self.init(nanoseconds: product)
    }

    /// The interval as a configuration file writes it.
    package var configurationText: String {
        let unit = timeUnits.last { nanoseconds >= $0.nanoseconds && nanoseconds % $0.nanoseconds == 0 }
        guard let unit else { return nanoseconds == 0 ? "0s" : "\(nanoseconds)ns" }
        return "\(nanoseconds / unit.nanoseconds)\(unit.unit)"
    }
}

/// The number of octets that `text` writes as a whole number and a unit; nil where it does not or there are too many.
func size(configuration text: String) -> Int? {
    guard let (number, unit) = splitUnit(text), let scale = sizeUnits.first(where: { $0.unit == unit }) else {
        return nil
    }
    let (product, overflow) = number.multipliedReportingOverflow(by: scale.octets)
    return overflow ? nil : product
}

/// A number of octets as a configuration file writes it.
func sizeText(_ octets: Int) -> String {
    let unit = sizeUnits.last { octets >= $0.octets && octets % $0.octets == 0 } ?? ("B", 1)
    return "\(octets / unit.octets)\(unit.unit)"
}

private func splitUnit(_ text: String) -> (number: Int, unit: String)? {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    guard !digits.isEmpty, let number = Int(digits) else { return nil }
    return (number, String(text[digits.endIndex...]))
}
