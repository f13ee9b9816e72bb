// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import Aggregator
import EnvelopeModel
import IMXWire
import Store
import TestSupport
import Testing

@testable import IMXFront

/// Everything at once, from seeds: several pairs, several connections, cuts, drains, moves and restarts.
@Suite("The life of connections under chaos")
struct ChaosTests {
    /// One run: who sends what, what arrives where, and what happens meanwhile.
    private final class Run {
        let internet: Internet
        let window: RepeatWindow
        var generator: SeededGenerator
        let a: Internet.Host
        var servers: [Int: Internet.Host] = [:]
        var received: [String] = []
        var sent: [String] = []
        let sources = ["a1.example", "a2.example", "a3.example", "a4.example"]
        let targets = ["b.example", "c.example"]

        init(seed: Int) throws {
            internet = Internet(seed: UInt64(seed))
            generator = SeededGenerator(seed: UInt64(seed) &* 1_000_003)
            internet.network.longestChunk = 400
            internet.network.latency = .milliseconds(Int.random(in: 1...20, using: &generator))
            window = try RepeatWindow(path: nil, capacity: 1 << 12, now: internet.scheduler.now)
            a = try internet.start(1, sources)
            try publish([2, 3])
            for number in [2, 3] { try start(number) }
        }

        /// The servers share their memory of what was delivered, as the nodes of one aggregator do.
        func start(_ number: Int) throws {
            let server = try internet.start(number, targets, repeatWindow: window) { $0.connection.maxInflight = 4 }
            server.users.onDelivery = { [unowned self] in received.append($0.envelope.messageID.description) }
            servers[number] = server
        }

        func publish(_ numbers: [Int]) throws {
            for target in targets { try internet.publish(target, at: numbers, ttl: .seconds(3)) }
        }

        func send(_ number: Int) throws {
            let source = Int.random(in: 0..<sources.count, using: &generator)
            let target = Int.random(in: 0..<targets.count, using: &generator)
            let id = "\(source)\(target)-\(number)"
            sent.append(id)
            a.users.send(try message("ann@\(sources[source])", "bob@\(targets[target])", id: id))
        }

        /// One of the things that happen to nodes.
        func disturb() throws {
            let number = Bool.random(using: &generator) ? 2 : 3
            let other = 5 - number
            guard let server = servers[number] else { return try start(number) }
            switch Int.random(in: 0..<5, using: &generator) {
            case 0: server.front.drain(to: servers[other] == nil ? nil : internet.endpoint(other))
            case 1: server.front.drain(to: nil)
            case 2:
                internet.kill(server)
                servers[number] = nil
            case 3: try publish(Bool.random(using: &generator) ? [number] : [2, 3])
            default:
                for handle in server.transport.streams.keys.sorted(by: { $0.rawValue < $1.rawValue }) {
                    server.closeInOrder(handle)
                }
            }
        }
    }

    @Test("P3: pairs keep their order and lose nothing through cuts, drains, moves and kills", arguments: 1...schedules)
    func chaos(seed: Int) throws {
        let run = try Run(seed: seed)
        run.internet.network.cuts = Set((0..<6).map { _ in Int.random(in: 1...900, using: &run.generator) })
        for number in 0..<240 {
            try run.send(number)
            run.internet.scheduler.advance(by: .milliseconds(Int.random(in: 0...25, using: &run.generator)))
            if number % 40 == 39 { try run.disturb() }
        }
        try run.publish([2, 3])
        for number in [2, 3] {
            // A node that was drained is started again.
            if let server = run.servers[number] { run.internet.kill(server) }
            try run.start(number)
        }
        run.internet.scheduler.advance(by: .seconds(120))
        // Once it is over everything passes.
        run.internet.network.cuts = []
        let before = run.received.count
        for number in 240..<260 { try run.send(number) }
        run.internet.scheduler.advance(by: .seconds(60))
        #expect(Set(run.received[before...]) == Set(run.sent[240...]), "seed \(seed): too little arrived")
        for pair in Set(run.sent.map { $0.prefix(2) }) {
            let order = run.received.filter { $0.hasPrefix(pair) }.compactMap { Int($0.dropFirst(3)) }
            #expect(order == order.sorted(), "seed \(seed), pair \(pair): order \(order)")
        }
        let failed = Set(run.a.users.settlements.compactMap { $0.envelope?.messageID.description })
        let lost = run.sent.filter { !failed.contains($0) && !run.received.contains($0) }
        #expect(lost.isEmpty, "seed \(seed): answered and lost: \(lost)")
        #expect(Set(run.received).count == run.received.count, "seed \(seed): delivered twice")
        #expect(run.a.users.settlements.count == run.sent.count, "seed \(seed): one outcome each")
        #expect(run.a.balances && run.a.core.status.waiting == 0, "seed \(seed)")
        #expect(run.a.front.pairs.values.allSatisfy { $0.inFlight == 0 && $0.isEmpty }, "seed \(seed): in flight")
    }
}
