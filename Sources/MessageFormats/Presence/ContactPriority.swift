// SPDX-License-Identifier: Apache-2.0

/// The priority of a contact, a decimal number, and what XMPP has for it, a small integer (RFC 3863 §4.1.5; RFC 3922
/// §5.1.9 and §5.2.9; standards reference F.3).
public enum ContactPriority {
    /// The literal for a priority of XMPP: 0 is `0`, 127 is `1`, between them three decimals, each another.
    ///
    /// Nil for a negative one, which says that no message for the bare address is wanted there: it has no equal.
    public static func literal(xmpp priority: Int8) -> String? {
        switch priority {
        case ..<0: return nil  // RFC 3922 §5.1.9
        case 0: return "0"
        case 127: return "1"
        default:
            let digits = String(Int(priority) * 1000 / 127)
            return "0." + String(repeating: "0", count: 3 - digits.count) + digits
        }
    }

    /// The priority of XMPP for a literal, 0 to 127; nil where it is none. What ``literal(xmpp:)`` gives comes back the
    /// same.
    public static func xmpp(_ literal: String) -> Int8? {
        guard let thousandths = thousandths(literal) else { return nil }
        if thousandths == 1000 { return 127 }
        // The smallest n with floor(1000 n / 127) at least so much.
        return Int8(min(126, (thousandths * 127 + 999) / 1000))
    }

    /// A literal in thousandths; nil where it breaks the grammar as erratum 1606 has it: `0` or `1`, and a dot with up
    /// to three digits behind it, for `1` all zero.
    public static func thousandths(_ literal: String) -> Int? {
        var rest = literal.utf8[...]
        guard let first = rest.popFirst(), first == 0x30 || first == 0x31 else { return nil }
        var value = 0
        if let dot = rest.popFirst() {
            guard dot == UInt8(ascii: "."), rest.count <= 3 else { return nil }
            for place in 0..<3 {
                let digit = rest.popFirst() ?? 0x30
                guard (0x30...0x39).contains(digit) else { return nil }
                value += Int(digit - 0x30) * [100, 10, 1][place]
            }
        }
        if first == 0x31 { return value == 0 ? 1000 : nil }
        return value
    }
}

extension PresenceTuple {
    /// The contact's priority in thousandths; 0 where it says none, the lowest.
    public var priorityThousandths: Int { contactPriority.flatMap(ContactPriority.thousandths) ?? 0 }
}

extension PresenceDocument {
    /// The tuples by falling priority of their contacts, in the order of the document where it is the same.
    public var tuplesByPriority: [PresenceTuple] {
        tuples.enumerated().sorted { a, b in
            let (one, other) = (a.element.priorityThousandths, b.element.priorityThousandths)
            return one == other ? a.offset < b.offset : one > other
        }.map(\.element)
    }
}
