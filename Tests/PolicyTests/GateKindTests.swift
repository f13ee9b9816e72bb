// SPDX-License-Identifier: Apache-2.0
import Configuration
import EnvelopeModel
import Testing

@testable import Policy

/// What an envelope counts as at the gate, and whose budgets and rules it is under.
@Suite("What the gate takes an envelope for") struct GateKindTests {
    private func gate(_ more: String = "", row: String = "adapter: demo") throws -> Gate {
        let stub = SettingsSchema(word: "stub", "Users in memory", keys: [])
        let text = """
            name: north
            adapters: { demo: { kind: stub } }
            domains: { a.example: { \(row) } }

            """
        let gate = Gate(PolicyTables(try AggregatorConfiguration.parse(text + more, adapters: [stub])))
        let hosted = try domain("a.example")
        gate.isHosted = { $0 == hosted }
        return gate
    }

    private func codes(_ gate: Gate, _ envelopes: [Envelope]) -> [UInt16?] {
        envelopes.map { gate.refusal(of: $0, now: at(0))?.code.rawValue }
    }

    private func typing(_ body: Body) throws -> Envelope {
        var details = Envelope.Details()
        details.chatState = .composing
        return try message(from: "bob@b.example", to: "ann@a.example", body: body, details: details)
    }

    @Test("IMX 6.4(4): whoever looks once, or ends what holds, renews nothing, whatever lease there is")
    func looks() throws {
        let gate = try gate("classes: { default: { budgets: { sender-burst: 2, sender-per-minute: 1 } } }")
        gate.hasLease = { _, _ in true }
        let look = Envelope.Subscribe(id: try #require(SubscriptionID("s")), seconds: 0)
        let all = try (0..<4).map { try message(.subscribe(look), from: "bob@b.example", to: "u\($0)@a.example") }
        #expect(codes(gate, all) == [nil, nil, 4004, 4004])
    }

    @Test("RFC2779 2.3.5: who may not send a message may not show that one is being written either")
    func typingUnderRules() throws {
        let gate = try gate("rules: [ { action: message, verdict: deny } ]")
        #expect(codes(gate, [try typing(.none)]) == [5004])
    }

    @Test("IMX 6.4(4): a message costs what a message costs, though it says what its author does too")
    func typingWithText() throws {
        let gate = try gate("classes: { default: { budgets: { sender-burst: 2, sender-per-minute: 1 } } }")
        #expect(codes(gate, Array(repeating: try typing(.parts([.text("hi")])), count: 3)) == [nil, nil, 4004])
        #expect(codes(gate, Array(repeating: try typing(.none), count: 1)) == [4004], "there is nothing left at all")
    }

    @Test("IMX 6.4(4), RFC2779 2.3.5: a domain here is under the budgets and the rules of its class")
    func hostedClass() throws {
        let more = """
            classes: { quiet: { first-contact: refuse } }
            rules: [ { action: message, owner: "class:quiet", party: bob@b.example, verdict: deny } ]
            """
        let gate = try gate(more, row: "adapter: demo, class: quiet")
        #expect(codes(gate, [try message(from: "zoe@b.example", to: "ann@a.example")]) == [5004])
        #expect(codes(gate, [try message(from: "bob@b.example", to: "ann@a.example")]) == [5004])
        #expect(gate.counts.filter { $0.count > 0 }.map(\.name) == ["rule", "stranger"])
        // Strangers are a matter of recipients here: the other side decides for its own.
        #expect(codes(gate, [try message(from: "ann@a.example", to: "bob@b.example")]) == [nil])
    }

    @Test("RFC2779 2.3.1: oneself may do everything, with rules and without")
    func oneself() throws {
        let ann = try user("ann@a.example")
        for gate in [try gate(), try gate("rules: [ { action: presence, verdict: deny } ]")] {
            for action in RuleBook.Action.allCases {
                let decision = gate.decide(action, owner: ann, party: ann)
                #expect(decision.verdict == .allow && decision.reason == .oneself)
            }
        }
    }
}
