// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@testable import imx

/// Runs the real program without an aggregator.
@Suite(.onItsOwnThread) struct ProgramTests {
    private let program = Result { try Program() }

    private func imx(_ arguments: [String]) throws -> (code: Int32, out: String, err: String) {
        try program.get().run(arguments)
    }

    private func imx(_ arguments: String...) throws -> (code: Int32, out: String, err: String) { try imx(arguments) }

    private func write(_ text: String) throws -> String { try program.get().write(text) }

    @Test("Commands: version and help go to standard output with exit code 0")
    func help() throws {
        #expect(try imx("version").out == "imx \(Version.number) (IMX/1)\n")
        for arguments in [
            ["--help"], ["serve", "--help"], ["send", "--help"], ["status", "--help"], ["config", "check", "--help"],
        ] {
            let process = try imx(arguments)
            #expect(process.code == 0 && process.err.isEmpty)
            #expect(process.out.contains("EXAMPLE"), "\(arguments)")
        }
    }

    @Test("Commands: a command line that is wrong ends with exit code 2 and says what is right")
    func usage() throws {
        for arguments in [["sned"], ["send"], ["status", "--jsn"]] {
            let ended = try imx(arguments)
            #expect(ended.code == 2 && ended.out.isEmpty && ended.err.contains("Usage: imx"), "\(ended)")
        }
        let ended = try imx("send", "alice", "bob@b.example", "hi")
        #expect(ended.code == 2 && ended.err.contains("FROM is no address: \"alice\""), "\(ended)")
    }

    @Test("Configuration: config check names file, line and column and ends with exit code 2")
    func configCheck() throws {
        let path = try write("name: north\nlisen: [ \"127.0.0.1:5290\" ]\nadapters: {}\ndomains: {}\n")
        let bad = try imx("config", "check", path)
        #expect(bad.code == 2 && bad.out.isEmpty)
        #expect(
            bad.err == """
                imx: 1 mistake in the configuration
                \(path):2:1: the file has no key "lisen"
                    did you mean "listen"? For example: listen: [ "127.0.0.1:5290" ]

                """
        )
        _ = try write("name: north\nadapters: {}\ndomains: {}\n")
        let good = try imx("config", "check", path)
        #expect(good.code == 0 && good.err.isEmpty && good.out.contains("\(path) is right"), "\(good)")
    }

    @Test("Commands: without an aggregator, send and status say which one is not running and how to start it")
    func notRunning() throws {
        let directory = try program.get().directory.path
        let path = try write("name: north\nstate-directory: \(directory)\n# the rest does not matter here\n")
        for ended in [
            try imx("status", "--config", path), try imx("send", "a@a.example", "b@b.example", "x", "--config", path),
        ] {
            #expect(ended.code == 2)
            #expect(
                ended.err == """
                    imx: the aggregator "north" is not running: nobody answers at \(directory)/control.sock
                        start it: imx serve --config \(path)

                    """
            )
        }
        let absent = try imx("status", "--config", "/nowhere.yaml")
        #expect(absent.code == 2 && absent.err.contains("/nowhere.yaml: cannot read the file"))
        let other = try imx("status", "--socket", "/nowhere.sock")
        #expect(other.code == 2 && other.err.contains("nobody answers at /nowhere.sock"))
    }
}
