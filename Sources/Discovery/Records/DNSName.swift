// SPDX-License-Identifier: Apache-2.0

/// A name of the DNS as its labels (RFC 1035 §3.1): any octets, not only those of host names.
package struct DNSName: Sendable, Hashable, CustomStringConvertible {
    /// The labels from left to right, 1 to 63 octets each; none for the root.
    package let labels: [[UInt8]]

    /// The root, which as a target says that there is no service.
    package static let root = DNSName(checked: [])

    private init(checked labels: [[UInt8]]) { self.labels = labels }

    /// Makes a name; nil where a label is empty or too long, or all of them together are.
    package init?(labels: [[UInt8]]) {
        guard labels.allSatisfy({ (1...63).contains($0.count) }) else { return nil }  // RFC 1035 §2.3.4
        guard labels.reduce(1, { $0 + 1 + $1.count }) <= 255 else { return nil }
        self.labels = labels
    }

    /// Whether it is the root.
    package var isRoot: Bool { labels.isEmpty }

    /// The octets on the wire, never compressed.
    package var wire: [UInt8] { labels.flatMap { [UInt8(truncatingIfNeeded: $0.count)] + $0 } + [0] }

    /// The host name in lower-case without the last dot; nil where the name is none (RFC 1123 §2.1).
    ///
    /// A name whose last label is a number is none either: it would be taken for a numeric address.
    package var hostName: String? {
        var octets: [UInt8] = []
        for label in labels {
            if !octets.isEmpty { octets.append(UInt8(ascii: ".")) }
            // A dot inside a label would make two names look the same.
            guard !label.contains(UInt8(ascii: ".")) else { return nil }
            octets += label
        }
        return HostName.canonical(String(decoding: octets, as: UTF8.self))
    }

    /// The name in presentation form with its last dot (RFC 1035 §5.1).
    package var description: String {
        guard !isRoot else { return "." }
        return labels.map { $0.map(DNSName.escaped).joined() + "." }.joined()
    }

    private static func escaped(_ octet: UInt8) -> String {
        switch octet {
        case UInt8(ascii: "."), UInt8(ascii: "\\"), UInt8(ascii: "\""), UInt8(ascii: ";"), UInt8(ascii: "("),
            UInt8(ascii: ")"), UInt8(ascii: "@"), UInt8(ascii: "$"):
            return "\\" + String(UnicodeScalar(octet))
        case 0x21...0x7E: return String(UnicodeScalar(octet))
        default:
            let number = String(octet)
            return "\\" + String(repeating: "0", count: 3 - number.count) + number
        }
    }

    /// The name that `text` writes in presentation form, always taken from the root, with or without the last dot.
    package init?(_ text: some StringProtocol) {
        if text == "." {
            self = .root
            return
        }
        var labels: [[UInt8]] = []
        var label: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let octet = rest.popFirst() {
            switch octet {
            case UInt8(ascii: "."):
                labels.append(label)
                label = []
            case UInt8(ascii: "\\"):
                guard let escaped = DNSName.unescaped(&rest) else { return nil }
                label.append(escaped)
            default: label.append(octet)
            }
            guard labels.count <= 127, label.count <= 63 else { return nil }
        }
        if !label.isEmpty { labels.append(label) }
        guard !labels.isEmpty else { return nil }
        self.init(labels: labels)
    }

    private static func unescaped(_ rest: inout ArraySlice<UInt8>) -> UInt8? {
        guard let first = rest.popFirst() else { return nil }
        guard let high = digit(first) else { return first }
        guard let middle = rest.popFirst().flatMap(digit), let low = rest.popFirst().flatMap(digit) else { return nil }
        return UInt8(exactly: high * 100 + middle * 10 + low)
    }

    private static func digit(_ octet: UInt8) -> Int? { (0x30...0x39).contains(octet) ? Int(octet) - 0x30 : nil }
}
