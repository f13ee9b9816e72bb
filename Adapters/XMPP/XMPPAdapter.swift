// SPDX-License-Identifier: Apache-2.0
public import AdapterKit
import Configuration
public import EnvelopeModel
import MessageFormats
public import NIOCore
import Telemetry
import XMLStream

/// The adapter for XMPP servers: a component link (XEP-0114) that it dials and keeps up.
///
/// One link serves any number of hosted domains. See `Adapters/XMPP/README.md` for the server's side.
public final class XMPPAdapter: Adapter {
    /// What this adapter carries.
    public static let descriptor = AdapterDescriptor(
        kind: "xmpp",
        capabilities: [
            .sendsMessages, .receivesMessages, .subjects, .languages, .threads, .confirmsDelivery, .reports,
            .presence, .attributes, .chatStates, .corrections, .richText,
        ],
        window: 1_024
    )

    let settings: XMPPSettings
    let host: any AdapterHost
    private let dialer: any ComponentDialer
    let addresses: AddressMap
    let writer: MessageWriter

    var link: ComponentLink?
    var ledger = DeliveryLedger()
    /// What has not been given to the server, in order; nil where it was withdrawn.
    var queue = CircularBuffer<Delivery?>()
    /// What the losses of unconfirmed stanzas were; few have any.
    var losses: [Ticket: String] = [:]
    var submissions = SubmissionTable()
    /// What this burst brings to the core.
    var incoming: [Submission] = []
    var isPaused = false
    /// Answers that wait for a link.
    var deferred = ByteBuffer()
    /// The local users who wrote last in the form that is not the default.
    var forms = Recent<AddressForm>(limit: 4_096)
    var context: MessageContext
    /// What is known of the conversations on the link.
    var conversations = Conversations()
    /// The foreign senders as the server's users know them.
    var senders = SenderNames()
    /// What local users want to be called, as they last said abroad.
    var nicks = Recent<String>(limit: 8_192)
    /// What the server is asked about local users.
    var questions = ServerQuestions()
    /// What local users ask about people abroad, by the token of its submission.
    var requests: [UInt64: ForeignQuestion] = [:]
    /// What presence needs to be remembered.
    var memory = PresenceMemory()
    let pidfReader = PIDFReader(mode: .tolerant)
    /// The world's clock, for the time of a state.
    let wallClock: () -> WallTime
    /// The server's domain that is pinged.
    var pingTarget: Domain?
    /// When the oldest unanswered ping was sent.
    var pingedAt: Instant?

    private var backOff = Interval.zero
    private var timer: ScheduledWork?
    private var keepAlive: ScheduledWork?
    private var stopCompletion: (() -> Void)?
    private(set) var isStopping = false

    /// Makes an adapter that connects by TCP; everything happens on `eventLoop`.
    public convenience init(settings: XMPPSettings, host: any AdapterHost, eventLoop: any EventLoop) {
        let dialer = NIODialer(
            eventLoop: eventLoop,
            host: settings.server.host,
            port: Int(settings.server.port),
            timeout: .nanoseconds(settings.patience.nanoseconds)
        )
        self.init(settings: settings, host: host, dialer: dialer)
    }

    /// Makes an adapter that connects by `dialer`.
    package init(
        settings: XMPPSettings,
        host: any AdapterHost,
        dialer: any ComponentDialer,
        wallClock: @escaping () -> WallTime = { .now }
    ) {
        self.wallClock = wallClock
        self.settings = settings
        self.host = host
        self.dialer = dialer
        addresses = AddressMap(names: DomainNames(), component: settings.component)
        writer = MessageWriter(addresses: addresses)
        context = MessageContext(
            addresses: addresses,
            language: nil,
            makeMessageID: { host.makeMessageID(native: $0) },
            makeTraceID: { host.makeTraceID() }
        )
        context.findMessageID = { [unowned self] source, peer, id in
            conversations.messageID(of: id, from: source, to: peer)
        }
    }

    /// How foreign people are shown to users who have not written to anybody yet.
    var defaultForm: AddressForm { settings.form == .native ? .native : .escaped }

    /// Connects, and stays connected.
    public func start() { connect() }

    // MARK: Connecting

    private func connect() {
        guard link == nil, !isStopping else { return }
        host.linkChanged(to: .connecting)
        let link = ComponentLink(settings: settings, user: self)
        self.link = link
        timer = host.scheduler.schedule(after: settings.patience) { [weak self, weak link] in
            guard self?.link === link else { return }
            link?.close("the server did not accept the component in time")
        }
        dialer.dial(link)
    }

    private func reconnect(isPermanent: Bool) {
        let doubled = backOff + backOff
        backOff =
            isPermanent ? settings.reconnectMost : max(settings.reconnect, min(doubled, settings.reconnectMost))
        // Full jitter on the upper half, so that a thousand links do not come back in step.
        let jitter = Interval(nanoseconds: Int64.random(in: 0...max(0, backOff.nanoseconds / 2)))
        timer = host.scheduler.schedule(after: Interval(nanoseconds: backOff.nanoseconds / 2) + jitter) { [weak self] in
            self?.connect()
        }
    }

    /// Tries an idle link, and gives up one whose server has stopped answering.
    private func tick() {
        guard let link, link.isUp else { return }
        if let pingedAt, host.scheduler.now - pingedAt > settings.patience {
            link.close("the server has stopped answering")
            return
        }
        if ledger.barrierCount == 0 {
            writePing(on: link)
            link.flush()
            updateReading()
        }
        scheduleTick()
    }

    private func scheduleTick() {
        keepAlive = host.scheduler.schedule(after: settings.keepAlive) { [weak self] in self?.tick() }
    }

    // MARK: Stopping

    /// Waits for what is in flight, then closes the stream in order.
    public func stop(by deadline: Instant, completion: @escaping () -> Void) {
        isStopping = true
        stopCompletion = completion
        timer?.cancel()
        timer = host.scheduler.schedule(after: deadline - host.scheduler.now) { [weak self] in self?.finish() }
        finishIfIdle()
    }

    /// Closes the link once nothing is in flight.
    func finishIfIdle() {
        guard isStopping, stopCompletion != nil else { return }
        let isIdle = ledger.count == 0 && queue.isEmpty && submissions.count == 0
        if isIdle || link?.isUp != true { finish() }
    }

    private func finish() {
        guard let completion = stopCompletion else { return }
        stopCompletion = nil
        timer?.cancel()
        host.turn {
            refuseHeld()
            link?.close("stopping")
            for delivery in queue {
                guard let delivery else { continue }
                host.settle(delivery.ticket, Outcome(.unavailable, "the aggregator is stopping"))
            }
            queue.removeAll()
        }
        completion()
    }
}

// MARK: The link's calls

extension XMPPAdapter: ComponentLinkUser {
    func linkIsUp() {
        timer?.cancel()
        backOff = .zero
        context.language = link?.language
        host.linkChanged(to: .up)
        link?.output.writeBuffer(&deferred)
        deferred.clear()
        link?.setReading(!isPaused)
        scheduleTick()
        drain()
    }

    func linkIsDown(_ reason: String, isPermanent: Bool) {
        guard link != nil else { return }
        link = nil
        timer?.cancel()
        keepAlive?.cancel()
        pingedAt = nil
        losses.removeAll()
        memory.linkIsDown()
        endQuestions()
        host.linkChanged(to: .down(reason))
        host.turn {
            // Given to the server and not confirmed: nobody can know (standards reference G.1).
            ledger.reset { host.settle($0, Outcome(.uncertain, "the link was lost before the server confirmed")) }
        }
        if isStopping { finishIfIdle() } else { reconnect(isPermanent: isPermanent) }
    }

    func linkBecameWritable() {
        host.turn {
            drainPresence()
            submitPresence()
            drain()
        }
    }

    func linkBurst(_ body: () -> Void) {
        host.turn {
            body()
            submitIncoming()
            // What the orders are answered with at once is told with the rest.
            drainPresence()
            submitPresence()
            drain()
            updateReading()
            finishIfIdle()
        }
    }
}
