// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import Presence

/// Attributes of users.
extension Check {
    static let attributes: [Check] = [
        attribute(
            "attributes.answered",
            "each key has an answer of its own, whether it is known or not",
            proves: "IMX 2.5d",
            hint: "answer every key that was asked for, in order: a value, or a status that says why there is none"
        ) { bench in
            let known = bench.subject.attributeKeys
            let unknown = "harness.example/unheard-of"
            let found = try await bench.found(known + [unknown], of: bench.subject.knownUser)
            try bench.require(
                found.map(\.key) == known + [unknown],
                "an answer for each of \(known + [unknown])",
                seen: "\(found.map(\.key))"
            )
            for attribute in found {
                let isKnown = attribute.value != nil && attribute.status == nil
                let isRight = attribute.key == unknown ? attribute.value == nil && attribute.status != nil : isKnown
                try bench.require(isRight, "a value for what is known, a status for what is not", seen: "\(attribute)")
            }
        },
        attribute(
            "attributes.all",
            "without keys the answer has all that there are, each once",
            proves: "IMX 2.5d",
            hint: "no keys means all keys; leave out what has no value"
        ) { bench in
            let found = try await bench.found([], of: bench.subject.knownUser)
            let keys = Set(found.map(\.key))
            try bench.require(
                keys.isSuperset(of: bench.subject.attributeKeys) && keys.count == found.count,
                "\(bench.subject.attributeKeys) and perhaps more, each once",
                seen: "\(found.map(\.key))"
            )
            try bench.require(found.allSatisfy { $0.value != nil }, "values", seen: "\(found)")
        },
        attribute(
            "attributes.unknown-user",
            "of a user who does not exist nothing is made up",
            proves: "IMX 2.5d",
            needs: [.knowsItsUsers],
            hint: "5003 for the keys of somebody who does not exist"
        ) { bench in
            let found = try await bench.found(["alias", "presence"], of: bench.subject.unknownUser)
            let made = found.filter { $0.key == "presence" ? $0.text == "open" : $0.value != nil }
            try bench.require(made.isEmpty, "no name, and nobody there", seen: "\(made)")
        },
        attribute(
            "attributes.access",
            "attributes are for those who may see the user, and for nobody else",
            proves: "RFC2779 2.3.1",
            needs: [.showsPresence, .decidesLater],
            presence: true,
            hint: "the core asks for those alone who were approved; .approves is the user's own word",
            run: access
        ),
        attribute(
            "attributes.once",
            "each request is answered once, before its deadline",
            proves: "RFC2779 4.2.1",
            hint: "call `answer` once, at the latest at the deadline, with a status for what could not be found in time"
        ) { bench in
            _ = try await bench.attributes(bench.subject.attributeKeys, of: bench.subject.knownUser)
            await bench.quiet()
            try bench.require(bench.log.attributeAnswers == [1], "one answer", seen: "\(bench.log.attributeAnswers)")
        },
    ]

    private static func attribute(
        _ id: String,
        _ title: String,
        proves requirements: String...,
        needs: [Ability] = [],
        presence: Bool = false,
        hint: String,
        run: @escaping @Sendable (Bench) async throws -> Void
    ) -> Check {
        Check(
            id,
            title,
            proving: requirements,
            needs: needs,
            capabilities: [.attributes] + (presence ? [.presence] : []),
            hint: hint,
            run: run
        )
    }

    @Sendable private static func access(_ bench: Bench) async throws {
        let (user, watcher) = (bench.subject.knownUser, try bench.stranger())
        let keys = bench.subject.attributeKeys
        func requireRefused(_ whom: String) async throws {
            let outcome = try await bench.attributes(keys, of: user, for: watcher)
            let isRefused = outcome.code == .refused && outcome.details?.attributes.isEmpty ?? true
            try bench.require(isRefused, "5004 for \(whom)", seen: "\(outcome.code)")
        }
        try await requireRefused("a stranger")
        try await bench.ask(watcher)
        await bench.quiet()
        try await requireRefused("who was asked about, before the user has decided")
        try await bench.subject.act(.approves(user, watcher))
        try await bench.until("an active subscription", of: watcher) { $0.state == .active }
        let outcome = try await bench.attributes(keys, of: user, for: watcher)
        try bench.require(outcome.code == .delivered, "2000 for who was approved", seen: "\(outcome.code)")
        try await bench.subject.act(.refuses(user, watcher))
        try await bench.until("the end, 5004", of: watcher) { $0.state == .ended(.refused) }
        try await requireRefused("who was approved and is no more")
    }
}

extension Bench {
    /// Asks for attributes in the name of somebody whom the rules let through.
    fileprivate func attributes(_ keys: [String], of user: Address) async throws -> Outcome {
        desk.verdictOnAttributes = { _, _ in .allow }
        return try await attributes(keys, of: user, for: try stranger())
    }

    /// The same, where there must be an answer.
    fileprivate func found(_ keys: [String], of user: Address) async throws -> [Attribute] {
        let outcome = try await attributes(keys, of: user)
        try require(outcome.code == .delivered, "an answer, 2000", seen: "\(outcome.code)")
        return outcome.details?.attributes ?? []
    }
}
