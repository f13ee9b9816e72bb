// SPDX-License-Identifier: Apache-2.0
public import EnvelopeModel

/// An adapter that thinks in single messages.
///
/// Everything of ``Adapter`` has a default here but the handing over of one message: implement
/// ``handOver(_:settle:)`` and call `settle` once, now or later. Order is kept by whoever implements it: messages are
/// handed over in order, and settled in any.
public protocol SimpleAdapter: Adapter {
    /// The aggregator.
    var host: any AdapterHost { get }

    /// Hands one message to the service and calls `settle` once with the outcome, on the event loop.
    func handOver(_ envelope: Envelope, settle: @escaping (Outcome) -> Void)
}

extension SimpleAdapter {
    /// Hands the messages over one by one.
    public func deliver(_ batch: [Delivery]) {
        for delivery in batch {
            handOver(delivery.envelope) { [host] outcome in host.settle(delivery.ticket, outcome) }
        }
    }

    /// Does nothing: a simple adapter's senders do not hear about outcomes unless it implements this.
    public func settled(_ batch: [Settlement]) {}

    /// Stops at once: a simple adapter has nothing in flight that it could wait for.
    public func stop(by deadline: Instant, completion: @escaping () -> Void) { completion() }
}
