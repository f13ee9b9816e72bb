// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import Foundation
import TestSupport
import Testing

@testable import Presence

/// How many random schedules a run tries.
let schedules = ProcessInfo.processInfo.environment["IMX_SCHEDULES"].flatMap(Int.init) ?? 2_000

/// Whatever happens, once the faults stop every watcher's view equals the presentity's state within one lease.
@Suite("Presence in a storm of faults")
struct StormTests {
    private static let lease: UInt32 = 300

    @Test(
        "RFC2779 5.2.2, RFC2779 3.2.5, A.1-2: views equal states within one lease after the last fault",
        arguments: 1...schedules
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
        world.loss = Int.random(in: 0...40, using: &random)
        for step in 0..<Int.random(in: 20...60, using: &random) {
            self.step(nodes, users, step, &random)
            world.run(for: .milliseconds(Int.random(in: 0...30_000, using: &random)))
        }
        world.loss = 0
        for node in nodes {
            node.start()
            node.setLink(true)
        }
        world.run(for: .seconds(Int(StormTests.lease) + 60))
        for (number, node) in nodes.enumerated() { check(node, users[number], nodes, seed) }
    }

    private func step(_ nodes: [Node], _ users: [[Address]], _ step: Int, _ random: inout SeededGenerator) {
        let here = Int.random(in: 0..<nodes.count, using: &random)
        let there = Int.random(in: 0..<nodes.count, using: &random)
        let node = nodes[here]
        let me = users[here][Int.random(in: 0..<2, using: &random)]
        let other = users[there][Int.random(in: 0..<2, using: &random)]
        switch Int.random(in: 0..<12, using: &random) {
        case 0...3 where me != other && node.isRunning && node.isLinked: node.watch(me, other)
        case 4 where node.isRunning && node.isLinked: node.unwatch(me, other)
        case 5, 6: node.set(me, Bool.random(using: &random) ? "state \(step)" : nil)
        case 7: node.set(me, "unseen \(step)", isTold: false)
        case 8: node.kill()
        case 9: node.start()
        case 10: node.setLink(Bool.random(using: &random))
        case 11 where node.isRunning && node.isLinked: node.refuse(me, other)
        default: break
        }
    }

    private func check(_ node: Node, _ users: [Address], _ nodes: [Node], _ seed: Int) {
        for pair in node.service.wishes {
            guard let other = nodes.first(where: { $0.domain == pair.presentity.domain }) else { continue }
            let state = other.service.approvals.contains(pair) ? other.service.states[pair.presentity] : nil
            #expect(
                node.service.views[pair] == state,
                "seed \(seed): \(pair.watcher) does not see \(pair.presentity) as it is"
            )
            #expect(node.service.granted.contains(pair) || state == nil, "seed \(seed): \(pair) was never granted")
        }
        for (pair, view) in node.service.views where !node.service.wishes.contains(pair) {
            Issue.record("seed \(seed): \(pair.watcher) sees \(pair.presentity) (\(view)) and does not wish to")
        }
    }
}
