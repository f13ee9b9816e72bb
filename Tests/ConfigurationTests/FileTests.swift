import Foundation
import Testing

// SPDX-License-Identifier: Apache-2.0
@testable import Configuration

@Suite struct FileTests {
    private let directory = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)

    private func write(_ name: String, _ text: String, mode: Int) throws -> String {
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let path = directory.appendingPathComponent(name).path
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        return path
    }

    private func load(_ path: String) throws -> AggregatorConfiguration {
        try AggregatorConfiguration.load(path: path, adapters: [stubSchema, officeSchema])
    }

    @Test("Configuration: a secret may stand only in a file that others cannot read")
    func literalSecrets() throws {
        let open = try write("open.yaml", good, mode: 0o644)
        let error = try #require(throws: ConfigurationError.self) { try load(open) }
        #expect(error.problems.count == 1)
        #expect("\(error)".contains("every user of this machine can read"))
        #expect(!"\(error)".contains("sesame"))
        let closed = try write("closed.yaml", good, mode: 0o640)
        #expect(try load(closed).adapters[1].settings.secret("secret").reveal() == "sesame")
    }

    @Test("Configuration: a secret in a file of its own is read from beside the configuration, its line end cut")
    func fileSecrets() throws {
        _ = try write("key", "open up\n", mode: 0o600)
        let path = try write("f.yaml", good.replacing("sesame", with: "{ file: key }"), mode: 0o644)
        #expect(try load(path).adapters[1].settings.secret("secret").reveal() == "open up")
        _ = try write("key", "open up\n", mode: 0o644)
        let error = try #require(throws: ConfigurationError.self) { try load(path) }
        #expect("\(error)".contains("everyone can read the secret file") && "\(error)".contains("chmod o-r"))
        _ = try write("key", "\n", mode: 0o600)
        #expect(throws: ConfigurationError.self) { try load(path) }
    }

    @Test("Configuration: a file that is absent, a directory or no text is said to be so")
    func unreadableFiles() throws {
        let absent = try #require(throws: ConfigurationError.self) { try load("/nowhere/x.yaml") }
        #expect("\(absent)".contains("/nowhere/x.yaml: cannot read the file: No such file or directory"))
        let folder = try #require(throws: ConfigurationError.self) { try load("/tmp") }
        #expect("\(folder)".contains("it is a directory"))
        let path = try write("bad.yaml", "", mode: 0o600)
        try Data([0xFF, 0xFE, 0x00]).write(to: URL(fileURLWithPath: path))
        let binary = try #require(throws: ConfigurationError.self) { try load(path) }
        #expect("\(binary)".contains("not UTF-8"))
    }
}
