// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

extension EndToEnd {
    /// Strangers in thousands at the door of the real binary, and a good peer among them.
    @Suite("Crowds", .serialized, .timeLimit(.minutes(10)))
    struct CrowdTests {
        let scratch: Scratch
        let north: AggregatorProcess
        let south: AggregatorProcess

        init() async throws {
            scratch = try Scratch("crowd")
            let ports = (north: try Ports.free(), south: try Ports.free())
            var plan = AggregatorPlan(name: "south", listen: ports.south)
            plan.adapters["people"] = "{ kind: stub, users: { bob: {} } }"
            plan.domains["b.example"] = "people"
            plan.peers["a.example"] = ports.north
            // Room for the crowd, so that it is the time alone that bounds it.
            plan.more =
                "limits: { connections: 19000, connections-unproved: 24000, connections-from-address: 1000, "
                + "connections-from-network: 19000, new-connections: 50000 }"
            south = try AggregatorProcess(plan, in: scratch)
            var other = AggregatorPlan(name: "north", listen: ports.north)
            other.adapters["people"] = "{ kind: stub, users: { ann: {} } }"
            other.domains["a.example"] = "people"
            other.peers["b.example"] = ports.south
            north = try AggregatorProcess(other, in: scratch)
            try await south.start()
            try await north.start()
        }
    }
}

extension EndToEnd.CrowdTests {
    private static let greeting = RawPeer.preface + RawPeer.helloRecord(dialled: "b.example").octets

    private func isServed() async throws -> Bool {
        let (end, _) = try await north.run(["send", "ann@a.example", "bob@b.example", "are you there?"])
        return end == .exited(0)
    }

    @Test("S20: 20,000 strangers that come and go cost 10 KiB each while they last, and leave nothing behind")
    func memory() async throws {
        let crowd = Crowd(port: south.plan.listen)
        // What is made once, whoever comes first, is no cost of the twenty thousand.
        crowd.come(500, network: 1, saying: Self.greeting)
        try await Task.sleep(for: .seconds(1))
        crowd.leave()
        #expect(try await isServed())
        try await Task.sleep(for: .seconds(3))
        let before = try residentKiB(of: #require(south.pid))
        var dearest = 0
        for wave in 0..<8 as Range<UInt8> {
            let made = crowd.come(2500, network: 2 + wave, saying: Self.greeting)
            #expect(made == 2500)
            try await Task.sleep(for: .milliseconds(500))
            // On a slow machine the time of the first is over before the last is there.
            let open = crowd.left()
            let cost = try residentKiB(of: #require(south.pid)) - before
            if open >= 1000 { dearest = max(dearest, cost * 1024 / open) }
            if wave % 2 == 0 { crowd.leave() }
            try await eventually("empty room", within: .seconds(30)) { crowd.left() == 0 }
        }
        #expect(dearest > 0)
        try await Task.sleep(for: .seconds(10))
        let after = try residentKiB(of: #require(south.pid))
        print("resident before \(before) KiB, after \(after) KiB, at most \(dearest) octets for each connection")
        #expect(dearest <= 10 * 1024)
        #expect(after * 100 <= before * 105, "\(before) KiB before, \(after) KiB after")
        #expect(try await isServed())
    }

    /// The header of a HELLO of 4,096 octets.
    private static let endless: [UInt8] = [0, 0, 0x10, 0, 0, 1, 0, 0, 0, 0, 0, 0]

    @Test("S36: 15,000 silent strangers and 2,000 that drip are gone within 11 s, and a good peer misses nothing")
    func slow() async throws {
        #expect(try await isServed())
        let silent = Crowd(port: south.plan.listen)
        let dripping = Crowd(port: south.plan.listen)
        let clock = ContinuousClock()
        let start = clock.now
        let made = silent.come(7500, network: 10) + silent.come(7500, network: 11, saying: Self.greeting)
        let dripped = dripping.come(2000, network: 12, saying: RawPeer.preface + Self.endless)
        #expect(made == 15_000 && dripped == 2000)
        let last = clock.now
        var missed = 0
        var asked = 0
        while silent.left() + dripping.left() > 0, clock.now - last < .seconds(30) {
            // A record that never ends, an octet at a time.
            for descriptor in dripping.descriptors { dripping.say([0], on: descriptor) }
            asked += 1
            if try await !isServed() { missed += 1 }
        }
        let lasted = clock.now - last
        print("the last came after \(last - start), all were gone \(lasted) after that, \(missed) of \(asked) missed")
        #expect(silent.left() + dripping.left() == 0)
        // Ten seconds each, and what a busy machine adds to them.
        #expect(lasted < .seconds(30))
        #expect(missed == 0 && asked > 2)
        let count = try await south.status().refused("closed-4002")
        #expect(count == made + dripped, "\(count) were told that their time is over")
    }
}
