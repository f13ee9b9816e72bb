// SPDX-License-Identifier: Apache-2.0

/// A place in a configuration file.
public struct SettingsPosition: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The file as it was named to us.
    public let file: String
    /// The line, from 1; 0 where the whole file is meant.
    public let line: Int
    /// The column, from 1, counted in Unicode scalars.
    public let column: Int

    /// Makes a position.
    public init(file: String, line: Int, column: Int) {
        self.file = file
        self.line = line
        self.column = column
    }

    /// Whether `a` stands before `b` in the file.
    public static func < (a: SettingsPosition, b: SettingsPosition) -> Bool {
        (a.line, a.column) < (b.line, b.column)
    }

    /// `file:line:column`, as editors and compilers write it.
    public var description: String { line == 0 ? file : "\(file):\(line):\(column)" }
}

/// One thing that is wrong in a configuration: where, what, and what would be right.
public struct ConfigurationProblem: Sendable, Hashable, CustomStringConvertible {
    /// Where it is.
    public let position: SettingsPosition
    /// What is wrong. Never holds a secret.
    public let problem: String
    /// What would be right, with an example.
    public let remedy: String

    /// Describes a problem.
    public init(_ position: SettingsPosition, _ problem: String, remedy: String) {
        self.position = position
        self.problem = problem
        self.remedy = remedy
    }

    /// The place and the problem in one line, and the remedy indented below.
    public var description: String { "\(position): \(problem)\n    \(remedy)" }
}

/// Everything that is wrong in a configuration, in the order of the file.
public struct ConfigurationError: Error, Sendable, CustomStringConvertible {
    /// The problems, at least one.
    public let problems: [ConfigurationProblem]

    /// Gathers problems.
    public init(_ problems: [ConfigurationProblem]) {
        self.problems = problems.sorted { $0.position < $1.position }
    }

    /// The problems, one below the other.
    public var description: String { problems.map(\.description).joined(separator: "\n") }
}
