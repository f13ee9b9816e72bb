// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Testing

@testable import TransportSecurity

struct ClientHelloTests {
    /// A ClientHello with these extensions, in one record.
    static func message(_ extensions: [(UInt16, [UInt8])], fragment: Int = 16_384, type: UInt8 = 22) -> [UInt8] {
        let listed = extensions.flatMap { two($0.0) + two(UInt16($0.1.count)) + $0.1 }
        let body: [UInt8] =
            [3, 3] + Array(repeating: 7, count: 32) + [0] + [0, 2, 0x13, 0x01] + [1, 0] + two(UInt16(listed.count))
            + listed
        let message = [1, 0] + two(UInt16(body.count)) + body
        var records: [UInt8] = []
        var rest = message[...]
        while !rest.isEmpty {
            let part = rest.prefix(fragment)
            records += [type, 3, 1] + two(UInt16(part.count)) + part
            rest = rest.dropFirst(part.count)
        }
        return records
    }

    static func two(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 255)] }

    static func name(_ name: String) -> (UInt16, [UInt8]) {
        let entry = [0] + two(UInt16(name.utf8.count)) + Array(name.utf8)
        return (0, two(UInt16(entry.count)) + entry)
    }

    static func protocols(_ names: String...) -> (UInt16, [UInt8]) {
        let list = names.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
        return (16, two(UInt16(list.count)) + list)
    }

    static let good = message([name("a.example"), protocols("h2", "imx/1")])
    static let expected = ClientHello.Reading.hello(
        ClientHello(serverName: "a.example", protocols: ["h2", "imx/1"])
    )

    @Test("S47: name and protocols are read from one record or many", arguments: [16_384, 100, 7, 1])
    func fragments(_ size: Int) {
        let octets = ClientHelloTests.message(
            [ClientHelloTests.name("a.example"), ClientHelloTests.protocols("h2", "imx/1")],
            fragment: size
        )
        #expect(ClientHello.read(ByteBuffer(bytes: octets)) == ClientHelloTests.expected)
        #expect(ClientHello.read(ByteBuffer(bytes: octets + [22, 3, 3])) == ClientHelloTests.expected)
    }

    @Test("S40: every prefix asks for more, and never for less than it has", arguments: [16_384, 3])
    func prefixes(_ size: Int) {
        let octets = ClientHelloTests.message([ClientHelloTests.name("a.example")], fragment: size)
        for count in 0..<octets.count {
            guard case .needs(let wanted) = ClientHello.read(ByteBuffer(bytes: octets.prefix(count))) else {
                Issue.record("\(count) octets are not enough")
                continue
            }
            #expect(wanted > count && wanted <= octets.count)
        }
    }

    static let wrong: [(String, [UInt8], String)] = [
        ("IMX/1 without TLS", Array("IMX/1\r\n".utf8), "notTLS(\"IMX/1 without TLS\")"),
        ("a web browser without TLS", Array("GET / HTTP/1.1\r\n".utf8), "notTLS(\"\\\"GET / HT\\\"\")"),
        ("SSH", Array("SSH-2.0-OpenSSH\r\n".utf8), "notTLS(\"\\\"SSH-2.0-\\\"\")"),
        ("zeroes", [0, 0, 0], "notTLS(\"octets 000000\")"),
        ("SSL 2", [0x80, 0x2E, 1, 0, 2], "notTLS(\"octets 802e010002\")"),
        ("TLS of another major version", [22, 4, 0, 0, 5], "notTLS(\"octets 1604000005\")"),
        ("an alert instead", [21, 3, 3, 0, 2, 2, 40], "notTLS(\"octets 1503030002022"),
        ("a record of no octets", [22, 3, 1, 0, 0], "malformed(\"a record of 0 octets\")"),
        ("a record too long", [22, 3, 1, 0x40, 1], "malformed(\"a record of 16385 octets\")"),
        ("a ServerHello", [22, 3, 1, 0, 4, 2, 0, 0, 0], "not a ClientHello"),
        ("a message too long", [22, 3, 1, 0, 4, 1, 0x7F, 0xFF, 0xFF], "too long"),
        ("an empty ClientHello", [22, 3, 1, 0, 4, 1, 0, 0, 0], "cannot be read"),
        ("no host in the name list", message([(0, [0, 0])]), "cannot be read"),
        ("a name of another kind", message([(0, [0, 4, 1, 0, 1, 97])]), "cannot be read"),
        ("two names", message([(0, [0, 8, 0, 0, 1, 97, 0, 0, 1, 98])]), "cannot be read"),
        ("an empty name", message([(0, [0, 3, 0, 0, 0])]), "cannot be read"),
        ("a name with NUL", message([name("a\0b")]), "cannot be read"),
        ("a name with a line end", message([name("a\nb")]), "cannot be read"),
        ("a name with more behind it", message([(0, [0, 4, 0, 0, 1, 97, 9])]), "cannot be read"),
        ("the name twice", message([name("a.example"), name("b.example")]), "cannot be read"),
        ("an empty protocol", message([(16, [0, 1, 0])]), "cannot be read"),
        ("no protocol", message([(16, [0, 0])]), "cannot be read"),
        ("protocols past the end", message([(16, [0, 3, 9, 97, 97])]), "cannot be read"),
    ]

    @Test("S26, S40: what is no ClientHello is told apart", arguments: wrong)
    func refused(_ name: String, _ octets: [UInt8], _ expected: String) {
        let reading = "\(ClientHello.read(ByteBuffer(bytes: octets)))"
        #expect(reading.contains(expected.dropLast(expected.hasPrefix("notTLS(\"octets 15") ? 1 : 0)), "\(reading)")
    }

    @Test("S40: any octet changed to anything is read without a trap")
    func mutations() {
        var hellos = 0
        for index in ClientHelloTests.good.indices {
            for value in UInt8.min...UInt8.max {
                var octets = ClientHelloTests.good
                octets[index] = value
                if case .hello = ClientHello.read(ByteBuffer(bytes: octets)) { hellos += 1 }
            }
        }
        #expect(hellos > 1000)
    }

    @Test("S40: a ClientHello in records of one octet is bounded, and cheap to wait for")
    func tinyRecords() {
        let endless: [UInt8] = [22, 3, 1, 0, 1]
        var octets: [UInt8] = endless + [1] + endless + [0] + endless + [0x3F] + endless + [0xFF]
        while octets.count < ClientHello.maximumOctets { octets += endless + [0] }
        let reading = ClientHello.read(ByteBuffer(bytes: octets))
        #expect(reading == .malformed("its first message is too long"))
    }
}
