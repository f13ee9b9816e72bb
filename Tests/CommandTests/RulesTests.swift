// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@testable import imx

/// `imx rules` with the real program and without an aggregator.
@Suite(.onItsOwnThread) struct RulesTests {
    private let program = Result { try Program() }

    private func imx(_ arguments: String...) throws -> (code: Int32, out: String, err: String) {
        try program.get().run(arguments)
    }

    private func file() throws -> String {
        try program.get().write(
            """
            name: north
            adapters: { demo: { kind: stub, users: { ann: {} } } }
            domains: { a.example: { adapter: demo } }
            rules:
              - { action: message, party: evil.example, verdict: deny }
              - { action: message, owner: ann@a.example, party: contacts, verdict: allow }
              - { action: presence, verdict: polite }
            block: [ worse.example ]

            """
        )
    }

    @Test(
        "RFC2779 2.3.1, RFC2779 2.3.5: rules check names the rule that decides, its place, and what a contact would be told"
    )
    func check() throws {
        let path = try file()
        let denied = try imx("rules", "check", "message", "ann@a.example", "eve@evil.example", "--config", path)
        #expect(
            denied.out == """
                deny: the most specific rule
                  \(path):5:5  { action: message, owner: everybody, party: evil.example, verdict: deny }
                if the party is a contact of the owner: allow
                  \(path):6:5  { action: message, owner: ann@a.example, party: contacts, verdict: allow }

                """,
            "\(denied)"
        )
        let contact = try imx(
            "rules",
            "check",
            "message",
            "ann@a.example",
            "eve@evil.example",
            "--contact",
            "--config",
            path
        )
        #expect(contact.out.hasPrefix("allow: ") && contact.out.contains("less specific:\n  \(path):5:5"))
        let fetch = try imx("rules", "check", "fetch", "ann@a.example", "bob@b.example", "-c", path, "--json")
        #expect(fetch.out.contains("\"verdict\" : \"polite\"") && fetch.code == 0)
        let blocked = try imx("rules", "check", "fetch", "ann@a.example", "bob@worse.example", "-c", path)
        #expect(blocked.out == "deny: worse.example stands under block\n")
        let open = try imx("rules", "check", "watchers", "ann@a.example", "bob@b.example", "-c", path)
        #expect(open.out == "ask: no rule speaks about it; the service of a.example decides\n")
    }

    @Test("IMX 6.4(4): rules check says too what first contact and budgets would say to a message")
    func outlook() throws {
        let path = try program.get().write(
            """
            name: north
            adapters: { demo: { kind: stub, users: { ann: {} } } }
            domains: { a.example: { adapter: demo, class: shy } }
            classes:
              shy: { first-contact: refuse }
              bots: { members: [ bots.example ], budgets: { sender-burst: 1 } }
            spam: { exempt: [ news@b.example ] }

            """
        )
        let stranger = try imx("rules", "check", "message", "ann@a.example", "eve@b.example", "-c", path)
        #expect(
            stranger.out == """
                ask: no rule speaks about it; the service of a.example decides
                budgets: 5004, the recipient takes no messages from strangers
                  first-contact: refuse, of the class shy
                  the party is a stranger, never approved, watched or written to, and under the budgets of the class default

                """,
            "\(stranger)"
        )
        let contact = try imx("rules", "check", "message", "ann@a.example", "x@bots.example", "--contact", "-c", path)
        #expect(contact.out.contains("\nbudgets: let in\n") && contact.out.contains("known to the owner"))
        #expect(contact.out.contains("the budgets of the class bots\n"))
        let exempt = try imx("rules", "check", "message", "ann@a.example", "news@b.example", "-c", path)
        #expect(exempt.out.hasSuffix("\nno budget: the party is exempt (spam.exempt)\n"))
        let json = try imx("rules", "check", "message", "ann@a.example", "eve@b.example", "-c", path, "--json")
        #expect(json.out.contains("\"code\" : 5004") && json.out.contains("\"firstContact\" : \"refuse\""))
    }

    @Test("Commands: rules check says what is wrong with its question, and rules list shows every rule")
    func mistakes() throws {
        let path = try file()
        let slip = try imx("rules", "check", "mesage", "ann@a.example", "bob@b.example", "--config", path)
        #expect(slip.code == 2 && slip.err.contains("did you mean \"message\"?"))
        let foreign = try imx("rules", "check", "message", "bob@b.example", "ann@a.example", "--config", path)
        #expect(foreign.code == 2 && foreign.err.contains("b.example is not hosted here"))
        let both = try imx(
            "rules",
            "check",
            "fetch",
            "a@a.example",
            "b@b.example",
            "--contact",
            "--running",
            "-c",
            path
        )
        #expect(both.code == 2)
        let list = try imx("rules", "list", "--config", path)
        #expect(
            list.code == 0 && list.out.split(separator: "\n").count == 3
                && list.out.contains(":7:5  { action: presence")
        )
        #expect(try imx("rules", "check", "--help").out.contains("EXAMPLE"))
    }
}

/// Rules and budgets of a real aggregator.
extension ServeTests {
    @Test(
        "Commands: rules and exemptions are taken over while the aggregator runs"
    )
    func rulesAndReload() throws {
        let process = try serve()
        let question = [
            "rules", "check", "message", "alice@a.example", "eve@evil.example", "--running", "--config", path,
        ]
        #expect(try program.run(question).out.hasPrefix("ask: "))
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let more = """
            rules: [ { action: message, party: evil.example, verdict: deny } ]
            spam: { exempt: [ c.example ] }
            classes: { default: { first-contact: refuse } }

            """
        try Data((text + more).utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
        let reloaded = try program.run(["reload", "--config", path])
        #expect(reloaded.out == "rules\nspam\n", "\(reloaded)")
        #expect(try program.run(question).out.hasPrefix("deny: the most specific rule\n  \(path):"))
        let stranger = [
            "rules", "check", "message", "alice@a.example", "bob@b.example", "--running", "--config", path,
        ]
        #expect(
            try program.run(stranger).out.contains("\nbudgets: 5004, the recipient takes no messages from strangers\n")
        )
        let metrics = try program.run(["status", "--metrics", "--config", path]).out
        #expect(metrics.contains("imx_turned_away_total{reason=\"rule\"} 0"))
        #expect(end(process, SIGTERM) == 0)
    }
}
