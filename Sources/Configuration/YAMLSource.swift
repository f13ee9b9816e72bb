// SPDX-License-Identifier: Apache-2.0
import Yams

/// The text of a configuration file as a tree with positions.
///
/// YAML forbids repeated keys, and the parser stops at the first. So that one repeated key does not hide every other
/// mistake, the repetition is reported, given a name that nothing else has, and the text is read again.
struct YAMLSource {
    /// The tree; nil for an empty file or one that is no YAML.
    private(set) var root: Node?
    /// What kept the text from being read in full.
    private(set) var problems: [ConfigurationProblem] = []

    /// Begins the names of keys that have been reported as repeated.
    static let repeatedPrefix = "repeated key "
    private static let mostRepetitions = 32

    init(_ text: String, file: String) {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        for repetition in 0..<Self.mostRepetitions {
            do {
                root = try Parser(yaml: lines.joined(separator: "\n")).singleRoot()
                return
            } catch YamlError.duplicatedKeysInMapping(let keys, let context) {
                let key = keys.first ?? ""
                let first = SettingsPosition(file: file, line: context.mark.line, column: context.mark.column)
                let second = Self.rename(key, after: first, in: &lines, as: repetition)
                problems.append(
                    ConfigurationProblem(
                        second ?? first,
                        "\"\(printable(key))\" is given twice" + (second == nil ? "" : ", first in line \(first.line)"),
                        remedy: "keep one of them"
                    )
                )
                if second == nil { return }
            } catch {
                problems.append(Self.syntax(error, file: file))
                return
            }
        }
    }

    /// Renames the next `key` after `first`, in the same column further down or between the same braces, and says
    /// where that is.
    private static func rename(
        _ key: String,
        after first: SettingsPosition,
        in lines: inout [String],
        as number: Int
    ) -> SettingsPosition? {
        let spellings = [key, "\"\(key)\"", "'\(key)'"]
        func length(of line: Substring) -> Int? {
            let found = spellings.first { line.hasPrefix($0) }
            return found.flatMap { line.dropFirst($0.count).drop { $0 == " " }.first == ":" ? $0.count : nil }
        }
        func replace(_ index: Int, _ column: Int, _ length: Int) -> SettingsPosition {
            let line = lines[index]
            lines[index] = line.prefix(column) + "\"\(repeatedPrefix)\(number)\"" + line.dropFirst(column + length)
            return SettingsPosition(file: first.file, line: index + 1, column: column + 1)
        }
        guard lines.indices.contains(first.line - 1) else { return nil }
        if let brace = lines[first.line - 1].prefix(first.column).firstIndex(of: "{") {
            let line = lines[first.line - 1]
            let start = max(first.column + key.count, line.distance(from: line.startIndex, to: brace))
            for column in start..<max(start, line.count) where " ,".contains(line.dropFirst(column - 1).first ?? "x") {
                if let length = length(of: line.dropFirst(column)) { return replace(first.line - 1, column, length) }
            }
        }
        for index in lines.indices.dropFirst(first.line) {
            guard lines[index].prefix(while: { $0 == " " }).count == first.column - 1 else { continue }
            if let length = length(of: lines[index].dropFirst(first.column - 1)) {
                return replace(index, first.column - 1, length)
            }
        }
        return nil
    }

    private static func syntax(_ error: any Error, file: String) -> ConfigurationProblem {
        var position = SettingsPosition(file: file, line: 0, column: 0)
        var what = "cannot be read as YAML"
        switch error {
        case YamlError.scanner(let context, let problem, let at, _),
            YamlError.parser(let context, let problem, let at, _),
            YamlError.composer(let context, let problem, let at, _):
            position = SettingsPosition(file: file, line: at.line, column: at.column)
            what = "not YAML: " + (context.map { "\($0.text) (line \($0.mark.line)): " } ?? "") + problem
        case YamlError.reader(let problem, _, _, _):
            what = "not YAML: \(problem)"
        default:
            break
        }
        return ConfigurationProblem(
            position,
            what,
            remedy:
                "each line is \"key: value\"; indent with spaces, never tabs; quote values that hold \": \" or \" #\""
        )
    }
}
