// SPDX-License-Identifier: Apache-2.0
import Foundation

/// The real program, run in a directory of its own.
struct Program {
    let directory: URL

    init() throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent(
            "imx-\(UInt32.random(in: 0 ... .max))"
        )
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    }

    /// Writes the configuration and gives its path.
    func write(_ text: String) throws -> String {
        let path = directory.appendingPathComponent("f.yaml").path
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        return path
    }

    /// Starts the program.
    func start(_ arguments: [String], out: Any? = FileHandle.nullDevice, err: Any? = FileHandle.nullDevice) throws
        -> Process
    {
        let process = Process()
        let products = Bundle.main.bundleURL
        let places = [products.deletingLastPathComponent(), products].map { $0.appendingPathComponent("imx") }
        process.executableURL = places.first { FileManager.default.isExecutableFile(atPath: $0.path) }
        process.arguments = arguments
        // What Scripts/weaken sets means something to no program but the one that it builds.
        let weakened = ProcessInfo.processInfo.environment.filter { $0.key == "IMX_WEAKENED" }
        process.environment = weakened.merging(["PATH": "/usr/bin:/bin"]) { _, path in path }
        process.standardOutput = out
        process.standardError = err
        process.standardInput = FileHandle.nullDevice
        try process.run()
        return process
    }

    /// Runs the program to its end.
    func run(_ arguments: [String]) throws -> (code: Int32, out: String, err: String) {
        let pipes = (out: Pipe(), err: Pipe())
        let process = try start(arguments, out: pipes.out, err: pipes.err)
        let out = pipes.out.fileHandleForReading.readDataToEndOfFile()
        let err = pipes.err.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: out, as: UTF8.self), String(decoding: err, as: UTF8.self))
    }
}
