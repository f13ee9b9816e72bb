// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel

/// The keys that say who may do what, and how much of it.
extension AggregatorKeys {
    static let rules = SettingsKey(
        "rules",
        .list(.section(accessRule), count: 0...100_000),
        .defaultsTo("[]"),
        example: "[ { action: message, party: contacts, verdict: allow } ]",
        "Who may see, watch and write to whom; the most specific rule decides: first by owner, then by party"
    )

    private static let accessRule: [SettingsKey] = [
        SettingsKey(
            "action",
            .choice(AccessRule.actions),
            .required,
            example: "message",
            "What is asked for; presence is subscribe, fetch and attributes; watchers is who watches the owner"
        ),
        SettingsKey(
            "owner",
            .party(.owner),
            .defaultsTo("everybody"),
            "Whose presence, inbox or watchers it is: a user, a domain or a class that is hosted here"
        ),
        SettingsKey("party", .party(.party), .defaultsTo("everybody"), "Who wishes to see, to write or to know"),
        SettingsKey(
            "verdict",
            .choice(AccessRule.verdicts),
            .required,
            example: "deny",
            "Polite looks granted and is never served, for presence; ask leaves it to the owner's service"
        ),
    ]

    static let spam: [SettingsKey] = [
        SettingsKey(
            "exempt",
            .list(.party(.sender), count: 0...10_000),
            .defaultsTo("[]"),
            "Senders that no budget and no rule about strangers applies to: approved notification services, chat rooms"
        ),
        SettingsKey(section: "costs", costs, "What each operation costs, in hundredths of a message"),
        SettingsKey(
            "remembered",
            .integer(1024...16_777_216),
            .defaultsTo("65536"),
            "Senders, domains, recipients and correspondents that are remembered, of each kind; 24 octets each"
        ),
    ]

    private static let costs: [SettingsKey] = [
        cost("chat-state", "10", "A typing notice, or a report about a message"),
        cost("subscribe", "100", "A wish to see presence"),
        cost("attributes", "20", "A question for attributes"),
        cost(
            "notify",
            "10",
            "A notification or a renewal of a wish to see; it counts for the sender's domain alone"
        ),
    ]

    private static func cost(_ name: String, _ value: String, _ summary: String) -> SettingsKey {
        SettingsKey(name, .integer(0...10_000), .defaultsTo(value), summary)
    }

    /// Keys of a class.
    static let classPolicy: [SettingsKey] = [
        SettingsKey(
            "members",
            .list(.domain, count: 0...100_000),
            .defaultsTo("[]"),
            "Foreign domains that rules and budgets count to the class; others have the budgets of the class default"
        ),
        SettingsKey(
            "first-contact",
            .choice(["allow", "limit", "refuse"]),
            .defaultsTo("allow"),
            "Messages from strangers: the recipient never wrote to them and has not approved them; wishes to see are limited"
        ),
        SettingsKey(
            section: "budgets",
            budgets,
            "How much users of the class may send and get; a burst of 0 is no limit"
        ),
    ]

    private static let budgets: [SettingsKey] = [
        budget("sender-burst", "200", "Messages that one user may send at once"),
        rate("sender-per-minute", "600", "Messages a minute that one user may send after that"),
        budget("domain-burst", "0", "Messages that all users of one domain together may send at once"),
        rate("domain-per-minute", "60000", "Messages a minute that they may send after that"),
        budget("recipient-burst", "0", "Messages that one user may get at once"),
        rate("recipient-per-minute", "600", "Messages a minute that one user may get after that"),
        budget(
            "strangers-burst",
            "5",
            "Messages to strangers and wishes to see them that one user may send at once, where not all are allowed"
        ),
        rate("strangers-per-minute", "1", "The same a minute, after that"),
    ]

    private static func budget(_ name: String, _ value: String, _ summary: String) -> SettingsKey {
        SettingsKey(name, .integer(0...100_000_000), .defaultsTo(value), summary)
    }

    private static func rate(_ name: String, _ value: String, _ summary: String) -> SettingsKey {
        SettingsKey(name, .integer(1...100_000_000), .defaultsTo(value), summary)
    }
}
