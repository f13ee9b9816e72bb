// SPDX-License-Identifier: Apache-2.0
import AdapterKit
public import Configuration
public import EnvelopeModel

import struct NIOCore.ByteBuffer

/// How a user of the stub behaves.
public struct StubUser: Sendable, Hashable {
    /// What the user answers; `{text}` stands for the text that came. Nil for no answer.
    public var reply: String?
    /// How long the user takes.
    public var delay: Interval
    /// How every message to the user ends; nil for a user who never lets a message end.
    public var outcome: Outcome?
    /// What others see of the user; empty for somebody who is there and says nothing, nil for somebody who is not.
    public var status: String? = ""
    /// Whether everybody who asks may see it.
    public var approves = true
    /// What the user is called.
    public var alias: String?

    /// Makes a user; by default one who takes every message at once and says nothing.
    public init(reply: String? = nil, delay: Interval = .zero, outcome: Outcome? = .delivered) {
        self.reply = reply
        self.delay = delay
        self.outcome = outcome
    }

    static func fill(_ reply: String, with text: String) -> String {
        guard let place = reply.firstRange(of: "{text}") else { return reply }
        return reply[..<place.lowerBound] + text + reply[place.upperBound...]
    }
}

/// The settings of one stub.
public struct StubSettings: Sendable {
    /// The users by local part. Each of them lives at every domain of the adapter.
    public var users: [String: StubUser]

    /// Makes settings.
    public init(users: [String: StubUser] = [:]) {
        self.users = users
    }

    /// Reads a section that was checked against ``schema``.
    ///
    /// - Throws: ``Configuration/ConfigurationError`` where a name cannot be a local part.
    public init(_ section: Settings) throws {
        users = [:]
        for (name, row) in try section.table("users") {
            guard Address.isLegalLocalPart(ByteBuffer(string: name)) else {
                throw ConfigurationError([
                    section.problem(
                        at: "users",
                        "\"\(name)\" cannot be a local part",
                        remedy: "write the part before the @, of at most \(Address.localPartLimit) octets"
                    )
                ])
            }
            let outcome = try row.text("outcome")
            var user = StubUser(
                reply: row.has("reply") ? try row.text("reply") : nil,
                delay: try row.duration("delay"),
                outcome: outcome == "silent" ? nil : Outcome(UInt16(outcome).map(OutcomeCode.init) ?? .delivered)
            )
            user.status = try row.flag("away") ? nil : row.has("status") ? try row.text("status") : ""
            user.approves = try row.flag("approves")
            user.alias = row.has("alias") ? try row.text("alias") : nil
            users[name] = user
        }
    }

    /// The users by the octets of their local parts.
    var residents: [ByteBuffer: StubUser] {
        Dictionary(uniqueKeysWithValues: users.map { (ByteBuffer(string: $0.key), $0.value) })
    }

    /// The adapter's keys in the configuration file.
    public static let schema = SettingsSchema(
        word: StubAdapter.descriptor.kind,
        "Users in memory who answer, refuse or keep silent as they are told",
        keys: [
            SettingsKey(
                "users",
                .table(names: .text, values: .section(user), example: "alice: {}"),
                .required,
                "The users by local part; each of them lives at every domain of this adapter"
            )
        ]
    )

    private static let user: [SettingsKey] = [
        SettingsKey(
            "reply",
            .text,
            .optional,
            example: "you said {text}",
            "What the user answers; {text} stands for the text that came"
        ),
        SettingsKey(
            "delay",
            .duration(.zero ... .seconds(600)),
            .defaultsTo("0s"),
            "How long the user takes before a message ends"
        ),
        SettingsKey(
            "outcome",
            .choice(["delivered", "silent"] + OutcomeCode.known.map(\.description)),
            .defaultsTo("delivered"),
            "How messages to the user end: delivered, never (silent), or with this code"
        ),
        SettingsKey("status", .text, .optional, example: "in a meeting", "What others see of the user"),
        SettingsKey("away", .flag, .defaultsTo("false"), "Whether others see that the user is not there"),
        SettingsKey("approves", .flag, .defaultsTo("true"), "Whether everybody who asks may see the user"),
        SettingsKey("alias", .text, .optional, example: "Alice Example", "What the user is called"),
    ]
}
