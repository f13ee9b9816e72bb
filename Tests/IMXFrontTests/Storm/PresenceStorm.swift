// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import Aggregator
import EnvelopeModel
import NIOCore
import Presence
import Store
import TestSupport

@testable import IMXFront

/// Three aggregators with services of two users each on the simulated network, and everything that can go wrong between
/// them: one schedule, from its seed.
///
/// Where a schedule is to be played again exactly, the process needs `SWIFT_DETERMINISTIC_HASHING=1`.
final class PresenceStorm {
    static let lease: UInt32 = 300

    let seed: Int
    let internet: Internet
    private(set) var houses: [StormHouse] = []
    private let disks: [StormDisk]
    private var random: SeededGenerator
    /// How far the wall clock of each aggregator's machine is off.
    private var clockErrors: [Int64] = [0, 0, 0]
    /// The pairs of hosts that do not reach one another.
    private var severed: Set<Set<Int>> = []
    /// How likely an aggregator's gate says "try later", in percent.
    private var refusals = 0
    private var lastState = 0
    /// How often each thing has happened.
    private(set) var events: [String: Int] = [:]

    init(seed: Int, disks: [StormDisk]) throws {
        self.seed = seed
        self.disks = disks
        internet = Internet(seed: UInt64(seed))
        random = SeededGenerator(seed: UInt64(seed) &* 0x9e37_79b9 &+ 11)
        internet.network.latency = .milliseconds(Int.random(in: 1...40, using: &random))
        internet.network.jitter = .milliseconds(Int.random(in: 0...400, using: &random))
        internet.network.longestChunk = Int.random(in: 20...4_096, using: &random)
        internet.network.reaches = { [unowned self] in !severed.contains([$0, $1]) }
        for (number, name) in ["a.example", "b.example", "c.example"].enumerated() {
            guard let domain = Domain(name) else { continue }
            let users = (0..<2).compactMap { Address("u\($0)@\(name)") }
            let house = StormHouse(domain, users: users, storm: self)
            houses.append(house)
            try disks[number].clear()
            disks[number].delay = .milliseconds(Int.random(in: 0...2_000, using: &random))
        }
        for house in houses {
            for user in house.users {
                house.habits[user] = StormHouse.Habit.allCases.randomElement(using: &random)
                if Bool.random(using: &random) { house.habits[user] = .yes }
                house.set(user, freshState())
            }
        }
        for number in houses.indices { try start(number) }
    }

    func house(of user: Address) -> StormHouse {
        houses.first { $0.domain == user.domain } ?? houses[0]
    }

    func number(in range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }

    private func freshState() -> String {
        lastState += 1
        return "state \(lastState)"
    }

    private func count(_ event: String) { events[event, default: 0] += 1 }

    // MARK: Processes

    private func start(_ number: Int) throws {
        guard houses[number].host == nil else { return }
        let (house, disk) = (houses[number], disks[number])
        let host = try internet.start(
            number + 1,
            [house.domain.name],
            repeatWindow: try RepeatWindow(path: nil, capacity: 64, now: internet.scheduler.now),
            domainClass: DomainClass(lease: 60...Self.lease, laneLimits: LaneLimits(messages: 64)),
            configure: { $0.backOff.most = .seconds(20) },
            presence: { [unowned self] core in try makeDesk(core, house, disk, clockErrors[number]) }
        )
        house.host = host
        host.users.onOrder = { [unowned house] in house.take($0) }
        host.core.gate = { [unowned self] envelope, _ in gate(envelope, house) }
        // The rules may be others than those under which subscriptions were granted.
        host.core.rulesChanged()
        // What was ordered before the service was there to hear it is ordered again.
        host.users.host.linkChanged(to: .connecting)
        if house.isLinked { host.users.host.linkChanged(to: .up) }
    }

    /// A desk that goes on where the disk has it.
    private func makeDesk(_ core: AggregatorCore, _ house: StormHouse, _ disk: StormDisk, _ clockError: Int64) throws
        -> PresenceDesk
    {
        var settings = PresenceDesk.Settings()
        settings.wishedSeconds = Self.lease
        settings.graceSeconds = 15
        let elapsed = Int64(internet.scheduler.now.nanoseconds / 1_000_000)
        let desk = PresenceDesk(
            settings: settings,
            now: core.time,
            wallTime: WallTime(milliseconds: 1_800_000_000_000 + elapsed + clockError),
            generator: SeededGenerator(seed: random.next())
        )
        desk.lease = { [unowned core] in core.lease(of: $0) }
        desk.verdict = { [unowned house] in house.verdicts[WatchedPair(watcher: $0, presentity: $1)] ?? .ask }
        try disk.database.subscriptions { desk.restore($0) }
        core.onPresenceChanges = { [unowned house] in disk.take($0, house.clock) }
        return desk
    }

    /// Rules as the policy's gate has them at the door, and budgets that are used up now and then.
    private func gate(_ envelope: Envelope, _ house: StormHouse) -> Outcome? {
        switch envelope.operation {
        case .subscribe, .notify:
            guard refusals > 0, number(in: 0...99) < refusals else { return nil }
            count("refused at the gate")
            return Outcome(.rateLimited, "try later", retryAfter: 2)
        default: return nil
        }
    }

    private func kill(_ number: Int) {
        guard let host = houses[number].host else { return }
        houses[number].host = nil
        internet.kill(host)
        disks[number].kill()
        count("kills")
    }

    private func restart(_ number: Int) throws {
        guard houses[number].host == nil else { return }
        // A machine's clock may have been set meanwhile, by hours.
        if self.number(in: 0...5) == 0 {
            clockErrors[number] = Int64(self.number(in: -7_200_000...7_200_000))
            count("clocks set")
        }
        if self.number(in: 0...3) == 0 { try disks[number].reopen() }
        try start(number)
    }

    // MARK: The storm

    func rage() throws {
        for _ in 0..<number(in: 20...50) {
            try step()
            internet.scheduler.advance(by: .milliseconds(number(in: 0...9_000)))
        }
    }

    private func step() throws {
        let house = houses[number(in: 0...2)]
        let me = house.users[number(in: 0...1)]
        let other = houses[number(in: 0...2)].users[number(in: 0...1)]
        let pair = WatchedPair(watcher: me, presentity: other)
        switch number(in: 0...23) {
        case 0...4 where me != other && house.sessions.contains(me): house.ask(pair)
        case 5 where house.sessions.contains(me): house.giveUp(pair)
        case 6...8 where house.sessions.contains(me): house.set(me, freshState())
        case 9 where house.sessions.contains(me): house.set(me, freshState(), isTold: false)
        case 10: house.refuse(WatchedPair(watcher: other, presentity: me))
        case 11: house.logOut(me)
        case 12...13 where !house.sessions.contains(me):
            house.set(me, freshState())
            house.logIn(me)
        case 14: house.rule(WatchedPair(watcher: other, presentity: me), verdict())
        case 15: house.setLink(number(in: 0...2) > 0)
        default: try disturb()
        }
    }

    private func verdict() -> PresenceVerdict {
        let all: [PresenceVerdict] = [.ask, .ask, .ask, .allow, .polite, .deny]
        return all[number(in: 0...all.count - 1)]
    }

    /// What happens to machines and to the network.
    private func disturb() throws {
        let machine = number(in: 0...2)
        switch number(in: 0...10) {
        case 0, 1: kill(machine)
        case 2, 3: try restart(machine)
        case 4: internet.network.cutAll()
        case 5:
            if let stream = internet.network.streamIDs.randomElement(using: &random) { internet.network.cut(stream) }
        case 6:
            if let stream = internet.network.streamIDs.randomElement(using: &random) { internet.network.stall(stream) }
        case 7: severed.insert([machine + 1, (machine + number(in: 1...2)) % 3 + 1])
        case 8: severed = []
        case 9: refusals = number(in: 0...1) == 0 ? 0 : number(in: 1...60)
        default:
            internet.network.jitter = .milliseconds(number(in: 0...3_000))
            internet.network.longestChunk = number(in: 20...4_096)
        }
        count("disturbances")
    }

    /// Everything works from now on, and everybody is there.
    func calm() throws {
        severed = []
        refusals = 0
        internet.network.jitter = .zero
        internet.network.cutStalled()
        for (number, house) in houses.enumerated() {
            try restart(number)
            house.setLink(true)
        }
        for house in houses {
            for user in house.users where !house.sessions.contains(user) {
                house.set(user, freshState())
                house.logIn(user)
            }
        }
    }

    // MARK: What is right

    /// What is not as it should be once all has settled.
    var faults: [String] {
        var faults: [String] = []
        for house in houses {
            for pair in house.wishes.sorted(by: { "\($0)" < "\($1)" }) {
                let far = self.house(of: pair.presentity)
                let truth = far.truth(pair)
                if house.views[pair] != truth {
                    faults.append("\(pair) and sees \(text(house.views[pair])), not \(text(truth))")
                }
                let isAnswered = far.habits[pair.presentity] != .yes || far.approvals.contains(pair)
                if !isAnswered, (far.verdicts[pair] ?? .ask) == .ask { faults.append("\(pair) and nobody was asked") }
            }
            for (pair, view) in house.views where !house.wishes.contains(pair) {
                faults.append("\(pair) no longer, and sees \(text(view))")
            }
        }
        return faults
    }

    private func text(_ body: Body?) -> String {
        guard case .entity(let octets)? = body else { return "nobody" }
        return "\"\(String(buffer: octets))\""
    }

    /// Lets time pass until all is right, at most so many seconds; how many it took.
    func settle(within seconds: Int) -> Int? {
        for second in 0...seconds {
            if second % 5 == 0, faults.isEmpty { return second }
            internet.scheduler.advance(by: .seconds(1))
        }
        return faults.isEmpty ? seconds : nil
    }

    /// Ends all processes, so that nothing of this schedule outlives it.
    func end() {
        for number in houses.indices { kill(number) }
    }
}
