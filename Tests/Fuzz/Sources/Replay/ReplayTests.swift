// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// Every input that is kept, those that once broke a promise and those that the fuzzer starts from, again.
@Suite struct ReplayTests {
    struct Kept: CustomTestStringConvertible, Sendable {
        let target: FuzzTarget
        let file: URL

        var testDescription: String { "\(target.rawValue)/\(file.lastPathComponent)" }
    }

    private static let root = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    static func kept(_ folder: String) -> [Kept] {
        FuzzTarget.allCases.flatMap { target in
            let place = root.appending(path: "\(folder)/\(target.rawValue)")
            let files = try? FileManager.default.contentsOfDirectory(at: place, includingPropertiesForKeys: nil)
            return (files ?? []).sorted { $0.path < $1.path }.map { Kept(target: target, file: $0) }
        }
    }

    @Test("IMX 4.4.9: an input that once broke a promise breaks none", arguments: kept("Regressions"))
    func regression(_ kept: Kept) throws {
        try kept.target.run([UInt8](Data(contentsOf: kept.file)))
    }

    @Test func regressionsAreThere() {
        #expect(Self.kept("Regressions").count >= 5)
    }

    @Test("IMX 4.4.9: no seed of the fuzzer breaks a promise", arguments: FuzzTarget.allCases)
    func seeds(_ target: FuzzTarget) throws {
        let seeds = Self.kept("Corpora").filter { $0.target == target }
        #expect(seeds.count >= 5)
        for seed in seeds {
            do {
                try target.run([UInt8](Data(contentsOf: seed.file)))
            } catch {
                Issue.record("\(seed.testDescription): \(error)")
            }
        }
    }

    @Test("IMX 4.4.9: every prefix of every seed breaks no promise either", arguments: FuzzTarget.allCases)
    func prefixes(_ target: FuzzTarget) throws {
        let seeds = Self.kept("Corpora").filter { $0.target == target }
        #expect(seeds.count >= 5)
        for seed in seeds {
            let octets = [UInt8](try Data(contentsOf: seed.file))
            for count in stride(from: 0, to: octets.count, by: max(1, octets.count / 24)) {
                try target.run(Array(octets.prefix(count)))
            }
        }
    }
}
