// SPDX-License-Identifier: Apache-2.0
import Foundation

/// The openssl command line, and whatever else a test runs beside itself.
struct Tool: Sendable {
    var status: Int32
    var output: String

    /// Runs a shell line and gives what it wrote; it has 60 seconds.
    static func run(_ line: String, in folder: Folder) async throws -> Tool {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(with: Result { try Tool.wait(line, in: folder) })
            }
        }
    }

    private static func wait(_ line: String, in folder: Folder) throws -> Tool {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/bash")
        process.arguments = ["-c", "exec timeout 60 bash -c '\(line)' 2>&1"]
        process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return Tool(status: process.terminationStatus, output: String(decoding: output, as: UTF8.self))
    }
}

/// A process that runs beside a test until it is over.
final class Companion: @unchecked Sendable {  // only `text` changes, under its lock
    private let process = Process()
    private let lock = NSLock()
    private var text = ""
    private let input = Pipe()

    init(_ arguments: [String], in folder: Folder) throws {
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = arguments
        process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        process.standardInput = input
        pipe.fileHandleForReading.readabilityHandler = { [weak self] handle in
            let data = handle.availableData
            if data.isEmpty { handle.readabilityHandler = nil }
            self?.add(String(decoding: data, as: UTF8.self))
        }
        try process.run()
    }

    deinit { if process.isRunning { process.terminate() } }

    private func add(_ more: String) {
        lock.lock()
        text += more
        lock.unlock()
    }

    var output: String {
        lock.lock()
        defer { lock.unlock() }
        return text
    }

    func type(_ line: String) throws {
        try input.fileHandleForWriting.write(contentsOf: Data(line.utf8))
    }

    /// What follows `marker` in a line of the output, once it is there.
    func waitForLine(after marker: String) async throws -> String {
        for _ in 0..<4000 {
            for line in output.split(separator: "\n").dropLast(output.hasSuffix("\n") ? 0 : 1) {
                if let range = line.range(of: marker) { return String(line[range.upperBound...]) }
            }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw Missing(marker: marker, output: output)
    }

    struct Missing: Error {
        var marker: String
        var output: String
    }
}
