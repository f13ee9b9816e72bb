// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import Testing

@Suite struct WallTimeTests {
    @Test(
        "RFC 3339 5.6: moments are written in UTC with milliseconds",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"), (1_795_253_478_133, "2026-11-21T09:31:18.133Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"), (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (Int64.max, "9999-12-31T23:59:59.999Z"), (Int64.min, "0000-01-01T00:00:00.000Z"),
        ] as [(Int64, String)]
    )
    func description(milliseconds: Int64, expected: String) {
        #expect(WallTime(milliseconds: milliseconds).description == expected)
    }
}
