// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore
import Testing

@Suite("Domain names have one form")
struct DomainTests {
    @Test(
        "S24, IMX 4.2.2, H.3: spellings of one domain are one key",
        arguments: ["EXAMPLE.com", "example.com.", "example.com"]
    )
    func spellings(_ text: String) {
        #expect(Domain(text)?.name == "example.com")
    }

    @Test(
        "S24, IMX 4.2.2: what is no RFC 1034 name is refused",
        arguments: [
            "", ".", "a..b", "-a.example", "a-.example", "a.example-", "bücher.example", "a_b.example", "a b",
            String(repeating: "a", count: 64) + ".example",
            Array(repeating: "abcdefghi", count: 26).joined(separator: "."),
        ]
    )
    func refused(_ text: String) {
        #expect(Domain(text) == nil)
    }
}
