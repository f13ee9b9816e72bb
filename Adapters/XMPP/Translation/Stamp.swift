// SPDX-License-Identifier: Apache-2.0

/// A date and time of RFC 3339, as XEP-0203 wants it: in UTC.
enum Stamp {
    /// The most octets of a stamp.
    static let limit = 64

    /// The same moment in UTC, with the fraction as written; nil where `text` is no date and time.
    static func utc(_ text: String) -> String? {
        guard text.utf8.count <= limit, let moment = Moment(text) else { return nil }
        return moment.description
    }

    private struct Moment: CustomStringConvertible {
        var days: Int
        var minutes: Int
        var seconds: Int
        var fraction: String

        init?(_ text: String) {
            var rest = text.utf8[...]
            guard let year = Moment.number(4, &rest), Moment.take("-", &rest), let month = Moment.number(2, &rest),
                Moment.take("-", &rest), let day = Moment.number(2, &rest), Moment.take("Tt", &rest),
                let hour = Moment.number(2, &rest), Moment.take(":", &rest), let minute = Moment.number(2, &rest),
                Moment.take(":", &rest), let second = Moment.number(2, &rest), (1...12).contains(month),
                (1...Moment.length(of: month, in: year)).contains(day), hour < 24, minute < 60, second <= 60
            else { return nil }
            let start = rest
            if Moment.take(".", &rest) {
                guard let first = rest.first, (0x30...0x39).contains(first) else { return nil }
                rest = rest.drop { (0x30...0x39).contains($0) }
            }
            fraction = String(start[..<rest.startIndex]) ?? ""
            guard let offset = Moment.offset(&rest), rest.isEmpty else { return nil }
            let inDays = hour * 60 + minute - offset
            days = Moment.days(year, month, day) + (inDays < 0 ? -1 : inDays >= 1_440 ? 1 : 0)
            minutes = (inDays + 1_440) % 1_440
            seconds = second
            // A leap second stands at the end of a day of UTC and nowhere else (RFC 3339 §5.7).
            guard second < 60 || minutes == 1_439, days >= Moment.days(0, 1, 1), days <= Moment.days(9_999, 12, 31)
            else { return nil }
        }

        var description: String {
            let (year, month, day) = Moment.date(days)
            let date = "\(Moment.digits(year, 4))-\(Moment.digits(month, 2))-\(Moment.digits(day, 2))"
            let time =
                "\(Moment.digits(minutes / 60, 2)):\(Moment.digits(minutes % 60, 2)):\(Moment.digits(seconds, 2))"
            return "\(date)T\(time)\(fraction)Z"
        }

        private static func take(_ any: String, _ rest: inout Substring.UTF8View) -> Bool {
            guard let first = rest.first, any.utf8.contains(first) else { return false }
            rest = rest.dropFirst()
            return true
        }

        private static func number(_ count: Int, _ rest: inout Substring.UTF8View) -> Int? {
            let digits = rest.prefix(count)
            guard digits.count == count, digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
            rest = rest.dropFirst(count)
            return digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
        }

        /// Minutes east of UTC.
        private static func offset(_ rest: inout Substring.UTF8View) -> Int? {
            if take("Zz", &rest) { return 0 }
            let sign = take("+", &rest) ? 1 : take("-", &rest) ? -1 : 0
            guard sign != 0, let hours = number(2, &rest), take(":", &rest), let minutes = number(2, &rest), hours < 24,
                minutes < 60
            else { return nil }
            return sign * (hours * 60 + minutes)
        }

        private static func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

        private static func length(of month: Int, in year: Int) -> Int {
            switch month {
            case 2: isLeap(year) ? 29 : 28
            case 4, 6, 9, 11: 30
            default: 31
            }
        }

        /// Days since the beginning of the year 0 in the Gregorian calendar.
        private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
            let before = year - 1
            let leaps = year == 0 ? 0 : before / 4 - before / 100 + before / 400 + 1
            return year * 365 + leaps + (1..<month).reduce(0) { $0 + length(of: $1, in: year) } + day - 1
        }

        private static func date(_ days: Int) -> (Int, Int, Int) {
            var year = days / 366
            while Moment.days(year + 1, 1, 1) <= days { year += 1 }
            var rest = days - Moment.days(year, 1, 1)
            var month = 1
            while rest >= length(of: month, in: year) {
                rest -= length(of: month, in: year)
                month += 1
            }
            return (year, month, rest + 1)
        }

        private static func digits(_ number: Int, _ count: Int) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(0, count - text.utf8.count)) + text
        }
    }
}
