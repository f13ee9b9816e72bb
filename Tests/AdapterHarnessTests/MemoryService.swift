// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import EnvelopeModel

/// A service in memory with a link that can be cut: what crosses it takes a millisecond each way.
final class MemoryService {
    /// The adapter's end of the link.
    struct Client {
        /// A message, and the user who really wrote it.
        let received: (ServiceMessage, Address) -> Void
        let confirmed: (UInt64, Outcome) -> Void
        let lost: () -> Void
        /// Something about presence.
        let heard: (MemoryWord) -> Void
    }

    var roster = MemoryRoster()

    private let scheduler: any Scheduler
    private let users: [Address: Outcome?]
    private var client: Client?
    /// Changes with every connection, so that nothing of a lost one arrives late.
    private var generation = 0
    private var towardsService: [(number: UInt64, message: ServiceMessage)] = []
    private var towardsAdapter: [(message: ServiceMessage, writer: Address)] = []
    private var isReachable = true
    private(set) var received: [ServiceMessage] = []
    var bounces: [ServiceBounce] = []
    var isReading = true { didSet { if isReading { pass() } } }

    /// Makes a service with users and how each of them answers; nil for one who never does.
    init(scheduler: any Scheduler, users: [Address: Outcome?]) {
        self.scheduler = scheduler
        self.users = users
    }

    func connect(_ client: Client) -> Bool {
        guard isReachable else { return false }
        generation += 1
        self.client = client
        pass()
        return true
    }

    func disconnect() {
        client = nil
        generation += 1
        towardsService = []
    }

    func cut() {
        isReachable = false
        let lost = client
        disconnect()
        lost?.lost()
    }

    func restore() { isReachable = true }

    /// The adapter writes a message.
    func write(_ number: UInt64, _ message: ServiceMessage) {
        towardsService.append((number, message))
        guard towardsService.count == 1 else { return }
        let sent = generation
        scheduler.schedule(after: .milliseconds(1)) { [weak self] in
            guard let self, generation == sent else { return }
            let batch = towardsService
            towardsService = []
            take(batch)
        }
    }

    func knows(_ user: Address) -> Bool { users[user] != nil }

    /// Tells the adapter something about presence; where the link is down, it is lost.
    func tell(_ word: MemoryWord) { soon { [weak self] in self?.client?.heard(word) } }

    /// Does something a millisecond from now, unless the link is lost before.
    func soon(_ body: @escaping () -> Void) {
        guard client != nil else { return }
        let sent = generation
        scheduler.schedule(after: .milliseconds(1)) { [weak self] in
            if self?.generation == sent { body() }
        }
    }

    private func take(_ batch: [(number: UInt64, message: ServiceMessage)]) {
        var answers: [(UInt64, Outcome)] = []
        for (number, message) in batch {
            guard let user = users[message.destination] else {
                answers.append((number, Outcome(.noSuchUser)))
                continue
            }
            guard let outcome = user else { continue }
            if outcome.disposition == .delivered { received.append(message) }
            answers.append((number, outcome))
        }
        let sent = generation
        scheduler.schedule(after: .milliseconds(1)) { [weak self] in
            guard let self, generation == sent else { return }
            for (number, outcome) in answers { client?.confirmed(number, outcome) }
        }
    }

    /// A user writes a message.
    func send(_ message: ServiceMessage, by writer: Address) {
        towardsAdapter.append((message, writer))
        if towardsAdapter.count == 1 { scheduler.schedule(after: .milliseconds(1)) { [weak self] in self?.pass() } }
    }

    private func pass() {
        while isReading, let client, !towardsAdapter.isEmpty {
            let next = towardsAdapter.removeFirst()
            client.received(next.message, next.writer)
        }
    }
}
