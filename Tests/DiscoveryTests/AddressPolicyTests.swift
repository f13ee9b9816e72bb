// SPDX-License-Identifier: Apache-2.0
import Discovery
import Testing

@Suite struct AddressPolicyTests {
    @Test(
        "S06: every special range is refused, in whatever form it comes",
        arguments: [
            "0.0.0.0", "0.255.255.255", "10.0.0.1", "10.255.255.255", "100.64.0.0", "100.127.255.255", "127.0.0.1",
            "127.255.255.255", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.9", "192.0.2.1",
            "192.31.196.1", "192.52.193.1", "192.88.99.1", "192.168.0.1", "192.175.48.1", "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1", "203.0.113.255", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "::",
            "::1",
            "::7f00:1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:0:0", "::ffff:0:127.0.0.1",
            "64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "64:ff9b:1::8.8.8.8", "100::1", "2001::1",
            "2001:0:4136:e378::1", "2001:2::1", "2001:10::1", "2001:20::1", "2001:1ff:ffff::1", "2001:db8::1",
            "2002:7f00:1::1", "2002:a00:1::", "2002:c0a8:101::1", "2620:4f:8000::1", "3fff::1", "3fff:fff::1",
            "5f00::1",
            "fc00::1", "fdff::1", "fe80::1", "febf::1", "fec0::1", "ff02::1", "ff00::", "4000::1", "1fff::1", "e000::",
        ]
    )
    func special(address: String) { #expect(AddressPolicy().refusal(of: address, port: 5290) != nil) }

    @Test(
        "S06: ordinary addresses just outside the special ranges are not refused",
        arguments: [
            "1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.1",
            "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "191.255.255.255", "192.0.1.1",
            "192.0.3.1",
            "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "198.51.99.1", "203.0.112.1",
            "223.255.255.255", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1", "2001:200::1", "2001:db7::1",
            "2001:4860:4860::8888", "2000::1", "3ffe::1", "2620:4f:7fff::1",
        ]
    )
    func ordinary(address: String) { #expect(AddressPolicy().refusal(of: address, port: 5290) == nil) }

    @Test(
        "S06: what is no plain numeric address is refused",
        arguments: [
            "", "localhost", "127.1", "0x7f000001", "2130706433", "fe80::1%eth0", "[::1]", "1.1.1.1:80", "1.1.1.1\0",
        ]
    )
    func notNumeric(address: String) { #expect(AddressPolicy().refusal(of: address, port: 5290) != nil) }

    @Test("S06: a configured range is let through, in transitional forms too, and nothing beside it")
    func allowed() throws {
        let policy = AddressPolicy(allowed: [
            try #require(AddressRange("127.0.0.0/9")), try #require(AddressRange("fd00::1")),
        ])
        #expect(policy.refusal(of: "127.127.0.1", port: 1) == nil)
        #expect(policy.refusal(of: "::ffff:127.0.0.1", port: 1) == nil)
        #expect(policy.refusal(of: "127.128.0.1", port: 1) == "127.128.0.1 is a loopback address")
        #expect(policy.refusal(of: "fd00::1", port: 1) == nil)
        #expect(policy.refusal(of: "fd00::2", port: 1) == "fd00::2 is a private address")
        #expect(policy.refusal(of: "127.0.0.1", port: 0) != nil)
    }

    @Test("S06: our own listener is refused even in a configured range")
    func ownListener() throws {
        let listener = try #require(AddressPolicy.Listener(address: "127.0.0.1", port: 5290))
        let policy = AddressPolicy(allowed: [try #require(AddressRange("127.0.0.0/8"))], listeners: [listener])
        #expect(policy.refusal(of: "127.0.0.1", port: 5290) == "127.0.0.1 port 5290 is this aggregator itself")
        #expect(policy.refusal(of: "::ffff:127.0.0.1", port: 5290) != nil)
        #expect(policy.refusal(of: "127.0.0.1", port: 5291) == nil)
    }

    @Test(
        "S06: what is no range is not taken for one",
        arguments: ["", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/+8", "10/8", "::/129", "a/8", "::1/64/3"]
    )
    func noRange(text: String) { #expect(AddressRange(text) == nil) }
}
