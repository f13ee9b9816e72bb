// SPDX-License-Identifier: Apache-2.0

/// A moment that a document names, for comparing: any offset from UTC, any number of decimals, leap seconds.
public struct PresenceTime: Sendable, Hashable, Comparable {
    /// Whole seconds since 1970-01-01T00:00:00Z, leap seconds not counted; one of those has the number of the second
    /// before it.
    public let seconds: Int64
    private let isLeapSecond: Bool
    /// Decimals without the zeros at their end.
    private let fraction: String

    /// The moment that `text` names; nil where it breaks RFC 3339 §5.6.
    public init?(_ text: String) {
        guard RFC3339Time(text) != nil else { return nil }
        let octets = Array(text.utf8)
        func number(_ at: Int, _ count: Int) -> Int { octets[at..<at + count].reduce(0) { $0 * 10 + Int($1 & 15) } }
        let days = PresenceTime.days(number(0, 4), number(5, 2), number(8, 2))
        let second = number(17, 2)
        isLeapSecond = second == 60
        var offset = 0
        if let last = octets.last, last | 0x20 != UInt8(ascii: "z") {
            let at = octets.count - 6
            offset = (number(at + 1, 2) * 60 + number(at + 4, 2)) * (octets[at] == UInt8(ascii: "-") ? -60 : 60)
        }
        let inDay = number(11, 2) * 3600 + number(14, 2) * 60 + min(second, 59)
        seconds = Int64(days * 86_400 + inDay - offset)
        var decimals = octets[19...].first == UInt8(ascii: ".") ? octets[20...].prefix { $0 & 0xF0 == 0x30 } : []
        while decimals.last == 0x30 { decimals.removeLast() }
        fraction = String(decoding: decimals, as: UTF8.self)
    }

    /// The moment so many milliseconds after the beginning of 1970.
    public init(milliseconds: Int64) {
        let (quotient, rest) = milliseconds.quotientAndRemainder(dividingBy: 1000)
        seconds = rest < 0 ? quotient - 1 : quotient
        isLeapSecond = false
        var decimals = String((rest < 0 ? rest + 1000 : rest) + 1000).dropFirst()
        while decimals.last == "0" { decimals.removeLast() }
        fraction = String(decimals)
    }

    /// Whether `a` is earlier than `b`.
    public static func < (a: PresenceTime, b: PresenceTime) -> Bool {
        if a.seconds != b.seconds { return a.seconds < b.seconds }
        if a.isLeapSecond != b.isLeapSecond { return b.isLeapSecond }
        return a.fraction < b.fraction
    }

    /// Days since 1970-01-01, by counting years from March and eras of 400 years.
    private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let year = month <= 2 ? year - 1 : year
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
