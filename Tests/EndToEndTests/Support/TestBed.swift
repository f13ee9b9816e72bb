// SPDX-License-Identifier: Apache-2.0
import Foundation
import Synchronization

/// The places that end-to-end tests use: the repository, the built binary, a temporary directory.
enum Place {
    /// The repository's root.
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
    /// Server templates and client programs.
    static let peers = root.appending(path: "Tests/Peers")
    /// The python that has slixmpp.
    static let python = root.appending(path: ".build-peers/venv/bin/python").path
    /// The aggregator's binary, beside the test bundle.
    static var binary: String {
        if let given = ProcessInfo.processInfo.environment["IMX_BINARY"] { return given }
        let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? ProcessInfo.processInfo.arguments[0]
        let beside = URL(filePath: bundle).deletingLastPathComponent().appending(path: "imx")
        return FileManager.default.isExecutableFile(atPath: beside.path)
            ? beside.path : root.appending(path: ".build/debug/imx").path
    }

    /// Whether a program is on the PATH.
    static func has(_ program: String) -> Bool {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        return path.split(separator: ":").contains { FileManager.default.isExecutableFile(atPath: "\($0)/\(program)") }
    }

    /// Reads a file of Tests/Peers and puts values in the places marked `@NAME@`.
    static func template(_ name: String, _ values: [String: String]) throws -> String {
        var text = try String(contentsOf: peers.appending(path: name), encoding: .utf8)
        for (key, value) in values { text = text.replacing("@\(key)@", with: value) }
        if let left = text.firstMatch(of: /@[A-Z0-9_]+@/) { throw HarnessError("\(name): \(left.0) was not filled in") }
        return text
    }
}

/// A temporary directory, removed with its last reference unless IMX_KEEP is set in the environment.
final class Scratch: Sendable {
    let url: URL

    init(_ name: String) throws {
        url = FileManager.default.temporaryDirectory.appending(path: "imx-\(name)-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit {
        if ProcessInfo.processInfo.environment["IMX_KEEP"] == nil { try? FileManager.default.removeItem(at: url) }
    }

    /// A new directory inside.
    func directory(_ name: String) throws -> URL {
        let inner = url.appending(path: name)
        try FileManager.default.createDirectory(at: inner, withIntermediateDirectories: true)
        return inner
    }

    /// Writes a file inside and gives its path.
    @discardableResult
    func write(_ text: String, to name: String) throws -> String {
        let file = url.appending(path: name)
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try text.write(to: file, atomically: true, encoding: .utf8)
        return file.path
    }
}

/// Ports on loopback that nobody listens on.
///
/// They lie below the range from which the kernel takes the ports of outgoing connections, so that none is taken
/// between the look and the use.
enum Ports {
    private static let given = Mutex<Set<UInt16>>([])

    static func free() throws -> UInt16 {
        for _ in 0..<1000 {
            let port = UInt16.random(in: 20_000..<32_000)
            guard given.withLock({ $0.insert(port).inserted }) else { continue }
            if canListen(port) { return port }
        }
        throw HarnessError("no free port between 20000 and 32000")
    }

    /// Whether something accepts connections there.
    static func answers(_ port: UInt16) -> Bool {
        withSocket { connect($0, on: port) }
    }

    private static func canListen(_ port: UInt16) -> Bool {
        withSocket { socket in withAddress(port) { bind(socket, $0, $1) == 0 } }
    }

    private static func connect(_ socket: Int32, on port: UInt16) -> Bool {
        withAddress(port) { Foundation.connect(socket, $0, $1) == 0 }
    }

    private static func withSocket(_ body: (Int32) -> Bool) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(descriptor) }
        return body(descriptor)
    }

    private static func withAddress(_ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Bool) -> Bool {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
