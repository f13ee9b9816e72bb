// SPDX-License-Identifier: Apache-2.0
public import EnvelopeModel

/// One foreign messaging service, spoken to on behalf of the domains that live there.
///
/// An adapter is confined to the event loop of its aggregator: every call in both directions happens on that loop, none
/// of them blocks, and none needs a lock. It is the authority for its own domains and for nothing else; the core checks
/// that, whatever the adapter says (IMX 6.2.1).
///
/// The contract, which `AdapterHarness` checks call by call:
/// - Every ``Delivery`` ends with exactly one ``AdapterHost/settle(_:_:)``, in any order and at any time; "delivered"
///   only once the service has taken the envelope, "uncertain" when the link was lost before that could be known.
/// - Deliveries of one (source, destination) pair are handed on in the order in which they came.
/// - At most ``AdapterDescriptor/window`` deliveries are with the adapter at a time.
public protocol Adapter: AnyObject {
    /// What kind of adapter this is.
    static var descriptor: AdapterDescriptor { get }

    /// Brings the link up and keeps it up from here on. Returns at once.
    func start()

    /// Takes a batch of envelopes to hand to the service, in order.
    ///
    /// The envelopes share memory with whatever brought them; an adapter that keeps one beyond this call keeps a
    /// detached copy (``EnvelopeModel/Envelope/detach()``).
    func deliver(_ batch: [Delivery])

    /// Learns what became of envelopes that this adapter submitted.
    func settled(_ batch: [Settlement])

    /// Gives a delivery back if it has not been handed to the service yet.
    ///
    /// Called when the deadline has passed. The answer decides between "expired" and "uncertain"; after either the
    /// ticket is void and a later settlement of it is ignored. An adapter that knows more than the core about why it
    /// took so long may settle the ticket itself before it returns.
    func withdraw(_ ticket: Ticket) -> Withdrawal

    /// Carries out what the core asks about presence, in order. Never called for an adapter without the capability
    /// ``Capability/presence``.
    func presence(_ orders: [PresenceOrder])

    /// Finds attributes of a user of this service for a requester whom the core has let through, and calls `answer`
    /// once, at the latest at `deadline`, with a value or a reason for each key. Without keys, all that there are.
    func attributes(
        of subject: Address,
        for requester: Address,
        keys: [String],
        by deadline: Instant,
        answer: @escaping ([Attribute]) -> Void
    )

    /// Stops submitting until ``resume()``: the core is full. A well-behaved adapter stops reading its link.
    func pause()

    /// Submits again.
    func resume()

    /// Finishes what is in flight, takes nothing new from the service, closes the link, and calls `completion` once,
    /// at the latest at `deadline`.
    func stop(by deadline: Instant, completion: @escaping () -> Void)
}

extension Adapter {
    /// An adapter that cannot tell answers that it is too late, which is always true enough.
    public func withdraw(_ ticket: Ticket) -> Withdrawal { .tooLate }

    /// Does nothing.
    public func presence(_ orders: [PresenceOrder]) {}

    /// Knows no attributes.
    public func attributes(
        of subject: Address,
        for requester: Address,
        keys: [String],
        by deadline: Instant,
        answer: @escaping ([Attribute]) -> Void
    ) {
        answer(keys.map { Attribute($0, status: .noSuchUser) })
    }

    /// Does nothing: the core answers "try later" to what is submitted nevertheless.
    public func pause() {}

    /// Does nothing.
    public func resume() {}
}

/// What an adapter says of itself, once for all its instances.
public struct AdapterDescriptor: Sendable, Hashable {
    /// The one word for this kind of adapter, used alike for its folder, its configuration section, its log field and
    /// its metric label: lower-case letters, digits and hyphens.
    public var kind: String
    /// What survives a translation by this adapter. What it does not declare it must refuse or list as a loss.
    public var capabilities: Set<Capability>
    /// How many deliveries may be with one instance at a time.
    public var window: Int

    /// Makes a descriptor.
    public init(kind: String, capabilities: Set<Capability>, window: Int = 1024) {
        self.kind = kind
        self.capabilities = capabilities
        self.window = window
    }
}

/// One thing that an adapter can carry.
public enum Capability: String, Sendable, Hashable, CaseIterable {
    /// Instant messages out of the service.
    case sendsMessages = "sends-messages"
    /// Instant messages into the service.
    case receivesMessages = "receives-messages"
    /// Subjects.
    case subjects
    /// Subjects or bodies in several languages at once.
    case languages
    /// Conversation identifiers.
    case threads
    /// The service confirms that it took a message; without it every delivery ends "uncertain".
    case confirmsDelivery = "confirms-delivery"
    /// Octets of any media type, unchanged.
    case opaqueContent = "opaque-content"
    /// Reports that arrive later than the outcome.
    case reports
    /// Presence in both directions: subscriptions, their answers, and states.
    case presence
    /// Attributes of users.
    case attributes
    /// What people do at a conversation: typing, pausing, leaving.
    case chatStates = "chat-states"
    /// Messages that replace earlier ones.
    case corrections
    /// Rich text beside the plain one.
    case richText = "rich-text"
}
