// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel

/// Texts that break what was made for plain ones.
extension Check {
    static let content: [Check] = [
        Check(
            "content.in",
            "odd and large texts reach a user unchanged, or are refused for good",
            proves: "IMX 5.3",
            "IMX 2.11",
            capabilities: [.receivesMessages],
            hint: "escape what the service reserves; what it cannot hold replace as documented, or settle 5010",
            run: contentIn
        ),
        Check(
            "content.out",
            "odd and large texts leave unchanged",
            proves: "IMX 5.3",
            "IMX 2.11",
            capabilities: [.sendsMessages],
            hint: "submit the text's octets as they are: no trimming, no wrapping, no normalising",
            run: contentOut
        ),
    ]

    private static let texts: [(name: String, text: String)] = [
        ("a line of 64 KiB", String(repeating: "0123456789abcdef", count: 4096)),
        ("characters beyond the first plane", "\u{1D11E} \u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467} \u{10348}"),
        ("text from right to left", "\u{5E9}\u{5DC}\u{5D5}\u{5DD} \u{202E}abc\u{202C} \u{645}\u{631}\u{62D}"),
        ("line ends of all kinds", "one\r\ntwo\nthree\rfour\n\n"),
        ("NUL and other controls", "a\u{0}b\u{1}c\u{8}d\u{1B}[2Je\u{FFFE}"),
        ("markup", "<b>&amp;</b> ]]> <!-- --> <?x?> \" '"),
        ("two spellings of one letter", "e\u{301} \u{E9}"),
        ("spaces around", "  \t indented and trailing  "),
        ("a lone space", " "),
    ]

    @Sendable private static func contentIn(_ bench: Bench) async throws {
        let user = bench.subject.knownUser
        for (name, text) in texts {
            let before = bench.subject.received.count
            let outcome = try await bench.outcome(of: try bench.envelope(to: user, text))
            if outcome.disposition == .failed, !outcome.code.isTemporary { continue }
            try bench.require(
                outcome.code == bench.success,
                "\(name) is taken or refused for good",
                seen: "\(outcome.code)"
            )
            let seen = try await bench.received(before + 1)[before].text
            let expected = bench.subject.rendering(of: text)
            try bench.require(seen.isExactly(expected), "\(name): \(shown(expected))", seen: shown(seen))
        }
        let after = try await bench.outcome(of: try bench.envelope(to: user, "plain"))
        try bench.require(after.code == bench.success, "a plain message passes after it all", seen: "\(after.code)")
    }

    @Sendable private static func contentOut(_ bench: Bench) async throws {
        for (index, (name, text)) in texts.enumerated() {
            let written = bench.subject.rendering(of: text)
            let eve = try bench.foreign()
            try await bench.subject.send(ServiceMessage(from: bench.subject.knownUser, to: eve, written))
            let seen = try await bench.arrived(index + 1)[index].plainText ?? ""
            try bench.require(seen.isExactly(written), "\(name): \(shown(written))", seen: shown(seen))
        }
    }
}
