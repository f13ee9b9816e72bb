// SPDX-License-Identifier: Apache-2.0
public import EnvelopeModel

/// What a user of a service does about presence.
public enum PresenceDeed: Sendable, Hashable {
    /// A user wishes to see a presentity from now on.
    case watches(_ user: Address, _ presentity: Address)
    /// A user no longer wishes to see a presentity.
    case givesUp(_ user: Address, _ presentity: Address)
    /// A user lets a watcher see.
    case approves(_ user: Address, _ watcher: Address)
    /// A user does not let a watcher see, or no longer.
    case refuses(_ user: Address, _ watcher: Address)
    /// A user is there with a device, and says something. Where the link is down, it counts once the link is back.
    case appears(_ user: Address, device: String, status: String)
    /// A user's device is there no longer.
    case leaves(_ user: Address, device: String)
}

/// What a user of a service is told about presence.
public enum PresenceNews: Sendable, Hashable {
    /// A watcher wishes to see the user.
    case asked(_ user: Address, by: Address)
    /// A watcher no longer wishes to see the user.
    case forgotten(_ user: Address, by: Address)
    /// A presentity lets the user see.
    case approved(_ user: Address, by: Address)
    /// What the user wished to see is over, or was refused.
    case ended(_ user: Address, by: Address)
    /// What the user sees of a presentity; nil where it is not there.
    case sees(_ user: Address, _ presentity: Address, status: String?)
}

extension Subject {
    /// Nothing heard.
    public var news: [PresenceNews] { [] }
    /// Refuses to do anything about presence.
    public func act(_ deed: PresenceDeed) async throws { throw Unable(.showsPresence) }
    /// Whether the user is there, and which forms of content the user takes.
    public var attributeKeys: [String] { ["presence", "message.types"] }
    /// More than a service asks at once, and few enough for one with a disk.
    public var presenceBurst: Int { 200 }
}
