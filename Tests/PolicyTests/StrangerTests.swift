// SPDX-License-Identifier: Apache-2.0
import Configuration
import EnvelopeModel
import Testing

@testable import Policy

/// Who is a stranger, and what is remembered of it; and what budgets do together.
@Suite("Strangers and sums of budgets") struct StrangerTests {
    private static func budgets(
        sender: (Int, Int) = (0, 1),
        domain: (Int, Int) = (0, 1),
        firstContact: String = "allow"
    ) -> AggregatorConfiguration.Budgets {
        var budgets = AggregatorConfiguration.Budgets()
        budgets.sender = .init(burst: sender.0, perMinute: sender.1)
        budgets.domain = .init(burst: domain.0, perMinute: domain.1)
        budgets.recipient = .init(burst: 0, perMinute: 1)
        budgets.firstContact = firstContact
        return budgets
    }

    private func guardOf(
        _ plain: AggregatorConfiguration.Budgets,
        remembered: Int = 1024,
        classes: [String: AggregatorConfiguration.Budgets] = [:],
        classOf: [Domain: String] = [:]
    ) throws -> SpamGuard {
        var settings = AggregatorConfiguration.Spam()
        settings.remembered = remembered
        var spam = SpamGuard(SpamSettings(settings, plain: plain, classes: classes, classOf: classOf))
        let hosted = try domain("a.example")
        spam.isHosted = { $0 == hosted }
        return spam
    }

    private func send(
        _ sender: String,
        _ recipient: String,
        _ spam: inout SpamGuard,
        kind: SpamGuard.Kind = .message,
        knows: Bool = false
    ) throws -> SpamGuard.Refusal? {
        spam.admit(kind, from: try user(sender), to: try user(recipient), now: at(0)) { knows }
    }

    @Test("IMX 6.4(4): a message that was refused introduces nobody")
    func refused() throws {
        var spam = try guardOf(Self.budgets(sender: (1, 1), firstContact: "refuse"))
        #expect(try send("ann@a.example", "zoe@c.example", &spam) == nil)
        #expect(try send("ann@a.example", "bob@b.example", &spam)?.cause == .sender)
        #expect(try send("bob@b.example", "ann@a.example", &spam)?.cause == .stranger)
        #expect(try send("zoe@c.example", "ann@a.example", &spam) == nil)
    }

    @Test("IMX 6.4(4): whom users here have written to is not pushed out by what others write")
    func flood() throws {
        var spam = try guardOf(Self.budgets(firstContact: "refuse"), remembered: 16)
        #expect(try send("ann@a.example", "bob@b.example", &spam) == nil)
        for number in 0..<1_000 {
            #expect(try send("u\(number)@b.example", "ann@a.example", &spam, knows: true) == nil)
        }
        #expect(try send("bob@b.example", "ann@a.example", &spam) == nil)
    }

    @Test("IMX 6.4(4): where one class alone minds strangers, whoever its users have written to is none")
    func oneClass() throws {
        let (quiet, hosted) = (Self.budgets(firstContact: "refuse"), try domain("a.example"))
        var spam = try guardOf(Self.budgets(), classes: ["quiet": quiet], classOf: [hosted: "quiet"])
        #expect(try send("bob@b.example", "ann@a.example", &spam)?.cause == .stranger)
        #expect(try send("ann@a.example", "bob@b.example", &spam) == nil)
        #expect(try send("bob@b.example", "ann@a.example", &spam) == nil)
    }

    @Test("IMX 6.4(4): strangers are so to users here alone, and a word for them that nobody knows refuses them")
    func elsewhere() throws {
        var spam = try guardOf(Self.budgets(firstContact: "whatever"))
        #expect(try send("ann@a.example", "bob@b.example", &spam) == nil)
        #expect(try send("bob@b.example", "zoe@c.example", &spam) == nil)
        #expect(try send("bob@b.example", "eve@a.example", &spam)?.cause == .stranger)
    }

    @Test("IMX 6.4(4): of several budgets that are spent, the one that takes longest says when to try again")
    func longest() throws {
        var spam = try guardOf(Self.budgets(sender: (1, 6), domain: (1, 60)))
        #expect(try send("bob@b.example", "ann@a.example", &spam) == nil)
        #expect(try send("bob@b.example", "ann@a.example", &spam)?.wait == .seconds(10))
    }

    @Test("IMX 6.4(4): what costs more than a whole budget waits for a full one, and not for ever")
    func dear() throws {
        var settings = AggregatorConfiguration.Spam()
        settings.subscribeCost = 500
        var spam = SpamGuard(SpamSettings(settings, plain: Self.budgets(sender: (3, 60))))
        #expect(try send("bob@b.example", "ann@a.example", &spam, kind: .subscribe) == nil)
        #expect(try send("bob@b.example", "ann@a.example", &spam, kind: .subscribe)?.wait == .seconds(3))
    }
}
