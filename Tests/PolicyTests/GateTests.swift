// SPDX-License-Identifier: Apache-2.0
import Configuration
import EnvelopeModel
import Testing

@testable import Policy

@Suite("The gate") struct GateTests {
    private func gate(_ more: String) throws -> Gate {
        let gate = Gate(try tables(more))
        let hosted = try domain("a.example")
        gate.isHosted = { $0 == hosted }
        return gate
    }

    private func tables(_ more: String) throws -> PolicyTables {
        let stub = SettingsSchema(word: "stub", "Users in memory", keys: [])
        let text = """
            name: north
            adapters: { demo: { kind: stub } }
            domains: { a.example: { adapter: demo } }

            """
        return PolicyTables(try AggregatorConfiguration.parse(text + more, adapters: [stub]))
    }

    private func codes(_ gate: Gate, _ envelopes: [Envelope], at now: Instant = at(0)) -> [UInt16?] {
        envelopes.map { gate.refusal(of: $0, now: now)?.code.rawValue }
    }

    @Test("IMX 6.4(4): whom a user here wrote to is no stranger after a restart either, and is written down once a day")
    func remembersContacts() throws {
        let strict = """
            classes:
              default: { first-contact: refuse }

            """
        let first = try gate(strict)
        var written: [[Address]] = []
        first.onContact = { written.append([$0, $1]) }
        let (ann, bob) = (try user("ann@a.example"), try user("bob@b.example"))
        let (out, back) = (
            try message(from: "ann@a.example", to: "bob@b.example"),
            try message(from: "bob@b.example", to: "ann@a.example")
        )
        #expect(codes(first, [back, out, back, out, out]) == [5004, nil, nil, nil, nil])
        #expect(written == [[ann, bob]], "and what comes from outside is not written down")
        #expect(codes(first, [out], at: at(86_401_000)) == [nil])
        #expect(written.count == 2)
        let second = try gate(strict)
        #expect(codes(second, [back]) == [5004])
        second.restoreContact(of: ann, with: bob, now: at(0))
        #expect(codes(second, [back]) == [nil])
        #expect(codes(second, [try message(from: "zoe@b.example", to: "ann@a.example")]) == [5004])
    }

    @Test("IMX 6.4(1): what a blocked domain sends is refused, whatever it is, from the moment that it is blocked")
    func blocks() throws {
        let gate = try gate("")
        let all = [
            try message(from: "bob@b.example", to: "ann@a.example"),
            try message(.getAttributes([]), from: "bob@b.example", to: "ann@a.example"),
            try message(
                .report(.init(about: #require(MessageID("m")), outcome: .delivered)),
                from: "bob@b.example",
                to: "ann@a.example"
            ),
        ]
        #expect(codes(gate, all) == [nil, nil, nil])
        gate.replace(try tables("block: [ b.example ]"))
        #expect(codes(gate, all) == [5004, 5004, 5004])
        #expect(codes(gate, [try message(from: "ann@a.example", to: "bob@b.example")]) == [nil])
        #expect(
            gate.decide(.subscribe, owner: try user("ann@a.example"), party: try user("bob@b.example")).verdict == .deny
        )
        #expect(gate.counts.first { $0.name == "blocked" }?.count == 3)
    }

    @Test(
        "RFC2779 2.3.5, RFC2779 5.4.10: a delivery rule refuses messages and nothing else, and of hosted owners alone"
    )
    func delivery() throws {
        let gate = try gate(
            """
            rules:
              - { action: message, verdict: deny }
              - { action: message, party: contacts, verdict: allow }
            """
        )
        let stranger = try message(from: "bob@b.example", to: "ann@a.example")
        #expect(codes(gate, [stranger]) == [5004])
        #expect(codes(gate, [try message(from: "ann@a.example", to: "bob@b.example")]) == [nil], "his side decides")
        #expect(codes(gate, [try message(.getAttributes([]), from: "bob@b.example", to: "ann@a.example")]) == [nil])
        gate.isContact = { owner, party in owner.description == "ann@a.example" && party.description == "bob@b.example"
        }
        #expect(codes(gate, [stranger]) == [nil])
        #expect(gate.counts.filter { $0.count > 0 }.map(\.name) == ["rule"])
    }

    @Test("IMX 6.4(4): whoever sends faster than people do is told when to try again, and counted by cause")
    func budgets() throws {
        let gate = try gate("classes: { default: { budgets: { sender-burst: 2, sender-per-minute: 6 } } }")
        let one = try message(from: "bob@b.example", to: "ann@a.example")
        #expect(codes(gate, [one, one, one]) == [nil, nil, 4004])
        #expect(gate.refusal(of: one, now: at(0))?.details?.retryAfter == 11)
        #expect(codes(gate, [one], at: at(10_000)) == [nil])
        gate.replace(try tables("classes: { default: { budgets: { sender-burst: 3, sender-per-minute: 6 } } }"))
        #expect(codes(gate, [one, one], at: at(10_000)) == [nil, 4004], "the fill stays")
        #expect(gate.counts.filter { $0.count > 0 }.map(\.count) == [3])
        var notice = Envelope.Details()
        notice.chatState = .composing
        let typing = try message(from: "zoe@b.example", to: "ann@a.example", body: .none, details: notice)
        #expect(codes(gate, Array(repeating: typing, count: 31)).last == 4004)
        #expect(codes(gate, Array(repeating: typing, count: 31)).count { $0 == nil } == 0)
    }

    @Test("IMX 6.4(4): a renewal of a live subscription counts for the domain alone, whoever is served by it")
    func renewals() throws {
        let gate = try gate("classes: { default: { budgets: { sender-burst: 2, sender-per-minute: 1 } } }")
        let wish = Envelope.Subscribe(id: try #require(SubscriptionID("s")), seconds: 600)
        let all = try (0..<4).map { try message(.subscribe(wish), from: "bob@b.example", to: "u\($0)@a.example") }
        #expect(codes(gate, all) == [nil, nil, 4004, 4004])
        gate.hasLease = { presentity, watcher in
            watcher.description == "bob@b.example" && presentity.description != "u0@a.example"
        }
        #expect(codes(gate, all) == [4004, nil, nil, nil])
    }

    @Test("IMX 6.4(4): without a word in the file, no person is slowed and no flood goes through")
    func defaults() throws {
        let gate = try gate("")
        let one = try message(from: "bob@b.example", to: "ann@a.example")
        let person = (0..<600).map { gate.refusal(of: one, now: at($0 * 500)) }
        #expect(person.allSatisfy { $0 == nil })
        let flood = (0..<2000).count { _ in gate.refusal(of: one, now: at(300_000)) == nil }
        #expect(flood == 200)
    }
}
