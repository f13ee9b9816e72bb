// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Configuration
import Foundation
import Testing

@testable import imx

/// Documentation/Operations.md says what is so.
@Suite struct OperationsTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    private let text: String

    init() throws {
        text = try String(contentsOf: Self.root.appending(path: "Documentation/Operations.md"), encoding: .utf8)
    }

    /// The words of a command line, quotes taken off.
    private func words(_ line: String) -> [String] {
        var words: [String] = []
        for (index, part) in line.components(separatedBy: "'").enumerated() {
            words += index % 2 == 1 ? [part] : part.components(separatedBy: " ").filter { !$0.isEmpty }
        }
        return words
    }

    @Test("Operator: every command in Operations.md is one, with the flags that it has there")
    func commands() throws {
        let quoted = text.matches(of: /`(imx [a-z][^`]*)`/).map { String($0.1) }
        let lines = text.components(separatedBy: "\n").filter { $0.hasPrefix("    imx ") }
        let commands = lines.map { String($0.dropFirst(4)) } + quoted
        #expect(commands.count > 30)
        for command in commands {
            let arguments = words(String(command.prefix { $0 != "|" })).dropFirst()
            // A command that is only mentioned has no arguments.
            let isMentioned = arguments.count == 1 && quoted.contains(command)
            let asked = arguments.first == "help" ? ["--help"] : arguments + (isMentioned ? ["--help"] : [])
            do {
                let parsed = try IMX.parseAsRoot(asked)
                // A word that is no subcommand is an argument too many, save where nothing else follows.
                #expect(!(parsed is IMX), "\(command)")
            } catch {
                #expect(IMX.exitCode(for: error) == .success, "\(command): \(IMX.message(for: error))")
            }
        }
    }

    @Test("Operator: every key, number and line of the log that Operations.md names is there")
    func names() throws {
        let keys = Set(AggregatorKeys.names)
        for match in text.matches(of: /`([a-z]+\.[a-z-]+)(: [a-z]+)?`/) where !match.1.hasPrefix("imx.") {
            guard match.1 != "repeats.window", match.1 != "ledger.page" else { continue }
            #expect(keys.contains(String(match.1)), "\(match.1)")
        }
        var sources = ""
        let folder = Self.root.appending(path: "Sources")
        for case let file as URL in FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
            ?? .init()
        where file.pathExtension == "swift" {
            sources += try String(contentsOf: file, encoding: .utf8)
        }
        for match in text.matches(of: /`(imx_[a-z_]+)`/) { #expect(sources.contains("\"\(match.1)\""), "\(match.1)") }
        let table = try #require(text.components(separatedBy: "## At three in the morning").last)
        var said = table.matches(of: /"([^"]+)"/).map { String($0.1) }
        said += ["too-many-from-domain", "THE LEDGER DOES NOT BALANCE", "certificateProblems", "hostedRecords"]
        #expect(said.count > 14)
        for words in said { #expect(sources.contains(words), "\(words)") }
    }
}

extension AggregatorKeys {
    /// Every key of a section as SECTION.KEY.
    fileprivate static var names: [String] {
        all.flatMap { key -> [String] in
            guard case .section(let keys) = key.kind else { return [key.name] }
            return [key.name] + keys.map { "\(key.name).\($0.name)" }
        }
    }
}
