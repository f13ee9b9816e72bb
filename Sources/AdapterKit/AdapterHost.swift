// SPDX-License-Identifier: Apache-2.0
public import EnvelopeModel
public import Logging

/// The aggregator as one adapter instance sees it.
///
/// Confined to the aggregator's event loop, like the adapter.
public protocol AdapterHost: AnyObject {
    /// The instance's name in the configuration, the logs and the metrics.
    var name: String { get }

    /// The clock and the timers to use. Nothing else may tell the time, or tests could not.
    var scheduler: any Scheduler { get }

    /// The logger for this instance. It never gets content or secrets.
    var logger: Logger { get }

    /// The domains that this instance speaks for.
    var domains: [Domain] { get }

    /// Whether this instance speaks for `domain`.
    func serves(_ domain: Domain) -> Bool

    /// Hands envelopes to the core, in order. Each is settled exactly once.
    ///
    /// Inside a ``turn(_:)`` the core works on them when the turn ends. Outside of one it does so before this call
    /// returns, so that ``Adapter/settled(_:)`` and ``Adapter/deliver(_:)`` may run inside the call.
    func submit(_ batch: [Submission])

    /// Tells the core about presence, in order. An adapter speaks for its own domains alone: the rest is dropped and
    /// counted.
    func presence(_ events: [PresenceEvent])

    /// Ends a delivery. A void ticket is ignored and counted.
    func settle(_ ticket: Ticket, _ outcome: Outcome)

    /// Runs `body`, and lets the core work on what it submitted and settled only afterwards, all at once.
    ///
    /// An adapter wraps the handling of one read burst in it, so that the core's batches are as large as the reads.
    func turn(_ body: () -> Void)

    /// Tells the state of the link, for logs and the status command.
    func linkChanged(to state: LinkState)

    /// Counts something that the adapter dropped, under a reason from ``DropReason``.
    func count(_ reason: DropReason)

    /// Notes a step of an envelope's way, for the log at level debug and for whoever watches that envelope.
    func note(_ trace: TraceID, _ step: @autoclosure () -> String)

    /// A new trace identifier.
    func makeTraceID() -> TraceID

    /// A new message identifier, unique for ever, which starts with `native` where that is printable and short enough,
    /// so that people find it in logs.
    func makeMessageID(native: String?) -> MessageID
}

/// Why something was dropped that no sender hears about. Each has a counter.
public enum DropReason: String, Sendable, Hashable, CaseIterable {
    /// A settlement for a ticket that is void.
    case lateSettlement = "late-settlement"
    /// An error that answered nothing we sent.
    case strayError = "stray-error"
    /// Something about presence that could not be carried, or that its sender may not say.
    case presence
    /// A chat state without a message that the other end cannot show.
    case chatState = "chat-state"
    /// A request that this version does not know, after it was refused.
    case unknownRequest = "unknown-request"
    /// An answer to nothing we asked.
    case strayAnswer = "stray-answer"
    /// A report that nobody is there to take.
    case report
    /// A stanza or record that broke its grammar, after it was refused.
    case malformed
    /// A record that came before its sender was authenticated, after it was refused.
    case unauthenticated
    /// A proof that matched no pending claim.
    case strayProof = "stray-proof"
    /// A connection that was refused before it could say anything: no room, no TLS where it is spoken, no certificate
    /// for the name that it asked for.
    case refusedConnection = "refused-connection"
    /// A word of a peer to go elsewhere that was not followed.
    case refusedRedirect = "refused-redirect"
    /// An address that a look-up gave and that is not connected to.
    case refusedAddress = "refused-address"
}
