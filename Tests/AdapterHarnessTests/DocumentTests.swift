// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import Configuration
import EnvelopeModel
import StubAdapter
import Testing

@Suite("The documents of an adapter's author")
struct DocumentTests {
    @Test("F.6: Documentation/Outcomes.md has every code once, in order, with its disposition")
    func outcomes() throws {
        let rows = try lines(of: "Documentation/Outcomes.md").compactMap { line -> (UInt16, String)? in
            let cells = line.split(separator: "|").map { $0.trimmingPrefix(" ").split(separator: " ").first ?? "" }
            guard cells.count > 3, let code = UInt16(cells[0]) else { return nil }
            return (code, String(cells[2]))
        }
        #expect(rows.map(\.0) == OutcomeCode.known.map(\.rawValue))
        for (code, disposition) in rows {
            let outcome = Outcome(OutcomeCode(rawValue: code))
            #expect(disposition == "\(outcome.disposition)", "\(code)")
        }
    }

    @Test("IMX 2.7: Documentation/Writing-an-Adapter.md names every check of the harness")
    func checks() throws {
        let text = try text(of: "Documentation/Writing-an-Adapter.md")
        for check in Harness.checks { #expect(text.contains("`\(check.id)`"), "\(check.id)") }
    }

    @Test("IMX 2.7: the code in Documentation/Writing-an-Adapter.md is the code that the tests compile")
    func quotations() throws {
        let document = try text(of: "Documentation/Writing-an-Adapter.md")
        let quotations = document.split(separator: "```swift\n").dropFirst().compactMap {
            $0.split(separator: "```").first
        }
        let sources = try [
            "Tests/AdapterHarnessTests/JournalAdapter.swift", "Adapters/Stub/StubAdapter.swift",
            "Adapters/Stub/StubAdapter+Presence.swift",
            "Adapters/Stub/StubSettings.swift", "Sources/imx/CompiledAdapters.swift",
            "Tests/AdapterHarnessTests/JournalTests.swift",
        ].map { try text(of: $0) }.joined()
        #expect(quotations.count >= 5)
        for quotation in quotations {
            #expect(sources.contains(quotation), "\(quotation)")
        }
    }

    @Test("IMX 2.7: the example configuration of the stub is right")
    func example() throws {
        let configuration = try AggregatorConfiguration.parse(
            try text(of: "Adapters/Stub/stub.example.yaml"),
            adapters: [StubSettings.schema]
        )
        #expect(configuration.adapters.map(\.kind) == ["stub", "stub"])
        for section in configuration.adapters { _ = try StubSettings(section.settings) }
    }

    @Test(
        "IMX 2.7: every file that the documents name is there",
        arguments: [
            "Documentation/Architecture.md", "Documentation/Outcomes.md", "Documentation/Writing-an-Adapter.md",
            "Adapters/Stub/README.md",
        ]
    )
    func files(_ document: String) throws {
        let words = try text(of: document).split { " `,()\n;:".contains($0) }
        for word in words where ["Sources/", "Adapters/", "Tests/", "Scripts/"].contains(where: { word.hasPrefix($0) })
        {
            let path = word.hasSuffix(".") ? word.dropLast() : word
            guard !path.contains("<") else { continue }
            #expect(exists(String(path)), "\(document) names \(path)")
        }
    }
}
