// SPDX-License-Identifier: Apache-2.0

/// A moment on the world's clock, for people and for records; never for deadlines, because the clock may be set.
public struct WallTime: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// Milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
    public var milliseconds: Int64

    /// Makes the moment so many milliseconds after the beginning of 1970.
    public init(milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    /// Whether `a` is earlier than `b`.
    public static func < (a: WallTime, b: WallTime) -> Bool { a.milliseconds < b.milliseconds }

    /// The moment in UTC with milliseconds, such as `2026-11-21T09:30:00.000Z` (RFC 3339 §5.6).
    ///
    /// Moments outside the years 0 to 9999 are clamped to the ends of that range.
    public var description: String {
        let clamped = min(max(milliseconds, -62_167_219_200_000), 253_402_300_799_999)
        let days = Int((clamped - floorModulo(clamped, 86_400_000)) / 86_400_000)
        let inDay = Int(floorModulo(clamped, 86_400_000))
        let (year, month, day) = civil(days)
        let date = "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
        let clock = "\(padded(inDay / 3_600_000, 2)):\(padded(inDay / 60_000 % 60, 2)):\(padded(inDay / 1000 % 60, 2))"
        return "\(date)T\(clock).\(padded(inDay % 1000, 3))Z"
    }
}

private func floorModulo(_ value: Int64, _ modulus: Int64) -> Int64 {
    let rest = value % modulus
    return rest < 0 ? rest + modulus : rest
}

private func padded(_ number: Int, _ width: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, width - text.count)) + text
}

/// The Gregorian date so many days after 1970-01-01, by counting years from March and eras of 400 years.
private func civil(_ days: Int) -> (year: Int, month: Int, day: Int) {
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let marchMonth = (5 * dayOfYear + 2) / 153
    let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
}
