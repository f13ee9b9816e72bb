// SPDX-License-Identifier: Apache-2.0
public import AdapterKit
public import EnvelopeModel
import MessageFormats
import NIOCore

/// A messaging service in memory: users who take messages, answer them, refuse them or keep silent, as they are told.
///
/// It is the smallest complete adapter: copy this file to start your own. What a real adapter has more is a link; see
/// `Adapters/XMPP`.
public final class StubAdapter: Adapter {
    /// Everything survives, for the users are given the envelopes themselves.
    public static let descriptor = AdapterDescriptor(
        kind: "stub",
        capabilities: Set(Capability.allCases),
        window: 4096
    )
    /// The most messages that the users' outbox holds while the core is full.
    public static let outboxLimit = 4096

    /// Called with every message that a user took.
    public var onMessage: ((Envelope) -> Void)?
    /// Called with the end of every message that a user wrote.
    public var onSettlement: ((Settlement) -> Void)?
    /// Called with every state that a user is shown: watcher, presentity, document.
    public var onState: ((Address, Address, Body) -> Void)?
    /// Called when something that a user watched is over.
    public var onEnd: ((Address, Address, Outcome) -> Void)?
    /// Called when a watcher wishes to see a user: presentity, watcher. Whoever listens decides with
    /// ``decide(_:_:_:)``; where nobody does, the settings decide.
    public var onAsk: ((Address, Address) -> Void)?
    /// Called when a watcher no longer wishes to see a user: presentity, watcher.
    public var onForget: ((Address, Address) -> Void)?
    /// Called when a presentity lets a user see: watcher, presentity.
    public var onApproval: ((Address, Address) -> Void)?
    let host: any AdapterHost
    /// What users see of others, and who may see them.
    var views: [StubPair: Body] = [:]
    var approvals: Set<StubPair> = []
    /// What users have said of themselves since the start.
    var statuses: [Address: String?] = [:]
    private var users: [Address: StubUser]
    /// Users who live at every domain of the adapter, those too that are added later.
    private let residents: [ByteBuffer: StubUser]
    /// Deliveries that a user sits on; without a timer where the user will never let go.
    private var held: [Ticket: ScheduledWork?] = [:]
    /// What users wrote while the core was full.
    private var outbox: [Submission] = []
    private var isPaused = false
    private var isStopped = false

    /// Makes the service with its users. Whoever is not among them does not exist.
    public init(host: any AdapterHost, users: [Address: StubUser]) {
        self.host = host
        self.users = users
        residents = [:]
    }

    /// Makes the service that `settings` describe, at all domains that the adapter speaks for.
    public init(host: any AdapterHost, settings: StubSettings) {
        self.host = host
        users = [:]
        residents = settings.residents
    }

    /// Adds a user, or changes how one behaves; nil takes the user away.
    public func set(_ address: Address, _ user: StubUser?) { users[address] = user }

    /// Who is called that here.
    func user(_ address: Address) -> StubUser? { users[address] ?? residents[address.localPart] }

    /// There is no link, so it is up at once.
    public func start() { host.linkChanged(to: .up) }

    // MARK: To the users

    /// Gives each message to its user. The turn makes one batch of all that is settled and answered meanwhile.
    public func deliver(_ batch: [Delivery]) {
        host.turn {
            for delivery in batch { take(delivery.ticket, delivery.envelope) }
        }
    }

    private func take(_ ticket: Ticket, _ envelope: Envelope) {
        switch envelope.operation {
        case .message: break
        case .report:
            host.count(.report)  // nobody in memory waits for one
            return host.settle(ticket, .delivered)
        case .subscribe, .notify, .getAttributes, .pushAttributes, .unknown:
            return host.settle(ticket, Outcome(.notUnderstood, "the stub takes messages and reports"))
        }
        guard let user = user(envelope.destination) else {
            return host.settle(ticket, Outcome(.noSuchUser, "nobody is called that here"))
        }
        guard let outcome = user.outcome else {
            held[ticket] = .some(nil)
            return
        }
        guard user.delay > .zero else { return finish(ticket, envelope, user, outcome) }
        var kept = envelope
        kept.detach()  // it shares memory with the read buffer that brought it
        held[ticket] = host.scheduler.schedule(after: user.delay) { [weak self] in
            guard let self, held.removeValue(forKey: ticket) != nil else { return }
            host.turn { self.finish(ticket, kept, user, outcome) }
        }
    }

    private func finish(_ ticket: Ticket, _ envelope: Envelope, _ user: StubUser, _ outcome: Outcome) {
        if outcome.disposition == .delivered {
            onMessage?(envelope)
            if let reply = user.reply, envelope.body != .none { answer(envelope, with: reply) }
        }
        host.settle(ticket, outcome)
    }

    /// What a user has not been given yet can be had back.
    public func withdraw(_ ticket: Ticket) -> Withdrawal {
        guard let work = held.removeValue(forKey: ticket) else { return .tooLate }
        work?.cancel()
        return work == nil ? .tooLate : .withdrawn
    }

    // MARK: From the users

    /// Has a user write a message. False where the stub has stopped, or the core has been full for so long that the
    /// outbox is full too.
    @discardableResult
    public func send(
        from source: Address,
        to destination: Address,
        _ text: String,
        id: MessageID? = nil,
        details: Envelope.Details? = nil,
        token: UInt64 = 0
    ) -> Bool {
        send(from: source, to: destination, .parts([.text(text)]), id: id, details: details, token: token)
    }

    /// Has a user write a message of any content, or of none, which then only says what stands in the details.
    @discardableResult
    public func send(
        from source: Address,
        to destination: Address,
        _ body: Body,
        id: MessageID? = nil,
        details: Envelope.Details? = nil,
        token: UInt64 = 0
    ) -> Bool {
        let envelope = Envelope(
            source: source,
            destination: destination,
            messageID: id ?? host.makeMessageID(native: nil),
            trace: host.makeTraceID(),
            body: body,
            details: details
        )
        return submit(Submission(token: token, envelope: envelope))
    }

    /// Answers a message, but never an automatic one, or two stubs would talk for ever.
    private func answer(_ envelope: Envelope, with reply: String) {
        guard envelope.details?.messageType != "headline" else { return }
        var details = Envelope.Details()
        details.messageType = "headline"
        details.thread = envelope.details?.thread
        let text = MIMEEntity.plainText(of: envelope.body).map { String(buffer: $0) } ?? ""
        send(from: envelope.destination, to: envelope.source, StubUser.fill(reply, with: text), details: details)
    }

    private func submit(_ submission: Submission) -> Bool {
        if isStopped { return false }
        guard isPaused else {
            host.submit([submission])
            return true
        }
        guard outbox.count < StubAdapter.outboxLimit else { return false }
        outbox.append(submission)
        return true
    }

    /// Tells whoever asked how a message ended. A real adapter sends its user an error where it was not delivered.
    public func settled(_ batch: [Settlement]) {
        guard let onSettlement else { return }
        for settlement in batch { onSettlement(settlement) }
    }

    /// The core is full: from now on the users fill their outbox. An adapter with a link stops reading it.
    public func pause() { isPaused = true }

    /// The core has room again.
    public func resume() {
        isPaused = false
        let waiting = outbox
        outbox = []
        if !waiting.isEmpty { host.submit(waiting) }
    }

    /// Settles what the users sit on, gives back what they wrote in vain, and is done.
    public func stop(by deadline: Instant, completion: @escaping () -> Void) {
        isStopped = true
        host.turn {
            for (ticket, work) in held {
                work?.cancel()
                host.settle(ticket, Outcome(work == nil ? .uncertain : .unavailable, "stopping"))
            }
            held = [:]
        }
        settled(
            outbox.map {
                Settlement(token: $0.token, outcome: Outcome(.unavailable, "stopping"), envelope: $0.envelope)
            }
        )
        outbox = []
        host.linkChanged(to: .down("stopped"))
        completion()
    }
}
