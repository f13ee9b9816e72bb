// SPDX-License-Identifier: Apache-2.0
import Foundation

private var root: URL {
    URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
}

/// The text of a file of the project.
func text(of path: String) throws -> String {
    try String(contentsOf: root.appending(path: path), encoding: .utf8)
}

/// The lines of a file of the project.
func lines(of path: String) throws -> [Substring] {
    try text(of: path).split(separator: "\n", omittingEmptySubsequences: false)
}

/// Whether the project has a file or folder there.
func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: root.appending(path: path).path) }
