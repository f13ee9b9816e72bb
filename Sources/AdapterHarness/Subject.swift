// SPDX-License-Identifier: Apache-2.0
public import AdapterKit
public import EnvelopeModel

/// An adapter under test together with the service that it speaks to, as the harness sees them.
///
/// The author of an adapter writes one: how to bring the service up, how to have its users write, and what they
/// received. Each check gets a subject of its own, so a service that several subjects share must give each of them a
/// domain or users of its own. Everything runs on the event loop of the check; the asynchronous calls return there.
public protocol Subject: AnyObject {
    /// The adapter under test.
    associatedtype Tested: Adapter

    /// The domains that the adapter speaks for, at least one.
    var domains: [Domain] { get }

    /// A user who exists and takes every message.
    var knownUser: Address { get }

    /// A user who does not exist.
    var unknownUser: Address { get }

    /// A user who refuses every message, and the code that the sender is to get for it; nil where there is none.
    var refusingUser: (address: Address, code: OutcomeCode)? { get }

    /// A user whose messages the service never confirms nor refuses; nil where there is none.
    var silentUser: Address? { get }

    /// What cannot be tried with this service, and why. The report shows the reasons.
    var limitations: [Ability: String] { get }

    /// What the users of the service have received so far, in order, by address as they would name people.
    var received: [ServiceMessage] { get }

    /// What the users of the service were told about messages of theirs that were not delivered, so far.
    var bounces: [ServiceBounce] { get }

    /// The most submissions that may still come once the adapter was told to pause: what it had read already.
    var pauseSlack: Int { get }

    /// Brings the service up, before the adapter is made.
    func start() async throws

    /// Makes the adapter. The harness attaches and starts it.
    func makeAdapter(on host: any AdapterHost) throws -> Tested

    /// Has a user of the service write a message.
    func send(_ message: ServiceMessage) async throws

    /// Has the known user try to write under the message's source, which is of another domain: a foreign one, and each
    /// further one that the adapter serves.
    func forge(_ message: ServiceMessage) async throws

    /// Cuts the link between the adapter and the service without warning.
    func cutLink() async throws

    /// Lets the link come up again.
    func restoreLink() async throws

    /// How `text` looks to a user of the service, where the service cannot hold it as it is: a documented loss.
    func rendering(of text: String) -> String

    /// How a foreign address looks to a user of the service, where the service folds its case: a documented loss.
    /// Answers to what is seen must still reach the true address.
    func rendering(of address: Address) -> Address

    /// What the users of the service were told about presence so far, in order.
    var news: [PresenceNews] { get }

    /// Has a user of the service do something about presence.
    func act(_ deed: PresenceDeed) async throws

    /// Attributes that the service knows of the known user.
    var attributeKeys: [String] { get }

    /// How many users of other services wish to see one user at the same time, in the check of it.
    var presenceBurst: Int { get }

    /// Takes the service down, after the adapter was stopped.
    func stop() async
}

/// Something that a service may be unable to do for a check.
public enum Ability: String, Sendable, Hashable, CaseIterable {
    /// A user can be unknown: the service says so.
    case knowsItsUsers = "knows-its-users"
    /// A user can refuse.
    case refuses
    /// A user can leave the service without an answer for ever.
    case staysSilent = "stays-silent"
    /// A user can try to write under a foreign address.
    case forges
    /// A user hears that a message was not delivered.
    case hearsBounces = "hears-bounces"
    /// The link can be cut and restored.
    case losesItsLink = "loses-its-link"
    /// Users can give the same native identifier twice.
    case repeatsIdentifiers = "repeats-identifiers"
    /// Users watch, are watched, come and go.
    case showsPresence = "shows-presence"
    /// A user who is asked by a watcher may leave it unanswered.
    case decidesLater = "decides-later"
    /// A user can be there with several devices at a time.
    case hasDevices = "has-devices"
}

extension Subject {
    /// None.
    public var refusingUser: (address: Address, code: OutcomeCode)? { nil }
    /// None.
    public var silentUser: Address? { nil }
    /// No limitations.
    public var limitations: [Ability: String] { [:] }
    /// Nothing heard.
    public var bounces: [ServiceBounce] { [] }
    /// One read burst of small messages.
    public var pauseSlack: Int { 512 }
    /// Nothing to bring up.
    public func start() async throws {}
    /// Refuses to forge.
    public func forge(_ message: ServiceMessage) async throws { throw Unable(.forges) }
    /// Refuses to cut.
    public func cutLink() async throws { throw Unable(.losesItsLink) }
    /// Refuses to restore.
    public func restoreLink() async throws { throw Unable(.losesItsLink) }
    /// Every text as it is.
    public func rendering(of text: String) -> String { text }
    /// Every address as it is.
    public func rendering(of address: Address) -> Address { address }
    /// Nothing to take down.
    public func stop() async {}
}

/// A check asked for something that the subject did not say it cannot do, and it cannot.
public struct Unable: Error, CustomStringConvertible {
    /// What was asked for.
    public let ability: Ability

    /// Makes the error.
    public init(_ ability: Ability) {
        self.ability = ability
    }

    /// What to do about it.
    public var description: String {
        "the subject has no \(ability.rawValue); implement it, or give the reason in `limitations`"
    }
}

/// A message as the users of a service write and see it.
public struct ServiceMessage: Sendable, Hashable, CustomStringConvertible {
    /// Who wrote it.
    public var source: Address
    /// Whom it is for.
    public var destination: Address
    /// The text, once for each language that it is in; the first is the one that counts.
    public var texts: [LocalizedText]
    /// The subject, once for each language.
    public var subjects: [LocalizedText]
    /// The conversation.
    public var thread: String?
    /// The identifier in the service's own form; nil for any.
    public var nativeID: String?
    /// Content other than text.
    public var content: BodyPart?
    /// The same text with emphasis and links, as `text/html-lite`.
    public var richText: String?
    /// What its author does at the conversation. A message without texts says nothing else.
    public var chatState: ChatState?
    /// The identifier, in the service's own form, of the message that it replaces.
    public var replaces: String?

    /// Makes a message of one text.
    public init(
        from source: Address,
        to destination: Address,
        _ text: String,
        subject: String? = nil,
        thread: String? = nil,
        nativeID: String? = nil
    ) {
        self.source = source
        self.destination = destination
        texts = [LocalizedText(text)]
        subjects = subject.map { [LocalizedText($0)] } ?? []
        self.thread = thread
        self.nativeID = nativeID
    }

    /// The text that counts.
    public var text: String { texts.first?.text ?? "" }

    /// The message for people.
    public var description: String { "\(source) -> \(destination): \(shown(text))" }
}

/// What a user was told about a message that was not delivered.
public struct ServiceBounce: Sendable, Hashable {
    /// The user.
    public var user: Address
    /// Whom the message was for.
    public var destination: Address
    /// The code that the service's own error stands for.
    public var code: OutcomeCode

    /// Makes a bounce.
    public init(to user: Address, about destination: Address, code: OutcomeCode) {
        self.user = user
        self.destination = destination
        self.code = code
    }
}
