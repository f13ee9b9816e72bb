// SPDX-License-Identifier: Apache-2.0
public import EnvelopeModel
public import NIOCore

/// A clock and its timers, on one event loop; the real one, or a simulated one in tests.
public protocol Scheduler: AnyObject {
    /// The time, on a monotonic clock.
    var now: Instant { get }

    /// Runs `body` on the loop once `interval` has passed, unless it is cancelled before.
    @discardableResult
    func schedule(after interval: Interval, _ body: @escaping () -> Void) -> ScheduledWork
}

/// A timer that can be cancelled.
public final class ScheduledWork {
    private var cancelWork: (() -> Void)?

    /// Makes a timer whose cancellation runs `cancel`.
    public init(cancel: @escaping () -> Void) {
        cancelWork = cancel
    }

    /// Makes sure that the work does not run. Does nothing the second time or after the work ran.
    public func cancel() {
        cancelWork?()
        cancelWork = nil
    }
}

/// The scheduler of a SwiftNIO event loop. Confined to that loop.
public final class EventLoopScheduler: Scheduler {
    private let eventLoop: any EventLoop

    /// Makes the scheduler of `eventLoop`; to be used on that loop only.
    public init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    /// The time since the machine started.
    public var now: Instant { Instant(nanoseconds: NIODeadline.now().uptimeNanoseconds) }

    /// Runs `body` on the event loop once `interval` has passed.
    @discardableResult
    public func schedule(after interval: Interval, _ body: @escaping () -> Void) -> ScheduledWork {
        let task = eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(interval.nanoseconds)) { body() }
        return ScheduledWork { task.cancel() }
    }
}
