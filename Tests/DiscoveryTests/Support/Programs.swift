// SPDX-License-Identifier: Apache-2.0
import Foundation

/// What went wrong around a test, in words.
struct BedError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// Programs that tests run.
enum Programs {
    /// Where Debian keeps servers, which is not on everybody's path.
    private static let folders = ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"]

    static func path(_ name: String) throws -> URL {
        for folder in folders where access("\(folder)/\(name)", X_OK) == 0 {
            return URL(filePath: "\(folder)/\(name)")
        }
        throw BedError("\(name) is not installed; run Scripts/install-dependencies")
    }

    /// Runs a program to its end and gives what it wrote.
    @discardableResult
    static func run(_ name: String, _ arguments: [String]) throws -> String {
        let process = Process()
        let output = Pipe()
        process.executableURL = try path(name)
        process.arguments = arguments
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw BedError(
                "\(name) \(arguments.joined(separator: " ")) ended with \(process.terminationStatus)\n\(text)"
            )
        }
        return text
    }
}

/// A folder that goes with its last reference.
final class Folder: Sendable {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appending(path: "imx-dns-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    func write(_ name: String, _ text: String) throws {
        try text.write(to: url.appending(path: name), atomically: true, encoding: .utf8)
    }

    func read(_ name: String) throws -> String {
        try String(contentsOf: url.appending(path: name), encoding: .utf8)
    }

    func path(_ name: String) -> String { url.appending(path: name).path }
}

/// Waits until `condition` holds.
func eventually(_ what: String, within seconds: Double = 60, _ condition: () async throws -> Bool) async throws {
    let end = Date(timeIntervalSinceNow: seconds)
    while try await !condition() {
        guard Date() < end else { throw BedError("no \(what) within \(seconds) s") }
        try await Task.sleep(for: .milliseconds(20))
    }
}
