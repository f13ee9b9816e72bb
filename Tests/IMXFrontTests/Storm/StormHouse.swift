// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import Aggregator
import EnvelopeModel
import NIOCore
import Presence
import TestSupport

/// Two parties of a subscription.
struct WatchedPair: Hashable, CustomStringConvertible {
    let watcher: Address
    let presentity: Address

    var description: String { "\(watcher) watches \(presentity)" }
}

/// A service behind one aggregator, as servers behave that keep rosters: it outlives the aggregator's processes, knows
/// who may see whom, and says what happens once; what is said while the link is down is lost.
final class StormHouse {
    /// What a user answers to those who ask.
    enum Habit: CaseIterable {
        case yes, no, lateYes, lateNo, never
    }

    let domain: Domain
    let users: [Address]
    unowned let storm: PresenceStorm
    /// The process; nil while there is none.
    var host: Internet.Host?
    var isLinked = true
    /// The states of users, and who is there to see anything.
    var states: [Address: Body] = [:]
    var sessions: Set<Address>
    /// Whom users here wish to watch, and who may watch users here.
    var wishes: Set<WatchedPair> = []
    var approvals: Set<WatchedPair> = []
    var habits: [Address: Habit] = [:]
    /// The aggregator's rules; `ask` where none speaks.
    var verdicts: [WatchedPair: PresenceVerdict] = [:]
    /// What users here see.
    var views: [WatchedPair: Body] = [:]
    /// What watchers were allowed to see at any time.
    private var permitted: [WatchedPair: Set<Body>] = [:]
    /// What somebody saw that was never for them, or older than what was seen before.
    private(set) var leaks: [String] = []
    private var newest: [WatchedPair: Int] = [:]
    private(set) var shows = 0

    init(_ domain: Domain, users: [Address], storm: PresenceStorm) {
        self.domain = domain
        self.users = users
        self.storm = storm
        sessions = Set(users)
    }

    /// The clock of the process; what is taken up while there is none goes by the world's.
    var clock: any Scheduler { host?.life ?? storm.internet.scheduler }

    var isReachable: Bool { host != nil && isLinked }

    private func tell(_ events: [PresenceEvent]) {
        guard isReachable else { return }
        host?.users.host.presence(events)
    }

    // MARK: What the aggregator says

    func take(_ order: PresenceOrder) -> [PresenceEvent] {
        guard isLinked else { return [] }
        switch order {
        case .ask(let presentity, let watcher, _):
            return asked(WatchedPair(watcher: watcher, presentity: presentity))
        case .forget(let presentity, let watcher):
            approvals.remove(WatchedPair(watcher: watcher, presentity: presentity))
        case .probe(let presentity, let watcher):
            let pair = WatchedPair(watcher: watcher, presentity: presentity)
            guard approvals.contains(pair) else { return [.refuses(presentity: presentity, watcher: watcher)] }
            return [state(for: pair)]
        case .approved: break
        case .ended(let watcher, let presentity, let outcome):
            let pair = WatchedPair(watcher: watcher, presentity: presentity)
            views[pair] = nil
            if outcome.code != .delivered { wishes.remove(pair) }
        case .show(let watcher, let presentity, let state):
            show(WatchedPair(watcher: watcher, presentity: presentity), state)
        }
        return []
    }

    private func state(for pair: WatchedPair) -> PresenceEvent {
        .publishes(presentity: pair.presentity, watcher: pair.watcher, state: states[pair.presentity] ?? .none)
    }

    /// RFC 6121 §3.1.3: who may see already is told so by the server.
    private func asked(_ pair: WatchedPair) -> [PresenceEvent] {
        if approvals.contains(pair) { return answer(pair, true) }
        switch habits[pair.presentity] ?? .yes {
        case .yes: return answer(pair, true)
        case .no: return answer(pair, false)
        case .never: return []
        case .lateYes: later(pair, true)
        case .lateNo: later(pair, false)
        }
        return []
    }

    private func later(_ pair: WatchedPair, _ isYes: Bool) {
        storm.internet.scheduler.schedule(after: .milliseconds(storm.number(in: 0...40_000))) { [self] in
            tell(answer(pair, isYes))
        }
    }

    private func answer(_ pair: WatchedPair, _ isYes: Bool) -> [PresenceEvent] {
        guard isYes else {
            approvals.remove(pair)
            return [.refuses(presentity: pair.presentity, watcher: pair.watcher)]
        }
        approvals.insert(pair)
        permit(pair)
        return [.approves(presentity: pair.presentity, watcher: pair.watcher), state(for: pair)]
    }

    /// Notes what the watcher may see from now on, and may have on its way for as long as anything takes.
    private func permit(_ pair: WatchedPair) {
        guard maySee(pair), let state = states[pair.presentity] else { return }
        storm.house(of: pair.watcher).permitted[pair, default: []].insert(state)
    }

    /// Whether the watcher may see a user here, by the user's word and by the rules.
    func maySee(_ pair: WatchedPair) -> Bool {
        guard approvals.contains(pair) else { return false }
        return [.ask, .allow].contains(verdicts[pair] ?? .ask)
    }

    /// What a watcher of a user here is to see in the end.
    func truth(_ pair: WatchedPair) -> Body? { maySee(pair) ? states[pair.presentity] : nil }

    private func show(_ pair: WatchedPair, _ state: Body) {
        shows += 1
        guard sessions.contains(pair.watcher) else { return }
        views[pair] = state == .none ? nil : state
        guard case .entity(let octets) = state else { return }
        let text = String(buffer: octets)
        if permitted[pair]?.contains(state) != true { leaks.append("\(pair), who was never to see \"\(text)\"") }
        let number = text.split(separator: " ").last.flatMap { Int($0) } ?? 0
        if number < newest[pair, default: 0] { leaks.append("\(pair), and saw \"\(text)\" after a newer state") }
        newest[pair] = max(newest[pair, default: 0], number)
    }

    // MARK: What users do

    func ask(_ pair: WatchedPair) {
        guard isReachable else { return }
        wishes.insert(pair)
        tell([.asks(watcher: pair.watcher, presentity: pair.presentity, name: nil)])
    }

    func giveUp(_ pair: WatchedPair) {
        guard isReachable else { return }
        wishes.remove(pair)
        views[pair] = nil
        tell([.givesUp(watcher: pair.watcher, presentity: pair.presentity)])
    }

    /// Changes a state and tells each who may see it, or nobody, as if the word had been lost.
    func set(_ user: Address, _ state: String?, isTold: Bool = true) {
        states[user] = state.map { .entity(ByteBuffer(string: $0)) }
        let pairs = approvals.filter { $0.presentity == user }.sorted { "\($0)" < "\($1)" }
        for pair in pairs { permit(pair) }
        if isTold { tell(pairs.map { self.state(for: $0) }) }
    }

    func refuse(_ pair: WatchedPair) {
        approvals.remove(pair)
        tell([.refuses(presentity: pair.presentity, watcher: pair.watcher)])
    }

    func logOut(_ user: Address) {
        guard sessions.remove(user) != nil else { return }
        for pair in wishes where pair.watcher == user { views[pair] = nil }
        set(user, nil)
        tell([.leaves(watcher: user)])
    }

    /// The server asks for the state of everybody on the list (RFC 6121 §4.3).
    func logIn(_ user: Address) {
        guard sessions.insert(user).inserted else { return }
        let pairs = wishes.filter { $0.watcher == user }.sorted { "\($0)" < "\($1)" }
        tell(pairs.map { .wants(watcher: $0.watcher, presentity: $0.presentity) })
    }

    func setLink(_ isUp: Bool) {
        guard isLinked != isUp else { return }
        isLinked = isUp
        host?.users.host.linkChanged(to: isUp ? .up : .connecting)
    }

    func rule(_ pair: WatchedPair, _ verdict: PresenceVerdict) {
        verdicts[pair] = verdict
        permit(pair)
        host?.core.rulesChanged()
    }
}
