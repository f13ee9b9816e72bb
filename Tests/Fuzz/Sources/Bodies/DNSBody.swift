// SPDX-License-Identifier: Apache-2.0
import Discovery
import NIOCore

/// What stands in the DNS is anybody's: the data of records, and their text forms.
enum DNSBody {
    static func run(_ octets: [UInt8]) throws(Violation) {
        var input = FuzzInput(octets)
        let choice = input.number(below: 7)
        let rest = Array(input.remaining().readableBytesView)
        let text = String(decoding: rest, as: UTF8.self)
        switch choice {
        case 0: if let record = try? IMXRecord(rdata: rest) { try check(record, rest) }
        case 1:
            if let record = try? SRVRecord(rdata: rest) {
                try check(record.target)
                try hold(record.target.wire == Array(rest.dropFirst(6)), "an SRV record's target changes")
            }
        case 2:
            if let record = try? TLSARecord(rdata: rest) {
                try hold(record.rdata == rest, "a TLSA record changes")
                try hold(!record.association.isEmpty, "a TLSA record without an association")
            }
        case 3: if let record = try? IMXRecord(text: text) { try check(record, record.rdata) }
        case 4: if let name = DNSName(text) { try check(name) }
        case 5: try addresses(rest, text)
        default:
            if let data = try? GenericRData.octets(text) {
                try hold((try? GenericRData.octets(GenericRData.text(data))) == data, "generic data changes")
            }
        }
    }

    private static func check(_ record: IMXRecord, _ rdata: [UInt8]) throws(Violation) {
        try hold(record.rdata == rdata, "an IMX record changes")
        try hold((try? IMXRecord(rdata: rdata)) == record, "an IMX record reads in two ways")
        try hold((try? IMXRecord(text: record.genericText)) == record, "an IMX record's generic form is another record")
        let text = record.description
        try hold((try? IMXRecord(text: text)) == record, "an IMX record's text is another record")
        try hold(text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F }, "an IMX record's text cannot be printed")
        try check(record.target)
    }

    private static func check(_ name: DNSName) throws(Violation) {
        try hold(name.wire.count <= 255, "a name of more than 255 octets")
        let text = name.description
        try hold(DNSName(text) == name, "a name's text is another name")
        try hold(text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }, "a name's text cannot be printed")
        if let host = name.hostName {
            try hold(HostName.canonical(host) == host, "a host name is not canonical")
            try hold(NumericAddress(host) == nil, "a host name is an address")
        }
    }

    private static func addresses(_ octets: [UInt8], _ text: String) throws(Violation) {
        for address in [NumericAddress(octets: octets), NumericAddress(text)].compactMap({ $0 }) {
            try hold(NumericAddress(address.description) == address, "an address's text is another address")
            _ = AddressPolicy().refusal(of: address.description, port: 5290)
        }
        _ = AddressPolicy().refusal(of: text, port: 5290)
        if let range = AddressRange(text) { try hold(AddressRange(range.description) == range, "a range changes") }
    }
}
