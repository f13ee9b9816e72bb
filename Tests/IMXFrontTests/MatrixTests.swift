// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import Aggregator
import EnvelopeModel
import Foundation
import NIOCore
import Presence
import Store
import Testing

@testable import IMXFront
@testable import IMXWire

/// Many watchers of many presentities at many domains.
@Suite("Everybody watches everybody")
struct MatrixTests {
    /// One domain of presentities, and three hundred of watchers on so many aggregators. Every notification that gets
    /// through a front is counted before a desk has seen it, for a desk says nothing of one that tells it nothing new.
    private final class Matrix {
        static let domains = 300
        /// IMX 4.3.1: the most connections between two aggregators, however many domains and users have them: each of
        /// the two keeps at most so many to the other.
        static let connections = 2 * FrontSettings(serverID: ServerID(high: 0, low: 0)).connectionsPerPeer

        struct Row: Hashable {
            let watcher: Address
            let presentity: Address
        }

        let internet = Internet(seed: 6)
        let presentities: [Address]
        let watchers: [Address]
        let source: House
        let houses: [House]
        /// How many notifications came for each row since the last look.
        private(set) var notified: [Row: Int] = [:]
        /// The number of the last one.
        private var sequences: [Row: UInt64] = [:]
        private(set) var repeats = 0

        init(watchers: Int, presentities: Int, aggregators: Int) throws {
            self.presentities = try (0..<presentities).map { try #require(Address("p\($0)@a.example")) }
            self.watchers = try (0..<watchers).map { number in
                try #require(Address("w\(number)@d\(number * Self.domains / watchers).example"))
            }
            // All of the internet is one network here, from which that many would not be let in.
            source = House(
                try internet.start(1, ["a.example"]) {
                    $0.admission.perNetwork = 4_096
                    $0.admission.newPerNetwork = 65_536
                    $0.dialback.pendingPerBlock = 4_096
                    $0.dialback.dialsPerSecondAndBlock = 50
                    $0.dialback.dialBurstPerBlock = 512
                }
            )
            let share = Self.domains / aggregators
            houses = try (0..<aggregators).map { [internet] number in
                let domains = (0..<share).map { "d\(number * share + $0).example" }
                let window = try RepeatWindow(path: nil, capacity: 256, now: internet.scheduler.now)
                return House(try internet.start(2 + number, domains, repeatWindow: window))
            }
            for house in houses {
                house.host.core.gate = { [unowned self] envelope, _ in
                    count(envelope)
                    return nil
                }
            }
            subscribe(share)
        }

        private func subscribe(_ share: Int) {
            for (number, watcher) in watchers.enumerated() {
                let house = houses[number * Self.domains / watchers.count / share]
                house.host.users.host.presence(
                    presentities.map { .asks(watcher: watcher, presentity: $0, name: nil) }
                )
                internet.scheduler.advance(by: .milliseconds(20))
            }
            // All of them are one network here, from which so many claims at a time are looked at: some come again.
            for _ in 0..<60 where source.approvals.values.contains(where: { $0.count < watchers.count }) {
                internet.scheduler.advance(by: .seconds(20))
            }
            internet.scheduler.advance(by: .seconds(20))
        }

        private func count(_ envelope: Envelope) {
            guard case .notify(let notification) = envelope.operation else { return }
            let row = Row(watcher: envelope.destination, presentity: envelope.source)
            notified[row, default: 0] += 1
            if let last = sequences[row], last >= notification.sequence { repeats += 1 }
            sequences[row] = notification.sequence
        }

        func forgetCounts() { notified = [:] }

        func view(of presentity: Address, by watcher: Address) -> Body? {
            houses.lazy.compactMap { $0.views[watcher]?[presentity] }.first
        }
    }

    /// Users of either kind where the environment says how many; else so many as a run has time for, and watchers at
    /// every domain.
    private static let size = ProcessInfo.processInfo.environment["IMX_MATRIX"].flatMap(Int.init)

    @Test(
        "RFC2779 2.2.5, IMX 4.3.1: watchers at 300 domains, on 30 aggregators or 300: one change, one notification each, and at most four connections between two aggregators",
        arguments: [30, 300]
    )
    func matrix(aggregators: Int) throws {
        let size = (watchers: Self.size ?? 300, presentities: Self.size ?? (aggregators == 30 ? 30 : 10))
        let matrix = try Matrix(watchers: size.watchers, presentities: size.presentities, aggregators: aggregators)
        let (internet, presentities, watchers) = (matrix.internet, matrix.presentities, matrix.watchers)
        #expect(matrix.source.approvals.count == size.presentities)
        #expect(matrix.source.approvals.values.allSatisfy { $0.count == size.watchers })
        let opened = internet.network.opened
        for number in 0..<10 {
            matrix.forgetCounts()
            let presentity = presentities[number * size.presentities / 10]
            matrix.source.set(presentity, "state \(number)")
            internet.scheduler.advance(by: .seconds(3))
            let expected = Dictionary(
                uniqueKeysWithValues: watchers.map { (Matrix.Row(watcher: $0, presentity: presentity), 1) }
            )
            #expect(matrix.notified == expected, "exactly one notification to each watcher")
        }
        #expect(matrix.repeats == 0, "no number comes twice")
        for watcher in watchers {
            let view = matrix.view(of: presentities[9 * size.presentities / 10], by: watcher)
            #expect(view == .entity(ByteBuffer(string: "state 9")))
        }
        checkConnections(matrix, opened)
        #expect(matrix.source.host.balances && matrix.houses.allSatisfy(\.host.balances))
    }

    /// IMX 4.3.1: few connections however many users and domains, and none for a change.
    private func checkConnections(_ matrix: Matrix, _ opened: UInt64) {
        let network = matrix.internet.network
        #expect(network.opened == opened, "a change needs no further connection")
        let busy = Set(matrix.houses.filter { !$0.host.users.orders.isEmpty }.map(\.host.transport.number))
        #expect(Set(network.openedBetween.keys) == Set(busy.map { [1, $0] }))
        #expect(network.openedBetween.values.allSatisfy { $0 <= Matrix.connections }, "\(network.openedBetween)")
    }
}
