import EnvelopeModel
import Testing

// SPDX-License-Identifier: Apache-2.0
@testable import Configuration

@Suite struct ValueTests {
    @Test(
        "Configuration: durations have a unit and never overflow",
        arguments: [
            ("500ms", 500_000_000), ("30s", 30_000_000_000), ("5m", 300_000_000_000), ("2h", 7_200_000_000_000),
            ("1d", 86_400_000_000_000), ("0s", 0), ("30", nil), ("s", nil), ("", nil), ("-1s", nil), ("1.5s", nil),
            ("1 s", nil), ("9223372036854775807d", nil), ("99999999999999999999s", nil), ("1S", nil), ("٣s", nil),
        ] as [(String, Int64?)]
    )
    func durations(text: String, nanoseconds: Int64?) {
        #expect(Interval(configuration: text)?.nanoseconds == nanoseconds)
    }

    @Test(
        "Configuration: sizes have a binary unit and never overflow",
        arguments: [
            ("512B", 512), ("64KiB", 65536), ("4MiB", 4 << 20), ("1GiB", 1 << 30), ("64", nil), ("64KB", nil),
            ("64kib", nil), ("9223372036854775807GiB", nil),
        ] as [(String, Int?)]
    )
    func sizes(text: String, octets: Int?) {
        #expect(size(configuration: text) == octets)
        if let octets { #expect(sizeText(octets) == text) }
    }

    @Test(
        "Configuration: endpoints are numeric addresses or names, with a port",
        arguments: [
            ("127.0.0.1:5290", "127.0.0.1:5290"), ("[::1]:1", "[::1]:1"), ("FRONT.example:5290", "front.example:5290"),
            ("localhost:80", "localhost:80"), ("127.0.0.256:1", nil), ("::1:5290", nil), ("[::1]", nil), ("a b:1", nil),
            ("a:65536", nil), ("a:-1", nil), (":1", nil), ("a:", nil), ("[127.0.0.1]:1", nil), ("1.2.3:4", nil),
        ] as [(String, String?)]
    )
    func endpoints(text: String, expected: String?) {
        #expect(Endpoint(text)?.description == expected)
    }

    @Test("Configuration: the nearest key is found for slips, and none for strangers")
    func nearestKeys() {
        let keys = AggregatorKeys.all.map(\.name)
        #expect(nearest(to: "lisetn", among: keys) == "listen")
        #expect(nearest(to: "domain", among: keys) == "domains")
        #expect(nearest(to: "statedirectory", among: keys) == "state-directory")
        #expect(nearest(to: "colour", among: keys) == nil)
        #expect(editDistance("ab", "ba") == 1)
        #expect(editDistance("", "abc") == 3)
    }

    @Test("Configuration: a secret is shown by nothing that prints")
    func secretsStaySecret() throws {
        let secret = Secret("sesame")
        var dumped = ""
        dump(secret, to: &dumped)
        let shown = "\(secret) \(String(reflecting: secret)) \([secret]) \(dumped)"
        #expect(!shown.contains("sesame"))
        let it = try AggregatorConfiguration.parse(good, adapters: [stubSchema, officeSchema])
        dumped = ""
        dump(it, to: &dumped)
        #expect(!dumped.contains("sesame") && !"\(it)".contains("sesame"))
    }
}
