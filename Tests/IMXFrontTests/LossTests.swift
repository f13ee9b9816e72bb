// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import AdapterKit
import Aggregator
import EnvelopeModel
import Foundation
import IMXFront
import IMXWire
import Store
import TestSupport
import Testing

/// How many random schedules a run tries; IMX_SCHEDULES=2000 in the environment makes it thorough.
let schedules = ProcessInfo.processInfo.environment["IMX_SCHEDULES"].flatMap(Int.init) ?? 60

/// The contract under loss: whatever is cut and whenever, the ledgers balance, nothing is delivered twice, order holds,
/// and what was answered "delivered" was delivered.
@Suite("Loss of connections and processes")
struct LossTests {
    @Test("RFC2779 5.4.2: a cut at every step of a conversation")
    func everyStep() throws {
        var steps = 0
        var cut = 0
        repeat {
            cut += 1
            let internet = Internet(seed: UInt64(cut))
            internet.network.longestChunk = 200
            internet.network.cuts = [cut]
            let a = try internet.start(1, ["a.example"])
            let b = try internet.start(2, ["b.example"])
            let ids = (0..<8).map(String.init)
            for id in ids {
                a.users.send(try message("ann@a.example", "bob@b.example", id: id))
                internet.scheduler.advance(by: .milliseconds(2))
            }
            internet.scheduler.advance(by: .seconds(60))
            checkContract(
                a,
                received: b.users.deliveries.map(\.envelope.messageID.description),
                sent: ids,
                atLeast: 8,
                "cut at step \(cut)"
            )
            #expect(a.core.ledger.uncertain == 0, "cut at \(cut): the same process can be asked again")
            steps = internet.network.arrivals
        } while cut < steps
        #expect(cut > 30)
    }

    @Test(
        "RFC2779 5.4.2, IMX A.2.3-2: storms of cuts, from many seeds, and after each everything passes",
        arguments: 1...schedules
    )
    func storms(seed: Int) throws {
        let internet = Internet(seed: UInt64(seed))
        internet.network.longestChunk = 300
        var generator = SeededGenerator(seed: UInt64(seed) &* 77)
        internet.network.cuts = Set((0..<30).map { _ in Int.random(in: 1...600, using: &generator) })
        let a = try internet.start(1, ["a.example"])
        let b = try internet.start(2, ["b.example"])
        let ids = (0..<200).map(String.init)
        for id in ids {
            a.users.send(try message("ann@a.example", "bob@b.example", id: id))
            internet.scheduler.advance(by: .milliseconds(Int.random(in: 0...20, using: &generator)))
        }
        internet.scheduler.advance(by: .seconds(90))
        // After the storm everything passes.
        internet.network.cuts = []
        let later = (200..<220).map(String.init)
        for id in later { a.users.send(try message("ann@a.example", "bob@b.example", id: id)) }
        internet.scheduler.advance(by: .seconds(30))
        #expect(b.received.suffix(20) == later[...], "seed \(seed)")
        checkContract(a, received: b.received, sent: ids + later, atLeast: 20, "seed \(seed)")
    }

    @Test(
        "A.1-2, RFC2779 5.4.2: the peer is killed and started again under load, from many seeds",
        arguments: 1...schedules / 3
    )
    func kills(seed: Int) throws {
        let internet = Internet(seed: UInt64(seed))
        var generator = SeededGenerator(seed: UInt64(seed))
        let window = try RepeatWindow(path: nil, capacity: 1 << 12, now: internet.scheduler.now)
        let a = try internet.start(1, ["a.example"])
        var b = try internet.start(2, ["b.example"], repeatWindow: window)
        var received: [String] = []
        // What was on its way when the peer was killed may be lost, and is answered so; nothing else.
        var atRisk = 0
        let ids = (0..<300).map(String.init)
        for (number, id) in ids.enumerated() {
            a.users.send(try message("ann@a.example", "bob@b.example", id: id))
            internet.scheduler.advance(by: .milliseconds(Int.random(in: 0...9, using: &generator)))
            if number % 50 == 49 {
                received += b.users.deliveries.map(\.envelope.messageID.description)
                atRisk += a.inFlight
                internet.kill(b)
                internet.scheduler.advance(by: .milliseconds(Int.random(in: 0...3000, using: &generator)))
                b = try internet.start(2, ["b.example"], repeatWindow: window)
            }
        }
        internet.scheduler.advance(by: .seconds(120))
        received += b.users.deliveries.map(\.envelope.messageID.description)
        checkContract(a, received: received, sent: ids, atLeast: 300 - atRisk, "seed \(seed)")
    }
}
