// SPDX-License-Identifier: Apache-2.0
public import AdapterKit
public import EnvelopeModel

/// The other party of a test: takes deliveries, writes them down, and settles them as it is told.
public final class RecordingAdapter: Adapter {
    /// It carries everything, in a window of 256.
    public static let descriptor = AdapterDescriptor(
        kind: "recorder",
        capabilities: Set(Capability.allCases),
        window: 256
    )

    /// What it does with a delivery.
    public enum Habit {
        /// Settles at once with this outcome.
        case settle(Outcome)
        /// Keeps it until ``settle(_:_:)``; a withdrawal succeeds or not.
        case hold(Withdrawal)
    }

    /// The core's side.
    public let host: any AdapterHost
    /// What it does with the next deliveries.
    public var habit = Habit.settle(.delivered)
    /// Everything that was delivered, in order.
    public private(set) var deliveries: [Delivery] = []
    /// Everything that became of its submissions, in order.
    public private(set) var settlements: [Settlement] = []
    /// Whether it was told to pause.
    public private(set) var isPaused = false
    /// What it was asked about presence, in order.
    public private(set) var orders: [PresenceOrder] = []
    /// What it answers about presence.
    public var onOrder: ((PresenceOrder) -> [PresenceEvent])?
    /// What it answers when it is asked for attributes; nil where it never does.
    public var onAttributes: ((_ subject: Address, _ requester: Address, _ keys: [String]) -> [Attribute]?)?
    /// Called for every delivery after it was written down.
    public var onDelivery: ((Delivery) -> Void)?
    private var held: Set<Ticket> = []

    /// Makes a recorder on `host`.
    public init(host: any AdapterHost) {
        self.host = host
    }

    /// There is no link, so it is up at once.
    public func start() { host.linkChanged(to: .up) }

    /// Writes the batch down, and settles or keeps it.
    public func deliver(_ batch: [Delivery]) {
        host.turn {
            for delivery in batch {
                deliveries.append(delivery)
                onDelivery?(delivery)
                switch habit {
                case .settle(let outcome): host.settle(delivery.ticket, outcome)
                case .hold: held.insert(delivery.ticket)
                }
            }
        }
    }

    /// Writes the settlements down.
    public func settled(_ batch: [Settlement]) { settlements += batch }

    /// Writes the orders down, and answers as it was told.
    public func presence(_ orders: [PresenceOrder]) {
        self.orders += orders
        let events = orders.flatMap { onOrder?($0) ?? [] }
        if !events.isEmpty { host.presence(events) }
    }

    /// Answers as it was told.
    public func attributes(
        of subject: Address,
        for requester: Address,
        keys: [String],
        by deadline: Instant,
        answer: @escaping ([Attribute]) -> Void
    ) {
        if let found = onAttributes?(subject, requester, keys) { answer(found) }
    }

    /// Settles a held delivery.
    public func settle(_ ticket: Ticket, _ outcome: Outcome) {
        held.remove(ticket)
        host.settle(ticket, outcome)
    }

    /// Answers as the habit says.
    public func withdraw(_ ticket: Ticket) -> Withdrawal {
        guard case .hold(let answer) = habit, held.remove(ticket) != nil else { return .tooLate }
        return answer
    }

    /// Notes that it was told to pause.
    public func pause() { isPaused = true }

    /// Notes that it may submit again.
    public func resume() { isPaused = false }

    /// Is done at once.
    public func stop(by deadline: Instant, completion: @escaping () -> Void) { completion() }

    /// Submits one message and returns the token it was given.
    @discardableResult
    public func send(_ envelope: Envelope, token: UInt64 = 0) -> UInt64 {
        host.submit([Submission(token: token, envelope: envelope)])
        return token
    }
}
