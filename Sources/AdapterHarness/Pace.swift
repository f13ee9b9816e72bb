// SPDX-License-Identifier: Apache-2.0
import AdapterKit
public import EnvelopeModel
import NIOCore

/// How long a check waits.
///
/// What must happen is waited for and taken at once; what must not happen costs the whole quiet time. The two are kept
/// apart so that a slow machine makes a run slower and never wrong.
public struct HarnessTiming: Sendable, Hashable {
    /// The longest wait for something that must happen.
    public var patience: Interval
    /// The wait for something that must not happen.
    public var quiet: Interval
    /// The deadline of an envelope where a check lets it pass.
    public var shortDeadline: Interval
    /// The time that an adapter gets to stop.
    public var stopTime: Interval

    /// Makes timing. The defaults suit a service on this machine.
    public init(
        patience: Interval = .seconds(15),
        quiet: Interval = .milliseconds(300),
        shortDeadline: Interval = .milliseconds(1500),
        stopTime: Interval = .seconds(3)
    ) {
        self.patience = patience
        self.quiet = quiet
        self.shortDeadline = shortDeadline
        self.stopTime = stopTime
    }
}

/// The clock of a run: one that is stepped, or that of an event loop.
enum Pace {
    case virtual(VirtualScheduler)
    case eventLoop(EventLoopScheduler)

    var scheduler: any Scheduler {
        switch self {
        case .virtual(let scheduler): scheduler
        case .eventLoop(let scheduler): scheduler
        }
    }

    /// Lets at most `limit` pass until `condition` holds; false where it never did.
    func wait(_ limit: Interval, until condition: () -> Bool) async -> Bool {
        let end = scheduler.now + limit
        while !condition() {
            guard scheduler.now < end else { return false }
            switch self {
            case .virtual(let scheduler): scheduler.step(atMostTo: end)
            case .eventLoop(let scheduler): await Pace.turn(scheduler)
            }
        }
        return true
    }

    /// Gives the event loop a millisecond to itself.
    private static func turn(_ scheduler: EventLoopScheduler) async {
        await withCheckedContinuation { continuation in
            _ = scheduler.schedule(after: .milliseconds(1)) { continuation.resume() }
        }
    }
}
