// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import MessageFormats

extension WallTime {
    /// The moment that an RFC 3339 text names, to the millisecond; nil where it names none (XEP-0082 §3.2).
    init?(rfc3339 text: String) {
        guard text.utf8.count <= 64, RFC3339Time(text) != nil else { return nil }
        // The grammar was judged: the fields stand where they stand.
        let octets = Array(text.utf8)
        func number(_ start: Int, _ count: Int) -> Int64 {
            octets[start..<start + count].reduce(0) { $0 * 10 + Int64($1 & 0x0F) }
        }
        var milliseconds = WallTime.days(number(0, 4), number(5, 2), number(8, 2)) * 86_400_000
        milliseconds += number(11, 2) * 3_600_000 + number(14, 2) * 60_000 + number(17, 2) * 1000
        var place = 19
        if octets[place] == UInt8(ascii: ".") {
            place += 1
            var scale: Int64 = 100
            while place < octets.count, (0x30...0x39).contains(octets[place]) {
                milliseconds += Int64(octets[place] & 0x0F) * scale
                scale /= 10
                place += 1
            }
        }
        if octets[place] == UInt8(ascii: "+") || octets[place] == UInt8(ascii: "-") {
            let offset = (number(place + 1, 2) * 60 + number(place + 4, 2)) * 60_000
            milliseconds += octets[place] == UInt8(ascii: "+") ? -offset : offset
        }
        self.init(milliseconds: milliseconds)
    }

    /// Days from 1970-01-01 to a Gregorian date, by years that begin in March and eras of 400 years.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let marchYear = month <= 2 ? year - 1 : year
        let era = (marchYear >= 0 ? marchYear : marchYear - 399) / 400
        let yearOfEra = marchYear - era * 400
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
