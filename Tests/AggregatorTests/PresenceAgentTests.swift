// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import EnvelopeModel
import Logging
import Testing

@testable import Aggregator
@testable import Presence

/// The desk's place among the adapters: how much of what it says is under way at a time.
@Suite("The desk's way out")
struct PresenceAgentTests {
    /// The core's side of the agent: writes down what is submitted, and answers when it is told to.
    private final class Outside: AdapterHost {
        let name = "presence"
        let scheduler: any Scheduler
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let domains: [Domain] = []
        private(set) var submitted: [Submission] = []
        private(set) var open: [UInt64] = []
        private(set) var mostOpen = 0
        private var made = 0

        init(_ scheduler: any Scheduler) { self.scheduler = scheduler }

        func submit(_ batch: [Submission]) {
            submitted += batch
            open += batch.map(\.token)
            mostOpen = max(mostOpen, open.count)
        }

        /// Ends the oldest of what is under way.
        func settle(_ count: Int, _ agent: PresenceAgent, _ outcome: Outcome = .delivered) {
            let tokens = open.prefix(count)
            open.removeFirst(tokens.count)
            agent.settled(tokens.map { Settlement(token: $0, outcome: outcome, envelope: nil) })
        }

        func makeMessageID(native: String?) -> MessageID {
            made += 1
            return MessageID("m\(made)") ?? makeMessageID(native: native)
        }

        func makeTraceID() -> TraceID { TraceID(high: 1, low: UInt64(made)) }
        func serves(_ domain: Domain) -> Bool { false }
        func presence(_ events: [PresenceEvent]) {}
        func settle(_ ticket: Ticket, _ outcome: Outcome) {}
        func turn(_ body: () -> Void) { body() }
        func linkChanged(to state: LinkState) {}
        func count(_ reason: DropReason) {}
        func note(_ trace: TraceID, _ step: @autoclosure () -> String) {}
    }

    private let world: World
    private let outside: Outside
    private let agent: PresenceAgent
    private let bob: Address
    private let desk: PresenceDesk
    private let juliet: Address
    /// The token of bob's subscription to juliet.
    private let token: UInt64

    init() throws {
        world = try World()
        outside = Outside(world.scheduler)
        agent = PresenceAgent(host: outside, core: world.core)
        bob = try #require(Address("bob@b.example"))
        desk = try #require(world.core.desk)
        juliet = try #require(Address("juliet@far.example"))
        desk.take(.asks(watcher: bob, presentity: juliet, name: nil), at: world.scheduler.now)
        token = try #require(desk.requests.first).token
        desk.requests = []
    }

    /// What the desk says of a subscription that bob asks for.
    private func wish(_ presentity: String) throws -> PresenceDesk.Request {
        let presentity = try #require(Address(presentity))
        desk.take(.asks(watcher: bob, presentity: presentity, name: nil), at: world.scheduler.now)
        defer { desk.requests = [] }
        return try #require(desk.requests.last)
    }

    /// Numbered notifications, which all count for that subscription.
    private func requests(_ numbers: Range<Int>, to domain: String = "far.example") throws -> [PresenceDesk.Request] {
        let id = try #require(SubscriptionID("s"))
        return try numbers.map { number in
            PresenceDesk.Request(
                token: token,
                operation: .notify(.init(id: id, state: .active, sequence: UInt64(number))),
                source: bob,
                destination: try #require(Address("w\(number % 40)@\(domain)")),
                body: .none,
                name: nil
            )
        }
    }

    private func sequences(_ submissions: some Sequence<Submission>) -> [Int] {
        submissions.compactMap {
            guard case .notify(let notification) = $0.envelope.operation else { return nil }
            return Int(notification.sequence)
        }
    }

    @Test("RFC2779 2.2.5: of 3,000 notifications to one domain a share is under way, all leave, in their order")
    func share() throws {
        agent.send(try requests(0..<2_000))
        agent.send(try requests(2_000..<3_000))
        let share = outside.open.count
        #expect(share > 0 && share <= 1_024 && sequences(outside.submitted) == Array(0..<share))
        // Another domain has a share of its own, however much waits for the first.
        agent.send(try requests(0..<10, to: "near.example"))
        #expect(outside.open.count == share + 10)
        var rounds = 0
        while !outside.open.isEmpty, rounds < 10_000 {
            rounds += 1
            outside.settle(97, agent, rounds % 3 == 0 ? Outcome(.unavailable) : .delivered)
        }
        #expect(outside.mostOpen == share + 10)
        let far = outside.submitted.filter { $0.envelope.destination.domain.name == "far.example" }
        #expect(sequences(far) == Array(0..<3_000))
        #expect(Set(outside.submitted.map(\.token)).count == 3_010, "each has a token of its own")
        // Nothing is left over: the next ones leave at once.
        agent.send(try requests(0..<5))
        #expect(outside.open.count == 5)
    }

    @Test("S38: what waits for one domain is bounded, and what finds no room is tried again later")
    func bound() throws {
        agent.send(try requests(0..<110_000))
        let further = try wish("romeo@far.example")
        agent.send([further])
        let row = try #require(desk.watchingRow(bob, further.destination))
        #expect(desk.watching[row].failures == 1 && desk.watching[row].due > 0)
        while !outside.open.isEmpty { outside.settle(1_024, agent) }
        let count = outside.submitted.count
        #expect((100_000..<110_000).contains(count), "\(count) found room")
        #expect(sequences(outside.submitted) == Array(0..<count))
        // There is room again.
        agent.send([further])
        #expect(outside.submitted.last?.envelope.destination == further.destination)
    }

    @Test("RFC2779 5.1.7: what waits for a subscription that is over by then never leaves")
    func stale() throws {
        agent.send(try requests(0..<3_000))
        let share = outside.open.count
        desk.take(.givesUp(watcher: bob, presentity: juliet), at: world.scheduler.now)
        desk.requests = []
        outside.settle(1, agent)
        #expect(outside.submitted.count == share, "none of the rest")
        while !outside.open.isEmpty { outside.settle(100, agent) }
        agent.send([try wish("romeo@far.example")])
        #expect(outside.submitted.count == share + 1 && outside.open.count == 1)
    }
}
