// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import NIOCore

/// Takes every message at once, like a service that is never busy.
final class LoadSink: Adapter {
    static let descriptor = AdapterDescriptor(
        kind: "load",
        capabilities: [.receivesMessages, .confirmsDelivery],
        window: 8192
    )
    private let host: any AdapterHost

    init(host: any AdapterHost) { self.host = host }

    func start() { host.linkChanged(to: .up) }

    func deliver(_ batch: [Delivery]) {
        host.turn {
            for delivery in batch { host.settle(delivery.ticket, .delivered) }
        }
    }

    func settled(_ batch: [Settlement]) {}

    func stop(by deadline: Instant, completion: @escaping () -> Void) { completion() }
}

/// Sends messages of one text part, as an adapter that has parsed a stanza would: so many under way at a time, or so
/// many in a second.
final class LoadSource: Adapter {
    static let descriptor = AdapterDescriptor(kind: "load", capabilities: [.sendsMessages])

    private final class Run {
        let count: Int
        let window: Int
        let rate: Int
        let completion: (String) -> Void
        let started: Instant
        var sent = 0
        var ended = 0
        var undelivered = 0
        /// When each was sent, by its token.
        var times: [UInt64]
        /// From submission to outcome, in nanoseconds.
        var latencies: [UInt64] = []

        init(count: Int, window: Int, rate: Int, started: Instant, completion: @escaping (String) -> Void) {
            self.count = count
            self.window = window
            self.rate = rate
            self.started = started
            self.completion = completion
            times = [UInt64](repeating: 0, count: count)
            latencies.reserveCapacity(count)
        }
    }

    private let host: any AdapterHost
    private var run: Run?
    private var batch: [Submission] = []
    private let source: Address?
    private let destination: Address?
    private let body: Body

    init(host: any AdapterHost) {
        self.host = host
        source = Address("alice@a.example")
        destination = Address("bob@b.example")
        let text = String(repeating: "a text of ten octets and more ", count: 4).prefix(90)
        body = .parts([BodyPart(mediaType: "text/plain; charset=utf-8", octets: ByteBuffer(substring: text))])
    }

    func start() { host.linkChanged(to: .up) }

    func deliver(_ batch: [Delivery]) {
        host.turn {
            for delivery in batch { host.settle(delivery.ticket, Outcome(.noSuchUser)) }
        }
    }

    /// Sends `count` messages with at most `window` under way, or `rate` in a second where that is not 0, and then
    /// tells how it went.
    func run(count: Int, window: Int, rate: Int, _ completion: @escaping (String) -> Void) {
        run = Run(count: count, window: window, rate: rate, started: host.scheduler.now, completion: completion)
        host.turn { fill() }
        if rate > 0 { keepRate() }
    }

    func settled(_ batch: [Settlement]) {
        guard let run else { return }
        let now = host.scheduler.now.nanoseconds
        for settlement in batch {
            run.ended += 1
            if settlement.outcome.disposition != .delivered { run.undelivered += 1 }
            run.latencies.append(now &- run.times[Int(settlement.token)])
        }
        if run.ended == run.count {
            self.run = nil
            run.completion(report(run))
        } else {
            fill()
        }
    }

    func stop(by deadline: Instant, completion: @escaping () -> Void) { completion() }

    /// Looks a thousand times in a second at what is due.
    private func keepRate() {
        guard run != nil else { return }
        host.scheduler.schedule(after: .milliseconds(1)) { [weak self] in
            guard let self else { return }
            host.turn { self.fill() }
            keepRate()
        }
    }

    private func fill() {
        guard let run, let source, let destination else { return }
        let now = host.scheduler.now
        var due = run.window - (run.sent - run.ended)
        if run.rate > 0 {
            let elapsed = Double((now - run.started).nanoseconds) * 1e-9
            due = Int(elapsed * Double(run.rate)) - run.sent
        }
        due = min(due, run.count - run.sent)
        // In batches, as reads from a busy link would bring them.
        guard due > 0, run.rate > 0 || due >= min(256, run.count - run.sent) else { return }
        batch.removeAll(keepingCapacity: true)
        // One buffer for all identifiers of the batch, as what was parsed would share the buffer that was read.
        var identifiers = ByteBuffer()
        identifiers.reserveCapacity(due * 16)
        for index in run.sent..<(run.sent + due) {
            identifiers.writeMultipleIntegers(run.started.nanoseconds, UInt64(index))
        }
        for index in run.sent..<(run.sent + due) {
            run.times[index] = now.nanoseconds
            guard let slice = identifiers.readSlice(length: 16), let messageID = MessageID(slice) else { continue }
            let envelope = Envelope(
                source: source,
                destination: destination,
                messageID: messageID,
                trace: host.makeTraceID(),
                body: body
            )
            batch.append(Submission(token: UInt64(index), envelope: envelope))
        }
        run.sent += due
        host.submit(batch)
    }

    private func report(_ run: Run) -> String {
        let seconds = Double((host.scheduler.now - run.started).nanoseconds) * 1e-9
        let sorted = run.latencies.sorted()
        let p50 = Double(sorted[sorted.count / 2]) * 1e-6
        let p99 = Double(sorted[sorted.count * 99 / 100]) * 1e-6
        return """
            {"seconds": \(seconds), "undelivered": \(run.undelivered), "p50_ms": \(p50), "p99_ms": \(p99)}
            """
    }
}
