// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import Testing

@testable import Configuration

@Suite struct PolicyKeyTests {
    /// The good file with more at its end.
    private func read(_ more: String) throws -> AggregatorConfiguration {
        try AggregatorConfiguration.parse(good + "\n" + more, adapters: [stubSchema, officeSchema])
    }

    @Test("Configuration: rules are read in the order of the file, each with its place")
    func rules() throws {
        let it = try read(
            """
            rules:
              - { action: presence, owner: ann@a.example, party: "news-*@b.example", verdict: polite }
              - { action: message, party: .evil.example, verdict: deny }
              - { action: watchers, owner: "class:slow", party: contacts, verdict: allow }
            """
        )
        #expect(it.rules.map(\.verdict) == ["polite", "deny", "allow"])
        #expect(it.rules.map(\.position.line) == [24, 25, 26])
        let evil = try #require(Domain("evil.example"))
        #expect(it.rules[1].owner == .everybody && it.rules[1].party == .below(evil))
        #expect(it.rules[2].owner == .domainClass("slow") && it.rules[2].party == .contacts)
        #expect(try read("").rules.isEmpty)
    }

    @Test("Configuration: budgets stand in the classes, and what a class leaves out has a default")
    func budgets() throws {
        let text = good.replacing(
            "slow: { deadline: 2m }",
            with: "slow: { members: [ D.example ], first-contact: limit, budgets: { sender-burst: 9 } }"
        )
        let more = "\nspam: { exempt: [ bot@d.example, \"class:slow\" ], costs: { subscribe: 50 } }"
        let it = try AggregatorConfiguration.parse(text + more, adapters: [stubSchema, officeSchema])
        let slow = try #require(it.classes["slow"])
        #expect(slow.members.map(\.name) == ["d.example"] && slow.budgets.firstContact == "limit")
        #expect(slow.budgets.sender == .init(burst: 9, perMinute: 600))
        #expect(it.classes["default"]?.budgets == .init(), "the keys' defaults are those of the type")
        #expect(it.spam.exempt.count == 2 && it.spam.subscribeCost == 50 && it.spam.chatStateCost == 10)
        #expect(try read("").spam == .init(), "the keys' defaults are those of the type")
        let waiting = try read("").waitsForRestart(
            in: read("spam: { remembered: 2048, exempt: [ b.example ] }"),
            adapters: []
        )
        #expect(waiting == ["spam.remembered"])
    }

    @Test(
        "Configuration: what a class says of where to complain is a URI",
        arguments: [
            ("mailto:abuse@a.example", nil), ("https://a.example/abuse?x=1", nil), ("xmpp:abuse@a.example", nil),
            (
                "abuse@a.example",
                "\"classes.slow.contact\": \"abuse@a.example\" is no URI\n    write mailto:abuse@a.example"
            ),
            ("the postmaster", "\"classes.slow.contact\": \"the postmaster\" is no URI\n    for example: mailto:"),
            ("mailto:a b", "is no URI"),
        ] as [(String, String?)]
    )
    func contact(value: String, problem: String?) throws {
        let text = good.replacing("slow: { deadline: 2m }", with: "slow: { contact: \"\(value)\" }")
        do {
            let it = try AggregatorConfiguration.parse(text, adapters: [stubSchema, officeSchema])
            #expect(it.classes["slow"]?.contact == value && it.classes["default"]?.contact == nil && problem == nil)
        } catch let error as ConfigurationError {
            let told = error.problems.map(\.description).joined()
            #expect(problem.map(told.contains) == true, "\(told)")
        }
    }

    @Test(
        "Configuration: each mistake in a rule is named with its place, what is wrong and what would be right",
        arguments: [
            (
                "rules: [ { action: mesage, verdict: deny } ]",
                "f:23:20 \"rules[0].action\": \"mesage\" is not one of presence, subscribe, fetch, attributes, message, watchers | did you mean \"message\"?"
            ),
            (
                "rules: [ { action: message } ]",
                "f:23:10 \"rules[0]\" lacks \"verdict\": Polite looks granted and is never served, for presence; ask leaves it to the owner's service | add one of allow, deny, polite, ask, for example: verdict: deny"
            ),
            (
                "rules: [ { action: message, party: everbody, verdict: deny } ]",
                "f:23:36 \"rules[0].party\": \"everbody\" is not an address, a domain, .domain for what is below it, class:NAME, contacts or everybody | did you mean \"everybody\"?"
            ),
            (
                "rules: [ { action: message, owner: contacts, verdict: deny } ]",
                "f:23:36 \"rules[0].owner\": \"contacts\" is not an address, a domain, class:NAME or everybody | for example: everybody"
            ),
            (
                "rules: [ { action: message, verdict: polite } ]",
                "f:23:38 \"rules[0].verdict\": polite is for presence and not for message | write verdict: deny"
            ),
            (
                "rules: [ { action: message, party: \"class:slwo\", verdict: deny } ]",
                "f:23:36 \"rules[0].party\": there is no \"slwo\" under \"classes\" | did you mean \"slow\"?"
            ),
            (
                "rules: [ { action: message, owner: a.exampel, verdict: deny } ]",
                "f:23:36 \"rules[0].owner\": \"a.exampel\" is not hosted here | did you mean \"a.example\"?"
            ),
            (
                "rules:\n- { action: fetch, party: b.example, verdict: deny }\n- { action: fetch, party: B.example, verdict: allow }",
                "f:25:3 \"rules[1]\" is about the same action, owner and party as the rule in line 24 | keep one of them"
            ),
            (
                "rules: [ { action: message, partys: b.example, verdict: deny } ]",
                "f:23:29 \"rules[0]\" has no key \"partys\" | did you mean \"party\"? For example: party: everybody"
            ),
            (
                "spam: { exempt: [ everybody ] }",
                "f:23:19 \"spam.exempt[0]\": \"everybody\" is not an address, a domain, .domain for what is below it, or class:NAME | for example: b.example"
            ),
            (
                "spam: { exempt: [ \"class:slo\" ] }",
                "f:23:19 \"spam.exempt\": there is no \"slo\" under \"classes\" | did you mean \"slow\"?"
            ),
        ]
    )
    func mistakes(more: String, expected: String) {
        #expect(problems(good + "\n" + more) == [expected])
    }

    @Test("Configuration: a domain belongs to one class, and to that which it names where it is hosted")
    func members() {
        let text = good.replacing("slow: { deadline: 2m }", with: "slow: { members: [ d.example, A.example ] }")
            .replacing("{ max-message: 32KiB }", with: "{ members: [ d.example ] }")
        #expect(
            problems(text) == [
                "f:11:22 \"d.example\" is a member of two classes, \"default\" and \"slow\" | keep one of them",
                "f:11:33 \"a.example\" is hosted here and no foreign member of a class | say its class under domains, for example: a.example: { class: slow, ... }",
            ]
        )
    }
}
