// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// The real tshark with our dissector, in a directory of its own.
struct Tshark {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
    static let script = root.appending(path: "Tools/Wireshark/imx.lua")

    /// Whether a program is on the PATH.
    static func has(_ program: String) -> Bool {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        return path.split(separator: ":").contains { FileManager.default.isExecutableFile(atPath: "\($0)/\(program)") }
    }

    let directory: URL

    init() throws {
        directory = FileManager.default.temporaryDirectory.appending(
            path: "imx-tshark-\(UInt32.random(in: 0 ... .max))"
        )
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    }

    func remove() { try? FileManager.default.removeItem(at: directory) }

    /// Runs a program to its end and gives what it wrote to standard output.
    @discardableResult
    func run(_ program: String, _ arguments: [String]) throws -> String {
        let process = Process()
        let output = directory.appending(path: "output-\(UInt32.random(in: 0 ... .max))")
        let errors = directory.appending(path: "errors")
        for file in [output, errors] { try Data().write(to: file) }
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [program] + arguments
        process.currentDirectoryURL = directory
        // A dissector that the developer has installed for himself must not be loaded beside this one.
        process.environment = [
            "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin", "HOME": directory.path,
        ]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = try FileHandle(forWritingTo: errors)
        try process.run()
        process.waitUntilExit()
        let complaint = try String(contentsOf: errors, encoding: .utf8)
        try #require(process.terminationStatus == 0, "\(program): \(complaint)")
        return String(decoding: try Data(contentsOf: output), as: UTF8.self)
    }

    /// Runs tshark on a capture.
    func read(_ capture: CaptureFile, _ arguments: [String]) throws -> String {
        try capture.write(to: directory.appending(path: "capture.pcap"))
        return try run("tshark", ["-X", "lua_script:\(Self.script.path)", "-r", "capture.pcap"] + arguments)
    }

    /// The values of `fields` in each frame; those of one field are joined by commas.
    func fields(_ fields: [String], of capture: CaptureFile, _ arguments: [String] = []) throws -> [[String]] {
        let wanted = fields.flatMap { ["-e", $0] }
        let text = try read(capture, ["-T", "fields", "-E", "separator=/t"] + wanted + arguments)
        return text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map {
            $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        }
    }
}
