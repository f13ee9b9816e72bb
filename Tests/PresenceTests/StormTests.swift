// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import Foundation
import TestSupport
import Testing

@testable import Presence

/// How many random schedules a run tries.
let schedules = ProcessInfo.processInfo.environment["IMX_SCHEDULES"].flatMap(Int.init) ?? 2_000

/// One schedule, which is then told step by step.
private let single = ProcessInfo.processInfo.environment["IMX_SCHEDULE"].flatMap(Int.init)

/// Whatever happens, once the faults stop every watcher's view equals the presentity's state within one lease.
///
/// What happens: requests and answers that are lost, processes that are killed and lose their last commits, wall clocks
/// that step, links that come and go, users who say yes, no, later or nothing, who come and leave, who change their mind,
/// states that nobody was told of, and rules that change.
@Suite("Presence in a storm of faults")
struct StormTests {
    private static let lease: UInt32 = 300

    @Test(
        "RFC2779 5.2.2, RFC2779 3.2.5, A.1-2: views equal states within one lease after the last fault",
        arguments: single.map { $0...$0 } ?? 1...schedules
    )
    func storm(seed: Int) {
        let world = World(seed: UInt64(seed))
        var random = SeededGenerator(seed: UInt64(seed) &* 31 &+ 5)
        let nodes = ["a.example", "b.example", "c.example"].map { name in
            world.add(name, lease: 60...StormTests.lease) {
                $0.wishedSeconds = StormTests.lease
                $0.graceSeconds = 20
            }
        }
        let users = nodes.map { node in (0..<2).map { address("u\($0)@\(node.domain)") } }
        for (number, node) in nodes.enumerated() { settle(node, seed, number) }
        var storm = Storm(nodes: nodes, users: users)
        if single != nil {
            world.log = { print(String(format: "%8.2f", Double(world.now.nanoseconds) / 1e9), $0) }
        }
        world.loss = Int.random(in: 0...40, using: &random)
        for step in 0..<Int.random(in: 20...60, using: &random) {
            storm.step(step, &random)
            world.run(for: .milliseconds(Int.random(in: 0...30_000, using: &random)))
        }
        world.loss = 0
        world.log?("no more faults")
        for node in nodes {
            node.start()
            node.setLink(true)
        }
        world.run(for: .seconds(Int(StormTests.lease) + 60))
        for node in nodes { check(node, nodes, seed) }
        // An end is told until it is heard, with pauses of up to five minutes.
        world.run(for: .seconds(310))
        for pair in storm.givenUp { checkGone(pair, nodes, seed) }
    }

    /// Decides how the users of a node answer: most say yes, some no, some later, some never.
    private func settle(_ node: Node, _ seed: Int, _ number: Int) {
        func mood(_ pair: Pair) -> Int {
            (seed &* 7 &+ number &* 3 &+ pair.description.utf8.reduce(0) { $0 &* 31 &+ Int($1) }) & 15
        }
        node.service.answer = { pair in
            switch mood(pair) {
            case 0, 1: false
            case 2...5: nil
            default: true
            }
        }
        node.service.thinks = { (2...4).contains(mood($0)) ? .seconds(40) : nil }
    }

    // MARK: After it

    private func check(_ node: Node, _ nodes: [Node], _ seed: Int) {
        for pair in node.service.wishes where !node.service.absent.contains(pair.watcher) {
            guard let other = nodes.first(where: { $0.domain == pair.presentity.domain }) else { continue }
            let isApproved = other.service.approvals.contains(pair)
            let isShown = other.verdict(pair.watcher, pair.presentity) == .ask
            let state = isApproved && isShown ? other.service.states[pair.presentity] : nil
            #expect(node.service.views[pair] == state, "seed \(seed): \(pair) is not seen as it is")
            #expect(
                node.service.granted.contains(pair) || !isApproved || !isShown,
                "seed \(seed): \(pair) was never granted"
            )
            // A wish that stands has been answered, or waits for somebody who does not answer.
            let isSilent = other.service.answer(pair) == nil && other.service.thinks?(pair) == nil
            #expect(isApproved || isSilent || !isShown, "seed \(seed): \(pair) was never asked")
        }
        for (pair, view) in node.service.views where !node.service.wishes.contains(pair) {
            Issue.record("seed \(seed): \(pair) is seen (\(view)) and not wished for")
        }
    }

    private func checkGone(_ pair: Pair, _ nodes: [Node], _ seed: Int) {
        for node in nodes {
            if node.domain == pair.watcher.domain {
                #expect(node.service.views[pair] == nil, "seed \(seed): \(pair) is given up and seen")
                #expect(node.desk.watchingRow(pair.watcher, pair.presentity) == nil, "seed \(seed): \(pair) is kept")
                #expect(node.disk[.init(.watching, watcher: pair.watcher, presentity: pair.presentity)] == nil)
            }
            if node.domain == pair.presentity.domain {
                // One who thinks may still say yes to somebody who has given up.
                if node.service.thinks?(pair) != nil { continue }
                #expect(!node.service.approvals.contains(pair), "seed \(seed): nobody was told that \(pair) is over")
                #expect(node.desk.watchedRow(pair.watcher, pair.presentity) == nil, "seed \(seed): \(pair) is served")
                #expect(node.disk[.init(.watched, watcher: pair.watcher, presentity: pair.presentity)] == nil)
            }
        }
    }
}

/// What may happen, step by step.
private struct Storm {
    let nodes: [Node]
    let users: [[Address]]
    /// Pairs that a user has given up for good.
    private(set) var givenUp: Set<Pair> = []

    init(nodes: [Node], users: [[Address]]) {
        self.nodes = nodes
        self.users = users
    }

    mutating func step(_ step: Int, _ random: inout SeededGenerator) {
        let here = Int.random(in: 0..<nodes.count, using: &random)
        let there = Int.random(in: 0..<nodes.count, using: &random)
        let node = nodes[here]
        let me = users[here][Int.random(in: 0..<2, using: &random)]
        let other = users[there][Int.random(in: 0..<2, using: &random)]
        let isHeard = node.isRunning && node.isLinked
        let dice = Int.random(in: 0..<20, using: &random)
        node.note("step \(dice) for \(me) and \(other)")
        switch dice {
        case 0...5 where me != other && isHeard:
            givenUp.remove(Pair(watcher: me, presentity: other))
            node.watch(me, other)
        case 6 where isHeard && node.service.wishes.contains(Pair(watcher: me, presentity: other)):
            givenUp.insert(Pair(watcher: me, presentity: other))
            node.unwatch(me, other)
        case 7, 8: node.set(me, Bool.random(using: &random) ? "state \(step)" : nil)
        case 9: node.set(me, "unseen \(step)", isTold: false)
        case 10: node.broadcast(me, Bool.random(using: &random) ? "all \(step)" : nil)
        case 11: node.kill(losing: Int.random(in: 0...6, using: &random))
        case 12, 13: node.start()
        case 14: node.wallOffset = .seconds(Int.random(in: -200_000...200_000, using: &random))
        case 15: node.setLink(Bool.random(using: &random))
        case 16: node.refuse(me, other)
        case 17: node.leave(me)
        case 18: node.come(me)
        case 19: change(node, me, other, &random)
        default: break
        }
    }

    /// Another rule about one watcher of one user here, and none about anybody else.
    private func change(_ node: Node, _ me: Address, _ other: Address, _ random: inout SeededGenerator) {
        let verdict: PresenceVerdict = [.ask, .polite, .deny].randomElement(using: &random) ?? .ask
        node.verdict = { watcher, presentity in watcher == other && presentity == me ? verdict : .ask }
        if node.isRunning { node.reviewRules() }
    }
}

extension Pair: CustomStringConvertible {
    var description: String { "\(watcher) > \(presentity)" }
}
