// SPDX-License-Identifier: Apache-2.0
import Configuration
import EnvelopeModel
import Testing

@testable import Policy

@Suite("Budgets of senders, domains and recipients") struct SpamGuardTests {
    private static func budgets(
        sender: (Int, Int) = (0, 1),
        domain: (Int, Int) = (0, 1),
        recipient: (Int, Int) = (0, 1),
        firstContact: String = "allow",
        strangers: (Int, Int) = (0, 1)
    ) -> AggregatorConfiguration.Budgets {
        var budgets = AggregatorConfiguration.Budgets()
        budgets.sender = .init(burst: sender.0, perMinute: sender.1)
        budgets.domain = .init(burst: domain.0, perMinute: domain.1)
        budgets.recipient = .init(burst: recipient.0, perMinute: recipient.1)
        budgets.strangers = .init(burst: strangers.0, perMinute: strangers.1)
        budgets.firstContact = firstContact
        return budgets
    }

    /// What the guard says to so many messages.
    private func send(
        _ count: Int,
        _ kind: SpamGuard.Kind = .message,
        from: (Int) -> String = { _ in "bob@b.example" },
        to: (Int) -> String = { _ in "ann@a.example" },
        at now: Instant,
        _ spam: inout SpamGuard,
        knows: Bool = false
    ) throws -> [SpamGuard.Cause?] {
        try (0..<count).map { number in
            spam.admit(kind, from: try user(from(number)), to: try user(to(number)), now: now) { knows }?.cause
        }
    }

    @Test("IMX 6.4(4): a burst passes, the next is told when to try again, and then passes")
    func senderBucket() throws {
        var spam = SpamGuard(SpamSettings(plain: Self.budgets(sender: (5, 60))))
        #expect(try send(5, at: at(0), &spam).allSatisfy { $0 == nil })
        let bob = try user("bob@b.example")
        let ann = try user("ann@a.example")
        let refused = try #require(spam.admit(.message, from: bob, to: ann, now: at(250)) { false })
        #expect(refused.cause == .sender && refused.wait == .milliseconds(750))
        #expect(refused.outcome.code == .rateLimited && refused.outcome.details?.retryAfter == 1)
        #expect(try send(1, from: { _ in "zoe@b.example" }, at: at(250), &spam) == [nil], "another sender's is its own")
        #expect(try send(2, at: at(1000), &spam) == [nil, .sender])
        #expect(try send(6, at: at(3_600_000), &spam) == [nil, nil, nil, nil, nil, .sender], "no more than the burst")
        #expect(spam.counts == [.sender: 3])
    }

    @Test(
        "IMX 6.4(3), IMX 6.4(4): a sender's domain and a recipient have budgets of their own, and what one refuses costs no other"
    )
    func domainAndRecipient() throws {
        var spam = SpamGuard(SpamSettings(plain: Self.budgets(sender: (2, 60), domain: (4, 60), recipient: (3, 60))))
        let causes = try send(6, from: { "u\($0)@b.example" }, to: { "r\($0)@a.example" }, at: at(0), &spam)
        #expect(causes == [nil, nil, nil, nil, .domain, .domain])
        #expect(try send(4, from: { "bob@d\($0).example" }, at: at(0), &spam) == [nil, nil, nil, .recipient])
        // Whom the recipient's budget refused has paid nothing.
        #expect(
            try send(3, from: { _ in "bob@d3.example" }, to: { "q\($0)@a.example" }, at: at(0), &spam) == [
                nil, nil, .sender,
            ]
        )
        #expect(spam.counts == [.domain: 2, .recipient: 1, .sender: 1])
    }

    @Test(
        "IMX 6.4(4): senders that are exempt pass every budget",
        arguments: ["bob@b.example", "bo*@b.example", "b.example", ".example", "class:services"]
    )
    func exempt(pattern: String) throws {
        var settings = AggregatorConfiguration.Spam()
        settings.exempt = [try #require(PartyPattern(pattern))]
        let budgets = Self.budgets(sender: (1, 1), domain: (1, 1), recipient: (1, 1), firstContact: "refuse")
        var spam = SpamGuard(SpamSettings(settings, plain: budgets, classOf: [try domain("b.example"): "services"]))
        #expect(try send(100, at: at(0), &spam).allSatisfy { $0 == nil })
        #expect(try send(1, from: { _ in "eve@elsewhere.test" }, at: at(0), &spam) == [.stranger])
    }

    @Test(
        "IMX 6.4(4): wishes to see count as messages, typing notices and questions less, notifications for the domain alone"
    )
    func costs() throws {
        let plain = Self.budgets(sender: (1, 1), domain: (2, 1))
        var spam = SpamGuard(SpamSettings(plain: plain))
        #expect(try send(2, .subscribe, at: at(0), &spam) == [nil, .sender])
        #expect(try send(6, .attributes, from: { _ in "u@b.example" }, at: at(0), &spam).compactMap { $0 } == [.sender])
        spam = SpamGuard(SpamSettings(plain: plain))
        #expect(try send(11, .chatState, at: at(0), &spam).compactMap { $0 } == [.sender])
        #expect(try send(11, .notify, at: at(0), &spam).compactMap { $0 } == [.domain])
        spam = SpamGuard(SpamSettings(plain: plain))
        #expect(try send(21, .renewal, at: at(0), &spam).compactMap { $0 } == [.domain])
    }

    @Test("IMX 6.4(4): strangers are refused, or limited, until the recipient has written to them or approved them")
    func strangers() throws {
        let refusing = Self.budgets(firstContact: "refuse")
        var spam = SpamGuard(SpamSettings(plain: refusing))
        let bob = try user("bob@b.example")
        let ann = try user("ann@a.example")
        let refused = try #require(spam.admit(.message, from: bob, to: ann, now: at(0)) { false })
        #expect(refused.cause == .stranger && refused.outcome.code == .refused && refused.wait == nil)
        #expect(try send(1, at: at(0), &spam, knows: true) == [nil])
        #expect(try send(1, .subscribe, at: at(0), &spam) == [nil], "how else would they meet")
        // She writes to him, whose side decides for him; he may answer.
        let hosted = try domain("a.example")
        spam.isHosted = { $0 == hosted }
        #expect(try send(1, from: { _ in "ann@a.example" }, to: { _ in "bob@b.example" }, at: at(1), &spam) == [nil])
        #expect(try send(2, at: at(2), &spam) == [nil, nil])
        #expect(try send(1, from: { _ in "Bob@b.example" }, at: at(2), &spam) == [.stranger])

        spam = SpamGuard(SpamSettings(plain: Self.budgets(firstContact: "limit", strangers: (2, 1))))
        #expect(try send(3, to: { "r\($0)@a.example" }, at: at(0), &spam) == [nil, nil, .strangers])
        #expect(try send(5, at: at(0), &spam, knows: true).allSatisfy { $0 == nil })
    }

    @Test(
        "IMX 6.4(4), S41: strangers may ask to see, but each only so often; who looks or is known asks nobody",
        arguments: ["limit", "refuse"]
    )
    func strangersWishes(firstContact: String) throws {
        let budgets = Self.budgets(firstContact: firstContact, strangers: (2, 1))
        var spam = SpamGuard(SpamSettings(plain: budgets))
        #expect(
            try send(4, .subscribe, to: { "r\($0)@a.example" }, at: at(0), &spam) == [nil, nil, .strangers, .strangers]
        )
        let bob = try user("bob@b.example")
        let refused = try #require(
            spam.admit(.subscribe, from: bob, to: try user("ann@a.example"), now: at(0)) { false }
        )
        #expect(refused.outcome.code == .rateLimited && refused.wait == .seconds(60))
        #expect(try send(9, .subscribe, at: at(0), &spam, knows: true).allSatisfy { $0 == nil })
        #expect(try send(9, .fetch, at: at(0), &spam).allSatisfy { $0 == nil })
        #expect(try send(9, .renewal, at: at(0), &spam).allSatisfy { $0 == nil })
        spam = SpamGuard(SpamSettings(plain: Self.budgets(strangers: (2, 1))))
        #expect(try send(9, .subscribe, at: at(0), &spam).allSatisfy { $0 == nil }, "where strangers are welcome")
    }

    @Test("IMX 6.4(4): what budgets would say can be asked, and costs nobody anything")
    func outlook() throws {
        var settings = AggregatorConfiguration.Spam()
        settings.exempt = [try #require(PartyPattern("news@b.example"))]
        var spam = SpamGuard(
            SpamSettings(
                settings,
                plain: Self.budgets(sender: (1, 60)),
                classes: ["shy": Self.budgets(firstContact: "refuse")],
                classOf: [try domain("a.example"): "shy"]
            )
        )
        let (ann, bob, news) = (try user("ann@a.example"), try user("bob@b.example"), try user("news@b.example"))
        let stranger = spam.outlook(.message, from: bob, to: ann, now: at(0)) { false }
        #expect(stranger.refusal?.cause == .stranger && !stranger.isKnown && stranger.firstContact == "refuse")
        #expect(stranger.recipientClass == "shy" && stranger.senderClass == "default")
        for _ in 0..<5 { #expect(spam.outlook(.message, from: bob, to: ann, now: at(0)) { true }.refusal == nil) }
        #expect(spam.admit(.message, from: bob, to: ann, now: at(0)) { true } == nil)
        let spent = spam.outlook(.message, from: bob, to: ann, now: at(0)) { true }
        #expect(spent.refusal?.cause == .sender && spent.refusal?.wait == .seconds(1) && spent.isKnown)
        let exempt = spam.outlook(.message, from: news, to: ann, now: at(0)) { false }
        #expect(exempt.isExempt && exempt.refusal == nil)
        #expect(spam.counts.isEmpty, "nobody was refused anything")
        #expect(spam.perMinute(ofSendersAt: bob.domain) == 60 && spam.perMinute(ofSendersAt: ann.domain) == nil)
    }

    @Test("IMX 6.4(4): a budget keeps its fill when the configuration changes, and follows the new one from then on")
    func reload() throws {
        var spam = SpamGuard(SpamSettings(plain: Self.budgets(sender: (10, 60))))
        #expect(try send(10, at: at(0), &spam).allSatisfy { $0 == nil })
        spam.settings = SpamSettings(plain: Self.budgets(sender: (12, 60)))
        #expect(try send(3, at: at(0), &spam) == [nil, nil, .sender])
        // A much smaller one is at most spent: one message is there after a second, and not after eleven.
        spam.settings = SpamSettings(plain: Self.budgets(sender: (1, 60)))
        #expect(try send(1, at: at(999), &spam) == [.sender])
        #expect(try send(1, at: at(1000), &spam) == [nil])
    }

    @Test("IMX 6.4(4): each class has its own budgets, for its members abroad too")
    func classes() throws {
        let spamSettings = SpamSettings(
            plain: Self.budgets(sender: (1, 1)),
            classes: ["bots": Self.budgets(sender: (3, 1))],
            classOf: [try domain("b.example"): "bots"]
        )
        var spam = SpamGuard(spamSettings)
        #expect(try send(4, at: at(0), &spam) == [nil, nil, nil, .sender])
        #expect(try send(2, from: { _ in "bob@c.example" }, at: at(0), &spam) == [nil, .sender])
    }

    @Test("IMX 6.4(4), S41: a crowd of made-up senders takes no more memory and makes no honest sender pay")
    func crowd() throws {
        var settings = AggregatorConfiguration.Spam()
        settings.remembered = 1024
        var spam = SpamGuard(SpamSettings(settings, plain: Self.budgets(sender: (2, 1), domain: (50_000, 1))))
        #expect(try send(20_000, from: { "u\($0)@evil.example" }, at: at(0), &spam).allSatisfy { $0 == nil })
        #expect(try send(2, at: at(1), &spam) == [nil, nil])
        #expect(try send(30_001, from: { "v\($0)@evil.example" }, at: at(2), &spam).last == .domain)
        #expect(spam.rememberedSenders == 1024)
    }
}
