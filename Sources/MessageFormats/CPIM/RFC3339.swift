// SPDX-License-Identifier: Apache-2.0

/// A date and time as RFC 3339 §5.6 writes it. The literal is what counts and is kept; this only judges it.
public struct RFC3339Time: Sendable, Hashable {
    /// The text, as written.
    public let literal: String

    /// The moment that `text` writes; nil where it breaks the grammar or names a day or time that does not exist.
    ///
    /// Second 60 is taken where a leap second may stand: at the end of a minute that is the last of a UTC day.
    public init?(_ text: some StringProtocol) {
        var scanner = Scanner(text)
        guard let year = scanner.number(4), scanner.take("-"), let month = scanner.number(2), scanner.take("-"),
            let day = scanner.number(2), scanner.take("Tt"), let hour = scanner.number(2), scanner.take(":"),
            let minute = scanner.number(2), scanner.take(":"), let second = scanner.number(2), scanner.fraction(),
            let offset = scanner.offset(), scanner.isAtEnd
        else { return nil }
        guard (1...12).contains(month), (1...RFC3339Time.days(in: month, of: year)).contains(day), hour <= 23,
            minute <= 59
        else { return nil }
        if second == 60 {
            let utc = ((hour * 60 + minute - offset) % 1440 + 1440) % 1440
            guard utc == 1439 else { return nil }
        } else if second > 59 {
            return nil
        }
        literal = String(text)
    }

    private static func days(in month: Int, of year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    private struct Scanner {
        private var rest: Substring.UTF8View

        init(_ text: some StringProtocol) { rest = Substring(text).utf8 }

        var isAtEnd: Bool { rest.isEmpty }

        mutating func take(_ any: String) -> Bool {
            guard let first = rest.first, any.utf8.contains(first) else { return false }
            rest = rest.dropFirst()
            return true
        }

        mutating func number(_ count: Int) -> Int? {
            let digits = rest.prefix(count)
            guard digits.count == count, digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
            rest = rest.dropFirst(count)
            return digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
        }

        mutating func fraction() -> Bool {
            guard take(".") else { return true }
            let digits = rest.prefix { (0x30...0x39).contains($0) }
            rest = rest.dropFirst(digits.count)
            return !digits.isEmpty
        }

        /// Minutes east of UTC.
        mutating func offset() -> Int? {
            if take("Zz") { return 0 }
            let sign = take("+") ? 1 : take("-") ? -1 : 0
            guard sign != 0, let hours = number(2), take(":"), let minutes = number(2), hours <= 23, minutes <= 59
            else { return nil }
            return sign * (hours * 60 + minutes)
        }
    }
}
