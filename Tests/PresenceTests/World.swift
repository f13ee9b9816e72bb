// SPDX-License-Identifier: Apache-2.0
import AdapterKit
import EnvelopeModel
import NIOCore
import TestSupport

@testable import Presence

/// Two parties of a subscription.
struct Pair: Hashable {
    let watcher: Address
    let presentity: Address
}

/// A network of desks, each with a service of its own, on a virtual clock, with faults from a seed.
final class World {
    private struct Event {
        let time: UInt64
        let order: UInt64
        let body: () -> Void
    }

    private(set) var now = Instant.start
    private(set) var nodes: [Domain: Node] = [:]
    private var events: [Event] = []
    private var counter: UInt64 = 0
    var generator: SeededGenerator
    /// How likely a request is lost on its way, and its answer on the way back, in percent.
    var loss = 0
    /// The longest time that anything takes on its way.
    var latency = Interval.milliseconds(50)
    /// Sees each notification that arrives.
    var onNotification: ((Pair, Envelope.Notification) -> Void)?
    /// Requests that arrive nowhere and are answered as if they had.
    var swallows: ((PresenceDesk.Request) -> Bool)?
    /// Called with what happens, for people who look into one schedule.
    var log: ((String) -> Void)?
    /// The requests that were sent, for tests that look at them.
    private(set) var sent: [PresenceDesk.Request] = []

    init(seed: UInt64 = 1) { generator = SeededGenerator(seed: seed) }

    func add(
        _ domain: String,
        lease: ClosedRange<UInt32> = 60...1_800,
        configure: (inout PresenceDesk.Settings) -> Void = { _ in }
    ) -> Node {
        guard let name = Domain(domain) else { preconditionFailure("no domain: \(domain)") }
        var settings = PresenceDesk.Settings()
        configure(&settings)
        let node = Node(name, self, settings)
        node.lease = lease
        nodes[name] = node
        return node
    }

    /// Has the node speak for another domain too.
    func alias(_ domain: String, of node: Node) {
        if let name = Domain(domain) { nodes[name] = node }
    }

    func schedule(after interval: Interval, _ body: @escaping () -> Void) {
        counter += 1
        let event = Event(time: (now + interval).nanoseconds, order: counter, body: body)
        let place = events.firstIndex { ($0.time, $0.order) > (event.time, event.order) } ?? events.endIndex
        events.insert(event, at: place)
    }

    /// Lets time pass; the desks' clocks tick every second.
    func run(for interval: Interval) {
        let end = now + interval
        while let first = events.first, first.time <= end.nanoseconds {
            events.removeFirst()
            now = max(now, Instant(nanoseconds: first.time))
            first.body()
        }
        now = end
    }

    private var delay: Interval {
        Interval(nanoseconds: Int64.random(in: 1...latency.nanoseconds, using: &generator))
    }

    private func isLost() -> Bool { loss > 0 && Int.random(in: 0..<100, using: &generator) < loss }

    /// Carries a request to the other side and its outcome back; pairs keep their order, as they do in lanes.
    func carry(_ request: PresenceDesk.Request, from node: Node) {
        sent.append(request)
        log?("\(node.domain) sends \(request.operation) \(request.source) -> \(request.destination) \(request.body)")
        let life = node.life
        let answer = { [self] (outcome: Outcome) in
            log?("  outcome \(outcome.code) of \(request.operation)")
            schedule(after: delay) {
                guard node.life == life else { return }
                node.desk.settled(request.token, outcome, at: self.now)
                node.drain()
            }
        }
        if swallows?(request) == true { return answer(.delivered) }
        if isLost() { return answer(Outcome(.unavailable)) }
        let lane = Pair(watcher: request.source, presentity: request.destination)
        let arrival = max(laneFree[lane] ?? now, now + delay)
        laneFree[lane] = arrival
        schedule(after: arrival - now) { [self] in
            guard let other = nodes[request.destination.domain], other.isRunning else {
                return answer(Outcome(.unavailable))
            }
            let outcome = other.take(request)
            answer(isLost() ? Outcome(.uncertain) : outcome)
        }
    }

    private var laneFree: [Pair: Instant] = [:]
}

/// One aggregator's desk and the service behind it.
final class Node {
    let domain: Domain
    private unowned let world: World
    private let settings: PresenceDesk.Settings
    private(set) var desk: PresenceDesk
    /// Counts the processes of this node.
    private(set) var life = 0
    private(set) var isRunning = true
    /// What stands on disk.
    private(set) var disk: [SubscriptionRecord.Key: SubscriptionRecord] = [:]
    /// What the last changes on disk took the place of.
    private var undo: [(key: SubscriptionRecord.Key, record: SubscriptionRecord?)] = []
    /// How far the wall clock of this node is from the others'; it counts from the next start.
    var wallOffset = Interval.zero
    /// Whether the node hosts its own domain.
    var isHosting = true
    let service = Service()
    private(set) var isLinked = true
    var verdict: (Address, Address) -> PresenceVerdict = { _, _ in .ask }
    var lease: ClosedRange<UInt32> = 60...1_800

    init(_ domain: Domain, _ world: World, _ settings: PresenceDesk.Settings) {
        self.domain = domain
        self.world = world
        self.settings = settings
        desk = Self.makeDesk(settings, world)
        tick()
    }

    private static func makeDesk(
        _ settings: PresenceDesk.Settings,
        _ world: World,
        wallOffset: Interval = .zero
    ) -> PresenceDesk {
        let milliseconds = (Int64(world.now.nanoseconds) + wallOffset.nanoseconds) / 1_000_000
        let wall = WallTime(milliseconds: 1_800_000_000_000 + milliseconds)
        let seed = world.generator.next()
        return PresenceDesk(
            settings: settings,
            now: world.now,
            wallTime: wall,
            generator: SeededGenerator(seed: seed)
        )
    }

    private func tick() {
        let life = life
        world.schedule(after: .seconds(1)) { [self] in
            guard self.life == life, isRunning else { return }
            desk.advance(to: world.now)
            drain()
            tick()
        }
    }

    func take(_ request: PresenceDesk.Request) -> Outcome {
        defer { drain() }
        attend()
        switch request.operation {
        case .subscribe(let wish):
            return desk.subscribe(
                wish,
                watcher: request.source,
                presentity: request.destination,
                name: request.name,
                at: world.now
            )
        case .notify(let notification):
            world.onNotification?(Pair(watcher: request.destination, presentity: request.source), notification)
            return desk.notify(
                notification,
                presentity: request.source,
                watcher: request.destination,
                body: request.body,
                at: world.now
            )
        default: return Outcome(.notUnderstood)
        }
    }

    /// Tells the desk something, if the link stands.
    func tell(_ event: PresenceEvent) {
        guard isLinked, isRunning else { return }
        attend()
        world.log?("\(domain) hears \(event)")
        desk.take(event, at: world.now)
        drain()
    }

    func drain() {
        while !(desk.orders.isEmpty && desk.requests.isEmpty && desk.changes.isEmpty) {
            let (orders, requests, changes) = (desk.orders, desk.requests, desk.changes)
            desk.orders = []
            desk.requests = []
            desk.changes = []
            for change in changes { write(change) }
            for request in requests { world.carry(request, from: self) }
            for order in orders where isLinked {
                world.log?("\(domain) orders \(order)")
                service.take(order).forEach { tell($0) }
                if case .ask(let presentity, let watcher, _) = order,
                    let delay = service.thinks?(
                        Pair(watcher: watcher, presentity: presentity)
                    )
                {
                    world.schedule(after: delay) { [self] in sayYes(presentity, watcher) }
                }
            }
        }
    }

    /// A user makes up his mind, whether or not anybody hears it.
    private func sayYes(_ presentity: Address, _ watcher: Address) {
        service.approvals.insert(Pair(watcher: watcher, presentity: presentity))
        tell(.approves(presentity: presentity, watcher: watcher))
        let state = service.states[presentity] ?? .none
        tell(.publishes(presentity: presentity, watcher: watcher, state: state))
    }

    private func attend() {
        desk.verdict = { [unowned self] in verdict($0, $1) }
        desk.lease = { [unowned self] _ in lease }
        desk.isHosted = { [unowned self] _ in isHosting }
    }

    private func write(_ change: SubscriptionChange) {
        undo.append((change.key, disk[change.key]))
        if undo.count > 64 { undo.removeFirst(32) }
        switch change {
        case .save(let record): disk[record.key] = record
        case .remove(let key): disk[key] = nil
        }
    }

    /// Ends the process as SIGKILL would; what is on disk stays, but for the last changes that were not committed.
    ///
    /// What a user here began in that moment, or what ended in it, is not among them: nobody would say it again.
    func kill(losing count: Int = 0) {
        guard isRunning else { return }
        isRunning = false
        life += 1
        for (key, record) in undo.suffix(count).reversed() {
            let cancelling = SubscriptionRow.Flags.cancelling.rawValue
            let forgotten = SubscriptionRow.Flags.forgotten.rawValue
            let end = key.side == .watching ? cancelling : forgotten
            let isEnd = disk[key].map { $0.flags & end != 0 } ?? true
            let isBeginning = key.side == .watching && (record.map { $0.flags & end != 0 } ?? true)
            if isEnd || isBeginning { continue }
            disk[key] = record
        }
        undo.removeAll()
    }

    /// Takes all that is on disk away.
    func wipe() { disk = [:] }

    /// Starts another process. The service's link comes up with it.
    func start() {
        guard !isRunning else { return }
        isRunning = true
        life += 1
        desk = Self.makeDesk(settings, world, wallOffset: wallOffset)
        attend()
        for record in disk.values.sorted(by: { "\($0.key)" < "\($1.key)" }) {
            desk.restore(record)
        }
        tick()
        desk.linkChanged(of: [domain], isUp: isLinked, at: world.now)
        desk.rulesChanged(at: world.now)
        drain()
    }

    func setLink(_ isUp: Bool) {
        isLinked = isUp
        guard isRunning else { return }
        desk.linkChanged(of: [domain], isUp: isUp, at: world.now)
        drain()
    }

    func note(_ text: String) { world.log?("\(domain): \(text), running \(isRunning), linked \(isLinked)") }

    func reviewRules() {
        attend()
        desk.rulesChanged(at: world.now)
        drain()
    }

    // MARK: What users do

    func watch(_ watcher: Address, _ presentity: Address) {
        service.wishes.insert(Pair(watcher: watcher, presentity: presentity))
        tell(.asks(watcher: watcher, presentity: presentity, name: nil))
    }

    func unwatch(_ watcher: Address, _ presentity: Address) {
        let pair = Pair(watcher: watcher, presentity: presentity)
        service.wishes.remove(pair)
        service.views[pair] = nil
        tell(.givesUp(watcher: watcher, presentity: presentity))
    }

    /// Changes a user's state and tells it to those who are approved, each on its own, as XMPP servers do.
    func set(_ user: Address, _ state: String?, isTold: Bool = true) {
        service.states[user] = state.map { Body.entity(ByteBuffer(string: $0)) }
        guard isTold else { return }
        for pair in service.approvals where pair.presentity == user {
            tell(.publishes(presentity: user, watcher: pair.watcher, state: service.states[user] ?? .none))
        }
    }

    /// Changes a user's state and tells it to all at once, as simple services do.
    func broadcast(_ user: Address, _ state: String?) {
        service.states[user] = state.map { Body.entity(ByteBuffer(string: $0)) }
        tell(.publishes(presentity: user, watcher: nil, state: service.states[user] ?? .none))
    }

    /// The last session of a user ends.
    func leave(_ user: Address) {
        service.absent.insert(user)
        tell(.leaves(watcher: user))
    }

    /// A user's first session begins: the server probes for those whom the user may see.
    func come(_ user: Address) {
        guard service.absent.remove(user) != nil else { return }
        for pair in service.granted.sorted(by: { "\($0)" < "\($1)" }) where pair.watcher == user {
            tell(.wants(watcher: user, presentity: pair.presentity))
        }
    }

    func refuse(_ presentity: Address, _ watcher: Address) {
        service.approvals.remove(Pair(watcher: watcher, presentity: presentity))
        tell(.refuses(presentity: presentity, watcher: watcher))
    }
}
