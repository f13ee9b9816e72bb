// SPDX-License-Identifier: Apache-2.0
import Configuration
import EnvelopeModel
import Testing

@testable import Policy

@Suite("Access, delivery and visibility rules") struct RuleBookTests {
    static let classes = [
        "a.example": "default", "b.example": "partners", "c.b.example": "partners",
    ]

    private func decide(
        _ rules: [AccessRule],
        _ action: RuleBook.Action = .message,
        owner: String = "ann@a.example",
        party: String = "bob@b.example",
        isContact: Bool = false,
        blocked: Set<Domain> = []
    ) throws -> RuleBook.Decision {
        var classes: [Domain: String] = [:]
        for (name, word) in Self.classes { classes[try domain(name)] = word }
        let book = RuleBook(rules, classes: classes, blocked: blocked)
        let decision = book.decide(action, owner: try user(owner), party: try user(party)) { isContact }
        let explained = book.matching(action, owner: try user(owner), party: try user(party), isContact: isContact)
        if case .rule(let rule) = decision.reason { #expect(explained.first == rule) }
        if decision.reason == .noRule { #expect(explained.isEmpty) }
        return decision
    }

    @Test(
        "RFC2779 5.4.10, RFC2779 2.3.5: a rule about any kind of party decides who may send",
        arguments: [
            ("bob@b.example", true), ("bo*@b.example", true), ("*b@b.example", true), ("b*o*b@b.example", true),
            ("*@b.example", true), ("b.example", true), (".example", true), ("class:partners", true),
            ("contacts", true), ("everybody", true), ("Bob@b.example", false), ("bob@c.b.example", false),
            ("bo*x@b.example", false), ("c.b.example", false), (".b.example", false), ("class:default", false),
        ]
    )
    func parties(party: String, speaks: Bool) throws {
        let decision = try decide([try rule("deny", "message", for: party)], isContact: true)
        #expect(decision.verdict == (speaks ? .deny : .ask))
    }

    @Test(
        "RFC2779 5.1.13: of several rules about one party the most specific decides, wherever it stands",
        arguments: [
            [
                "bob@b.example", "bob*@b.example", "bo*@b.example", "b.example", ".example", "class:partners",
                "contacts", "everybody",
            ]
        ]
    )
    func partySpecificity(patterns: [String]) throws {
        for more in patterns.indices {
            for less in patterns.indices where less > more {
                let pair = [
                    try rule("deny", "subscribe", for: patterns[more]),
                    try rule("allow", "subscribe", for: patterns[less]),
                ]
                for rules in [pair, pair.reversed()] {
                    let decision = try decide(rules, .subscribe, isContact: true)
                    #expect(decision.rule == pair[0], "\(patterns[more]) before \(patterns[less])")
                }
            }
        }
        let longer = [try rule("deny", "fetch", for: ".b.example"), try rule("allow", "fetch", for: ".example")]
        #expect(try decide(longer, .fetch, party: "eve@x.c.b.example").verdict == .deny)
        #expect(try decide(longer, .fetch, party: "eve@x.example").verdict == .allow)
    }

    @Test("RFC2779 2.3.1, RFC2779 2.3.2: a user's rule comes before the domain's, the domain's before its class's")
    func ownerSpecificity() throws {
        let owners = ["ann@a.example", "a.example", "class:default", "everybody"]
        for more in owners.indices {
            for less in owners.indices where less > more {
                // The less specific owner has the more specific party, and still gives way.
                let pair = [
                    try rule("deny", "presence", to: owners[more], for: "everybody"),
                    try rule("allow", "presence", to: owners[less], for: "bob@b.example"),
                ]
                for rules in [pair, pair.reversed()] {
                    #expect(try decide(rules, .fetch).rule == pair[0], "\(owners[more]) before \(owners[less])")
                }
            }
        }
        let others = [try rule("deny", "fetch", to: "ann@a.example", for: "everybody")]
        #expect(try decide(others, .fetch, owner: "zoe@a.example").verdict == .ask)
    }

    @Test("RFC2779 2.3.2: presence is to subscribe, to fetch and to read attributes, and one of them alone comes first")
    func actions() throws {
        let rules = [
            try rule("polite", "presence", for: "b.example"), try rule("allow", "fetch", for: "b.example"),
            try rule("deny", "watchers", for: "b.example"),
        ]
        let verdicts = try RuleBook.Action.allCases.map { try decide(rules, $0).verdict }
        #expect(verdicts == [.polite, .allow, .polite, .ask, .deny])
        #expect(RuleBook.Action.allCases.map(\.rawValue) == AccessRule.actions.filter { $0 != "presence" })
        #expect(RuleBook.Verdict.allCases.map(\.rawValue) == AccessRule.verdicts)
    }

    @Test("RFC2779 2.3.1: oneself may see everything of oneself, and a blocked domain nothing of anybody")
    func oneselfAndBlocked() throws {
        let rules = [
            try rule("deny", "presence", for: "everybody"), try rule("allow", "message", for: "bob@b.example"),
        ]
        #expect(try decide(rules, .fetch, party: "ann@a.example").reason == .oneself)
        #expect(try decide(rules, .message, blocked: [try domain("b.example")]).reason == .blocked)
        #expect(try decide([], .message).verdict == .ask)
    }

    @Test("whether somebody is a contact is asked once at most, and only where a rule would care")
    func asksRarely() throws {
        var asked = 0
        func ask(_ rules: [AccessRule]) throws {
            asked = 0
            _ = RuleBook(rules).decide(.message, owner: try user("ann@a.example"), party: try user("bob@b.example")) {
                asked += 1
                return false
            }
        }
        try ask([try rule("allow", "message", for: "everybody"), try rule("allow", "fetch", for: "contacts")])
        #expect(asked == 0)
        try ask([
            try rule("allow", "message", for: "contacts"),
            try rule("allow", "message", to: "ann@a.example", for: "contacts"),
        ])
        #expect(asked == 1)
    }

    @Test("a rule prints as the file writes it, with its place")
    func printing() throws {
        let position = SettingsPosition(file: "f", line: 3, column: 5)
        let written = AccessRule(
            "deny",
            "message",
            party: try #require(PartyPattern("news-*@b.example")),
            position: position
        )
        let text = "{ action: message, owner: everybody, party: \"news-*@b.example\", verdict: deny }"
        #expect(written.description == text)
        for text in ["bob@b.example", "b.example", ".b.example", "class:x", "contacts", "everybody", "*@localhost"] {
            #expect(PartyPattern(text)?.description == text)
        }
        for text in ["", ".", "localhost", "@b.example", "a b", "b..example", "everbody"] {
            #expect(PartyPattern(text) == nil)
        }
    }
}
