// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

/// The keys of a class and of a hosted domain.
extension AggregatorKeys {
    static let domainClass: [SettingsKey] = ownClassKeys + classPolicy

    private static let ownClassKeys: [SettingsKey] = [
        SettingsKey(
            "trust",
            .choice(["dialback", "tls", "certificate"]),
            .defaultsTo("dialback"),
            "What a foreign domain must show at least: dial-back, dial-back over TLS, or a certificate (authority or DANE)"
        ),
        SettingsKey(
            "max-message",
            .size(1024...(16 << 20)),
            .defaultsTo("64KiB"),
            "The largest message content that users of the domain may send or get"
        ),
        SettingsKey(
            "deadline",
            .duration(.seconds(1) ... .seconds(600)),
            .defaultsTo("30s"),
            "How long a message may wait before its sender is told that it expired"
        ),
        SettingsKey(
            "lease",
            .duration(.seconds(10) ... .seconds(7 * 86_400)),
            .defaultsTo("30m"),
            "The longest time that a subscription to a user's presence is granted before it must be renewed"
        ),
        SettingsKey(
            "least-lease",
            .duration(.seconds(10) ... .seconds(86_400)),
            .defaultsTo("1m"),
            "The shortest such time; watchers who wish for less are granted this"
        ),
        SettingsKey(
            "lane-messages",
            .integer(1...1_000_000),
            .defaultsTo("4096"),
            "Messages without an outcome in one lane before it answers try later"
        ),
        SettingsKey(
            "lane-octets",
            .size((64 << 10)...(1 << 30)),
            .defaultsTo("8MiB"),
            "Octets of the messages without an outcome in one lane before it answers try later"
        ),
        SettingsKey(
            "contact",
            .text,
            .optional,
            example: "mailto:abuse@a.example",
            "Where others may complain about users of the class, a URI; it is told to everybody who asks"
        ),
    ]

    static let domain: [SettingsKey] = [
        SettingsKey(
            "adapter",
            .reference(to: "adapters"),
            .required,
            example: "demo",
            "The name of the adapter that reaches the domain's users"
        ),
        SettingsKey(
            "class",
            .reference(to: "classes"),
            .defaultsTo("default"),
            "The name of the class whose settings the domain follows"
        ),
    ]
}
