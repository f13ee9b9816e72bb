// SPDX-License-Identifier: Apache-2.0
import AdapterHarness
import EnvelopeModel
import Foundation
import Testing

@testable import IMXFront

/// Whatever happens to processes, disks, links, connections, clocks and rules, once the faults stop every watcher's view
/// equals the presentity's state within one lease.
@Suite("Presence in a storm on the network")
struct PresenceStormTests {
    /// How many schedules a run plays, in so many parts side by side.
    private static let schedules = ProcessInfo.processInfo.environment["IMX_SCHEDULES"].flatMap(Int.init) ?? 400
    private static let parts = 4
    /// One schedule alone, to look at.
    private static let only = ProcessInfo.processInfo.environment["IMX_SEED"].flatMap(Int.init)

    @Test(
        "RFC2779 5.2.2, RFC2779 3.2.3, RFC2779 3.2.5, IMX A.1-2: whole aggregators in a storm: views equal states within one lease after the last fault, and nobody sees what was not for them",
        arguments: 0..<parts
    )
    func storm(part: Int) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("storm-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let disks = try (0..<3).map { try StormDisk(path: folder.appendingPathComponent("\($0).sqlite").path) }
        var events: [String: Int] = [:]
        var slowest = (seconds: 0, seed: 0)
        for seed in 1...max(1, Self.schedules) where seed % Self.parts == part {
            guard Self.only.map({ $0 == seed }) ?? true else { continue }
            let seconds = try play(seed, disks, &events)
            if seconds > slowest.seconds { slowest = (seconds, seed) }
        }
        let summary = events.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
        print("storm, part \(part): \(summary); slowest to settle: \(slowest.seconds) s, seed \(slowest.seed)")
    }

    private func play(_ seed: Int, _ disks: [StormDisk], _ events: inout [String: Int]) throws -> Int {
        let storm = try PresenceStorm(seed: seed, disks: disks)
        defer { storm.end() }
        try storm.rage()
        try storm.calm()
        let lease = Int(PresenceStorm.lease)
        let seconds = storm.settle(within: lease)
        if seconds == nil { Issue.record("seed \(seed): \(storm.faults)") }
        // It stays so: renewals, and whatever was still on its way, change nothing.
        storm.internet.scheduler.advance(by: .seconds(seed % 20 == 0 ? lease : 10))
        if seconds != nil { #expect(storm.faults.isEmpty, "seed \(seed): right at \(seconds ?? 0) s, and then not") }
        for house in storm.houses {
            #expect(house.leaks.isEmpty, "seed \(seed): \(house.leaks)")
            #expect(house.host?.balances == true, "seed \(seed): the book of \(house.domain)")
            events["shown", default: 0] += house.shows
        }
        events.merge(storm.events, uniquingKeysWith: +)
        events["schedules", default: 0] += 1
        return seconds ?? lease
    }
}
