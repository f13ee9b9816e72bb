// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import Foundation
import Testing

@testable import XMPPAdapter

/// The tables of Documentation/Outcomes.md and the code say the same.
@Suite("The documented table of stanza errors")
struct OutcomeTableTests {
    @Test("F.6: the XMPP column of Documentation/Outcomes.md is what XMPP users get")
    func column() throws {
        let rows = try Document.rows().filter { $0.count > 4 && UInt16($0[0]) != nil }
        #expect(rows.count == OutcomeCode.known.count)
        for row in rows {
            let code = OutcomeCode(rawValue: UInt16(row[0]) ?? 0)
            #expect(row[4] == Self.spelling(StanzaErrors.error(for: code)), "\(row[0])")
        }
    }

    @Test("F.6: so are the classes of the codes that the table lacks")
    func classes() throws {
        let text = try Document.text().replacing("\n", with: " ")
        let sentence = try #require(text.firstMatch(of: /becomes, by its class: ([^.]*)\./)).output.1
        let said = sentence.split(separator: ", ").map(String.init)
        let written = ([2_000, 3_000, 4_000, 5_000] as [UInt16]).map { code in
            "\(code) \(Self.spelling(StanzaErrors.error(for: OutcomeCode(rawValue: code))))"
        }
        #expect(said == written)
        // Nor are there classes besides: what lies outside them counts as 5000.
        for code in [0, 1_999, 6_000, 9_999] as [UInt16] {
            #expect("5000 " + Self.spelling(StanzaErrors.error(for: OutcomeCode(rawValue: code))) == said.last)
        }
    }

    @Test("F.6: an XMPP error is read as the code in whose row it stands, or as the table below says")
    func reading() throws {
        let besides = try Document.readings()
        for row in try Document.rows() where row.count > 4 {
            guard let code = UInt16(row[0]), let error = Self.error(row[4]) else { continue }
            // Where one condition stands in several rows, the second table says which code is read.
            let codes = besides[error.condition]
            #expect(
                StanzaErrors.code(for: error).rawValue == codes.map { $0[error.type] ?? $0[""] } ?? code,
                "\(row[4])"
            )
        }
    }

    @Test("F.6: the second table of Documentation/Outcomes.md is how XMPP errors are read")
    func readings() throws {
        let readings = try Document.readings()
        #expect(readings.count >= 10)
        for (condition, codes) in readings {
            let name = condition == "any other" ? "made-up" : condition
            for type in ["auth", "cancel", "continue", "modify", "wait", "made-up"] {
                let code = StanzaErrors.code(for: StanzaError(name, type)).rawValue
                #expect(code == codes[type] ?? codes[""], "\(condition) (\(type))")
            }
        }
    }

    private static func spelling(_ error: StanzaError?) -> String {
        error.map { "\($0.condition) (\($0.type))" } ?? "none"
    }

    private static func error(_ spelling: String) -> StanzaError? {
        guard let match = spelling.wholeMatch(of: /([a-z-]+) \(([a-z]+)\)/) else { return nil }
        return StanzaError(String(match.output.1), String(match.output.2))
    }
}

/// Documentation/Outcomes.md, as far as it speaks of XMPP.
private enum Document {
    static func text() throws -> String {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return try String(contentsOf: root.appending(path: "Documentation/Outcomes.md"), encoding: .utf8)
    }

    /// The cells of every row of every table.
    static func rows() throws -> [[String]] {
        try text().split(separator: "\n").filter { $0.hasPrefix("|") }.map { line in
            line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
        }
    }

    /// The second table: the codes of a condition by error type; those of every other type stand under "".
    static func readings() throws -> [String: [String: UInt16]] {
        var result: [String: [String: UInt16]] = [:]
        for row in try rows() where row.count == 2 && row[0] != "XMPP condition" && !row[0].hasPrefix("---") {
            var codes: [String: UInt16] = [:]
            for match in row[1].matches(of: /(?:(auth|modify|wait|continue) )?(\d{4})(?: with (?:type )?(\w+))?/) {
                let type = match.output.3 ?? match.output.1 ?? ""
                codes[String(type)] = UInt16(match.output.2)
            }
            // What stands behind a comma and "which" is the reason, not a name.
            let names = row[0].prefix { $0 != "," || !row[0].contains(", which") }
            for name in names.split(separator: ",") {
                result[name.trimmingCharacters(in: .whitespaces)] = codes
            }
        }
        return result
    }
}
