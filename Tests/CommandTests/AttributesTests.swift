// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@testable import imx

/// `imx attributes` with a real aggregator.
@Suite(.onItsOwnThread) struct AttributesTests {
    private let program: Program
    private let path: String

    init() throws {
        program = try Program()
        path = try program.write(
            """
            name: north
            state-directory: state
            listen: []
            dns: { resolver: off }
            stop-within: 2s
            log: { level: warning }
            timeouts: { idle: 7m }
            node: { number: 1, key: { file: key }, socket-directory: nodes }
            adapters: { demo: { kind: stub, users: { ann: { alias: Ann Example }, bob: {} } } }
            classes:
              default: {}
              shop:
                max-message: 32KiB
                lease: 2h
                least-lease: 5m
                contact: 'mailto:abuse@b.example'
                budgets: { sender-per-minute: 77 }
            rules:
              - { action: attributes, owner: ann@a.example, party: bob@b.example, verdict: allow }
              - { action: attributes, owner: bob@b.example, verdict: polite }
            domains:
              a.example: { adapter: demo }
              b.example: { adapter: demo, class: shop }

            """
        )
        try Data("0123456789abcdef0123456789abcdef".utf8).write(to: program.directory.appendingPathComponent("key"))
        let attributes: [FileAttributeKey: Any] = [.posixPermissions: 0o600]
        try FileManager.default.setAttributes(
            attributes,
            ofItemAtPath: program.directory.appendingPathComponent("key").path
        )
        for name in ["nodes"] {
            try FileManager.default.createDirectory(
                at: program.directory.appendingPathComponent(name),
                withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700]
            )
        }
    }

    private func ask(_ arguments: String...) throws -> (code: Int32, report: AttributesReport?, out: String) {
        let ended = try program.run(["attributes"] + arguments + ["--json", "--config", path])
        return (ended.code, try? JSONDecoder().decode(AttributesReport.self, from: Data(ended.out.utf8)), ended.err)
    }

    private func values(_ report: AttributesReport?) -> [String: String] {
        Dictionary(uniqueKeysWithValues: (report?.lines ?? []).map { ($0.key, $0.text ?? "\($0.status ?? 0)") })
    }

    @Test(
        "IMX 4.4.6, IMX 2.5e, IMX 3 Attributes: every key of a domain is what the file says and what is done, until a reload"
    )
    func domains() throws {
        let log = Pipe()
        let process = try program.start(["serve", "--config", path], err: log)
        defer { process.terminate() }
        for _ in 0..<300 where try program.run(["status", "--config", path]).code != 0 { usleep(50_000) }
        let shop = try ask("b.example")
        #expect(
            values(shop.report) == [
                "connection.idle-seconds": "420", "subscription.seconds": "7200", "subscription.min-seconds": "300",
                "identity.compare": "octets", "message.max-octets": "32768", "rate.per-minute": "77",
                "contact.abuse": "mailto:abuse@b.example",
            ],
            "\(shop)"
        )
        let plain = try ask("a.example", "contact.abuse", "rate.per-minute", "a.example/colour", "--as", "b.example")
        #expect(values(plain.report) == ["contact.abuse": "5003", "rate.per-minute": "77", "a.example/colour": "5003"])
        let text = try String(contentsOfFile: path, encoding: .utf8).replacing(": 77", with: ": 78")
        try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
        #expect(try program.run(["reload", "--config", path]).code == 0)
        #expect(values(try ask("b.example", "rate.per-minute").report) == ["rate.per-minute": "78"])
        try users()
        process.terminate()
        process.waitUntilExit()
        let said = String(decoding: log.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        #expect(said.contains("presence is not shared between the nodes of a cluster"), "\(said)")
    }

    /// Users, as the rules have it, and what is no question.
    private func users() throws {
        let friend = try ask("ann@a.example", "alias", "vcard", "shoe-size", "--as", "bob@b.example")
        #expect(friend.code == 0 && values(friend.report)["alias"] == "Ann Example", "\(friend)")
        #expect(friend.report?.lines.map(\.status) == [nil, nil, 5003] && friend.report?.lines[1].type == "text/vcard")
        let stranger = try ask("ann@a.example", "alias", "--as", "eve@b.example")
        #expect(stranger.code == 1 && stranger.report?.code == 5004)
        #expect(
            values(try ask("ann@a.example", "presence", "watchers").report) == ["presence": "open", "watchers": ""]
        )
        let polite = try ask("bob@b.example", "presence", "ua.capabilities", "--as", "ann@a.example")
        #expect(polite.report?.code == 5004, "who was never approved is told so, as by everybody")
        let table = try program.run(["attributes", "ann@a.example", "alias", "x.example/y", "--config", path]).out
        #expect(table.hasPrefix("ann@a.example, asked as ann@a.example") && table.contains("Ann Example"), "\(table)")
        #expect(table.contains("none: 5003 no such attribute"))
        for wrong in [["a b"], ["x@"], ["a.example", "--as", "far.example"], ["a.example", ""]] {
            #expect(try program.run(["attributes"] + wrong + ["--config", path]).code == 2, "\(wrong)")
        }
    }
}
