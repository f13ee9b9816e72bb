// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import EnvelopeModel
import Foundation
import IMXFront
import NIOCore
import Testing

/// Presence between whole aggregators, on a simulated network.
@Suite("Watching across aggregators")
struct WatchingTests {
    /// A service whose users say yes to everybody, and show what it was told.
    final class House {
        let host: Internet.Host
        var states: [Address: Body] = [:]
        var approvals: [Address: Set<Address>] = [:]
        var views: [Address: [Address: Body]] = [:]
        var shows = 0

        init(_ host: Internet.Host) {
            self.host = host
            host.users.onOrder = { [unowned self] in take($0) }
        }

        private func take(_ order: PresenceOrder) -> [PresenceEvent] {
            switch order {
            case .ask(let presentity, let watcher, _):
                approvals[presentity, default: []].insert(watcher)
                return [.approves(presentity: presentity, watcher: watcher)] + state(presentity, watcher)
            case .probe(let presentity, let watcher): return state(presentity, watcher)
            case .show(let watcher, let presentity, let state):
                shows += 1
                views[watcher, default: [:]][presentity] = state == .none ? nil : state
            default: break
            }
            return []
        }

        private func state(_ presentity: Address, _ watcher: Address) -> [PresenceEvent] {
            [.publishes(presentity: presentity, watcher: watcher, state: states[presentity] ?? .none)]
        }

        func set(_ user: Address, _ text: String) {
            let body = Body.entity(ByteBuffer(string: text))
            states[user] = body
            let watchers = approvals[user] ?? []
            host.users.host.presence(watchers.map { .publishes(presentity: user, watcher: $0, state: body) })
        }
    }

    private func address(_ text: String) throws -> Address { try #require(Address(text)) }

    @Test(
        "IMX 2.5a, RFC2779 2.2.1, RFC2779 2.4.1, RFC2779 2.4.2, RFC2779 5.1.12: strangers subscribe, are granted, notified and told the end"
    )
    func conversation() throws {
        let internet = Internet(seed: 3)
        let a = House(try internet.start(1, ["a.example"]))
        let b = House(try internet.start(2, ["b.example"]))
        let (romeo, juliet) = (try address("romeo@a.example"), try address("juliet@b.example"))
        b.set(juliet, "online")
        a.host.users.host.presence([.asks(watcher: romeo, presentity: juliet, name: DisplayName("Romeo"))])
        internet.scheduler.advance(by: .seconds(2))
        #expect(b.host.users.orders.first == .ask(presentity: juliet, watcher: romeo, name: DisplayName("Romeo")))
        #expect(a.host.users.orders.contains(.approved(watcher: romeo, presentity: juliet)))
        #expect(a.views[romeo]?[juliet] == .entity(ByteBuffer(string: "online")))
        b.host.users.host.presence([.refuses(presentity: juliet, watcher: romeo)])
        internet.scheduler.advance(by: .seconds(2))
        guard case .ended(romeo, juliet, let outcome)? = a.host.users.orders.last else {
            Issue.record("no end")
            return
        }
        #expect(outcome.code == .refused)
        #expect(a.host.balances && b.host.balances)
    }

    @Test("IMX 4.5.2: a notification travels on a connection that is made for it when there is none")
    func onAnyConnection() throws {
        let internet = Internet(seed: 4)
        let a = House(try internet.start(1, ["a.example"]))
        let b = House(try internet.start(2, ["b.example"]))
        let (romeo, juliet) = (try address("romeo@a.example"), try address("juliet@b.example"))
        a.host.users.host.presence([.asks(watcher: romeo, presentity: juliet, name: nil)])
        internet.scheduler.advance(by: .seconds(2))
        internet.network.cutAll()
        internet.scheduler.advance(by: .seconds(1))
        b.set(juliet, "after the cut")
        internet.scheduler.advance(by: .seconds(5))
        #expect(a.views[romeo]?[juliet] == .entity(ByteBuffer(string: "after the cut")))
    }

    @Test("IMX 2.5a, A.1-2: a killed aggregator on either side, and what its users see is right again")
    func kills() throws {
        let internet = Internet(seed: 5)
        let a = House(try internet.start(1, ["a.example"]))
        var b = House(try internet.start(2, ["b.example"]))
        let (romeo, juliet) = (try address("romeo@a.example"), try address("juliet@b.example"))
        b.set(juliet, "before")
        a.host.users.host.presence([.asks(watcher: romeo, presentity: juliet, name: nil)])
        internet.scheduler.advance(by: .seconds(2))
        let approvals = b.approvals
        internet.kill(b.host)
        // Another process that knows nothing at all: the watcher's renewal is its first word.
        b = House(try internet.start(2, ["b.example"]))
        b.approvals = approvals
        b.states[juliet] = .entity(ByteBuffer(string: "meanwhile"))
        internet.scheduler.advance(by: .seconds(1_810))
        #expect(a.views[romeo]?[juliet] == .entity(ByteBuffer(string: "meanwhile")))
    }

    /// 500 watchers and 500 presentities need half an hour of nobody's time; the sizes come from the environment.
    private static let size = ProcessInfo.processInfo.environment["IMX_MATRIX"].flatMap(Int.init) ?? 60

    @Test(
        "IMX 4.3.1: sixty users at sixty domains watch sixty at one: one change, one notification each"
    )
    func matrix() throws {
        let size = Self.size
        let internet = Internet(seed: 6)
        let presentities = try (0..<size).map { try address("p\($0)@a.example") }
        let a = House(try internet.start(1, ["a.example"]))
        var houses: [House] = []
        for number in 0..<30 {
            let domains = (0..<10).map { "d\(number * 10 + $0).example" }
            houses.append(House(try internet.start(2 + number, domains)))
        }
        var watchers: [Address] = []
        for number in 0..<size {
            let domain = number * 300 / size
            let watcher = try address("w\(number)@d\(domain).example")
            watchers.append(watcher)
            let events = presentities.map { PresenceEvent.asks(watcher: watcher, presentity: $0, name: nil) }
            houses[domain / 10].host.users.host.presence(events)
            internet.scheduler.advance(by: .milliseconds(20))
        }
        internet.scheduler.advance(by: .seconds(20))
        #expect(a.approvals.values.allSatisfy { $0.count == size })
        let opened = internet.network.opened
        for house in houses { house.shows = 0 }
        for (number, presentity) in presentities.prefix(10).enumerated() {
            a.set(presentity, "state \(number)")
            internet.scheduler.advance(by: .seconds(3))
        }
        #expect(houses.reduce(0) { $0 + $1.shows } == 10 * size, "exactly one notification to each watcher")
        for watcher in watchers {
            let house = try #require(houses.first { $0.views[watcher] != nil })
            #expect(house.views[watcher]?[presentities[9]] == .entity(ByteBuffer(string: "state 9")))
        }
        // IMX 4.3.1: few connections however many users: one way and the other, with room for a second each.
        #expect(opened <= 30 * 4)
        #expect(internet.network.opened == opened)
        #expect(a.host.balances && houses.allSatisfy(\.host.balances))
    }
}
